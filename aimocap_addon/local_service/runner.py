# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in a worker process: one job's video to its files.

A worker shares nothing with the service but the data folder: the order comes in pickled, the outcome goes
back pickled, progress is a file of JSON lines, and a file beside it asks the solver to stop. So any
`concurrent.futures.Executor` can run it, also one that reaches other machines with the same folder.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..api.models import ResultType, Target
from . import plugins
from .errors import CannotStartError
from .solver.interface import ProgressCallback, SolveCanceledError, SolveError, SolveOptions, SolveRequest

# Turns the window of a video into one file per target, at the paths given, and a video at that of PREVIEW if it can;
# must be picklable. Returns sentences that the person should read, if any. Raises SolveError for a failure of the
# video, anything else for a failure of the system.
SolverRunner = Callable[[SolveRequest, Mapping[str, Path], ProgressCallback], Sequence[str] | None]

PREVIEW = "preview"
PREVIEW_TYPE = "preview_video"
_PROGRESS_INTERVAL_SEC = 0.5
_KINDS = {
    Target.DEFAULT: (ResultType.FBX, "default.fbx"),
    Target.UNITREE_G1: (ResultType.ROBOT_MOTION_JSON, "unitree_g1.json"),
}


@dataclass(frozen=True)
class OutputFile:
    """What a job makes for one of its targets."""

    target_id: str
    result_type: str
    path: Path


@dataclass(frozen=True)
class WorkOrder:
    """One job's work: what to solve and where to write. The folder is there, and this attempt's own."""

    request: SolveRequest
    folder: Path
    target_ids: tuple[str, ...]

    @property
    def outputs(self) -> list[OutputFile]:
        """The files to make, one per target."""
        kinds = [(target, *_KINDS[Target(target)]) for target in self.target_ids]
        return [OutputFile(target, kind, self.folder / name) for target, kind, name in kinds]

    @property
    def preview(self) -> OutputFile:
        """The video that may be made beside them."""
        return OutputFile(PREVIEW, PREVIEW_TYPE, self.folder / "preview.mp4")

    @property
    def progress_path(self) -> Path:
        """Where progress is written; the file is there as soon as a worker has begun."""
        return self.folder / "progress.jsonl"

    @property
    def stop_path(self) -> Path:
        """The file that asks the solver to stop."""
        return self.folder / "stop"


@dataclass(frozen=True)
class WorkDone:
    """All files are there; `warnings` are sentences for the person."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class WorkFailure:
    """Why there is no result. `code` is None for a failure of the system; `log` is for the operator."""

    code: str | None
    message: str
    log: str = ""


def run_work(solver: SolverRunner, order: WorkOrder) -> WorkDone | WorkFailure:
    """Do the work. Never raises: exceptions may not survive pickling."""
    try:
        progress = ProgressFile(order)
        files = {output.target_id: output.path for output in (*order.outputs, order.preview)}
        warnings = solver(order.request, files, progress)
        for output in order.outputs:
            if not output.path.is_file() or not output.path.stat().st_size:
                return WorkFailure(None, f"The solver wrote no file for {output.target_id}.")
    except SolveError as error:
        return WorkFailure(error.code, str(error))
    except Exception as error:  # whatever a solver raises is an outcome of the job, not of the worker
        return WorkFailure(None, str(error), traceback.format_exc())
    return WorkDone(tuple(warnings or ()))


class ProgressFile:
    """Writes progress as JSON lines, at most two a second unless the text changes.

    Raises SolveCanceledError into the solver once it is asked to stop.
    """

    def __init__(self, order: WorkOrder) -> None:
        self._order = order
        self._message = ""
        self._written = 0.0
        order.progress_path.touch()

    def __call__(self, progress: float, message: str) -> None:
        now = time.monotonic()
        if message == self._message and now - self._written < _PROGRESS_INTERVAL_SEC:
            return
        if self._order.stop_path.exists():
            raise SolveCanceledError("The service does not want this work any more.")
        self._message, self._written = message, now
        with self._order.progress_path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"progress": progress, "message": message}) + "\n")


class ProgressReader:
    """Reads what a ProgressFile wrote since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    @property
    def has_begun(self) -> bool:
        """Whether a worker has taken up the work."""
        return self._path.exists()

    def read(self) -> list[tuple[float, str]]:
        """Return the new (share done 0 to 1, text) pairs."""
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                new = stream.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        lines = [json.loads(line) for line in whole.splitlines()]
        return [(min(max(float(line["progress"]), 0.0), 1.0), line["message"]) for line in lines]


def find_solver(blender: str | None, name: str | None, options: SolveOptions) -> SolverRunner:
    """Return what runs the solver called `name`, the built-in one if None; raises CannotStartError if it cannot run."""
    needed = ("cv2",) if name else ("mediapipe", "cv2", "scipy")
    lacking = [package for package in needed if importlib.util.find_spec(package) is None]
    if lacking:
        raise CannotStartError(
            f"This Python ({sys.executable}) lacks {', '.join(lacking)}: start the service with the Python of the "
            "local service's environment."
        )
    if name is not None:
        plugins.find(name)
    from .fbx.writer import BlenderNotFoundError, find_blender

    try:
        return functools.partial(_solve, find_blender(blender), name, options)
    except BlenderNotFoundError as error:
        raise CannotStartError(str(error)) from error


def _solve(
    blender: Any,
    name: str | None,
    options: SolveOptions,
    request: SolveRequest,
    outputs: Mapping[str, Path],
    progress: ProgressCallback,
) -> Sequence[str]:
    from .solver.files import solve_to_files

    solver = plugins.load(name) if name is not None else None
    return solve_to_files(
        dataclasses.replace(request, options=options),
        blender,
        progress,
        solver=solver,
        fbx_path=outputs.get(Target.DEFAULT),
        robot_path=outputs.get(Target.UNITREE_G1),
        preview_path=outputs.get(PREVIEW),
    ).warnings
