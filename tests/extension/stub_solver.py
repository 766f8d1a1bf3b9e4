# SPDX-License-Identifier: GPL-3.0-or-later
"""The real service with a solver that delivers a motion made before: AIMOCAP_TEST_MOTION names its FBX file.

Its robot bends a knee, at one rate whatever is asked for. It takes AIMOCAP_TEST_SOLVE_SEC seconds. A video named “held”
is solved once the file “go” in the data folder is touched after its upload, one named “23_joints” becomes a robot with
so many, and in one named “nobody” nobody is found.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from aimocap_addon.local_service.cli import main
from aimocap_addon.local_service.solver.interface import NobodyFoundError, ProgressCallback, SolveRequest

MODULE = "tests.extension.stub_solver"
_LEFT_KNEE = 3  # of the joints, in any of their orders by depth


def solve(request: SolveRequest, outputs: Mapping[str, Path], progress: ProgressCallback) -> None:
    until = time.monotonic() + float(os.environ.get("AIMOCAP_TEST_SOLVE_SEC", "0"))
    progress(0.3, "Looking at the video")
    if request.video.stem == "nobody":
        raise NobodyFoundError("Nobody was seen in the video: choose a clip with a person.")
    while time.monotonic() < until or (request.video.stem == "held" and not _may_go(request.video)):
        time.sleep(0.02)
    if "default" in outputs:
        shutil.copyfile(os.environ["AIMOCAP_TEST_MOTION"], outputs["default"])
    if "unitree_g1" in outputs:
        joints = 23 if request.video.stem == "23_joints" else 29
        outputs["unitree_g1"].write_text(json.dumps(_robot(joints)))


def _may_go(video: Path) -> bool:
    """Compare times, since a file that the next test deletes may be gone before the solver has seen it."""
    go = video.parents[3] / "go"
    return go.exists() and go.stat().st_mtime_ns >= video.stat().st_mtime_ns


def _robot(joints: int) -> dict[str, object]:
    """Return motion of a G1 that stands and bends its left knee more and more."""
    frames = int(os.environ["AIMOCAP_TEST_FRAMES"])
    bends = [float(os.environ["AIMOCAP_TEST_BEND"]) * frame / (frames - 1) for frame in range(frames)]
    return {
        "version": 1,
        "robotType": "unitree_g1",
        "fps": int(os.environ["AIMOCAP_TEST_ROBOT_FPS"]),
        "frameCount": frames,
        "root_pos": [[0.0, 0.0, 0.79]] * frames,
        "root_rot_xyzw": [[0.0, 0.0, 0.0, 1.0]] * frames,
        "dof_pos": [[bend if joint == _LEFT_KNEE else 0.0 for joint in range(joints)] for bend in bends],
    }


def _solver(*_what: object):
    from tests.extension.stub_solver import solve as importable

    return importable


if __name__ == "__main__":
    sys.exit(main(make_solver=_solver))
