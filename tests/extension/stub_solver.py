# SPDX-License-Identifier: GPL-3.0-or-later
"""The real service with a solver that delivers a motion made before: AIMOCAP_TEST_MOTION names its FBX file.

It takes AIMOCAP_TEST_SOLVE_SEC seconds. A video named “held” is solved once there is a file “go” in the data folder.
"""

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from aimocap_addon.local_service.cli import main
from aimocap_addon.local_service.solver.interface import ProgressCallback, SolveRequest

MODULE = "tests.extension.stub_solver"


def solve(request: SolveRequest, outputs: Mapping[str, Path], progress: ProgressCallback) -> None:
    until = time.monotonic() + float(os.environ.get("AIMOCAP_TEST_SOLVE_SEC", "0"))
    go = request.video.parents[3] / "go"
    progress(0.3, "Looking at the video")
    while time.monotonic() < until or (request.video.stem == "held" and not go.exists()):
        time.sleep(0.02)
    shutil.copyfile(os.environ["AIMOCAP_TEST_MOTION"], outputs["default"])


def _solver(_blender: str | None):
    from tests.extension.stub_solver import solve as importable

    return importable


if __name__ == "__main__":
    sys.exit(main(make_solver=_solver))
