# SPDX-License-Identifier: GPL-3.0-or-later
"""The robot seen as a human body: which link plays which part, in a T-pose on its soles.

The upper arm lies along its yaw axis, whatever the housings of its motors; the legs are straight at angle zero.
"""

from __future__ import annotations

import numpy as np

from ..body import RestBody
from ..rotations import Array, quaternion_rotate
from ..skeleton import IDENTITY
from .model import RobotModel, forward_kinematics, lowest_sole, sole_positions

# In the frame of the hand's link, metres: knuckles from the thumb's side, about the middle of the rubber hand.
_KNUCKLES = (("index", 0.03), ("middle", 0.0), ("pinky", -0.03))
_PALM = 0.12
_LINKS = {
    "upper_arm": "shoulder_yaw",
    "lower_arm": "elbow",
    "hand": "wrist_yaw",
    "thigh": "hip_yaw",
    "calf": "knee",
    "foot": "ankle_roll",
    "toe": "ankle_roll",
}


def t_pose(model: RobotModel) -> Array:
    """Return the joint angles (29) of the T-pose: arms straight to the sides, palms down, legs straight."""
    dof = np.zeros(len(model.joint_names))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        dof[model.joint_index[f"{side}_shoulder_roll_joint"]] = sign * np.pi / 2.0
        dof[model.joint_index[f"{side}_elbow_joint"]] = np.pi / 2.0
    return dof


def robot_body(model: RobotModel) -> RestBody:
    """Return the robot as a body at rest in the world, facing X on the floor z = 0; its bones are indices of links."""
    root, turn = np.zeros((1, 3)), IDENTITY[None]
    links = forward_kinematics(model, root, turn, t_pose(model)[None])
    soles = sole_positions(model, *links)[0]
    lift = np.array((0.0, 0.0, -lowest_sole(model, *links)[0]))
    at, turned = (array[0] for array in links)
    bones = {"hips": 0, "spine_1": model.link_index["torso_link"]}
    for side in ("left", "right"):
        bones |= {f"{side}_{part}": model.link_index[f"{side}_{link}_link"] for part, link in _LINKS.items()}
    places = {role: at[link] for role, link in bones.items()}
    for number, side in enumerate(("left", "right")):
        pitch, knee, elbow = (at[model.link_index[f"{side}_{name}_link"]] for name in ("hip_pitch", "knee", "elbow"))
        places[f"{side}_thigh"] = np.array((knee[0], knee[1], pitch[2]))
        # on the yaw axis of the arm, at the height of the elbow's axis from the shoulder's
        yaw_link = bones[f"{side}_upper_arm"]
        axis = quaternion_rotate(turned[yaw_link], np.array((0.0, 0.0, 1.0)))
        shoulder = at[model.link_index[f"{side}_shoulder_roll_link"]]
        places[f"{side}_upper_arm"] = elbow + axis * ((shoulder - elbow) @ axis)
        wrist = at[bones[f"{side}_hand"]]
        places[f"{side}_toe"] = soles[number, 2:].mean(axis=0)
        hand = bones[f"{side}_hand"]
        for finger, across in _KNUCKLES:
            knuckle = quaternion_rotate(turned[hand], np.array((_PALM, 0.0, across)))
            bones[f"{side}_{finger}_1"] = hand
            places[f"{side}_{finger}_1"] = wrist + knuckle
    return RestBody(
        bones, {role: turned[link] for role, link in bones.items()}, {r: p + lift for r, p in places.items()}
    )
