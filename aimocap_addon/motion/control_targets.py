# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the controls of inverse kinematics must be for limbs to be where forward kinematics has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .retarget import Solution, Target
from .rotations import (
    Array,
    cross,
    normalize,
    quaternion_conjugate,
    quaternion_multiply,
    quaternion_rotate,
)
from .skeleton import IDENTITY

# All in lengths of the stretched limb, measured from its straight line to elbow or knee.
# A limb this straight has no plane of its own; its pole stays where the hinge of the joint has it. One that bends ten
# times as far points its pole alone.
_STRAIGHT = 0.002
# Up to the first of these a limb that bends against its hinge is overstretched, and the pole stays on the hinge's side:
# it would flip to and fro. From the second on it really bends that way. (Bends of 17 and 35 degrees.)
_OVERSTRETCHED = (0.075, 0.15)
# A pole is at least this far from the straight line.
_POLE_DISTANCE = 0.3


@dataclass(frozen=True)
class Places:
    """Bones in motion, by index: `rotations` (F, 4) bone to armature, `heads` (F, 3) in armature space."""

    rotations: dict[int, Array]
    heads: dict[int, Array]


@dataclass(frozen=True)
class Space:
    """What a control's channels count from.

    `place` and `turn` are the bones that carry its head and its axes, -1 for the armature. `rest_rotation` (4) and
    `rest_head` (3) are its own at rest, `location_axes` (4) the rotation at rest of the axes of its location channel.
    """

    place: int
    turn: int
    rest_rotation: Array
    rest_head: Array
    location_axes: Array


def places(target: Target, carriers: Sequence[int], solution: Solution) -> Places:
    """Return all bones of `target` in the motion of `solution`; what has no motion is in its present pose.

    `carriers` (B) are what carries the heads of bones, which a bone's parent may but turn; -1 is the armature.
    """
    skeleton = target.skeleton
    rest = Places(dict(enumerate(skeleton.rest_rotations)), dict(enumerate(skeleton.rest_positions)))
    moving = Places({}, {})
    for bone, (carrier, parent) in enumerate(zip(carriers, skeleton.parents.tolist(), strict=True)):
        above = moving.rotations[parent] if parent >= 0 else IDENTITY
        base = quaternion_multiply(above, skeleton.local_rotations[bone])
        location = solution.locations[bone] if bone in solution.locations else target.locations[bone]
        moved = quaternion_rotate(base if target.local_location[bone] else above, location)
        moving.heads[bone] = _carried(carrier, skeleton.rest_positions[bone], moving, rest) + moved
        if not target.inherits_rotation[bone]:
            base = skeleton.rest_rotations[bone]
        rotation = solution.rotations[bone] if bone in solution.rotations else target.rotations[bone]
        moving.rotations[bone] = quaternion_multiply(base, rotation)
    return moving


def follow(rotation: Array, head: Array, rest: tuple[Array, Array], own: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return rotation (F, 4) and head (F, 3) of what moves with a bone at `rotation` (F, 4) and `head` (F, 3).

    `rest` and `own` are rotation (4) and head (3) at rest of the bone and of what moves with it.
    """
    delta = quaternion_multiply(rotation, quaternion_conjugate(rest[0]))
    return quaternion_multiply(delta, own[0]), head + quaternion_rotate(delta, own[1] - rest[1])


def away_from_line(start: Array, end: Array, point: Array) -> tuple[Array, float]:
    """Return the unit direction (3) from the line through two points (3) to a third, and how far (float) that is."""
    along = normalize(end - start)
    away = point - start - np.dot(point - start, along) * along
    return normalize(away), float(np.linalg.norm(away))


def pole(limb: tuple[Array, Array, Array], upper: Array, towards: Array, distance: float) -> Array:
    """Return where the pole (F, 3) of a limb is, so that the limb's plane goes through it.

    `limb` holds the heads (F, 3) of upper bone, lower bone and hand or foot; `upper` the rotations (F, 4) of the upper
    bone and `towards` (3) the unit direction from the limb to the pole at rest, in that bone's axes. `distance` is how
    far the pole should be from the straight line between the limb's ends. A stretched limb has no plane: the pole then
    keeps to the side to which the limb bends over the whole motion, if that is the side of the pole at rest.
    """
    start, joint, end = limb
    length = float(np.median(np.linalg.norm(joint - start, axis=-1) + np.linalg.norm(end - joint, axis=-1)))
    along = normalize(end - start)
    offset = (joint - start) / length
    ahead = np.sum(offset * along, axis=-1, keepdims=True)
    bend = offset - ahead * along
    inside = quaternion_rotate(quaternion_conjugate(upper), bend)
    usual = inside.mean(axis=0) + _STRAIGHT * towards
    usual = normalize(usual if usual @ towards > 0.0 else towards)
    forward = quaternion_rotate(upper, usual)
    forward = normalize(forward - np.sum(forward * along, axis=-1, keepdims=True) * along)
    sideways = cross(along, forward)
    u, v = np.sum(bend * forward, axis=-1), np.sum(bend * sideways, axis=-1)
    low, high = _OVERSTRETCHED
    bent = np.hypot(u, v)
    backwards = _smooth((bent - low) / (high - low))
    u = backwards * u + (1.0 - backwards) * np.abs(u)
    u = u + _STRAIGHT * (1.0 - _smooth(bent / (10.0 * _STRAIGHT)))
    direction = normalize(u[:, None] * forward + v[:, None] * sideways)
    return start + ahead * length * along + direction * max(distance, _POLE_DISTANCE * length)


def _smooth(share: Array) -> Array:
    """Return `share`, held between 0 and 1, with no kink at either end."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def rotation_channel(space: Space, rotation: Array, moving: Places, rest: Places) -> Array:
    """Return the rotation channel (F, 4) that gives a control the `rotation` (F, 4), bone to armature."""
    base = quaternion_multiply(_turned(space.turn, moving, rest), space.rest_rotation)
    return quaternion_multiply(quaternion_conjugate(base), rotation)


def location_channel(space: Space, head: Array, moving: Places, rest: Places) -> Array:
    """Return the location channel (F, 3) that brings the head of a control to `head` (F, 3)."""
    carried = _carried(space.place, space.rest_head, moving, rest)
    axes = quaternion_multiply(_turned(space.turn, moving, rest), space.location_axes)
    return quaternion_rotate(quaternion_conjugate(axes), head - carried)


def _carried(carrier: int, head: Array, moving: Places, rest: Places) -> Array:
    """Return where (F, 3) a point, at `head` (3) at rest, is carried by a bone; -1 is the armature."""
    if carrier < 0:
        return head
    return moving.heads[carrier] + quaternion_rotate(_turned(carrier, moving, rest), head - rest.heads[carrier])


def _turned(bone: int, moving: Places, rest: Places) -> Array:
    """Return how far (F, 4) a bone is turned from rest; -1 is the armature."""
    if bone < 0:
        return IDENTITY
    return quaternion_multiply(moving.rotations[bone], quaternion_conjugate(rest.rotations[bone]))
