#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Solve the sample clips with the built-in solver and keep how hips, legs and feet move, as data for tests.

    .venv/dev/bin/python scripts/make_leg_motions.py [--folder tests/data/legs]

An .npz per clip holds `names` and `parents` (B) and `rest` (B, 4, 4) of the solver's skeleton without fingers,
`rotations` (F, M, 4) of the bones `moving` (M) and `path` (F, 3) of the hips, both as Blender's pose channels, and
`fps`. Lengths are in centimetres.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from aimocap_addon.local_service.solver.interface import SolvedMotion, SolveRequest  # noqa: E402
from aimocap_addon.local_service.solver.run import MediaPipeSolver  # noqa: E402

CLIPS = ROOT / "tests" / "data" / "clips"
NAMES = ("wave_squat", "walk_turn", "punch_kick")
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_MOVING = ("pelvis", "thigh", "calf", "foot", "ball")


def main() -> int:
    """Parse the command line, solve and write; returns the exit code."""
    parser = argparse.ArgumentParser(description="Keep how the legs move in the sample clips.")
    parser.add_argument("--folder", type=Path, default=ROOT / "tests" / "data" / "legs")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        print(f"Solving {name} ...", flush=True)
        request = SolveRequest(CLIPS / f"{name}.mp4", 0.0, 3600.0, 30, "full_body")
        _write(MediaPipeSolver().solve(request, lambda _share, _text: None), folder / f"{name}.npz")
    return 0


def _write(motion: SolvedMotion, path: Path) -> None:
    kept = [i for i, name in enumerate(motion.names) if not name.startswith(_FINGERS)]
    moving = [i for i in kept if motion.names[i].startswith(_MOVING)]
    np.savez_compressed(
        path,
        names=np.array([motion.names[i] for i in kept]),
        parents=np.array([kept.index(motion.parents[i]) if motion.parents[i] >= 0 else -1 for i in kept]),
        rest=motion.rest_matrices[kept],
        moving=np.array([motion.names[i] for i in moving]),
        rotations=motion.rotations[:, moving].astype(np.float32),
        path=motion.locations[:, motion.names.index("pelvis")].astype(np.float32),
        fps=motion.fps,
    )


if __name__ == "__main__":
    sys.exit(main())
