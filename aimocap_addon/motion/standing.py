# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet on the ground: when the performer's stand, and the character's held there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import feet
from .body import RestBody
from .contacts import level, planted
from .legs import Leg
from .mapping import SIDES
from .pose import Pose, Target, heads_below, posed_again, turned_away
from .rotations import (
    Array,
    cross,
    dot,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
    rotation_vector_from_quaternion,
)

# Cosines of the largest tilt of a standing foot, and of one that still stands on its ball.
_FLAT = np.cos(np.radians(30.0))
_ON_BALL = np.cos(np.radians(75.0))
# In lengths from ankle to ball.
_TOE_LENGTH = 0.45


@dataclass(frozen=True)
class Standing:
    """One foot of the performer: the `role` that stands, its height (F) over its ground, and when it is planted (F).

    `lever` (F, 3) is the way from that joint to the ankle, `still` (3) the same at rest. Lengths are in the target's
    units. `flat` (F) is the part of `planted` in which the sole is on the ground.
    """

    side: str
    role: str
    height: Array
    lever: Array
    still: Array
    planted: NDArray[np.bool_]
    flat: NDArray[np.bool_]


def standing_feet(
    source: RestBody, target: RestBody, world: dict[int, Array], placed: dict[str, Array], up: Array, rate: float
) -> list[Standing]:
    """Return when and how the performer's feet stand, for the feet that both bodies have.

    `world` is the target's pose, `placed` are joints of the source (F, 3) by role.
    """
    found = []
    ratio = target.leg_length() / source.leg_length()
    for side in SIDES:
        role = next((r for r in (f"{side}_toe", f"{side}_foot") if r in placed and r in target.bones), None)
        if role is None:
            continue
        on = planted(placed[role], up, source.leg_length(), rate)
        upright = quaternion_rotate(turned_away(target, world, f"{side}_foot"), up) @ up
        # the toes of someone who lies or kneels are not on their soles
        on &= upright > _ON_BALL
        height = placed[role] @ up
        ground = level(height[on], 0.2) if on.any() else level(height, 0.05)
        lever = placed[f"{side}_foot"] - placed[role]
        still = source.direction(role, f"{side}_foot")
        found.append(
            Standing(side, role, (height - ground) * ratio, ratio * lever, ratio * still, on, on & (upright > _FLAT))
        )
    return found


def lift_to_ground(
    target: Target, body: RestBody, world: dict[int, Array], head: Array, stands: Sequence[Standing], up: Array
) -> float:
    """Return how far to raise the target so that its planted toes are as high as at rest; 0 if no foot stands."""
    gaps = [np.empty(0)]
    for foot in stands:
        toe = heads_below(target, body.bones["hips"], [body.bones[foot.role]], world, head)[0]
        gaps.append((body.positions[foot.role] - toe)[foot.flat] @ up)
    found = np.concatenate(gaps)
    return float(np.median(found)) if len(found) else 0.0


def planted_feet(
    target: Target,
    body: RestBody,
    pose: Pose,
    head: Array,
    stands: Sequence[Standing],
    axes: Array,
    rate: float,
    ground: float,
    ways: Array,
) -> tuple[Pose, Array]:
    """Return the pose with planted feet pinned and none in the floor, and the move (F, 3) of the hips for it.

    `head` (F, 3) is where the head of the hips bone is, `axes` (3, 3) are those of `body_axes`, `ground` is the height
    of the floor over the one that the target stands on at rest, and `ways` (W, 3) are those of the axes along which the
    hips may move.
    """
    if not any(foot.planted.any() for foot in stands):
        return pose, np.zeros_like(head)  # nothing tells where the performer's floor is
    up = axes[2]
    pose = _rolled(target, body, pose, stands, up, rate)
    hips = body.bones["hips"]
    legs, plans = [], []
    for foot in stands:
        joints = (f"{foot.side}_thigh", f"{foot.side}_calf", f"{foot.side}_foot", foot.role)
        thigh, knee, ankle, toe = heads_below(target, hips, [body.bones[role] for role in joints], pose.world, head)
        delta = turned_away(body, pose.world, f"{foot.side}_thigh")
        legs.append(Leg(thigh, knee, ankle, quaternion_rotate(delta, axes[0])))
        floor = float(body.positions[foot.role] @ up) + ground
        plans.append(feet.plan(toe, foot.height, foot.planted, up, floor))
    turns, heights, move = feet.pin(legs, plans, ways, up, rate)
    changed: dict[int, Array] = {}
    for foot, turns_of_leg in zip(stands, turns, strict=True):
        for part, turn in zip(("thigh", "calf"), turns_of_leg, strict=True):
            bone = body.bones[f"{foot.side}_{part}"]
            changed[bone] = quaternion_multiply(turn, pose.world[bone])
    return _with_toes(target, body, posed_again(target, pose, changed), stands, heights, up, rate), move


def _rolled(target: Target, body: RestBody, pose: Pose, stands: Sequence[Standing], up: Array, rate: float) -> Pose:
    """Return the pose with planted feet rolled over their balls so that ankles come where the performer's do.

    The longer a foot is for its leg, the less it has to roll: else it would push the ankle off the leg's way.
    """
    changed: dict[int, Array] = {}
    for foot in stands:
        if not foot.role.endswith("toe"):
            continue
        role = f"{foot.side}_foot"
        lever = body.direction(foot.role, role)
        delta = turned_away(body, pose.world, role)
        across = quaternion_rotate(delta, normalize(cross(lever, up)))
        back = normalize(cross(up, across))
        here, there = (_in_plane(way, back, up) for way in (quaternion_rotate(delta, lever), foot.lever))
        rest, rest_s = (np.array((np.linalg.norm(way - (way @ up) * up), way @ up)) for way in (lever, foot.still))
        roll = feet.roll(here, rest + there - rest_s, foot.planted, rate)
        bone = body.bones[role]
        changed[bone] = quaternion_multiply(quaternion_from_axis_angle(across, roll), pose.world[bone])
    return posed_again(target, pose, changed) if changed else pose


def _in_plane(ways: Array, back: Array, up: Array) -> Array:
    """Return how far (F, 2) `ways` (F, 3) lead backwards and up."""
    return np.stack((dot(ways, back), ways @ up), axis=-1)


def _with_toes(
    target: Target,
    body: RestBody,
    pose: Pose,
    stands: Sequence[Standing],
    heights: list[Array],
    up: Array,
    rate: float,
) -> Pose:
    """Return the pose with toes bent so that they do not go through the floor."""
    changed: dict[int, Array] = {}
    for foot, height in zip(stands, heights, strict=True):
        if foot.role.endswith("toe"):
            bone = body.bones[foot.role]
            ahead = body.direction(f"{foot.side}_foot", foot.role)
            length = _TOE_LENGTH * float(np.linalg.norm(ahead))
            ahead = normalize(ahead - (ahead @ up) * up)
            delta = turned_away(body, pose.world, foot.role)
            across = cross(up, ahead)
            forward, sole_up, left = (quaternion_rotate(delta, axis) for axis in (ahead, up, across))
            turn = rotation_vector_from_quaternion(quaternion_multiply(quaternion_conjugate(delta[:-1]), delta[1:]))
            bend = feet.bend_toe(forward, sole_up, -turn @ across, height, length, up, rate)
            changed[bone] = quaternion_multiply(quaternion_from_axis_angle(left, -bend), pose.world[bone])
    return posed_again(target, pose, changed) if changed else pose
