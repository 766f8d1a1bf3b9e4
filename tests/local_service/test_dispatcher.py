# SPDX-License-Identifier: GPL-3.0-or-later
"""The dispatcher: on threads, which show that any executor can stand there, and on worker processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aimocap_addon.local_service import admission, jobs, keys, ledger
from aimocap_addon.local_service.cancellation import cancel_job
from aimocap_addon.local_service.database import ApiKey, Database, Job
from aimocap_addon.local_service.dispatcher import Dispatcher
from aimocap_addon.local_service.errors import RequestRefusedError
from aimocap_addon.local_service.runner import SolverRunner
from aimocap_addon.local_service.solver.interface import ProgressCallback, SolveRequest
from aimocap_addon.local_service.storage import Storage
from aimocap_addon.local_service.workers import Workforce, local_workforce
from tests.local_service import small_solver


class Bench:
    """A database, a storage and one key with 100 v-credits."""

    def __init__(self, data: Path) -> None:
        self.data, self.database, self.storage = data, Database(data), Storage(data)
        self.on_queued: Callable[[], None] = lambda: None
        with self.database.write() as session:
            keys.create_key(session, "local", 100)
            keys.create_key(session, "local", 100)

    def queue(self, key_id: int = 1, name: str = "clip.mp4") -> str:
        """Queue a job of 3 seconds; returns its id."""
        spec = admission.read_create({"sourceFilename": "clip.mp4", "targetIds": ["default"]})
        with self.database.write() as session:
            job = jobs.create_draft(session, session.get_one(ApiKey, key_id), spec)
            part = self.storage.new_part(job.id)
            part.write_bytes(b"video")
            jobs.attach_source(session, job.id, self.storage.keep_part(part, name))
            jobs.admit(session, job, (1.0, 4.0))
        self.on_queued()
        return job.id

    def job(self, job_id: str) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, job_id)

    def balance(self) -> int:
        with self.database.read() as session:
            return ledger.balance(session, 1)

    def dispatcher(self, solver: SolverRunner, slots: int) -> Dispatcher:
        return Dispatcher(self.database, self.storage, solver, Workforce(ThreadPoolExecutor(slots), lambda: slots))

    @contextmanager
    def running(self, workforce: Workforce, **limits: Any) -> Iterator[None]:
        """A dispatcher with the tests' small solver."""
        dispatcher = Dispatcher(self.database, self.storage, small_solver.solve, workforce, **limits)
        self.on_queued = dispatcher.wake
        dispatcher.start()
        try:
            yield
        finally:
            dispatcher.stop()

    def kinds(self, job_id: str) -> list[str]:
        with self.database.read() as session:
            return [movement.kind for movement in ledger.transactions(session) if movement.job_id == job_id]

    def files(self) -> list[Path]:
        """The files of jobs."""
        folders = ("uploads", "work", "results")
        return [path for folder in folders for path in (self.data / folder).rglob("*") if path.is_file()]

    def wait(self, job_id: str) -> Job:
        deadline = time.monotonic() + 20
        while (job := self.job(job_id)).status not in ("completed", "failed", "canceled"):
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


def test_keys_take_turns(bench: Bench) -> None:
    """One key's many jobs do not keep another's few waiting."""
    many = [bench.queue(1) for _ in range(4)]
    few = [bench.queue(2) for _ in range(2)]
    order: list[str] = []

    def solver(request: SolveRequest, outputs: Mapping[str, Path], _progress: ProgressCallback) -> None:
        order.append(request.video.parents[1].name)
        outputs["default"].write_bytes(b"fbx")

    dispatcher = bench.dispatcher(solver, 1)
    dispatcher.start()
    try:
        for job_id in many + few:
            assert bench.wait(job_id).status == "completed"
    finally:
        dispatcher.stop()
    assert order == [many[0], few[0], many[1], few[1], many[2], many[3]]


def test_the_key_with_the_fewest_jobs_at_work_is_next(bench: Bench) -> None:
    first = [bench.queue(1) for _ in range(3)]
    with bench.database.write() as session:
        started = [jobs.next_job(session, first[:count]) for count in range(2)]
    assert [job.id for job in started if job] == first[:2]
    other = bench.queue(2)
    with bench.database.write() as session:
        following = [jobs.next_job(session, [*first[:2], *([other] * count)]) for count in range(2)]
    assert [job.id for job in following if job] == [other, first[2]]


