# SPDX-License-Identifier: GPL-3.0-or-later
"""Joint angles of the G1 from the rotations of its links, in closed form.

Between pelvis and thigh, pelvis and torso, torso and upper arm, forearm and hand stand three joints whose axes are
those of an Euler triple, at knee and elbow one, at the ankle two. Of the two triples that give the same rotation each
frame takes the one on the cheapest path through the clip: near the frame before and within the joint limits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..rotations import (
    Array,
    euler_from_quaternion,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)
from .model import RobotModel

# How much worse a radian beyond the limits is than a radian turned from one frame to the next.
_BEYOND = 3.0


@dataclass(frozen=True)
class _Group:
    """Three joints in a row, the first nearest the root; `order` names their axes as applied, last joint first."""

    above: str
    below: str
    joints: tuple[str, str, str]
    order: str


def _groups() -> tuple[_Group, ...]:
    found = [_Group("pelvis", "torso_link", ("waist_yaw", "waist_roll", "waist_pitch"), "YXZ")]
    for s in ("left", "right"):
        hip, shoulder, wrist = (
            (f"{s}_{part}_{a}", f"{s}_{part}_{b}", f"{s}_{part}_{c}")
            for part, a, b, c in (
                ("hip", "pitch", "roll", "yaw"),
                ("shoulder", "pitch", "roll", "yaw"),
                ("wrist", "roll", "pitch", "yaw"),
            )
        )
        found.append(_Group("pelvis", f"{s}_hip_yaw_link", hip, "ZXY"))
        found.append(_Group("torso_link", f"{s}_shoulder_yaw_link", shoulder, "ZXY"))
        found.append(_Group(f"{s}_elbow_link", f"{s}_wrist_yaw_link", wrist, "ZYX"))
    return tuple(found)


GROUPS = _groups()


def angles_from_rotations(model: RobotModel, rotations: dict[str, Array]) -> Array:
    """Return joint angles (F, 29) in radians of links with these `rotations` (F, 4) wxyz, also beyond the limits.

    `rotations` holds pelvis, torso_link and, on both sides, hip_yaw_link, knee_link, ankle_roll_link,
    shoulder_yaw_link, elbow_link and wrist_yaw_link. A knee or an elbow only bends, so that shin and forearm get their
    direction, and what is left the joints after it; an ankle has no yaw.
    """
    dof = np.zeros((len(rotations["pelvis"]), len(model.joint_names)))
    reached = dict(rotations)
    for s in ("left", "right"):
        for above, joint, along in (("hip_yaw", "knee", (0.0, 0.0, -1.0)), ("shoulder_yaw", "elbow", (1.0, 0.0, 0.0))):
            upper, lower = rotations[f"{s}_{above}_link"], rotations[f"{s}_{joint}_link"]
            index = model.joint_index[f"{s}_{joint}_joint"]
            rest = model.rest_rotations[index + 1]
            start = quaternion_rotate(rest, np.array(along))
            end = quaternion_rotate(quaternion_conjugate(upper), quaternion_rotate(lower, np.array(along)))
            angle = np.arctan2(start[2] * end[:, 0] - start[0] * end[:, 2], start[0] * end[:, 0] + start[2] * end[:, 2])
            dof[:, index] = _near_middle(model, angle, index)
            bent = quaternion_from_axis_angle(model.axes[index], angle)
            reached[f"{s}_{joint}_link"] = quaternion_multiply(upper, quaternion_multiply(rest, bent))
        ankle = _relative(reached[f"{s}_knee_link"], rotations[f"{s}_ankle_roll_link"])
        pitch, roll = (model.joint_index[f"{s}_ankle_{axis}_joint"] for axis in ("pitch", "roll"))
        euler = euler_from_quaternion(ankle, "ZXY")
        dof[:, pitch], dof[:, roll] = _wrapped(euler[:, 1]), _wrapped(euler[:, 0])
    triples, shifts = [], []
    columns = np.array([[model.joint_index[f"{joint}_joint"] for joint in group.joints] for group in GROUPS])
    for group, joints in zip(GROUPS, columns, strict=True):
        shift = _shift(model, joints)
        first = model.rest_rotations[joints[0] + 1]
        relative = quaternion_multiply(
            quaternion_conjugate(first), _relative(reached[group.above], reached[group.below])
        )
        order = ["XYZ".index(letter) for letter in reversed(group.order)]
        triples.append(euler_from_quaternion(relative, group.order)[:, order])
        shifts.append(shift)
    dof[:, columns] = _branches(model, np.stack(triples, axis=1), columns, np.array(shifts))
    return dof


def _shift(model: RobotModel, joints: NDArray[np.intp]) -> Array:
    """Return what to add (3) to the angles of a plain Euler triple for those of three joints of the robot.

    The rest rotation of the second joint is about the axis of one of the first two and only shifts its angle.
    """
    tilt = 2.0 * np.arctan2(model.rest_rotations[joints[1] + 1, 1:], model.rest_rotations[joints[1] + 1, 0])
    return -np.array((tilt @ model.axes[joints[0]], tilt @ model.axes[joints[1]], 0.0))


def _relative(above: Array, below: Array) -> Array:
    return quaternion_multiply(quaternion_conjugate(above), below)


def _branches(model: RobotModel, triples: Array, columns: NDArray[np.intp], shifts: Array) -> Array:
    """Return the cheaper of both equivalents of each of `triples` (F, G, 3) over time, by dynamic programming.

    `columns` (G, 3) are the joints, `shifts` (G, 3) what is added to the plain angles for theirs.
    """
    lower, upper = model.lower[columns], model.upper[columns]
    middle = (lower + upper) / 2.0
    mirrored = triples + np.pi
    mirrored[..., 1] = np.pi - triples[..., 1]
    both = np.stack((triples, mirrored)) + shifts  # (2, F, G, 3)
    both = middle + _wrapped(both - middle)
    beyond = _BEYOND * np.maximum(np.maximum(lower - both, both - upper), 0.0).sum(axis=-1)
    # from state a of a frame to state b of the next: (2, 2, F-1, G)
    steps = np.abs(both[:, None, :-1] - both[None, :, 1:]).sum(axis=-1)
    frames, groups = triples.shape[:2]
    came_from = np.zeros((frames, 2, groups), dtype=np.intp)
    cost = beyond[:, 0]
    for frame in range(1, frames):
        ways = cost[:, None] + steps[:, :, frame - 1]
        from_second = ways[1] < ways[0]
        came_from[frame] = from_second
        cost = np.where(from_second, ways[1], ways[0]) + beyond[:, frame]
    state = np.empty((frames, groups), dtype=np.intp)
    state[-1] = cost.argmin(axis=0)
    for frame in range(frames - 1, 0, -1):
        state[frame - 1] = came_from[frame, state[frame], np.arange(groups)]
    return np.where(state[..., None] == 0, both[0], both[1])


def _near_middle(model: RobotModel, angle: Array, joint: int) -> Array:
    """Return angles (F) brought by whole turns as near as they come to the middle of a joint's range."""
    middle = (model.lower[joint] + model.upper[joint]) / 2.0
    return middle + _wrapped(angle - middle)


def _wrapped(angle: Array) -> Array:
    """Return angles brought to -pi..pi by whole turns."""
    return angle - 2.0 * np.pi * np.round(angle / (2.0 * np.pi))
