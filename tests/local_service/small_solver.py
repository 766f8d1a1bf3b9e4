# SPDX-License-Identifier: GPL-3.0-or-later
"""The real service with a solver that takes no time: what it does hangs on the name of the video.

Its FBX has the request as JSON for its only text, so that a test sees what reached the solver; its robot stands still.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aimocap_addon.local_service.cli import main
from aimocap_addon.local_service.runner import PREVIEW
from aimocap_addon.local_service.solver.interface import NobodyFoundError, ProgressCallback, SolveRequest
from tests import result_files

MODULE = "tests.local_service.small_solver"


def solved(fbx: bytes) -> dict[str, Any]:
    """Return the request that the solver wrote into its file."""
    return json.loads(fbx[fbx.index(b"{") : fbx.rindex(b"}") + 1])


def solve(request: SolveRequest, outputs: Mapping[str, Path], progress: ProgressCallback) -> None:  # noqa: PLR0912  one branch per name
    progress(0.5, "Looking at the video")
    match request.video.stem:
        case "nobody":
            raise NobodyFoundError("Nobody was seen in the video: choose a clip with a person.")
        case "broken":
            raise RuntimeError("a matrix is singular")
        case "crash":
            os._exit(3)
        case "nothing":
            return
        case "chatty":
            for step in range(300):
                progress(step / 300, f"Step {step}")
        case "brief":
            for step in range(4):
                progress(0.5 + step / 10, f"Step {step}")
                time.sleep(0.03)
        case "endless":
            for step in itertools.count():
                progress(0.5, f"Step {step}")
                time.sleep(0.05)
        case "together":
            # Waits for a second worker, so that one alone does not do all.
            data, job_id = request.video.parents[3], request.video.parents[1].name
            pids = data / "worker_pids"
            pids.mkdir(exist_ok=True)
            (pids / job_id).write_text(str(os.getpid()))
            deadline = time.monotonic() + 20
            while len({path.read_text() for path in pids.iterdir()}) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
        case "wait":
            # As the real one does, with a program of its own running meanwhile.
            child = subprocess.Popen(["sleep", "300"])
            (request.video.parents[3] / "pids").write_text(f"{os.getpid()} {child.pid}")
            while not (request.video.parents[3] / "go").exists():
                time.sleep(0.05)
            child.kill()
            child.wait()
    made = {
        "start": request.start_sec,
        "end": request.end_sec,
        "fps": request.export_fps,
        "type": request.mocap_type,
        "bytes": request.video.stat().st_size,
    }
    solved_record = result_files.record(7400, b"Solved", [result_files.text(json.dumps(made).encode())])
    for target, path in outputs.items():
        if target == PREVIEW:
            continue
        path.write_bytes(result_files.ROBOT_JSON if target == "unitree_g1" else result_files.fbx([solved_record]))


def _solver(*_what: object):
    from tests.local_service.small_solver import solve as importable

    return importable


if __name__ == "__main__":
    sys.exit(main(make_solver=_solver))
