# SPDX-License-Identifier: GPL-3.0-or-later
"""Control rigs as receivers of motion: a plain skeleton of their controls, whatever lies in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import bpy
import numpy as np

from ..motion.control_rigs import control_preset
from ..motion.mapping import Mapping
from ..motion.retarget import Target
from ..motion.skeleton import Skeleton
from .armature_motion import read_skeleton, read_target
from .errors import SceneError
from .probing import probe

CONTROL_KINDS = ("FK", "IK")


def is_control_rig(armature: bpy.types.Object, mapping: Mapping) -> bool:
    """Tell whether the mapped bones are controls, which hang from each other by more than being parent and child.

    So it is where the family says so, where a bone other than the hips has none of the others above it, and where
    constraints or drivers move what lies between two of them.
    """
    if mapping.controls:
        return True
    assert armature.pose is not None
    mapped = set(mapping.bones.values())
    moved = {bone.name for bone in armature.pose.bones if moves_itself(armature, bone)}
    for name in mapped - {mapping.bones["hips"]}:
        above = armature.pose.bones[name].parent
        while above is not None and above.name not in mapped:
            if above.name in moved:
                return True
            above = above.parent
        if above is None:
            return True
    return False


def moves_itself(armature: bpy.types.Object, bone: bpy.types.PoseBone) -> bool:
    """Tell whether constraints or drivers move a bone, beside its own channels."""
    animation = armature.animation_data
    path = bone.path_from_id() + "."
    return any(not c.mute and c.influence > 0.0 for c in bone.constraints) or (
        animation is not None and any(driver.data_path.startswith(path) for driver in animation.drivers)
    )


def switches(armature: bpy.types.Object, mapping: Mapping, kind: str) -> dict[str, float]:
    """Return the values, by data path, that let the controls of one `kind` ("FK", "IK") of the rig rule."""
    assert armature.pose is not None
    preset = control_preset(mapping.family)
    if preset is None:
        return {}
    found: dict[str, float] = {}
    for bone in armature.pose.bones:
        for switch in preset.switches:
            value = switch.ik if kind == "IK" else switch.fk
            if value is not None and switch.name in bone and bone.name.startswith(switch.bones):
                found.setdefault(f'{bone.path_from_id()}["{bpy.utils.escape_identifier(switch.name)}"]', value)
    return found


def read_controls(armature: bpy.types.Object, mapping: Mapping) -> Target:
    """Return the rig as a receiver of motion whose skeleton is that of its FK controls alone.

    Controls above all others, as Rigify's root, are in it too. Raises SceneError for a rig whose controls do not move
    as one.
    """
    whole = read_skeleton(armature)
    roles = {*mapping.bones.values(), mapping.travel} - {""}
    names: list[str] = sorted(roles | set(_tops(armature)), key=whole.names.index)
    rest = whole.rest[[whole.index[name] for name in names]]
    holders = probe(armature, names, switches(armature, mapping, "FK"))
    kept = _carriers(names, [holder.place for holder in holders], roles)
    lost = []
    for i in kept:
        place, turned = holders[i]
        if place is None or turned not in (place, -1):
            lost.append(names[i])
    if lost:
        raise SceneError(
            f"The controls {', '.join(lost[:3])} of “{armature.name}” do not move with one other control: set them "
            "to follow one, or choose the skeleton that the rig exports."
        )
    parents = {i: -1 if (place := holders[i].place) is None else place for i in kept}
    order = _parents_first(parents)
    at = {old: new for new, old in enumerate(order)}
    skeleton = Skeleton(
        tuple(names[i] for i in order),
        np.array([at.get(parents[i], -1) for i in order], dtype=np.intp),
        rest[order],
    )
    target = read_target(armature, skeleton)
    return replace(target, inherits_rotation=np.array([holders[i].turned == parents[i] for i in order]))


def _tops(armature: bpy.types.Object) -> list[str]:
    """Return the bones that move a whole rig: without a parent and free to be posed."""
    assert armature.pose is not None
    return [
        bone.name
        for bone in armature.pose.bones
        if bone.parent is None and not all(bone.lock_rotation) and not moves_itself(armature, bone)
    ]


def _carriers(names: Sequence[str], places: Sequence[int | None], roles: set[str]) -> list[int]:
    """Return the indices of the controls with a role, and of those that carry one of them."""
    kept: set[int] = set()
    for i, name in enumerate(names):
        current: int | None = i if name in roles else None
        while current is not None and current >= 0 and current not in kept:
            kept.add(current)
            current = places[current]
    return sorted(kept)


def _parents_first(parents: dict[int, int]) -> list[int]:
    """Return the keys in an order in which each comes after its parent."""

    def depth(index: int) -> int:
        return 0 if parents[index] < 0 else 1 + depth(parents[index])

    return sorted(parents, key=depth)
