# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the video's camera stands beside the solved skeleton, and where that touches the floor: for the preview."""

from __future__ import annotations

import numpy as np

from ...motion.rotations import Array
from .fit import FOCAL_LENGTH, POINT_NAMES
from .interface import SolvedCamera
from .pose import BonePoses, forward_kinematics
from .skeleton import Skeleton
from .world import world_from_camera

_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}
# Joints of the skeleton and the points of the person that they follow.
_UPPER = {"upperarm": "shoulder", "lowerarm": "elbow", "thigh": "hip"}
_FULL = {**_UPPER, "calf": "knee", "foot": "ankle"}


def seen_by(
    skeleton: Skeleton, poses: BonePoses, camera: Array, pitch: float, at: Array, upper_body: bool
) -> SolvedCamera:
    """Return the camera that sees the skeleton where the fit has the person, at fractional frames `at` (N,).

    `camera` (F, J, 3) are the fitted points in camera space, `pitch` is the camera's. The skeleton has other
    proportions than the person, and may stand in place: so scale and heading are those that suit the whole clip, and
    the place is what suits each frame.
    """
    followed = [(bone, point, side) for bone, point in (_UPPER if upper_body else _FULL).items() for side in "lr"]
    frames = np.round(at).astype(np.intp)
    joints, _ = forward_kinematics(skeleton, poses.rotations[frames], poses.pelvis[frames])
    ours = joints[:, [skeleton.index(f"{bone}_{side}") for bone, _, side in followed]]
    theirs = camera[frames][:, [_INDEX[f"{point}_{side}"] for _, point, side in followed]]
    world = world_from_camera(theirs, pitch)
    ours_middle, middle = ours.mean(axis=1, keepdims=True), theirs.mean(axis=1, keepdims=True)
    ours, world = ours - ours_middle, world - world.mean(axis=1, keepdims=True)
    # The heading (a complex number of length one) and scale that take ours to theirs with the least squares.
    turn = np.sum((world[..., 0] + 1j * world[..., 1]) * (ours[..., 0] - 1j * ours[..., 1]))
    turn /= max(abs(turn), 1e-12)
    about = np.array(((turn.real, -turn.imag, 0.0), (turn.imag, turn.real, 0.0), (0.0, 0.0, 1.0)))
    turned = ours @ about.T
    scale = float(np.sum(turned * world) / np.sum(turned**2))
    to_camera = np.linalg.inv(world_from_camera(np.eye(3), pitch).T) @ about * scale
    places = middle[:, 0] - ours_middle[:, 0] @ to_camera.T
    return SolvedCamera(FOCAL_LENGTH, np.concatenate((np.tile(to_camera, (len(at), 1, 1)), places[..., None]), axis=-1))


def standing_bones(contacts: dict[str, np.ndarray], at: Array) -> dict[str, np.ndarray]:
    """Return for both feet whether heel or toe stands at fractional frames `at` (N,), of contacts by foot point."""
    frames = np.round(at).astype(np.intp)
    return {f"foot_{side}": (contacts[f"heel_{side}"] | contacts[f"toe_{side}"])[frames] for side in "lr"}
