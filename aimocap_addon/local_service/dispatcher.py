# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread that hands queued jobs to workers and brings their outcomes home.

Threading: HTTP threads only call `wake()`. All else happens in the dispatcher's own thread; what is to
be remembered is in the database, so that a restarted service goes on where the last one ended.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from pathlib import Path

from . import jobs
from .database import Database, Job
from .runner import ProgressReader, SolverRunner, WorkFailure, WorkOrder, run_work
from .solver.interface import SolveRequest
from .storage import Storage

_LOOK_INTERVAL_SEC = 0.25
_RETRY_SEC = 2.0
_SYSTEM_FAILURE_CODE = "processing_failed"
_SYSTEM_FAILURE = "Processing failed on the service's side and nothing was charged: capture the clip again."

_log = logging.getLogger(__name__)


@dataclass
class _Running:
    future: Future[WorkFailure | None]
    progress: ProgressReader
    fbx_path: Path


class Dispatcher:
    """Runs admitted jobs, at most `slots` at a time, on an executor that `make_executor` gives."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        solver: SolverRunner,
        make_executor: Callable[[], Executor],
        slots: int,
    ) -> None:
        self._database = database
        self._storage = storage
        self._solver = solver
        self._make_executor = make_executor
        self._slots = slots
        self._executor = make_executor()
        self._running: dict[str, _Running] = {}
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier run left unfinished."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there may be something to do; from any thread."""
        self._wake.set()

    def stop(self, end_workers: Callable[[], None]) -> None:
        """Stop dispatching and end the workers; jobs at work stay `processing` and run again at the next start."""
        self._stopping = True
        self.wake()
        self._thread.join()
        end_workers()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        while not self._stopping:
            pause = _LOOK_INTERVAL_SEC
            try:
                self._bring_home()
                self._hand_out()
            except Exception:  # a full disk or a locked database passes; the thread must live on
                _log.exception("The dispatcher stumbled and tries again.")
                pause = _RETRY_SEC
            else:
                if not self._running:
                    pause = None
            self._wake.wait(pause)
            self._wake.clear()

    def _hand_out(self) -> None:
        while len(self._running) < self._slots and not self._stopping:
            with self._database.write() as session:
                job = jobs.next_job(session, list(self._running))
            if job is None:
                return
            self._submit(job)

    def _submit(self, job: Job) -> None:
        assert job.source_file is not None
        assert job.window_start_sec is not None
        assert job.window_end_sec is not None
        work = self._storage.new_work(job.id)
        request = SolveRequest(
            video=self._storage.source_path(job.id, job.source_file),
            start_sec=job.window_start_sec,
            end_sec=job.window_end_sec,
            export_fps=job.export_fps,
            mocap_type=job.mocap_type,
        )
        order = WorkOrder(request, work / "default.fbx", work / "progress.jsonl")
        try:
            future = self._executor.submit(run_work, self._solver, order)
        except BrokenExecutor:
            self._executor.shutdown(wait=False)
            self._executor = self._make_executor()
            future = self._executor.submit(run_work, self._solver, order)
        self._running[job.id] = _Running(future, ProgressReader(order.progress_path), order.fbx_path)
        future.add_done_callback(lambda _: self.wake())

    def _bring_home(self) -> None:
        for job_id, running in list(self._running.items()):
            done = running.future.done()
            self._tell_progress(job_id, running.progress.read())
            if done:
                # Forgotten first: should the outcome not come home, the job is unfinished and runs again.
                del self._running[job_id]
                self._finish(job_id, running)
                self._storage.discard_work(job_id)
                self._storage.discard_sources(job_id)

    def _tell_progress(self, job_id: str, news: list[tuple[float, str]]) -> None:
        if news:
            with self._database.write() as session:
                job = jobs.find_job(session, job_id)
                for progress, message in news:
                    jobs.add_event(session, job, "progress", message, progress)

    def _finish(self, job_id: str, running: _Running) -> None:
        failure = _outcome(running.future)
        filename = ""
        if failure is None:
            try:
                filename = self._storage.keep_result(running.fbx_path, job_id)
            except OSError as error:
                failure = WorkFailure(None, f"The result could not be stored: {error}")
        if failure and failure.code is None:
            _log.error("Job %s failed: %s\n%s", job_id, failure.message, failure.log)
        with self._database.write() as session:
            job = jobs.find_job(session, job_id)
            if failure is None:
                jobs.complete(session, job, filename)
            elif failure.code is not None:
                jobs.fail(session, job, failure.code, failure.message)
            else:
                jobs.fail(session, job, _SYSTEM_FAILURE_CODE, _SYSTEM_FAILURE)


def _outcome(future: Future[WorkFailure | None]) -> WorkFailure | None:
    try:
        return future.result()
    except Exception as error:  # the worker died, or its answer could not be read
        return WorkFailure(None, repr(error))
