# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons at rest and in motion, as arrays in the armature's own space and units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

    `bones` come with all their ancestors. `rotations` (F, 4) and `locations` (F, 3) are relative to rest in each bone's
    own axes, as Blender's pose channels; bones without an entry are at rest. Arrays that do not change may be given
    without the frame axis; (4) and (3) come back where nothing moves as near to the root.
    """
    turned: dict[int, Array] = {}
    placed: dict[int, Array] = {}
    for level in _levels(skeleton.parents, bones):
        local = skeleton.local_rotations[level][:, None]
        rotation = quaternion_multiply(local, stacked([rotations.get(bone, IDENTITY) for bone in level]))
        moved = stacked([locations.get(bone, np.zeros(3)) for bone in level])
        position = skeleton.local_positions[level][:, None] + quaternion_rotate(local, moved)
        parents = [int(skeleton.parents[bone]) for bone in level]
        if parents[0] >= 0:
            above = stacked([turned[parent] for parent in parents])
            position = stacked([placed[parent] for parent in parents]) + quaternion_rotate(above, position)
            rotation = quaternion_multiply(above, rotation)
        for results, values in ((turned, rotation), (placed, position)):
            results.update(zip(level, values if values.shape[1] > 1 else values[:, 0], strict=True))
    return turned, placed


def stacked(arrays: Sequence[Array], frames: int = 1) -> Array:
    """Return arrays (F, N) as one (B, F, N).

    Some may do without the frame axis; if all do, F is `frames`.
    """
    frames = max(frames, *(len(array) if array.ndim > 1 else 1 for array in arrays))
    whole = np.empty((len(arrays), frames, arrays[0].shape[-1]))
    for i, array in enumerate(arrays):
        whole[i] = array
    return whole


def _levels(parents: NDArray[np.intp], bones: Iterable[int]) -> list[list[int]]:
    """Return `bones`, which come with all their ancestors, by how many bones are above them."""
    depth: dict[int, int] = {-1: -1}
    found: list[list[int]] = []
    for bone in sorted(bones):
        depth[bone] = depth[int(parents[bone])] + 1
        if depth[bone] == len(found):
            found.append([])
        found[depth[bone]].append(bone)
    return found
