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


def limb_error_deg(found: Joints, truth: Joints, limb: str) -> float:
    """Return the mean error of the angle between the trunk and an "upper arm" or a "thigh"."""
    ends = {"upper arm": ("shoulder", "elbow"), "thigh": ("hip", "knee")}[limb]

    def angle(joints: Joints, side: str) -> np.ndarray:
        trunk = normalize(middle(joints, "shoulder") - middle(joints, "hip"))
        bone = normalize(joints[f"{ends[1]}_{side}"] - joints[f"{ends[0]}_{side}"])
        return np.degrees(np.arccos(np.clip(np.sum(trunk * bone, axis=-1), -1.0, 1.0)))

    return float(np.mean([np.abs(angle(found, s) - angle(truth, s)).mean() for s in "lr"]))


def middle(joints: Joints, joint: str) -> np.ndarray:
    return 0.5 * (joints[f"{joint}_l"] + joints[f"{joint}_r"])


def body_scale(found: Joints, truth: Joints) -> float:
    """Return the factor that gives the found body the true one's size, by the length of its limbs."""
    pairs = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))

    def size(joints: Joints) -> float:
        return sum(
            float(np.median(np.linalg.norm(joints[f"{b}_{s}"] - joints[f"{a}_{s}"], axis=-1)))
            for a, b in pairs
            for s in "lr"
        )

    return size(truth) / size(found)


def hip_centred_error_mm(found: Joints, truth: Joints) -> float:
    """Return the mean joint error with the middles of the hips together and one size for the whole clip (MPJPE)."""
    a = body_scale(found, truth) * (stack(found) - middle(found, "hip")[:, None])
    b = stack(truth) - middle(truth, "hip")[:, None]
    return float(1000 * np.linalg.norm(a - b, axis=-1).mean())


def root_error_cm(found: Joints, truth: Joints) -> float:
    """Return the root mean square distance of the pelvis from its true path, both about their means, after scale."""
    a, b = body_scale(found, truth) * found["pelvis"], truth["pelvis"]
    return float(100 * np.sqrt(np.mean(np.sum((a - a.mean(axis=0) - b + b.mean(axis=0)) ** 2, axis=-1))))


def up_error_deg(found: Joints, truth: Joints) -> float:
    """Return how far the floor's normal is off: the tilt of the one turn that takes the clip to the truth best."""
    a = (stack(found) - middle(found, "hip")[:, None]).reshape(-1, 3)
    b = (stack(truth) - middle(truth, "hip")[:, None]).reshape(-1, 3)
    u, _, vt = np.linalg.svd(b.T @ a)
    turn = u @ np.diag((1.0, 1.0, np.sign(np.linalg.det(u @ vt)))) @ vt
    return float(np.degrees(np.arccos(np.clip(turn[2, 2], -1.0, 1.0))))


def jerk(joints: Joints, fps: float) -> float:
    """Return the mean third derivative of the joints, in metres per second cubed."""
    return float(np.linalg.norm(np.diff(stack(joints), n=3, axis=0), axis=-1).mean() * fps**3)


def stance_drift_cm(motion: SolvedMotion, planted: dict[str, np.ndarray]) -> float:
    """Return how far the ball of a standing foot is from the stance's middle place at most, as a mean over stances."""
    joints, drifts = joints_of(motion), []
    for side, standing in planted.items():
        edges = np.flatnonzero(np.diff(np.concatenate(([False], standing, [False])).astype(np.int8)))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            if stop - start > 2:
                places = joints[f"ball_{side}"][start:stop]
                drifts.append(np.linalg.norm(places - np.median(places, axis=0), axis=-1).max())
    return float(100 * np.mean(drifts))
