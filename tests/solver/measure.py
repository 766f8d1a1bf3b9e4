# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparing solved motion with the truth. Positions are (F, J, 3) in metres, joints named as in POINTS."""

from __future__ import annotations

import numpy as np

from aimocap_addon.local_service.solver.interface import SolvedMotion
from aimocap_addon.motion.rotations import matrix_from_quaternion, normalize

BONES = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
}
JOINTS = tuple(f"{joint}_{side}" for joint in BONES for side in "lr")
Joints = dict[str, np.ndarray]


def pose_matrices(motion: SolvedMotion) -> np.ndarray:
    """Return the pose (F, B, 4, 4) in centimetres by Blender's rule for pose bones."""
    rest = motion.rest_matrices
    basis = np.zeros((*motion.rotations.shape[:2], 4, 4))
    basis[..., :3, :3] = matrix_from_quaternion(motion.rotations)
    basis[..., :3, 3] = motion.locations
    basis[..., 3, 3] = 1.0
    poses = np.empty_like(basis)
    for bone, parent in enumerate(motion.parents):
        above = poses[:, parent] @ np.linalg.inv(rest[parent]) if parent >= 0 else np.eye(4)
        poses[:, bone] = above @ rest[bone] @ basis[:, bone]
    return poses


def joints_of(motion: SolvedMotion) -> Joints:
    """Return the skeleton's joints under the truth's names, and the balls of the feet and the pelvis."""
    poses = pose_matrices(motion)[..., :3, 3] / 100.0
    named = {name: poses[:, motion.names.index(name)] for name in ("pelvis", "ball_l", "ball_r")}
    return named | {name: poses[:, motion.names.index(BONES[name[:-2]] + name[-2:])] for name in JOINTS}


def stack(joints: Joints) -> np.ndarray:
    return np.stack([joints[name] for name in JOINTS], axis=1)


def aligned_error_mm(found: Joints, truth: Joints) -> float:
    """Return the mean joint error after each frame's best similarity transform (PA-MPJPE)."""
    a, b = stack(found), stack(truth)
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    u, s, vt = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.ones_like(s)
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    turn = u @ (sign[..., None] * vt)
    scale = (s * sign).sum(axis=-1) / np.sum(a**2, axis=(1, 2))
    error = scale[:, None, None] * (a @ np.swapaxes(turn, 1, 2)) - b
    return float(1000 * np.linalg.norm(error, axis=-1).mean())


def flexion_deg(joints: Joints, joint: str, side: str) -> np.ndarray:
    """Return the angle (F,) of a knee or elbow, 0 when straight."""
    a, b, c = {"knee": ("hip", "knee", "ankle"), "elbow": ("shoulder", "elbow", "wrist")}[joint]
    upper = normalize(joints[f"{b}_{side}"] - joints[f"{a}_{side}"])
    lower = normalize(joints[f"{c}_{side}"] - joints[f"{b}_{side}"])
    return np.degrees(np.arccos(np.clip(np.sum(upper * lower, axis=-1), -1.0, 1.0)))


def flexion_error_deg(found: Joints, truth: Joints, joint: str) -> float:
    return float(np.mean([np.abs(flexion_deg(found, joint, s) - flexion_deg(truth, joint, s)).mean() for s in "lr"]))


def slide_cm_per_s(motion: SolvedMotion, planted: dict[str, np.ndarray]) -> float:
    """Return the mean speed of the feet's balls between frames on which the foot stands."""
    joints = joints_of(motion)
    speeds = []
    for side, standing in planted.items():
        speed = 100 * motion.fps * np.linalg.norm(np.diff(joints[f"ball_{side}"], axis=0), axis=-1)
        speeds.append(speed[standing[1:] & standing[:-1]])
    return float(np.concatenate(speeds).mean())
