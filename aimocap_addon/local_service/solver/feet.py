# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping planted feet where they are: the skeleton's proportions differ from the person's, so rotations
alone let feet slide. The root takes the slow part of the correction, two-bone IK of the legs the rest."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...motion.rotations import (
    Array,
    matrix_from_quaternion,
    normalize,
    quaternion_between,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_slerp,
)
from .contacts import runs
from .pose import BonePoses, forward_kinematics, local_rotations
from .skeleton import Skeleton

SIDES = ("l", "r")
_ROOT_SMOOTHING_SEC = 0.12
_EASE_SEC = 0.15
_MAX_REACH = 0.998  # of the leg's length; a fully straight leg has no knee plane


def lock_feet(skeleton: Skeleton, poses: BonePoses, contacts: dict[str, np.ndarray], rate: float) -> BonePoses:
    """Return `poses` with planted heels and toes held in place on the floor at z = 0.

    `contacts` names heel_l, toe_l, heel_r, toe_r with (F,) bool. Without any contact the lowest sole of
    the clip is put on the floor.
    """
    pelvis = poses.pelvis.copy()
    joints, deltas = forward_kinematics(skeleton, poses.rotations, pelvis)
    for side in SIDES:
        foot, ball = skeleton.index(f"foot_{side}"), skeleton.index(f"ball_{side}")
        flat = contacts[f"heel_{side}"] & contacts[f"toe_{side}"]
        deltas[:, foot] = deltas[:, ball] = _flatten(deltas[:, foot], flat, rate)
    corrections = np.stack([_correction(skeleton, joints, deltas, contacts, side) for side in SIDES], axis=1)
    planted = ~np.isnan(corrections[..., 0])
    if not planted.any():
        soles = [_sole_point(skeleton, joints, deltas, name)[:, 2] - rest[2] for name, rest in skeleton.markers.items()]
        pelvis[:, 2] -= np.min(soles)
        return BonePoses(poses.rotations, pelvis)

    on_floor = np.flatnonzero(planted.any(axis=1))
    root = _fill(on_floor, np.nanmean(corrections[on_floor], axis=1), len(pelvis))
    root = gaussian_filter1d(root, _ROOT_SMOOTHING_SEC * rate, axis=0, mode="nearest")
    pelvis += root
    joints += root[:, None]
    for number, side in enumerate(SIDES):
        known = np.flatnonzero(planted[:, number])
        if len(known):
            _move_ankle(skeleton, joints, deltas, side, _fill(known, corrections[known, number], len(pelvis)) - root)
        _move_ankle(skeleton, joints, deltas, side, _lift(skeleton, joints, deltas, side))
    return BonePoses(local_rotations(skeleton, deltas), pelvis)


def _lift(skeleton: Skeleton, joints: Array, deltas: Array, side: str) -> Array:
    """Return the upward move (F, 3) that keeps a foot out of the floor."""
    soles = [
        _sole_point(skeleton, joints, deltas, name)[:, 2] - skeleton.markers[name][2]
        for name in (f"heel_{side}", f"toe_{side}")
    ]
    depth = np.maximum(0.0, -np.min(soles, axis=0))
    return depth[:, None] * np.array((0.0, 0.0, 1.0))


def _fill(known: np.ndarray, values: Array, frames: int) -> Array:
    """Return (frames, 3) from values (N, 3) at `known` frames: straight lines between, constant outside."""
    frame = np.arange(frames)
    return np.stack([np.interp(frame, known, values[:, axis]) for axis in range(3)], axis=-1)


def _flatten(foot: Array, flat: np.ndarray, rate: float) -> Array:
    """Return world rotations (F, 3, 3) of a foot that lies flat and still while heel and toe are planted."""
    stretches = runs(flat)
    if not stretches:
        return foot
    frame = np.arange(len(foot))
    turns = quaternion_from_matrix(foot)
    headings = np.arctan2(foot[:, 1, 0], foot[:, 0, 0])
    # Each frame eases towards the nearest stretch.
    distance = np.stack([np.maximum(np.maximum(s.start - frame, frame - s.stop + 1), 0) for s in stretches])
    nearest = distance.argmin(axis=0)
    means = [np.angle(np.mean(np.exp(1j * headings[s]))) for s in stretches]
    target = quaternion_from_axis_angle(np.array((0.0, 0.0, 1.0)), np.array(means)[nearest])
    share = np.clip(1.0 - distance.min(axis=0) / max(1.0, _EASE_SEC * rate), 0.0, 1.0)
    return matrix_from_quaternion(quaternion_slerp(turns, target, share))


def _sole_point(skeleton: Skeleton, joints: Array, deltas: Array, marker: str) -> Array:
    """Return where a marker under the sole is, (F, 3)."""
    foot = skeleton.index(f"foot_{marker[-1]}")
    return joints[:, foot] + deltas[:, foot] @ (skeleton.markers[marker] - skeleton.joints[foot])


def _correction(skeleton: Skeleton, joints: Array, deltas: Array, contacts: dict[str, np.ndarray], side: str) -> Array:
    """Return how a foot must move to stay in place, (F, 3), NaN while it is not planted.

    The toe is held while it stands, else the heel. Where one takes over from the other, it is held where it
    then is, so that a foot that rolls does not jump.
    """
    heel, toe = contacts[f"heel_{side}"], contacts[f"toe_{side}"]
    correction = np.full((len(joints), 3), np.nan)
    stretches = [(run, f"toe_{side}") for run in runs(toe)] + [(run, f"heel_{side}") for run in runs(heel & ~toe)]
    for run, marker in sorted(stretches, key=lambda stretch: stretch[0].start):
        point = _sole_point(skeleton, joints, deltas, marker)
        before = correction[run.start - 1] if run.start else np.full(3, np.nan)
        place = np.median(point[run], axis=0) if np.isnan(before[0]) else point[run.start] + before
        place[2] = skeleton.markers[marker][2]
        correction[run] = place - point[run]
    return correction


def _move_ankle(skeleton: Skeleton, joints: Array, deltas: Array, side: str, offset: Array) -> None:
    """Move an ankle by `offset` (F, 3) by turning thigh and calf in the knee's plane; the foot keeps its
    world rotation. Changes `joints` and `deltas` in place."""
    thigh, calf, foot = (skeleton.index(f"{name}_{side}") for name in ("thigh", "calf", "foot"))
    hip, knee, ankle = joints[:, thigh], joints[:, calf], joints[:, foot]
    target = ankle + offset
    upper, lower = skeleton.lengths[thigh], skeleton.lengths[calf]
    reach = target - hip
    distance = np.linalg.norm(reach, axis=-1, keepdims=True)
    shortest, longest = abs(upper - lower) + 1.0, _MAX_REACH * (upper + lower)
    clamped = np.clip(distance, shortest, longest)
    target = hip + reach / distance * clamped

    towards = normalize(target - hip)
    forward = knee - hip - towards * np.sum((knee - hip) * towards, axis=-1, keepdims=True)
    along = (clamped**2 + upper**2 - lower**2) / (2 * clamped)
    aside = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    new_knee = hip + along * towards + aside * normalize(forward)
    turn_upper = matrix_from_quaternion(quaternion_between(knee - hip, new_knee - hip))
    turn_lower = matrix_from_quaternion(quaternion_between(ankle - knee, target - new_knee))
    deltas[:, thigh] = turn_upper @ deltas[:, thigh]
    deltas[:, calf] = turn_lower @ deltas[:, calf]
    joints[:, calf], joints[:, foot] = new_knee, target
