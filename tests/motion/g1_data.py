# SPDX-License-Identifier: GPL-3.0-or-later
"""A real capture on the G1, where it is at hand.

A folder named g1 near the project, or the one that AIMOCAP_G1_DATA names, may hold g1_real_motion.json and
g1_real_motion_positions.npz: a clip of "G1 Moves: Motion Capture Dataset for the Unitree G1 Humanoid Robot", Mitch
Chaiet / Experiential Technologies, 2026, CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0/), in the form of
robot_motion_json, and the positions of its 30 bodies by its authors' own kinematics. Without it, its tests are skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from aimocap_addon.motion.g1.robot_motion import RobotMotion, read_robot_motion
from aimocap_addon.motion.rotations import Array

_FILE = "g1_real_motion.json"
_NAMED = Path(os.environ.get("AIMOCAP_G1_DATA", "."), _FILE)
_NEAR = sorted(Path(__file__).resolve().parents[3].glob(f"*/*/g1/{_FILE}"))
FOUND = [path for path in (_NAMED, *_NEAR) if path.is_file()]

needs_real_motion = pytest.mark.skipif(not FOUND, reason="the real capture is not on this machine")


def real_motion() -> tuple[RobotMotion, Array]:
    """Return the motion and the positions (F, 30, 3) of its links by its authors' kinematics."""
    motion, warnings = read_robot_motion(FOUND[0].read_bytes())
    assert not [text for text in warnings if "floor" not in text]
    return motion, np.load(FOUND[0].with_name("g1_real_motion_positions.npz"))["positions"]
