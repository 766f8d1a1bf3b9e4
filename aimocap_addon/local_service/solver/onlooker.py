# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the video's camera stands beside the solved skeleton, and where that touches the floor: for the preview."""

from __future__ import annotations

import numpy as np

from ...motion.rotations import Array
from .fit import POINT_NAMES
from .interface import SolvedCamera
from .pose import BonePoses, forward_kinematics
from .skeleton import Skeleton
from .world import world_from_camera

_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}
# Joints of the skeleton and the points of the person that they follow.
_UPPER = {"upperarm": "shoulder", "lowerarm": "elbow", "thigh": "hip"}
_FULL = {**_UPPER, "calf": "knee", "foot": "ankle"}


def seen_by(
    skeleton: Skeleton, poses: BonePoses, camera: Array, pitch: float, at: Array, upper_body: bool, focal: float
) -> SolvedCamera:
    """Return the camera that sees the skeleton where the fit has the person, at fractional frames `at` (N,).

    `camera` (F, J, 3) are the fitted points in camera space, `pitch` is the camera's. The skeleton has other
    proportions than the person, and may stand in place: so scale and heading are those that suit the whole clip, and
    the place is what suits each frame.
    """
    frames = np.round(at).astype(np.intp)
    ours, theirs = _followed(skeleton, poses, camera, upper_body)
    about, scale = _heading_and_scale(ours, world_from_camera(theirs, pitch))
    to_camera = np.linalg.inv(world_from_camera(np.eye(3), pitch).T) @ about * scale
    places = theirs[frames].mean(axis=1) - ours[frames].mean(axis=1) @ to_camera.T
    return SolvedCamera(focal, np.concatenate((np.tile(to_camera, (len(at), 1, 1)), places[..., None]), axis=-1))


def heading_between(skeleton: Skeleton, poses: BonePoses, camera: Array, pitch: float, upper_body: bool) -> Array:
    """Return the rotation (3, 3) about the vertical from the skeleton to the fitted points `camera` (F, J, 3)."""
    ours, theirs = _followed(skeleton, poses, camera, upper_body)
    return _heading_and_scale(ours, world_from_camera(theirs, pitch))[0]


def _followed(skeleton: Skeleton, poses: BonePoses, camera: Array, upper_body: bool) -> tuple[Array, Array]:
    """Return joints of the skeleton and the points of the person that they follow, both (F, N, 3)."""
    pairs = [(bone, point, side) for bone, point in (_UPPER if upper_body else _FULL).items() for side in "lr"]
    joints, _ = forward_kinematics(skeleton, poses.rotations, poses.pelvis)
    ours = joints[:, [skeleton.index(f"{bone}_{side}") for bone, _, side in pairs]]
    return ours, camera[:, [_INDEX[f"{point}_{side}"] for _, point, side in pairs]]


def _heading_and_scale(ours: Array, world: Array) -> tuple[Array, float]:
    """Return the turn (3, 3) about the vertical and the scale that take `ours` to `world` with the least squares."""
    ours, world = (points - points.mean(axis=1, keepdims=True) for points in (ours, world))
    turn = np.sum((world[..., 0] + 1j * world[..., 1]) * (ours[..., 0] - 1j * ours[..., 1]))
    turn /= max(abs(turn), 1e-12)
    about = np.array(((turn.real, -turn.imag, 0.0), (turn.imag, turn.real, 0.0), (0.0, 0.0, 1.0)))
    turned = ours @ about.T
    return about, float(np.sum(turned * world) / np.sum(turned**2))


def standing_bones(contacts: dict[str, np.ndarray], at: Array) -> dict[str, np.ndarray]:
    """Return for both feet whether heel or toe stands at fractional frames `at` (N,), of contacts by foot point."""
    frames = np.round(at).astype(np.intp)
    return {f"foot_{side}": (contacts[f"heel_{side}"] | contacts[f"toe_{side}"])[frames] for side in "lr"}
