# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons at rest and in motion, as arrays in the armature's own space and units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .rotations import (
    Array,
    normalize,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
)

IDENTITY = np.array((1.0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Skeleton:
    """Bones at rest, parents before children.

    `parents` (B) holds indices, -1 for none. `rest` (B, 4, 4) are bone-to-armature matrices: the bone's head in the
    last column, its axes in the others.
    """

    names: tuple[str, ...]
    parents: NDArray[np.intp]
    rest: Array

    @cached_property
    def index(self) -> dict[str, int]:
        """Bone name -> index."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def rest_rotations(self) -> Array:
        """Rest rotations (B, 4), bone to armature."""
        axes = np.swapaxes(normalize(np.swapaxes(self.rest[:, :3, :3], 1, 2)), 1, 2)
        return quaternion_from_matrix(axes)

    @cached_property
    def rest_positions(self) -> Array:
        """Heads at rest (B, 3) in armature space."""
        return self.rest[:, :3, 3]

    @cached_property
    def local_rotations(self) -> Array:
        """Rest rotations (B, 4) in the parent's space."""
        above = np.where((self.parents < 0)[:, None], IDENTITY, self.rest_rotations[self.parents])
        return quaternion_multiply(quaternion_conjugate(above), self.rest_rotations)

    @cached_property
    def local_positions(self) -> Array:
        """Heads at rest (B, 3) in the parent's space."""
        roots = (self.parents < 0)[:, None]
        above = np.where(roots, IDENTITY, self.rest_rotations[self.parents])
        offset = self.rest_positions - np.where(roots, 0.0, self.rest_positions[self.parents])
        return quaternion_rotate(quaternion_conjugate(above), offset)

    def with_ancestors(self, bones: Iterable[int]) -> tuple[int, ...]:
        """Return `bones` and everything above them, parents first."""
        wanted: set[int] = set()
        for bone in bones:
            current = bone
            while current >= 0 and current not in wanted:
                wanted.add(current)
                current = int(self.parents[current])
        return tuple(sorted(wanted))


@dataclass(frozen=True)
class Motion:
    """Some bones of a skeleton in motion, in armature space.

    `bones` (N) are indices into the skeleton, `rotations` (N, F, 4) bone to armature, `positions` (N, F, 3) heads,
    `rate` frames per second.
    """

    bones: tuple[int, ...]
    rotations: Array
    positions: Array
    rate: float


def forward_kinematics(
    skeleton: Skeleton, bones: Iterable[int], rotations: Mapping[int, Array], locations: Mapping[int, Array]
) -> tuple[dict[int, Array], dict[int, Array]]:
    """Return rotations (F, 4) and head positions (F, 3) in armature space of `bones`.

    `bones` are in order, each after its parent, with all ancestors. `rotations` (F, 4) and `locations` (F, 3) are
    relative to rest in each bone's own axes, as Blender's pose channels; bones without an entry are at rest. Arrays
    that do not change may be given without the frame axis, and come back so.
    """
    turned: dict[int, Array] = {}
    placed: dict[int, Array] = {}
    for bone in bones:
        parent = int(skeleton.parents[bone])
        rotation = skeleton.local_rotations[bone]
        position = skeleton.local_positions[bone]
        if bone in locations:
            position = position + quaternion_rotate(rotation, locations[bone])
        if bone in rotations:
            rotation = quaternion_multiply(rotation, rotations[bone])
        if parent >= 0:
            position = placed[parent] + quaternion_rotate(turned[parent], position)
            rotation = quaternion_multiply(turned[parent], rotation)
        turned[bone], placed[bone] = rotation, position
    return turned, placed
