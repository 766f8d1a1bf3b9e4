# SPDX-License-Identifier: GPL-3.0-or-later
"""Palms and fingers from hand landmarks, where hands are seen; elsewhere they stay neutral."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...motion.rotations import (
    Array,
    make_continuous,
    normalize,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_slerp,
)
from .hand_track import HandTrack
from .pose import BonePoses, forward_kinematics, turn_between
from .skeleton import Skeleton

SIDES = ("l", "r")
_SMOOTHING_SEC = 0.05
_WRIST, _INDEX, _MIDDLE, _PINKY = 0, 5, 9, 17
# Landmarks at the heads of each finger's phalanges, and at its tip.
_FINGERS = {
    "thumb": (1, 2, 3, 4),
    "index": (5, 6, 7, 8),
    "middle": (9, 10, 11, 12),
    "ring": (13, 14, 15, 16),
    "pinky": (17, 18, 19, 20),
}
_MAX_WRIST = np.radians(110.0)  # from the forearm's own direction and roll: beyond it the find is wrong
_LEAST_BEND, _MOST_BEND = -0.3, 1.8  # radians of a finger's joint away from rest


def place_hands(skeleton: Skeleton, poses: BonePoses, hands: HandTrack, to_world: Array) -> BonePoses:
    """Return `poses` with palms and fingers as `hands` has them.

    `to_world` (3, 3) turns directions in camera space to the space of the skeleton.
    """
    rotations = poses.rotations.copy()
    _, deltas = forward_kinematics(skeleton, rotations, poses.pelvis)
    for number, side in enumerate(SIDES):
        trust = hands.trust[:, number]
        if not trust.any():
            continue
        points = hands.points[:, number] @ to_world.T
        points = gaussian_filter1d(points, max(1e-3, _SMOOTHING_SEC * hands.rate), axis=0, mode="nearest")
        hand = skeleton.index(f"hand_{side}")
        palm = turn_between(
            skeleton.joint(f"middle_01_{side}") - skeleton.joint(f"hand_{side}"),
            skeleton.joint(f"index_01_{side}") - skeleton.joint(f"pinky_01_{side}"),
            points[:, _MIDDLE] - points[:, _WRIST],
            points[:, _INDEX] - points[:, _PINKY],
        )
        above = deltas[:, skeleton.parents[hand]]
        bent = quaternion_from_matrix(skeleton.rest[hand].T @ np.swapaxes(above, -1, -2) @ palm @ skeleton.rest[hand])
        angle = 2.0 * np.arccos(np.clip(np.abs(bent[:, 0]), 0.0, 1.0))
        trust = trust * (angle < _MAX_WRIST)
        trust = gaussian_filter1d(trust, max(1e-3, _SMOOTHING_SEC * hands.rate), mode="nearest")
        rotations[:, hand] = make_continuous(quaternion_slerp(rotations[:, hand], bent, trust)[:, None])[:, 0]
        for finger in _FINGERS:
            _bend(skeleton, rotations, points, finger, side, trust)
    return replace(poses, rotations=rotations)


def _bend(skeleton: Skeleton, rotations: Array, points: Array, finger: str, side: str, trust: Array) -> None:
    """Bend a finger's joints in `rotations`, each as far from rest as its landmarks are."""
    landmarks = (_WRIST, *_FINGERS[finger])
    seen = normalize(np.diff(points[:, landmarks], axis=1))
    bones = [skeleton.index(f"{finger}_0{number}_{side}") for number in (1, 2, 3)]
    at_rest = [skeleton.rest[bone][:, 1] for bone in (skeleton.parents[bones[0]], *bones)]
    for number, bone in enumerate(bones):
        if finger == "thumb" and not number:
            continue  # a saddle joint: its bend has no one axis
        first, second = at_rest[number], at_rest[number + 1]
        rest_bend = float(np.arccos(np.clip(first @ second, -1.0, 1.0)))
        bend = np.arccos(np.clip(np.sum(seen[:, number] * seen[:, number + 1], axis=-1), -1.0, 1.0)) - rest_bend
        axis = normalize(np.cross(first, second)) @ skeleton.rest[bone]
        rotations[:, bone] = quaternion_from_axis_angle(axis, np.clip(bend, _LEAST_BEND, _MOST_BEND) * trust)
