# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone of a rig moves with which, found out by posing them.

Between two controls of a rig lie mechanism bones, constraints and drivers. Whatever lies in between, a control whose
space moves rigidly with another's can be treated as its child. Posing all controls at random a few times shows which
they are. The rig is put back as it was before this returns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..motion.rotations import Array, normalize

_POSES = 2
# Largest difference of a matrix entry, rotation or place in units of the rig's height, of what moves rigidly.
_RIGID = 1e-3
_CHANNELS = ("rotation_mode", "location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


class Holder(NamedTuple):
    """What carries the space of a control: its `place`, and how it is `turned`.

    Both are indices into the controls, -1 for the armature itself, None where no control alone carries it.
    """

    place: int | None
    turned: int | None


def probe(armature: bpy.types.Object, names: Sequence[str], settings: Mapping[str, float]) -> list[Holder]:
    """Return what carries each of the controls `names` while the properties `settings`, by data path, are so."""
    assert armature.pose is not None
    bones = [armature.pose.bones[name] for name in names]
    rest = np.array([bone.bone.matrix_local for bone in bones], dtype=np.float64)
    with _put_back(armature, bones, settings):
        for path, value in settings.items():
            Property(armature, path).write(value)
        shown, spaces = _poses(armature, bones)
    return _holders(shown, spaces, rest)


class Property:
    """A property of a rig, custom or not, given by its data path."""

    def __init__(self, armature: bpy.types.Object, path: str) -> None:
        self._custom = path.endswith('"]')
        owner, _, name = path.removesuffix('"]').rpartition('["') if self._custom else path.rpartition(".")
        self._owner: Any = armature.path_resolve(owner)
        self._name = bpy.utils.unescape_identifier(name)

    def read(self) -> Any:
        # not by path_resolve: that returns the name of an item where a number has names for its values
        return self._owner[self._name] if self._custom else getattr(self._owner, self._name)

    def write(self, value: Any) -> None:
        """Set the property to `value`, in the type that it has."""
        value = type(self.read())(value)
        if self._custom:
            self._owner[self._name] = value
        else:
            setattr(self._owner, self._name, value)


def _poses(armature: bpy.types.Object, bones: Sequence[bpy.types.PoseBone]) -> tuple[Array, Array]:
    """Return matrices (P, N, 4, 4) of the bones in random poses, and of the spaces in which each is posed."""
    random = np.random.default_rng(1)
    shown, spaces = [], []
    for _ in range(_POSES):
        for bone in bones:
            bone.rotation_mode = "QUATERNION"
            bone.rotation_quaternion = (1.0, *random.uniform(-0.4, 0.4, 3).tolist())
            bone.location, bone.scale = (0.0,) * 3, (1.0,) * 3
        armature.update_tag()
        bpy.context.view_layer.update()
        matrices = np.array([bone.matrix for bone in bones], dtype=np.float64)
        shown.append(matrices)
        spaces.append(matrices @ np.linalg.inv(np.array([bone.matrix_basis for bone in bones], dtype=np.float64)))
    return np.stack(shown), np.stack(spaces)


@contextmanager
def _put_back(
    armature: bpy.types.Object, bones: Sequence[bpy.types.PoseBone], settings: Mapping[str, float]
) -> Iterator[None]:
    """Give the pose of `bones` and the properties of `settings` back their values afterwards."""
    channels = [{name: _copied(getattr(bone, name)) for name in _CHANNELS} for bone in bones]
    properties = [(each, each.read()) for each in (Property(armature, path) for path in settings)]
    try:
        yield
    finally:
        for bone, values in zip(bones, channels, strict=True):
            for name, value in values.items():  # the mode first: a new one converts the others
                setattr(bone, name, value)
        for each, value in properties:
            each.write(value)
        armature.update_tag()  # whoever asks next for matrices has them worked out again


def _copied(value: Any) -> Any:
    return value if isinstance(value, str) else tuple(value)


def _holders(shown: Array, spaces: Array, rest: Array) -> list[Holder]:
    """Return what carries the spaces (P, N, 4, 4) of controls that are at `shown` (P, N, 4, 4).

    At rest all controls are at rest, so what is rigid keeps the relation that the rest pose (N, 4, 4) has.
    """
    size = max(float(np.ptp(rest[:, :3, 3], axis=0).max()), 1e-6)
    # where each control (second axis) would be if another (first axis) carried it
    carried = shown[:, :, None] @ (np.linalg.inv(rest)[:, None] @ rest[None])
    places = np.abs(carried[..., :3, 3] - spaces[:, None, :, :3, 3]).max(axis=(0, 3)) / size
    turns = np.abs(_axes(carried) - _axes(spaces)[:, None]).max(axis=(0, 3, 4))
    np.fill_diagonal(places, np.inf)
    np.fill_diagonal(turns, np.inf)
    still_places = np.abs(spaces[..., :3, 3] - rest[:, :3, 3]).max(axis=(0, 2)) / size < _RIGID
    still_turns = np.abs(_axes(spaces) - _axes(rest)).max(axis=(0, 2, 3)) < _RIGID
    found: list[Holder] = []
    for place, turn, still_place, still_turn in zip(places.T, turns.T, still_places, still_turns, strict=True):
        apart = np.maximum(place, turn)
        both = int(np.argmin(apart))
        if apart[both] < _RIGID and not (still_place and still_turn):
            found.append(Holder(both, both))
            continue
        # of several, as of controls with one pivot, the first: names come in the order of the skeleton
        first = [next(iter(np.flatnonzero(each < _RIGID).tolist()), None) for each in (place, turn)]
        found.append(Holder(-1 if still_place else first[0], -1 if still_turn else first[1]))
    return found


def _axes(matrices: Array) -> Array:
    """Return the rotations (..., 3, 3) of matrices, without their scale."""
    return np.swapaxes(normalize(np.swapaxes(matrices[..., :3, :3], -1, -2)), -1, -2)
