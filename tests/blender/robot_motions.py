# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of the G1 for the tests inside Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aimocap_addon.motion.g1.model import g1_model
from aimocap_addon.motion.g1.robot_motion import RobotMotion, robot_motion_json
from aimocap_addon.motion.rotations import quaternion_from_euler


def busy_motion(frames: int = 60, fps: float = 30.0) -> RobotMotion:
    """Return a motion in which every joint goes through nine tenths of its range, and the robot walks and turns."""
    model = g1_model()
    time = np.arange(frames)[:, None] / fps
    joints = np.arange(len(model.joint_names))
    middle, reach = 0.5 * (model.upper + model.lower), 0.45 * (model.upper - model.lower)
    dof = middle + reach * np.sin(2.0 * np.pi * (0.3 + 0.02 * joints) * time + joints)
    root = np.hstack((0.4 * time, 0.2 * np.sin(time), 1.2 + 0.1 * np.sin(3.0 * time)))
    turn = quaternion_from_euler(np.hstack((0.3 * np.sin(2.0 * time), 0.2 * np.cos(time), 1.5 * time)), "XYZ")
    return RobotMotion(fps, root, turn, dof)


def written(path: Path, motion: RobotMotion) -> Path:
    """Write the motion to a file and return its path."""
    path.write_text(robot_motion_json(motion), encoding="utf-8")
    return path
