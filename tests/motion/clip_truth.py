# SPDX-License-Identifier: GPL-3.0-or-later
"""The true motion of the sample clips, with rotations: joint positions alone are in tests/data/clips."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np

from aimocap_addon.motion.rotations import quaternion_from_matrix
from aimocap_addon.motion.skeleton import Motion, Skeleton

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT / "scripts") not in sys.path:
    sys.path.append(str(ROOT / "scripts"))

from sample_clips import motions, skeleton, walking  # noqa: E402

CLIPS = ("wave_squat", "walk_turn", "punch_kick")


@cache
def true_motion(name: str) -> tuple[Skeleton, Motion]:
    """Return the person of a clip and its motion; metres, Z up, facing -Y at rest."""
    truth = np.load(ROOT / "tests" / "data" / "clips" / f"{name}.npz")
    fps, joints = float(truth["fps"]), truth["joints"].astype(np.float64)
    maker = {"wave_squat": motions.wave_squat, "walk_turn": walking.walk_turn, "punch_kick": motions.punch_kick}
    turns, heads = skeleton.solve(maker[name](np.arange(len(joints)) / fps))
    shown = [skeleton.index(joint) for joint in truth["joint_names"].tolist()]
    assert np.abs(heads[:, shown] - joints).max() < 1e-4
    rest = np.tile(np.eye(4), (len(skeleton.BONE_NAMES), 1, 1))
    rest[:, :3, 3] = skeleton.REST_HEADS
    body = Skeleton(skeleton.BONE_NAMES, np.array(skeleton.PARENTS, dtype=np.intp), rest)
    rotations = quaternion_from_matrix(turns).swapaxes(0, 1)
    return body, Motion(tuple(range(len(skeleton.BONE_NAMES))), rotations, heads.swapaxes(0, 1), fps)
