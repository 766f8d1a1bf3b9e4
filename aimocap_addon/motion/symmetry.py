# SPDX-License-Identifier: GPL-3.0-or-later
"""The bones of a skeleton as a tree, and which of them mirror each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rotations import Array
from .skeleton import Skeleton

# In sizes of the skeleton: how far a bone may lie from the mirror image of its twin.
_TOLERANCE = 0.05
# How much the centre of all below a bone counts beside its head: it tells limbs apart that begin in the mirror plane,
# but a hand or a foot may be missing on one side.
_CENTRE = 0.05
# How many times as long as its longest sibling with a twin a bone without one may be.
_BURDEN = 1.3


@dataclass(frozen=True)
class Tree:
    """Bones by index.

    `heads` (B, 3) are joints at rest, `children` lists of indices, `reach` (B) the length of the longest way from a
    bone's head down through the tree, `count` (B) the number of bones from it on, `centre` (B, 3) their mean place,
    `size` the largest extent of all.
    """

    parents: Sequence[int]
    heads: Array
    children: Sequence[list[int]]
    reach: Array
    count: NDArray[np.intp]
    centre: Array
    size: float

    @classmethod
    def of(cls, skeleton: Skeleton) -> Tree:
        """Return the tree of a skeleton, whose bones may be in any order."""
        parents = [int(parent) for parent in skeleton.parents]
        heads = skeleton.rest_positions
        children: list[list[int]] = [[] for _ in parents]
        for bone, parent in enumerate(parents):
            if parent >= 0:
                children[parent].append(bone)
        return cls._measured(parents, heads, children)

    @classmethod
    def _measured(cls, parents: Sequence[int], heads: Array, children: Sequence[list[int]]) -> Tree:
        reach, count, total = np.zeros(len(parents)), np.ones(len(parents), dtype=np.intp), heads.copy()
        for bone in reversed(_downwards(parents, children)):
            parent = parents[bone]
            if parent >= 0:
                step = float(np.linalg.norm(heads[bone] - heads[parent]))
                reach[parent] = max(reach[parent], reach[bone] + step)
                count[parent] += count[bone]
                total[parent] += total[bone]
        size = float(np.ptp(heads, axis=0).max()) if parents else 0.0
        return cls(parents, heads, children, reach, count, total / np.maximum(count, 1)[:, None], size)

    def without_burdens(self, twin: Sequence[int]) -> Tree:
        """Return the tree without what one side carries alone and is longer than what both sides have: a sword."""
        children = []
        for siblings in self.children:
            longest = max((self.stretch(bone) for bone in siblings if twin[bone] >= 0), default=np.inf)
            children.append([b for b in siblings if twin[b] >= 0 or self.stretch(b) < _BURDEN * longest])
        return self._measured(self.parents, self.heads, children)

    def stretch(self, bone: int) -> float:
        """Return the length of the longest way that begins at the head of the bone's parent and goes through it."""
        return float(np.linalg.norm(self.heads[bone] - self.heads[self.parents[bone]]) + self.reach[bone])

    def path(self, start: int) -> list[int]:
        """Return the bones along the longest way from `start` down."""
        found = [start]
        while self.children[found[-1]]:
            found.append(max(self.children[found[-1]], key=lambda bone: (self.stretch(bone), self.count[bone])))
        return found

    def ancestors(self, bone: int) -> list[int]:
        """Return the bone itself and all above it, nearest first."""
        found = [bone]
        while self.parents[found[-1]] >= 0:
            found.append(self.parents[found[-1]])
        return found


@dataclass(frozen=True)
class Mirror:
    """The plane that halves a body: unit `normal` (3), and for each bone the index of its `twin`.

    A bone in the plane is its own twin; -1 stands for none.
    """

    normal: Array
    twin: Sequence[int]


def find_mirror(tree: Tree) -> Mirror:
    """Return the plane with the most twins, which count by how far apart they are.

    Tried are the axes of space and the direction between likely twins.
    """
    best = Mirror(np.array((1.0, 0.0, 0.0)), [-1] * len(tree.parents))
    most = 0.0
    # bones on one side alone, as of a weapon, draw the median away from where the body branches
    hub = max(range(len(tree.parents)), key=lambda bone: (len(tree.children[bone]) > 1, tree.count[bone]))
    for normal in (*np.eye(3), _likely_normal(tree)):
        for offset in (float(np.median(tree.heads @ normal)), float(tree.heads[hub] @ normal)):
            twin = _twins(tree, normal, offset)
            apart = sum(_apart(tree.heads[bone], tree.heads[other]) for bone, other in enumerate(twin) if other >= 0)
            if apart > most:
                best, most = Mirror(normal, twin), apart
    return best


def _downwards(parents: Sequence[int], children: Sequence[list[int]]) -> list[int]:
    """Return the bones, each after its parent."""
    order = [bone for bone, parent in enumerate(parents) if parent < 0]
    for bone in order:
        order.extend(children[bone])
    return order


def _likely_normal(tree: Tree) -> Array:
    """Return the direction (3) in which siblings of the same extent mostly lie from each other."""
    spread = np.zeros((3, 3))
    for siblings in tree.children:
        for i, a in enumerate(siblings):
            for b in siblings[i + 1 :]:
                if tree.count[a] == tree.count[b] and abs(tree.reach[a] - tree.reach[b]) < 0.02 * tree.reach[a]:
                    apart = tree.centre[a] - tree.centre[b]
                    spread += tree.reach[a] * np.outer(apart, apart)
    return np.linalg.eigh(spread)[1][:, -1]


def _twins(tree: Tree, normal: Array, offset: float) -> list[int]:
    """Return the twin of each bone for the plane of points p with p @ normal = offset."""

    def mirrored(points: Array) -> Array:
        return points - 2.0 * np.multiply.outer(points @ normal - offset, normal)

    heads, centres = mirrored(tree.heads), mirrored(tree.centre)
    twin = [-1] * len(tree.parents)

    def match(left: Sequence[int], right: Sequence[int]) -> None:
        costs = sorted(
            (_apart(heads[a], tree.heads[b]) + _CENTRE * _apart(centres[a], tree.centre[b]), a != b, a, b)
            for a in left
            for b in right
        )
        for cost, _, a, b in costs:
            if cost > _TOLERANCE * tree.size:
                break
            if twin[a] < 0 and twin[b] < 0:
                twin[a], twin[b] = b, a
                waiting.append((a, b))

    waiting: list[tuple[int, int]] = []
    roots = [bone for bone, parent in enumerate(tree.parents) if parent < 0]
    match(roots, roots)
    while waiting:
        a, b = waiting.pop()
        match(tree.children[a], tree.children[b])
    return twin


def _apart(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a - b))
