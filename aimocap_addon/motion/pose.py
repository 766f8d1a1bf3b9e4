# SPDX-License-Identifier: GPL-3.0-or-later
"""A skeleton that receives motion, and its poses over all frames, in armature space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .body import RestBody
from .rotations import (
    Array,
    euler_from_quaternion,
    make_continuous,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
    quaternion_rotate,
)
from .skeleton import IDENTITY, Skeleton, stacked


@dataclass(frozen=True)
class Target:
    """The skeleton that receives motion, with what its bones allow.

    The present pose, relative to rest: `rotations` (B, 4) and `locations` (B, 3). Bones without a role keep it.
    `locked` (B, 3) marks the angles (x, y, z) that must stay; for bones with any, `angles` (B, 3) holds the present
    ones in radians, in the order `orders` (B) of each bone ("XYZ"..). `inherits_rotation` (B) and `local_location` (B)
    are the bone settings of these names in Blender.
    """

    skeleton: Skeleton
    rotations: Array
    angles: Array
    orders: Sequence[str]
    locations: Array
    locked: NDArray[np.bool_]
    inherits_rotation: NDArray[np.bool_]
    local_location: NDArray[np.bool_]

    @cached_property
    def offsets(self) -> Array:
        """Where the heads are (B, 3) in the axes of their parents."""
        return self.skeleton.local_positions + quaternion_rotate(self.skeleton.local_rotations, self.locations)


@dataclass(frozen=True)
class Pose:
    """`posed` are the bones with a wanted rotation; `held` maps those with locked angles to all their angles (F, 3).

    `world` maps the posed bones, and all above them, to rotations (F, 4) or (4), bone to armature.
    """

    posed: frozenset[int]
    held: dict[int, Array]
    world: dict[int, Array]


def pose_of(target: Target, wanted: dict[int, Array], known: dict[int, Array] | None = None) -> Pose:
    """Return the pose in which bones have the rotations `wanted` (F, 4), bone to armature.

    A bone with locked angles turns about its other axes only, and the bones below make up for it. Bones whose rotation
    is `known` (F, 4) are not posed again.
    """
    held: dict[int, Array] = {}
    world: dict[int, Array] = dict(known or {})
    for bone in target.skeleton.with_ancestors(wanted):
        if bone in world:
            continue
        if bone not in wanted:
            world[bone] = quaternion_multiply(_base(target, bone, world), target.rotations[bone])
            continue
        world[bone] = wanted[bone]
        locked = target.locked[bone]
        if locked.any():
            base = _base(target, bone, world)
            channel = quaternion_multiply(quaternion_conjugate(base), wanted[bone])
            angles = euler_from_quaternion(channel, target.orders[bone], target.angles[bone])
            held[bone] = np.where(locked, target.angles[bone], angles)
            world[bone] = quaternion_multiply(base, quaternion_from_euler(held[bone], target.orders[bone]))
    return Pose(frozenset(wanted), held, world)


def _base(target: Target, bone: int, world: dict[int, Array]) -> Array:
    """Return the rotation (F, 4) or (4), bone to armature, that a bone has while its channels are at rest."""
    parent = int(target.skeleton.parents[bone])
    if parent >= 0 and target.inherits_rotation[bone]:
        return quaternion_multiply(world[parent], target.skeleton.local_rotations[bone])
    return target.skeleton.rest_rotations[bone]


def channels(target: Target, pose: Pose) -> dict[int, Array]:
    """Return the rotation channels (F, 4) of the posed bones, signs continuous."""
    bones = sorted(pose.posed)
    skeleton = target.skeleton
    hanging = target.inherits_rotation[bones] & (skeleton.parents[bones] >= 0)
    local = np.where(hanging[:, None], skeleton.local_rotations[bones], skeleton.rest_rotations[bones])
    above = [
        pose.world[int(skeleton.parents[bone])] if hangs else IDENTITY
        for bone, hangs in zip(bones, hanging, strict=True)
    ]
    base = quaternion_multiply(stacked(above), local[:, None])
    channels = quaternion_multiply(quaternion_conjugate(base), stacked([pose.world[bone] for bone in bones]))
    return dict(zip(bones, make_continuous(channels.swapaxes(0, 1)).swapaxes(0, 1), strict=True))


def posed_again(target: Target, pose: Pose, changed: dict[int, Array]) -> Pose:
    """Return `pose` with the bones of `changed` turned to these rotations (F, 4); what was posed below them stays."""
    parents = target.skeleton.parents
    stale: set[int] = set()
    for bone in sorted(pose.world.keys() | changed.keys()):
        if bone in changed or int(parents[bone]) in stale:
            stale.add(bone)
    wanted = {bone: pose.world[bone] for bone in stale if bone in pose.posed} | changed
    known = {bone: rotation for bone, rotation in pose.world.items() if bone not in stale}
    new = pose_of(target, wanted, known)
    return Pose(pose.posed | new.posed, pose.held | new.held, new.world)


def turned_away(body: RestBody, world: dict[int, Array], role: str) -> Array:
    """Return how far (F, 4) the bone of a role is turned from rest, in armature space."""
    return quaternion_multiply(world[body.bones[role]], quaternion_conjugate(body.rotations[role]))


def heads_below(target: Target, top: int, bones: Sequence[int], world: dict[int, Array], head: Array) -> list[Array]:
    """Return the heads (F, 3) of bones below the bone `top`, whose own head is at `head` (3 or F, 3)."""
    found = {top: head}

    def placed(bone: int) -> Array:
        if bone not in found:
            parent = int(target.skeleton.parents[bone])
            found[bone] = placed(parent) + quaternion_rotate(world[parent], target.offsets[bone])
        return found[bone]

    return [placed(bone) for bone in bones]


def location_channel(
    target: Target, bone: int, world: dict[int, Array], head: Array, locations: dict[int, Array]
) -> Array:
    """Return the location channel (F, 3) that brings the head of `bone` to `head` (F, 3).

    What is above it has no role and stands still, but for bones with channels (F, 3) in `locations`.
    """
    skeleton = target.skeleton
    position, space = np.zeros(3), IDENTITY
    for each in skeleton.with_ancestors([bone]):
        parent = int(skeleton.parents[each])
        above = world[parent] if parent >= 0 else IDENTITY
        position = position + quaternion_rotate(above, skeleton.local_positions[each])
        space = quaternion_multiply(above, skeleton.local_rotations[each]) if target.local_location[each] else above
        if each != bone:
            moved = locations[each] if each in locations else target.locations[each]
            position = position + quaternion_rotate(space, moved)
    return quaternion_rotate(quaternion_conjugate(space), head - position)
