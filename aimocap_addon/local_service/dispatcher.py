# SPDX-License-Identifier: GPL-3.0-or-later
"""The thread that hands queued jobs to workers and brings their outcomes home.

Threading: HTTP threads only call `wake()`. All else happens in the dispatcher's own thread; what is to
be remembered is in the database, so that a restarted service goes on where the last one ended.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ..api.models import JobStatus
from . import jobs
from .database import Database, Job
from .runner import ProgressReader, SolverRunner, WorkDone, WorkFailure, WorkOrder, run_work
from .solver.interface import SolveRequest
from .storage import Storage
from .workers import Workforce

_LOOK_INTERVAL_SEC = 0.25
_RETRY_SEC = 2.0
MAX_ATTEMPTS = 3
# A minute of video takes some minutes on a slow machine; the longest window (20 minutes) fits into this.
SOLVE_LIMIT_SEC = 4 * 3600.0

_log = logging.getLogger(__name__)


@dataclass
class _Running:
    order: WorkOrder
    future: Future[WorkDone | WorkFailure]
    progress: ProgressReader
    begun: float | None = None  # time.monotonic() when a worker was seen at it


class Dispatcher:
    """Runs admitted jobs, as many at a time as the workforce can do."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        solver: SolverRunner,
        workforce: Workforce,
        max_attempts: int = MAX_ATTEMPTS,
        solve_limit_sec: float = SOLVE_LIMIT_SEC,
    ) -> None:
        """Each job gets a worker `max_attempts` times, should it go down with it, and so many seconds each time."""
        self._database = database
        self._storage = storage
        self._solver = solver
        self._workforce = workforce
        self._max_attempts = max_attempts
        self._solve_limit_sec = solve_limit_sec
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

    def stop(self) -> None:
        """Stop dispatching and end the workers; jobs at work stay `processing` and run again at the next start."""
        self._stopping = True
        self.wake()
        self._thread.join()
        for running in self._running.values():
            self._end_work(running)
        self._workforce.close()
        with self._database.write() as session:
            jobs.take_back_attempts(session, list(self._running))

    def _run(self) -> None:
        while not self._stopping:
            pause = _LOOK_INTERVAL_SEC
            try:
                self._bring_home()
                waiting = self._hand_out()
            except Exception:  # a full disk or a locked database passes; the thread must live on
                _log.exception("The dispatcher stumbled and tries again.")
                pause = _RETRY_SEC
            else:
                if not self._running:
                    pause = _RETRY_SEC if waiting else None
            self._wake.wait(pause)
            self._wake.clear()

    def _hand_out(self) -> bool:
        """Give work to whoever is free; returns whether jobs are left waiting."""
        while not self._stopping:
            running = list(self._running)
            with self._database.read() as session:
                if not jobs.is_any_waiting(session, running):
                    return False
            if len(running) >= self._workforce.slots():
                return True
            with self._database.write() as session:
                given_up = jobs.give_up(session, running, self._max_attempts)
                job = jobs.next_job(session, running)
            for job_id in given_up:
                _log.error("Job %s has failed: its worker went down %d times.", job_id, self._max_attempts)
                self._discard(job_id)
            if job is not None:
                self._submit(job)
        return False

    def _submit(self, job: Job) -> None:
        assert job.source_file is not None
        assert job.window_start_sec is not None
        assert job.window_end_sec is not None
        request = SolveRequest(
            video=self._storage.source_path(job.id, job.source_file),
            start_sec=job.window_start_sec,
            end_sec=job.window_end_sec,
            export_fps=job.export_fps,
            mocap_type=job.mocap_type,
        )
        self._storage.discard_work(job.id)
        try:
            order = WorkOrder(request, self._storage.new_work(job.id), tuple(job.target_ids))
            future = self._workforce.executor.submit(run_work, self._solver, order)
        except Exception:
            with self._database.write() as session:
                jobs.take_back_attempts(session, [job.id])
            raise
        self._running[job.id] = _Running(order, future, ProgressReader(order.progress_path))
        future.add_done_callback(lambda _: self.wake())

    def _bring_home(self) -> None:
        if not self._running:
            return
        with self._database.read() as session:
            wanted = jobs.still_processing(session, list(self._running))
        for job_id, running in list(self._running.items()):
            done = running.future.done()
            if job_id not in wanted:
                self._end_work(running)
            elif done or not self._is_overdue(running):
                self._tell_progress(job_id, running.progress.read())
                if not done:
                    continue
            else:
                self._end_work(running)
            # Forgotten first: should the outcome not come home, the job is unfinished and runs again.
            del self._running[job_id]
            if job_id not in wanted:
                self._discard(job_id)
            elif done:
                self._finish(job_id, running)
            else:
                self._fail(job_id, WorkFailure(None, f"It took more than {self._solve_limit_sec:g} s."))

    def _is_overdue(self, running: _Running) -> bool:
        now = time.monotonic()
        if running.begun is None and running.progress.has_begun:
            running.begun = now
        return running.begun is not None and now - running.begun > self._solve_limit_sec

    def _end_work(self, running: _Running) -> None:
        running.order.stop_path.touch()  # reaches also workers that cannot be ended from here
        self._workforce.end(running.future)

    def _tell_progress(self, job_id: str, news: list[tuple[float, str]]) -> None:
        if news:
            with self._database.write() as session:
                job = jobs.find_job(session, job_id)
                for progress, message in news:
                    jobs.add_event(session, job, "progress", message, progress)

    def _finish(self, job_id: str, running: _Running) -> None:
        try:
            outcome = running.future.result()
        except (Exception, CancelledError) as error:  # work never raises: it is the worker that is gone
            _log.warning("Job %s lost its worker (%r) and runs again.", job_id, error)
            return
        if isinstance(outcome, WorkFailure):
            self._fail(job_id, outcome)
            return
        made = running.order.outputs
        if running.order.preview.path.is_file():
            made = [*made, running.order.preview]
        try:
            deliveries = [
                jobs.Delivery(each.target_id, each.result_type, self._storage.keep_result(each.path, job_id))
                for each in made
            ]
        except OSError as error:
            self._fail(job_id, WorkFailure(None, f"The result could not be stored: {error}"))
        else:
            self._conclude(job_id, lambda session, job: jobs.complete(session, job, deliveries, outcome.warnings))

    def _fail(self, job_id: str, failure: WorkFailure) -> None:
        if failure.code is None:
            _log.error("Job %s failed: %s\n%s", job_id, failure.message, failure.log)
            code, message = jobs.SYSTEM_FAILURE_CODE, jobs.SYSTEM_FAILURE
        else:
            code, message = failure.code, failure.message
        self._conclude(job_id, lambda session, job: jobs.fail(session, job, code, message))

    def _conclude(self, job_id: str, step: Callable[[Session, Job], None]) -> None:
        with self._database.write() as session:
            job = jobs.find_job(session, job_id)
            if job.status == JobStatus.PROCESSING:  # else it was canceled meanwhile
                step(session, job)
        self._discard(job_id, results=job.status != JobStatus.COMPLETED)

    def _discard(self, job_id: str, results: bool = True) -> None:
        self._storage.discard_work(job_id)
        self._storage.discard_sources(job_id)
        if results:
            self._storage.discard_results(job_id)
