# SPDX-License-Identifier: GPL-3.0-or-later
"""Control rigs as receivers of motion: a plain skeleton of their controls, whatever lies in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..motion.control_rigs import control_preset
from ..motion.mapping import Mapping
from ..motion.retarget import Target
from ..motion.roles import LEG
from ..motion.skeleton import Skeleton
from .armature_motion import read_skeleton, read_target
from .curve_samples import bone_of
from .errors import SceneError
from .probing import Holder, probe

CONTROL_KINDS = ("FK", "IK")
# Constraints that carry a bone without ruling how it is turned: its own channels still show.
_CARRYING = ("ARMATURE", "CHILD_OF", "COPY_LOCATION")


def is_control_rig(armature: bpy.types.Object, mapping: Mapping) -> bool:
    """Tell whether the mapped bones are controls, which hang from each other by more than being parent and child.

    So it is where the family says so, where a bone other than the hips has none of the others above it, where
    constraints carry one of them, and where constraints or drivers move what lies between two of them.
    """
    if mapping.controls:
        return True
    assert armature.pose is not None
    mapped = set(mapping.bones.values())
    moved = ruled_bones(armature, armature.pose.bones.keys()) | {
        bone.name for bone in armature.pose.bones if _is_carried(bone)
    }
    for name in mapped - {mapping.bones["hips"]}:
        bone = armature.pose.bones[name]
        if _is_carried(bone):
            return True
        above = bone.parent
        while above is not None and above.name not in mapped:
            if above.name in moved:
                return True
            above = above.parent
        if above is None:
            return True
    return False


def ruled_bones(armature: bpy.types.Object, names: Iterable[str]) -> frozenset[str]:
    """Return those of the bones `names` that constraints or drivers turn, beside their own channels."""
    assert armature.pose is not None
    animation, bones = armature.animation_data, armature.pose.bones
    paths = [bone_of(driver.data_path) for driver in animation.drivers] if animation is not None else []
    driven = {path[0] for path in paths if path is not None}
    return frozenset(
        name
        for name in names
        if name in driven or any(_is_live(each) and each.type not in _CARRYING for each in bones[name].constraints)
    )


def _is_carried(bone: bpy.types.PoseBone) -> bool:
    return any(_is_live(each) and each.type in _CARRYING for each in bone.constraints)


def _is_live(constraint: bpy.types.Constraint) -> bool:
    return not constraint.mute and constraint.influence > 0.0


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


class Controls(NamedTuple):
    """A rig as a plain skeleton of its controls: the `target` of the solver.

    A control's parent there is what turns it; `places` (B) are what carries its head, as indices into the skeleton,
    -1 for the armature. Only arms and head may be turned by another control than the one that carries them.
    """

    target: Target
    places: NDArray[np.intp]


def read_controls(armature: bpy.types.Object, mapping: Mapping) -> Controls:
    """Return the rig as a receiver of motion whose skeleton is that of its FK controls alone.

    Controls that carry all others, as Rigify's root, are in it too. Raises SceneError for a rig whose controls do not
    move as one.
    """
    whole = read_skeleton(armature)
    roles = {*mapping.bones.values(), mapping.travel} - {""}
    names: list[str] = sorted(roles | set(_tops(armature, mapping)), key=whole.names.index)
    rest = whole.rest[[whole.index[name] for name in names]]
    holders = probe(armature, names, switches(armature, mapping, "FK"))
    kept = _carriers(names, holders, roles)
    rooted = {bone for role, bone in mapping.bones.items() if role == "hips" or role.partition("_")[2] in LEG}
    held = [i for i in kept if _is_held(holders[i], as_one=names[i] in rooted | {mapping.travel})]
    order = _carriers_first(held, holders)
    lost = [i for i in kept if i not in order]
    if lost:
        raise _lost(armature, [names[i] for i in lost], roles)
    at = {old: new for new, old in enumerate(order)} | {-1: -1}
    places = np.array([at[holders[i].place or 0] for i in order], dtype=np.intp)
    turned = np.array([at[holders[i].turned or 0] for i in order], dtype=np.intp)
    # what the armature turns hangs from what carries it, without taking over its rotation
    parents = np.where(turned >= 0, turned, places)
    skeleton = Skeleton(tuple(names[i] for i in order), parents, rest[order])
    hips = skeleton.index[mapping.bones["hips"]]
    if lost := [bone for bone in rooted if hips not in skeleton.with_ancestors([skeleton.index[bone]])]:
        raise _lost(armature, lost, roles)
    target = read_target(armature, skeleton)
    return Controls(replace(target, inherits_rotation=(turned >= 0) | (places < 0)), places)


def _tops(armature: bpy.types.Object, mapping: Mapping) -> list[str]:
    """Return the bones that may carry a whole rig: above its hips or without a parent, and free to be posed."""
    assert armature.pose is not None
    above = armature.pose.bones[mapping.travel or mapping.bones["hips"]].parent_recursive
    free = [
        bone.name
        for bone in armature.pose.bones
        if (bone.parent is None or bone in above)
        and not all(bone.lock_rotation)
        and not _is_carried(bone)
        and bone.name not in mapping.bones.values()
    ]
    ruled = ruled_bones(armature, free)
    return [name for name in free if name not in ruled]


def _carriers(names: Sequence[str], holders: Sequence[Holder], roles: set[str]) -> list[int]:
    """Return the indices of the controls with a role, and of those that carry or turn one of them."""
    kept: set[int] = set()
    new = {i for i, name in enumerate(names) if name in roles}
    while new:
        kept |= new
        new = {each for i in new for each in holders[i] if each is not None and each >= 0} - kept
    return sorted(kept)


def _is_held(holder: Holder, as_one: bool) -> bool:
    """Tell whether a control is carried and turned; if it must move `as_one`, by the same or turned by the armature."""
    if holder.place is None or holder.turned is None:
        return False
    return not as_one or holder.turned in (holder.place, -1)


def _carriers_first(held: Sequence[int], holders: Sequence[Holder]) -> list[int]:
    """Return the indices so that each comes after what carries and what turns it, without those in rings."""
    order: list[int] = []
    before = -1
    while len(order) > before:
        before = len(order)
        order += [i for i in held if i not in order and {*holders[i]} <= {-1, *order}]
    return order


def _lost(armature: bpy.types.Object, names: Sequence[str], roles: set[str]) -> SceneError:
    """Return the error of controls `names` that nothing carries as one, with what may be the reason."""
    assert armature.pose is not None
    posed = [
        bone.name
        for bone in armature.pose.bones
        if bone.name not in roles and not all(bone.lock_location) and bone.matrix_basis != Matrix()
    ]
    cause = f"clear the pose of {', '.join(posed[:3])}, " if posed else ""
    return SceneError(
        f"The controls {', '.join(names[:3])} of “{armature.name}” do not move with one other control: {cause}set them "
        "to follow one, or choose the skeleton that the rig exports."
    )
