# SPDX-License-Identifier: GPL-3.0-or-later
"""Human motion to motion of the G1.

1. The robot, seen as a human body (`robot_body`), takes over each bone's turn away from rest as any character does,
   arms and legs laid along the performer's by the calibration of `motion.calibration`. Upper limbs are turned about
   their length so that knees and elbows, which only bend, reach the lower ones; leg and foot turn towards each other,
   as the ankle has no yaw.
2. Joint angles that give these turns, in closed form (`closed_form`): exact but for what the robot cannot do.
3. Where this brings hands, elbows, knees and feet is where they should be, segment by segment in the robot's own
   lengths. The path of the hips is scaled by the ratio of leg lengths. Feet that the performer has planted are pinned
   where they are on average (`motion.feet`), laid flat while the performer's are, and kept out of the floor.
4. `tracking` brings the robot there, with joint limits; then speeds are held within what the motors can do, and what
   little is left of a sole under the floor is lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .. import feet
from ..body import RestBody, body_axes
from ..calibration import calibrations
from ..mapping import SIDES, Mapping
from ..rotations import (
    Array,
    cross,
    normalize,
    quaternion_between,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
    quaternion_slerp,
)
from ..series import averaged, evened, raised
from ..skeleton import IDENTITY, Motion, Skeleton
from ..standing import Standing, standing_feet
from .closed_form import angles_from_rotations
from .model import RobotModel, forward_kinematics, g1_model, lowest_sole, sole_positions
from .robot_body import robot_body
from .robot_motion import RobotMotion
from .tracking import LinkTarget, Pose, track

_UP = np.array((0.0, 0.0, 1.0))
STEPS = 2
# How fast the robot is lifted out of the floor, metres per second, and over which time feet are laid flat, seconds.
_LIFT_SPEED = 0.5
_FLATTEN = 0.10
# A motor is driven up to this part of its greatest speed, so that a file with rounded numbers stays within it.
_SPEED_SHARE = 0.99
# Weights per metre and per radian. A planted foot counts more than everything else.
_FOOT, _FOOT_TURN, _PLANTED = 10.0, 2.0, 3.0
_PELVIS, _PELVIS_TURN, _TORSO_TURN = 3.0, 1.0, 1.0
_HAND, _HAND_TURN, _ELBOW, _KNEE = 3.0, 0.3, 1.0, 1.0
POSTURE_WEIGHT = 0.05
# Sine: joints that are bent less say little about the axis they bend about.
_HARDLY_BENT = np.sin(np.radians(20.0))
# How far the leg turns at most for its foot, radians, and the sine of the foot's angle to the leg that tells little.
_LEG_TURN, _POINTED = np.radians(30.0), 0.3
_LINKS = {
    "hips": "pelvis",
    "torso": "torso_link",
    **{
        f"{side}_{part}": f"{side}_{link}_link"
        for side in SIDES
        for part, link in (
            ("thigh", "hip_yaw"),
            ("calf", "knee"),
            ("foot", "ankle_roll"),
            ("upper_arm", "shoulder_yaw"),
            ("lower_arm", "elbow"),
            ("hand", "wrist_yaw"),
        )
    },
}


@dataclass(frozen=True)
class Performance:
    """What the robot is to do, by link name, at the robot's size.

    `rotations` (F, 4) wxyz are those of the links in the world, `path` (F, 3) is the position of the pelvis, `stands`
    how the performer's feet stand.
    """

    rotations: dict[str, Array]
    path: Array
    stands: list[Standing]


def solve_g1(source: Skeleton, mapping: Mapping, motion: Motion, rate: float) -> RobotMotion:
    """Return the robot's motion that is most like `motion`, at `rate` frames per second.

    `motion` must hold all bones of `mapping`. The robot starts over the place of the performer, its size taken into
    account; a performer who faces as at rest makes a robot that faces X. Joint angles and speeds are within the robot's
    limits, and no sole is under the floor. Raises ValueError for a skeleton whose joints lie on each other, a motion
    without frames and a rate that is not above zero.
    """
    if not 0.0 < rate < np.inf:
        raise ValueError(f"The frame rate is {rate:g}, but has to be above 0.")
    if not motion.rotations.shape[1]:
        raise ValueError("The motion has no frames.")
    model = g1_model()
    motion = resampled(motion, rate)
    wanted = performance(model, source, mapping, motion)
    start, targets = targets_of(model, wanted, rate)
    pose = track(model, targets, start, STEPS, POSTURE_WEIGHT)
    dof = _within_speed(model, pose.dof, rate)
    positions, rotations = forward_kinematics(model, pose.root_pos, pose.root_rot, dof)
    under = np.maximum(-lowest_sole(model, positions, rotations), 0.0)
    lift = raised(under, np.full(len(under) - 1, _LIFT_SPEED / rate))
    return RobotMotion(rate, pose.root_pos + lift[:, None] * _UP, pose.root_rot, dof)


def resampled(motion: Motion, rate: float) -> Motion:
    """Return `motion` at `rate` frames per second, from its first frame on; rotations are slerped."""
    frames = motion.rotations.shape[1]
    if rate == motion.rate or frames < 2:
        return replace(motion, rate=rate)
    count = int(np.floor((frames - 1) * rate / motion.rate + 1e-6)) + 1
    at = np.arange(count) * motion.rate / rate
    before = np.minimum(at.astype(np.intp), frames - 2)
    share = at - before
    return Motion(
        motion.bones,
        quaternion_slerp(motion.rotations[:, before], motion.rotations[:, before + 1], share),
        motion.positions[:, before] + share[:, None] * (motion.positions[:, before + 1] - motion.positions[:, before]),
        rate,
    )


def performance(model: RobotModel, source: Skeleton, mapping: Mapping, motion: Motion) -> Performance:
    """Return what the robot is to do, in its world: X forward at rest, Y left, Z up, metres.

    Raises ValueError for a skeleton whose joints lie on each other.
    """
    left, back, up = body_axes(source, mapping)
    turn = quaternion_from_matrix(np.stack((-back, left, up)))
    body, robot = RestBody.of(source, mapping, turn), robot_body(model)
    if body.leg_length() < 1e-6:
        raise ValueError("the joints of the legs lie on each other")
    row = {bone: i for i, bone in enumerate(motion.bones)}
    rotations = quaternion_multiply(turn, motion.rotations)
    turned = {
        role: quaternion_multiply(rotations[row[bone]], quaternion_conjugate(body.rotations[role]))
        for role, bone in body.bones.items()
    }
    placed = {
        f"{side}_{part}": quaternion_rotate(turn, motion.positions[row[body.bones[f"{side}_{part}"]]])
        for side in SIDES
        for part in ("thigh", "foot", "toe")
        if f"{side}_{part}" in body.bones
    }
    laid = calibrations(body, robot, _UP)
    spine = mapping.chain("spine")
    wanted = {"pelvis": turned["hips"], "torso_link": turned[spine[-1]]}
    for role, link in _LINKS.items():
        if link not in wanted:
            # a hand or foot that the performer does not have goes with its limb
            own = role if role in turned else role.replace("hand", "lower_arm")
            c = laid.get(role, laid.get(own, IDENTITY))
            wanted[link] = quaternion_multiply(turned[own], quaternion_multiply(c, robot.rotations[role]))
    for side in SIDES:
        for parts, along, hinge in (
            (("thigh", "calf"), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
            (("upper_arm", "lower_arm"), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0)),
        ):
            upper, lower = (f"{side}_{part}" for part in parts)
            length = quaternion_rotate(quaternion_conjugate(robot.rotations[upper]), robot.direction(upper, lower))
            below = quaternion_rotate(wanted[_LINKS[lower]], np.array(along))
            wanted[_LINKS[upper]] = _on_hinge(wanted[_LINKS[upper]], length, below, np.array(hinge))
        wanted |= _on_foot(robot, wanted, side)
    ratio = robot.leg_length() / body.leg_length()
    middle = robot.hip_midpoint()
    walked = ((placed["left_thigh"] + placed["right_thigh"]) / 2.0 - body.hip_midpoint()) * ratio
    path = middle + walked + quaternion_rotate(wanted["pelvis"], robot.positions["hips"] - middle)
    world = {model.link_index[link]: rotation for link, rotation in wanted.items()}
    return Performance(wanted, path, standing_feet(body, robot, world, placed, _UP, motion.rate))


def _on_hinge(upper: Array, length: Array, below: Array, hinge: Array) -> Array:
    """Return rotations (F, 4) of a thigh or upper arm, turned about its length so that the joint below can bend.

    `length` (3) and `hinge` (3), the axis about which that joint bends, are in the frame of the upper limb, `below`
    (F, 3) is the direction of the lower one. Hardly bent limbs keep their turn.
    """
    along, axis = normalize(quaternion_rotate(upper, length)), quaternion_rotate(upper, hinge)
    plane = cross(along, below)
    sine = np.linalg.norm(plane, axis=-1)
    angle = np.arctan2(np.sum(cross(axis, plane) * along, axis=-1), np.sum(axis * plane, axis=-1))
    share = sine**2 / (sine**2 + _HARDLY_BENT**2)
    # an elbow that seems to bend the wrong way is a straight one that is measured badly
    share = share * np.clip(2.0 * np.cos(0.5 * angle), 0.0, 1.0)
    return quaternion_multiply(quaternion_from_axis_angle(along, share * angle), upper)


def _on_foot(robot: RestBody, wanted: dict[str, Array], side: str) -> dict[str, Array]:
    """Return rotations (F, 4) of thigh, shin and foot that an ankle without yaw allows.

    Leg and foot turn towards each other until the foot's length is square to the knee's axis: the leg about the line
    from hip to ankle, as far as _LEG_TURN lets it, the foot about its own up axis for the rest.
    """
    thigh, calf, foot = (_LINKS[f"{side}_{part}"] for part in ("thigh", "calf", "foot"))
    way = np.zeros(3)
    for start, end in (("thigh", "calf"), ("calf", "foot")):
        limb = robot.direction(f"{side}_{start}", f"{side}_{end}")
        own = quaternion_rotate(quaternion_conjugate(robot.rotations[f"{side}_{start}"]), limb)
        way = way + quaternion_rotate(wanted[_LINKS[f"{side}_{start}"]], own)
    line = normalize(way)
    ahead = quaternion_rotate(wanted[foot], np.array((1.0, 0.0, 0.0)))
    axis = quaternion_rotate(wanted[calf], np.array((0.0, 1.0, 0.0)))
    aside = np.sum(cross(line, axis) * ahead, axis=-1)
    angle = np.arctan2(-np.sum(axis * ahead, axis=-1) * np.sign(aside), np.abs(aside))
    # a foot that points along the leg has no side
    angle = angle * aside**2 / (aside**2 + _POINTED**2)
    turn = quaternion_from_axis_angle(line, _LEG_TURN * np.tanh(angle / _LEG_TURN))
    turned = {link: quaternion_multiply(turn, wanted[link]) for link in (thigh, calf)}
    axis = quaternion_rotate(turned[calf], np.array((0.0, 1.0, 0.0)))
    up, left = (quaternion_rotate(wanted[foot], np.array(a)) for a in ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0)))
    flat = np.hypot(np.sum(axis * left, axis=-1), np.sum(axis * ahead, axis=-1))
    rest = np.arctan2(-np.sum(axis * ahead, axis=-1), np.sum(axis * left, axis=-1)) * flat**2
    return turned | {foot: quaternion_multiply(quaternion_from_axis_angle(up, rest), wanted[foot])}


def _within_speed(model: RobotModel, dof: Array, rate: float) -> Array:
    """Return joint angles (F, 29) near `dof` (F, 29) none of which changes faster than its motor allows."""
    steps = _SPEED_SHARE * model.velocity / rate
    free = np.zeros(len(dof), dtype=bool)
    return np.stack(
        [evened(angle, np.full(len(dof) - 1, step), free) for angle, step in zip(dof.T, steps, strict=True)], axis=1
    )


def targets_of(model: RobotModel, wanted: Performance, rate: float) -> tuple[Pose, list[LinkTarget]]:
    """Return a first pose, in closed form, and where the links should be."""
    turned = wanted.rotations
    dof = angles_from_rotations(model, turned)
    at, reached = forward_kinematics(model, wanted.path, turned["pelvis"], dof)
    lift = np.array((0.0, 0.0, _lift(at, reached, model, wanted.stands)))
    at = at + lift
    index = model.link_index
    targets = [
        LinkTarget(index["pelvis"], at[:, 0], turned["pelvis"], _PELVIS, _PELVIS_TURN),
        LinkTarget(index["torso_link"], rotation=turned["torso_link"], rotation_weight=_TORSO_TURN),
    ]
    for side in SIDES:
        hand = f"{side}_wrist_yaw_link"
        targets.append(LinkTarget(index[hand], at[:, index[hand]], turned[hand], _HAND, _HAND_TURN))
        for link, weight in ((index[f"{side}_elbow_link"], _ELBOW), (index[f"{side}_knee_link"], _KNEE)):
            targets.append(LinkTarget(link, at[:, link], position_weight=weight))
        ankle = at[:, index[f"{side}_ankle_roll_link"]]
        targets.append(_foot_target(model, wanted, side, ankle, rate))
    return Pose(at[:, 0], turned["pelvis"], np.clip(dof, model.lower, model.upper)), targets


def _lift(positions: Array, rotations: Array, model: RobotModel, stands: Sequence[Standing]) -> float:
    """Return how far to raise the robot so that its soles are on the floor while the performer's feet lie flat."""
    soles = sole_positions(model, positions, rotations)[..., 2].mean(axis=-1)
    heights = [soles[stand.flat, SIDES.index(stand.side)] for stand in stands]
    found = np.concatenate([np.empty(0), *heights])
    return -float(np.median(found)) if len(found) else 0.0