def wait_for_pids(data: Path) -> list[int]:
    pids, deadline = data / "pids", time.monotonic() + 20
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in pids.read_text().split()]


def check_ended(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    for pid in pids:
        while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
            assert time.monotonic() < deadline, "a program of the job is still there"
            time.sleep(0.02)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")


@needs_proc
def test_a_canceled_job_is_ended_and_refunded_and_others_go_on(bench: Bench) -> None:
    unwanted, other = bench.queue(1, "wait.mp4"), bench.queue(2, "brief.mp4")
    with bench.running(local_workforce(2)):
        pids = wait_for_pids(bench.data)
        assert bench.wait(other).status == "completed"
        cancel_job(bench.database, bench.storage, unwanted)
        check_ended(pids)
        assert bench.wait(bench.queue(1)).status == "completed"
        assert bench.job(unwanted).status == "canceled"
    assert bench.kinds(unwanted) == ["charge", "refund"]
    assert bench.balance() == 97
    assert {path.parent.parent.name for path in bench.files()} == {"results"}


def test_waiting_jobs_can_be_canceled_once_and_cost_nothing(bench: Bench) -> None:
    job_id = bench.queue()
    cancel_job(bench.database, bench.storage, job_id)
    assert bench.kinds(job_id) == []
    assert bench.files() == []
    with pytest.raises(RequestRefusedError, match="canceled already"):
        cancel_job(bench.database, bench.storage, job_id)
    with bench.running(local_workforce(1)):
        assert bench.wait(bench.queue()).status == "completed"
    assert bench.job(job_id).status == "canceled"


@needs_proc
def test_a_worker_that_dies_takes_no_other_down_and_its_job_runs_again(bench: Bench) -> None:
    stuck, other = bench.queue(1, "wait.mp4"), bench.queue(2, "endless.mp4")
    with bench.running(local_workforce(2)):
        [worker, _child] = wait_for_pids(bench.data)
        (bench.data / "pids").unlink()
        os.kill(worker, signal.SIGKILL)
        assert wait_for_pids(bench.data)[0] != worker
        (bench.data / "go").touch()
        assert bench.wait(stuck).status == "completed"
        assert bench.job(other).attempts == 1
        cancel_job(bench.database, bench.storage, other)
    assert bench.job(stuck).attempts == 2
    assert bench.kinds(stuck) == ["charge"]


def test_a_job_that_takes_every_worker_down_fails_and_is_refunded(bench: Bench) -> None:
    deadly, other = bench.queue(1, "crash.mp4"), bench.queue(2)
    with bench.running(local_workforce(1)):
        assert bench.wait(other).status == "completed"
        assert (bench.wait(deadly).status, bench.job(deadly).error_code) == ("failed", "processing_failed")
    assert bench.job(deadly).attempts == 3
    assert bench.kinds(deadly) == ["charge", "refund"]


def test_a_job_with_which_the_service_went_down_too_often_is_not_tried_again(bench: Bench) -> None:
    deadly, other = bench.queue(), bench.queue(2)
    for _ in range(3):
        with bench.database.write() as session:
            jobs.next_job(session, [])
    with bench.running(local_workforce(1)):
        assert (bench.wait(deadly).status, bench.job(deadly).error_code) == ("failed", "processing_failed")
        assert bench.wait(other).status == "completed"
    assert bench.kinds(deadly) == ["charge", "refund"]


def test_an_orderly_end_is_no_attempt(bench: Bench) -> None:
    job_id = bench.queue(1, "endless.mp4")
    for _ in range(2):
        with bench.running(local_workforce(1)):
            deadline = time.monotonic() + 20
            while bench.job(job_id).attempts == 0:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert (bench.job(job_id).status, bench.job(job_id).attempts) == ("processing", 0)


def test_work_that_takes_too_long_is_ended_and_refunded(bench: Bench) -> None:
    job_id, other = bench.queue(1, "endless.mp4"), bench.queue(2)
    with bench.running(local_workforce(1), solve_limit_sec=0.3):
        assert (bench.wait(job_id).status, bench.job(job_id).error_code) == ("failed", "processing_failed")
        assert bench.wait(other).status == "completed"
    assert bench.balance() == 100
