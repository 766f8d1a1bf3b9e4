# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones for the links of the robot, such that each joint turns its bone about one of the bone's own axes.

Bones have Blender's axes: Y runs from head to tail. A joint whose axis runs along its link turns its bone about Y, one
whose axis runs to the left about X, every other one about Z. So left and right bones mirror each other as Blender
expects it: a pose pasted flipped is the mirrored pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rotations import Array, normalize, quaternion_conjugate, quaternion_rotate
from .model import RobotModel, forward_kinematics, lowest_sole

_ALONG = 0.8  # cosine from which on an axis counts as running along the link
_SHORTEST = 0.03  # metres
_UP, _LEFT = np.array((0.0, 0.0, 1.0)), np.array((0.0, 1.0, 0.0))
# Where links without a child point to in their own frame, and the trunk, whose children lie around it, in metres.
_ENDS = {
    "pelvis": (0.0, 0.0, 0.1),
    "waist_yaw_link": (0.0, 0.0, 0.04),
    "waist_roll_link": (0.0, 0.0, 0.05),
    "torso_link": (0.0, 0.0, 0.43),
    "left_ankle_roll_link": (0.13, 0.0, 0.0),
    "right_ankle_roll_link": (0.13, 0.0, 0.0),
    "left_wrist_yaw_link": (0.15, 0.0, 0.0),
    "right_wrist_yaw_link": (0.15, 0.0, 0.0),
}


@dataclass(frozen=True)
class RobotBones:
    """The bones (L = 30) at rest: every joint at zero, the soles on the floor z = 0.

    `names` are the pelvis and the joints, `matrices` (L, 4, 4) lead from the bone to the armature, in metres, `lengths`
    (L) are in metres. `link_rotations` (L, 4) are those of the links in the armature's space, quaternions wxyz.
    """

    names: tuple[str, ...]
    matrices: Array
    lengths: Array
    link_rotations: Array


def robot_bones(model: RobotModel) -> RobotBones:
    """Return the bones of the robot."""
    root_rot = np.array(((1.0, 0.0, 0.0, 0.0),))
    rest = np.zeros((1, len(model.joint_names)))
    positions, rotations = forward_kinematics(model, np.zeros((1, 3)), root_rot, rest)
    heads = positions[0] + _UP * -lowest_sole(model, positions, rotations)[0]
    rotations = rotations[0]
    matrices = np.tile(np.eye(4), (len(heads), 1, 1))
    lengths = np.empty(len(heads))
    for link, name in enumerate(model.link_names):
        if name in _ENDS:
            way = quaternion_rotate(rotations[link], np.array(_ENDS[name]))
        else:
            way = heads[int(np.flatnonzero(model.parents == link)[0])] - heads[link]
        lengths[link] = max(_SHORTEST, float(np.linalg.norm(way)))
        axis = _LEFT if link == 0 else quaternion_rotate(rotations[link], model.axes[link - 1])
        matrices[link, :3, :3] = _frame(normalize(way), axis)
        matrices[link, :3, 3] = heads[link]
    return RobotBones((model.link_names[0], *model.joint_names), matrices, lengths, rotations)


def hinges(model: RobotModel, link_rotations: Array, bone_rotations: Array) -> Array:
    """Return the axes (29, 3) of the joints in their bones' own frames.

    `link_rotations` and `bone_rotations` (30, 4) are those of links and bones at rest, to the same space.
    """
    axes = quaternion_rotate(link_rotations[1:], model.axes)
    return quaternion_rotate(quaternion_conjugate(bone_rotations[1:]), axes)


def _frame(way: Array, axis: Array) -> Array:
    """Return the axes (3, 3), one a column, of a bone that points along `way` (3) and turns about `axis` (3)."""
    along = float(way @ axis)
    if abs(along) > _ALONG:
        y = axis * np.sign(along)
        if abs(float(y @ _LEFT)) > _ALONG:
            z = normalize(_UP - y * float(y @ _UP))
            return np.stack((np.cross(y, z), y, z), axis=1)
        x = normalize(_LEFT - y * float(y @ _LEFT))
        return np.stack((x, y, np.cross(x, y)), axis=1)
    y = normalize(way - axis * along)
    if abs(float(axis @ _LEFT)) > _ALONG:
        return np.stack((axis, y, np.cross(axis, y)), axis=1)
    return np.stack((np.cross(y, axis), y, axis), axis=1)
