# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in a worker process: one job's video to its FBX file.

A worker shares nothing with the service but the data folder: the order comes in pickled, the outcome goes
back pickled, progress is a file of JSON lines. So any `concurrent.futures.Executor` can run it, also one
that reaches other machines with the same folder.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CannotStartError
from .solver.interface import ProgressCallback, SolveError, SolveRequest

# Turns the window of a video into an FBX file at the path; must be picklable. Raises SolveError for a
# failure of the video, anything else for a failure of the system.
SolverRunner = Callable[[SolveRequest, Path, ProgressCallback], Any]

_PROGRESS_INTERVAL_SEC = 0.5


@dataclass(frozen=True)
class WorkOrder:
    """One job's work: what to solve and where to write."""

    request: SolveRequest
    fbx_path: Path
    progress_path: Path


@dataclass(frozen=True)
class WorkFailure:
    """Why there is no FBX file. `code` is None for a failure of the system; `log` is for the operator."""

    code: str | None
    message: str
    log: str = ""


def run_work(solver: SolverRunner, order: WorkOrder) -> WorkFailure | None:
    """Do the work; returns None when the FBX file is there. Never raises: exceptions may not survive pickling."""
    try:
        solver(order.request, order.fbx_path, ProgressFile(order.progress_path))
        if not order.fbx_path.is_file() or not order.fbx_path.stat().st_size:
            return WorkFailure(None, "The solver wrote no file.")
    except SolveError as error:
        return WorkFailure(error.code, str(error))
    except Exception as error:  # whatever a solver raises is an outcome of the job, not of the worker
        return WorkFailure(None, str(error), traceback.format_exc())
    return None


class ProgressFile:
    """Writes progress as JSON lines, at most two a second unless the text changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._message = ""
        self._written = 0.0

    def __call__(self, progress: float, message: str) -> None:
        now = time.monotonic()
        if message == self._message and now - self._written < _PROGRESS_INTERVAL_SEC:
            return
        self._message, self._written = message, now
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"progress": progress, "message": message}) + "\n")


class ProgressReader:
    """Reads what a ProgressFile wrote since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

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


def builtin_solver(blender: str | None) -> SolverRunner:
    """Return the runner of the built-in solver; raises CannotStartError if this machine cannot run it."""
    lacking = [name for name in ("mediapipe", "cv2", "scipy") if importlib.util.find_spec(name) is None]
    if lacking:
        raise CannotStartError(
            f"This Python ({sys.executable}) lacks {', '.join(lacking)}: start the service with the Python of the "
            "local service's environment."
        )
    from .fbx.writer import BlenderNotFoundError, find_blender

    try:
        return functools.partial(_solve, find_blender(blender))
    except BlenderNotFoundError as error:
        raise CannotStartError(str(error)) from error


def _solve(blender: Any, request: SolveRequest, fbx_path: Path, progress: ProgressCallback) -> None:
    from .solver.run import solve_to_fbx

    solve_to_fbx(request, fbx_path, blender, progress)


def start_workers(count: int) -> Executor:
    """Return a pool of worker processes on this machine."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=_prepare_worker)


def stop_workers() -> None:
    """End this process's workers at once, with whatever they have started.

    All they leave is in work folders, which are emptied before they are used again.
    """
    for worker in multiprocessing.active_children():
        with contextlib.suppress(ProcessLookupError, AttributeError):
            os.killpg(worker.pid or 0, signal.SIGKILL)  # AttributeError: Windows has no process groups
        worker.kill()
        worker.join()


def _prepare_worker() -> None:
    """Make the worker a process group of its own that ends with the service, however that ends."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # also keeps a terminal's Ctrl-C away: the service decides when workers end
    os.dup2(2, 1)  # the service's standard output has its one line alone
    threading.Thread(target=_end_with_service, daemon=True).start()


def _end_with_service() -> None:
    service = multiprocessing.parent_process()
    if service is not None:
        service.join()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)
