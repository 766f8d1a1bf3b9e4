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
    dot,
    length,
    normalize,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
)
from .skeleton import IDENTITY

# Both bones of a limb may point this far (radians) from where they should for its plane to be that of the hinge.
_TOLERANCE = 0.001
# A limb that bends against its hinge by less (radians) is overstretched: its plane, which would flip, has no say.
_OVERSTRETCHED = np.radians(35.0)
# A limb that bends by less than the first of these (radians) keeps its plane's limit per frame; it has none with the
# second, since the joint would be far from its place.
_LIMITED = (np.radians(30.0), np.radians(60.0))
# A pole is at least this far from the straight line, in lengths of the stretched limb.
_POLE_DISTANCE = 0.3
_SIDE_AT_REST = 0.002  # how much the side of the pole at rest counts beside the bends of a motion, in such lengths


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


def pole(limb: tuple[Array, Array, Array], upper: Array, towards: Array, distance: float, swing: float) -> Array:
    """Return where the pole (F, 3) of a limb is, so that the limb's plane goes through it.

    `limb` holds the heads (F, 3) of upper bone, lower bone and hand or foot; `upper` the rotations (F, 4) of the upper
    bone and `towards` (3) the unit direction from the limb to the pole at rest, in that bone's axes. `distance` is how
    far the pole should be from the straight line between the limb's ends.

    The less a limb bends, the less its plane says and the faster it turns, and both bones roll with it. So the pole
    goes through the plane as far as that matters, and otherwise stays on the hinge of the joint, which turns with the
    upper bone: the side to which the limb bends over the whole motion, if that is the side of the pole at rest. While
    the limb bends little, the pole turns about it by up to `swing` (radians) per frame against the upper bone.
    """
    start, middle, end = limb
    size = float(np.median(length(middle - start) + length(end - middle)))
    along = normalize(end - start)
    ahead = dot(middle - start, along)[:, None]
    away = middle - start - ahead * along
    usual = quaternion_rotate(quaternion_conjugate(upper), away).mean(axis=0) / size + _SIDE_AT_REST * towards
    usual = normalize(usual if usual @ towards > 0.0 else towards)
    forward = quaternion_rotate(upper, usual)
    forward = normalize(forward - dot(forward, along)[:, None] * along)
    sideways = cross(along, forward)
    plane = np.arctan2(dot(away, sideways), dot(away, forward))
    turn = _turn_of_pole(plane, _bend(middle - start, end - middle), swing)[:, None]
    direction = np.cos(turn) * forward + np.sin(turn) * sideways
    return start + ahead * along + direction * max(distance, _POLE_DISTANCE * size)


def joint(start: Array, end: Array, place: Array, lengths: tuple[float, float]) -> Array:
    """Return where (F, 3) inverse kinematics puts the joint of a limb from `start` to `end` with its pole at `place`.

    All are (F, 3), `lengths` those of upper and lower bone; a limb that does not reach its end is straight.
    """
    upper, lower = lengths
    distance = np.clip(length(end - start), max(abs(upper - lower), 1e-9), upper + lower)
    ahead = (distance**2 + upper**2 - lower**2) / (2.0 * distance)
    aside = np.sqrt(np.maximum(upper**2 - ahead**2, 0.0))
    along = normalize(end - start)
    away = place - start
    away = normalize(away - dot(away, along)[:, None] * along)
    return start + ahead[:, None] * along + aside[:, None] * away


def turned_by_plane(rest: tuple[Array, Array, Array], now: tuple[Array, Array, Array]) -> Array:
    """Return how far (F, 4) the lower bone of a limb is turned from rest by inverse kinematics.

    `rest` (3) and `now` (F, 3) are the places of the limb's joint, its end and its pole. The bone's hinge is
    perpendicular to the plane of the three.
    """
    frames = []
    for middle, end, place in (rest, now):
        along = normalize(end - middle)
        hinge = normalize(cross(along, place - middle))
        frames.append(quaternion_from_matrix(np.stack((along, hinge, cross(along, hinge)), axis=-1)))
    return quaternion_multiply(frames[1], quaternion_conjugate(frames[0]))


def _bend(upper: Array, lower: Array) -> Array:
    """Return the angle (F) between two bones of a limb (F, 3)."""
    return np.arctan2(length(cross(upper, lower)), dot(upper, lower))


def _turn_of_pole(plane: Array, bend: Array, swing: float) -> Array:
    """Return the angle (F) of the pole from the hinge, where the limb's plane is at `plane` (F) and it bends by `bend`.

    Each frame asks for an angle within bounds, and neighbours may differ by so much: the highest and the lowest angle
    that obey all frames obey the limit too, and so does what lies between them closest to the hinge. Where frames
    contradict each other, those two have changed places, and half way between them is the least wrong.
    """
    # a plane that is off by an angle turns each bone by half the bend times that
    slack = 2.0 * _TOLERANCE / np.maximum(bend, 1e-6)
    overstretched = (np.abs(plane) > np.pi / 2.0) & (bend < _OVERSTRETCHED)
    slack = np.where(overstretched, np.inf, slack)
    low, high = _LIMITED
    limits = swing + np.pi * _smooth((bend - low) / (high - low))
    way = np.concatenate(([0.0], np.cumsum((limits[1:] + limits[:-1]) / 2.0)))
    highest, lowest = _within(plane + slack, way), -_within(slack - plane, way)
    if np.isinf(highest).all():  # no frame has a say
        return np.zeros(len(plane))
    return np.where(highest < lowest, (highest + lowest) / 2.0, np.clip(0.0, lowest, np.maximum(highest, lowest)))


def _within(bounds: Array, way: Array) -> Array:
    """Return the largest values (F) under upper `bounds` (F) that differ at most as `way` (F), which only grows."""
    earlier = np.minimum.accumulate(bounds - way) + way
    later = np.minimum.accumulate((bounds + way)[::-1])[::-1] - way
    return np.minimum(earlier, later)


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


def add_place(moving: Places, control: int, space: Space, motion: Solution, rest: Places) -> None:
    """Add to `moving` where the channels of `motion` put a control; what carries it is there already."""
    turn = _turned(space.turn, moving, rest)
    base = _carried(space.place, space.rest_head, moving, rest)
    shift = quaternion_rotate(quaternion_multiply(turn, space.location_axes), motion.locations[control])
    moving.heads[control] = base + shift
    if control in motion.rotations:
        whole = quaternion_multiply(turn, space.rest_rotation)
        moving.rotations[control] = quaternion_multiply(whole, motion.rotations[control])


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
