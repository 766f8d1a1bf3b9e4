# SPDX-License-Identifier: GPL-3.0-or-later
"""The dispatcher on another executor than worker processes: the seam at which a scheduler can stand."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aimocap_addon.local_service import admission, jobs, keys, ledger
from aimocap_addon.local_service.database import ApiKey, Database, Job
from aimocap_addon.local_service.dispatcher import Dispatcher
from aimocap_addon.local_service.runner import SolverRunner
from aimocap_addon.local_service.solver.interface import ProgressCallback, SolveRequest
from aimocap_addon.local_service.storage import Storage
from aimocap_addon.local_service.workers import Workforce


class Bench:
    """A database, a storage and one key with 100 v-credits."""

    def __init__(self, data: Path) -> None:
        self.database, self.storage = Database(data), Storage(data)
        with self.database.write() as session:
            keys.create_key(session, "local", 100)

    def queue(self) -> str:
        """Queue a job of 3 seconds; returns its id."""
        spec = admission.read_create({"sourceFilename": "clip.mp4", "targetIds": ["default"]})
        with self.database.write() as session:
            job = jobs.create_draft(session, session.get_one(ApiKey, 1), spec)
            part = self.storage.new_part(job.id)
            part.write_bytes(b"video")
            jobs.attach_source(session, job.id, self.storage.keep_part(part, "clip.mp4"))
            jobs.admit(session, job, (1.0, 4.0))
            return job.id

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def balance(self) -> int:
        with self.database.read() as session:
            return ledger.balance(session, 1)

    def dispatcher(self, solver: SolverRunner, slots: int) -> Dispatcher:
        return Dispatcher(self.database, self.storage, solver, Workforce(ThreadPoolExecutor(slots), lambda: slots))

    def wait(self, job_id: str) -> Job:
        deadline = time.monotonic() + 20
        while (job := self.job(job_id)).status not in ("completed", "failed"):
            assert time.monotonic() < deadline, job.status
            time.sleep(0.02)
        return job


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_jobs_run_side_by_side_on_any_executor(bench: Bench) -> None:
    together = threading.Barrier(2, timeout=20)

    def solver(request: SolveRequest, outputs: Mapping[str, Path], _progress: ProgressCallback) -> None:
        together.wait()
        outputs["default"].write_bytes(request.video.read_bytes())

    ids = [bench.queue(), bench.queue()]
    dispatcher = bench.dispatcher(solver, 2)
    dispatcher.start()
    try:
        assert [bench.wait(job_id).status for job_id in ids] == ["completed", "completed"]
    finally:
        dispatcher.stop()
    assert bench.balance() == 94
    assert bench.storage.result_path(ids[0], "default.fbx").read_bytes() == b"video"


def test_a_result_that_cannot_be_stored_is_a_failure_of_the_service(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file stands where the folder should be")

    def solver(_request: SolveRequest, outputs: Mapping[str, Path], _progress: ProgressCallback) -> None:
        outputs["default"].write_bytes(b"fbx")

    job_id = bench.queue()
    dispatcher = bench.dispatcher(solver, 1)
    dispatcher.start()
    try:
        job = bench.wait(job_id)
    finally:
        dispatcher.stop()
    assert (job.status, job.error_code) == ("failed", "processing_failed")
    assert bench.balance() == 100


def test_a_step_that_fails_takes_its_charge_back_with_it(bench: Bench) -> None:
    job_id = bench.queue()
    with pytest.raises(ZeroDivisionError), bench.database.write() as session:
        job = jobs.next_job(session, [])
        assert job is not None
        assert ledger.balance(session, 1) == 97
        raise ZeroDivisionError
    assert bench.job(job_id).status == "queued"
    assert bench.balance() == 100
