# SPDX-License-Identifier: GPL-3.0-or-later
"""Control rigs as receivers of motion: which control moves with which, found out by posing them.

Between two controls of a rig lie mechanism bones, constraints and drivers. With FK switched on, each control still
moves rigidly with one other control, whatever lies in between. Posing all controls at random a few times shows which;
from then on the rig is a plain skeleton of controls. The rig is put back as it was before this returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ..motion.mapping import Mapping
from ..motion.retarget import Target
from ..motion.rotations import Array
from ..motion.skeleton import Skeleton
from .armature_motion import read_skeleton, read_target
from .errors import SceneError

# Rigify's custom properties that choose FK and tie neck and head to the chest; in between they mix.
_SWITCHES = {"IK_FK": 1.0, "neck_follow": 1.0, "head_follow": 1.0}
_POSES = 3
# Largest difference of a matrix entry, rotation or place in units of the rig's height, of what moves rigidly.
_RIGID = 1e-3
_CHANNELS = ("rotation_mode", "location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


def switches(armature: bpy.types.Object) -> dict[str, float]:
    """Return the values, by data path, that the switches of the rig take for its FK controls to rule."""
    assert armature.pose is not None
    return {
        f'{bone.path_from_id()}["{name}"]': value
        for bone in armature.pose.bones
        for name, value in _SWITCHES.items()
        if name in bone
    }


def read_controls(armature: bpy.types.Object, mapping: Mapping) -> Target:
    """Return the rig as a receiver of motion whose skeleton is that of its controls alone.

    Raises SceneError for a rig whose controls do not move as one.
    """
    whole = read_skeleton(armature)
    names: list[str] = sorted({*mapping.bones.values(), mapping.travel} - {""}, key=whole.names.index)
    rest = whole.rest[[whole.index[name] for name in names]]
    size = float(np.ptp(rest[:, :3, 3], axis=0).max())
    parents = _holders(_poses(armature, names), rest, size)
    lost = [name for name, parent in zip(names, parents, strict=True) if parent is None]
    if lost:
        raise SceneError(
            f"The controls {', '.join(lost[:3])} of “{armature.name}” do not move with one other control: set them "
            "to follow one, or choose the skeleton that the rig exports."
        )
    order = _parents_first([-1 if parent is None else parent for parent in parents])
    at = {old: new for new, old in enumerate(order)}
    holders = np.array([at.get(parents[old] or 0, -1) if parents[old] != -1 else -1 for old in order], dtype=np.intp)
    return read_target(armature, Skeleton(tuple(names[i] for i in order), holders, rest[order]))


def _poses(armature: bpy.types.Object, names: Sequence[str]) -> tuple[Array, Array]:
    """Return matrices (P, N, 4, 4) of the controls in random poses, and of the spaces in which each is posed."""
    assert armature.pose is not None
    bones = [armature.pose.bones[name] for name in names]
    random = np.random.default_rng(1)
    shown, spaces = [], []
    with _put_back(armature, bones):
        for path, value in switches(armature).items():
            owner, _, name = path.rpartition('["')
            bone: Any = armature.path_resolve(owner)
            bone[name.removesuffix('"]')] = type(bone[name.removesuffix('"]')])(value)
        for _ in range(_POSES):
            for bone in bones:
                bone.rotation_mode = "QUATERNION"
                bone.rotation_quaternion = np.append(1.0, random.uniform(-0.4, 0.4, 3))
                bone.location, bone.scale = (0.0,) * 3, (1.0,) * 3
            armature.update_tag()
            bpy.context.view_layer.update()
            matrices = np.array([bone.matrix for bone in bones], dtype=np.float64)
            shown.append(matrices)
            spaces.append(matrices @ np.linalg.inv(np.array([bone.matrix_basis for bone in bones], dtype=np.float64)))
    return np.stack(shown), np.stack(spaces)


@contextmanager
def _put_back(armature: bpy.types.Object, bones: Sequence[bpy.types.PoseBone]) -> Iterator[None]:
    """Give the pose of `bones` and the switches of the rig back their values afterwards."""
    assert armature.pose is not None
    channels = [{name: _copied(getattr(bone, name)) for name in _CHANNELS} for bone in bones]
    properties = [(bone, name, bone[name]) for bone in armature.pose.bones for name in _SWITCHES if name in bone]
    try:
        yield
    finally:
        for bone, values in zip(bones, channels, strict=True):
            for name, value in values.items():  # the mode first: a new one converts the others
                setattr(bone, name, value)
        for bone, name, value in properties:
            bone[name] = value
        armature.update_tag()
        bpy.context.view_layer.update()


def _copied(value: Any) -> Any:
    return value if isinstance(value, str) else tuple(value)


def _holders(poses: tuple[Array, Array], rest: Array, size: float) -> list[int | None]:
    """Return for each control the one that carries its space rigidly: an index, -1 for the armature, None for none.

    At rest all controls are at rest, so what is rigid keeps the relation that the rest pose (N, 4, 4) has.
    """
    shown, spaces = poses
    scale = np.ones((4, 4))
    scale[:3, 3] = 1.0 / size
    found: list[int | None] = []
    for i in range(len(rest)):
        carried = shown @ (np.linalg.inv(rest) @ rest[i])
        errors = np.abs((carried - spaces[:, i, None]) * scale).max(axis=(0, 2, 3))
        errors[i] = np.inf
        still = float(np.abs((spaces[:, i] - rest[i]) * scale).max())
        best = int(np.argmin(errors))
        found.append(-1 if still < _RIGID else best if errors[best] < _RIGID else None)
    return found


def _parents_first(parents: Sequence[int]) -> list[int]:
    """Return the order in which each comes after its parent."""

    def depth(index: int) -> int:
        return 0 if parents[index] < 0 else 1 + depth(parents[index])

    return sorted(range(len(parents)), key=depth)