def _foot_target(model: RobotModel, wanted: Performance, side: str, ankle: Array, rate: float) -> LinkTarget:
    """Return where a foot should be: pinned while the performer's is planted, flat while it is flat, over the floor."""
    number = SIDES.index(side)
    link, turn = model.sole_links[number], wanted.rotations[f"{side}_ankle_roll_link"]
    stand = next((each for each in wanted.stands if each.side == side), None)
    ball = model.sole_points[number, 2:].mean(axis=0) - np.array((0.0, 0.0, model.sole_radius))
    weight = np.full(len(ankle), _FOOT)
    if stand is not None:
        flat = averaged(stand.flat.astype(np.float64), 0.5 * _FLATTEN * rate)
        up = quaternion_rotate(turn, _UP)
        turn = quaternion_slerp(turn, quaternion_multiply(quaternion_between(up, _UP), turn), flat)
        toe = ankle + quaternion_rotate(turn, ball)
        held = feet.plan(toe, stand.height, stand.planted, _UP, 0.0)
        toe = toe + feet.faded(held.correction, held.on, rate)
        ankle = toe - quaternion_rotate(turn, ball)
        weight *= 1.0 + (_PLANTED - 1.0) * averaged(stand.planted.astype(np.float64), 0.5 * _FLATTEN * rate)
    soles = ankle[:, None] + quaternion_rotate(turn[:, None], model.sole_points[number])
    under = np.maximum(model.sole_radius - soles[..., 2].min(axis=1), 0.0)
    ankle = ankle + raised(under, np.full(len(under) - 1, _LIFT_SPEED / rate))[:, None] * _UP
    return LinkTarget(link, ankle, turn, weight, _FOOT_TURN)
