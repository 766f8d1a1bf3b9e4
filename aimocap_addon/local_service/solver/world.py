# SPDX-License-Identifier: GPL-3.0-or-later
"""From the camera's space to a world with a floor: which way is up, and Blender's axes."""

from __future__ import annotations

import numpy as np

from ...motion.rotations import Array, normalize
from .fit import POINT_NAMES, weighted_median

_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}
# Camera x right, y down, z away becomes Blender's X right, Y away, Z up.
_CAMERA_TO_BLENDER = np.array(((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))


# The landmark model leans bodies by several degrees, and cameras are mostly held level; both are equally
# uncertain, so the truth is taken to lie in the middle.
_TRUST_IN_LEAN = 0.5


def camera_pitch(offsets: Array, upper_body: bool = False) -> tuple[float, float]:
    """Return the camera's likely pitch and the landmarks' own, in radians, positive when looking up.

    `offsets` (F, J, 3) are positions in camera space up to a translation. The camera is taken to be held
    without roll. The landmarks' pitch is the one that makes an upright body vertical; frames in which legs
    and trunk form a straight line count most.
    """
    lean = _pitch(offsets @ _CAMERA_TO_BLENDER.T, upper_body)
    return _TRUST_IN_LEAN * lean, lean


def upright_offsets(offsets: Array, pitch: float, lean: float) -> Array:
    """Return `offsets` (F, J, 3) in camera space, turned so that bodies that lean as if the camera had the pitch
    `lean` stand upright under `pitch`."""
    return offsets @ (_CAMERA_TO_BLENDER.T @ _about_x(lean - pitch) @ _CAMERA_TO_BLENDER).T


def world_from_camera(positions: Array, pitch: float) -> Array:
    """Return camera-space positions (F, J, 3) in Blender's axes, Z up, for a camera with this pitch (radians)."""
    return positions @ (_about_x(pitch) @ _CAMERA_TO_BLENDER).T


def forward_in_camera(pitch: float) -> Array:
    """Return the horizontal direction (3,) away from a camera with this pitch, in its own space."""
    return np.array((0.0, 1.0, 0.0)) @ (_about_x(pitch) @ _CAMERA_TO_BLENDER)


def _about_x(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array(((1.0, 0.0, 0.0), (0.0, c, -s), (0.0, s, c)))


def _pitch(points: Array, upper_body: bool) -> float:
    """Return the turn about X, in radians, that brings the body's mean axis into the X-Z plane."""
    hips = 0.5 * (points[:, _INDEX["hip_l"]] + points[:, _INDEX["hip_r"]])
    trunk = 0.5 * (points[:, _INDEX["shoulder_l"]] + points[:, _INDEX["shoulder_r"]]) - hips
    if upper_body:
        axis, weight = normalize(trunk), np.ones(len(points))
    else:
        ankles = 0.5 * (points[:, _INDEX["ankle_l"]] + points[:, _INDEX["ankle_r"]])
        axis = normalize(normalize(trunk) + normalize(hips - ankles))
        straight = np.sum(normalize(trunk) * normalize(hips - ankles), axis=-1)
        leg = np.linalg.norm(hips - ankles, axis=-1)
        stretched = leg / max(float(np.quantile(leg, 0.95)), 1e-6)
        weight = np.clip(straight, 0.0, 1.0) ** 8 * np.clip(stretched, 0.0, 1.0) ** 8 + 1e-6
    angle = np.arctan2(axis[:, 1], np.maximum(axis[:, 2], 1e-3))
    return weighted_median(angle, weight)
