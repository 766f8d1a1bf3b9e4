# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting: pauses that grow and are not in step, a deadline, a loss of the network, a machine that slept."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.jobs import waiting
from aimocap_addon.jobs.drivers import ServiceAccess
from aimocap_addon.jobs.engine import CaptureEngine
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.jobs.translation import create_request
from aimocap_addon.jobs.waiting import LOOPBACK_PACE, Pace, StopSignal
from tests.jobs.scripted_service import ScriptedService
from tests.loopback import closed_port_url

FAST = Pace(poll_interval=0.01, backoff_first=0.01, backoff_ceiling=0.02, give_up_after=0.1, give_up_offline=0.1)


class Clocks:
    """The clocks as `waiting` sees them: the wall clock can be set, and made to jump between any two looks at it."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.jump = 0.0
        self.monotonic = time.monotonic

    def time(self) -> float:
        self.ahead += self.jump
        return time.time() + self.ahead


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(waiting, "time", clocks)
    return clocks


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    service = ScriptedService()
    with service.server:
        yield service


def run(service: ScriptedService, folder: Path, pace: Pace, url: str = "", **record: object) -> CaptureRecord:
    video = folder / "walk.mp4"
    video.write_bytes(b"film")
    new = CaptureRecord.new(CaptureRequest(str(video), "walk", service.url))
    with AimocapClient(url or service.url, "sk-test") as client:
        engine = CaptureEngine(CaptureStore(folder / "store"), client, lambda _record: None, StopSignal(), pace)
        return engine.run(dataclasses.replace(new, **record))  # type: ignore[arg-type]


def test_long_jobs_are_polled_less_often_but_never_much_too_late() -> None:
    pace = Pace()
    for waited in (0.0, 60.0, 100.0):
        assert 5.0 <= pace.poll_pause(waited) <= 5.5
    assert 15.0 <= pace.poll_pause(300.0) <= 16.5
    assert 30.0 <= pace.poll_pause(1e6) <= 33.0
    assert LOOPBACK_PACE.poll_pause(0.0) < 1.0


def test_captures_do_not_poll_or_retry_in_step() -> None:
    pace = Pace()
    assert len({pace.poll_pause(0.0) for _ in range(20)}) > 10
    assert len({pace.backoff(3) for _ in range(20)}) > 10


def test_back_off_doubles_up_to_a_ceiling() -> None:
    pace = Pace(backoff_first=1.0, backoff_ceiling=60.0)
    for attempt, ceiling in ((0, 1.0), (1, 2.0), (4, 16.0), (6, 60.0), (100_000, 60.0)):
        assert ceiling / 2 <= pace.backoff(attempt) <= ceiling


def test_rest_ends_at_once_after_the_machine_slept(clocks: Clocks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_SLICE", 0.05)
    stop = StopSignal()
    assert stop.rest(0.1) is False
    clocks.jump = 8 * 3600.0
    assert stop.rest(600.0) is True
    assert not stop.is_set()


def test_clock_that_is_set_back_does_not_prolong_a_rest(clocks: Clocks) -> None:
    clocks.jump = -8 * 3600.0
    assert StopSignal().rest(0.2) is False


def test_job_is_polled_at_once_after_a_sleep(
    service: ScriptedService, clocks: Clocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_SLICE", 0.05)
    clocks.jump = 3600.0
    assert run(service, tmp_path, dataclasses.replace(FAST, poll_interval=600.0)).stage is Stage.READY


def test_failures_from_before_a_sleep_do_not_count_after_it(
    service: ScriptedService, clocks: Clocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_SLICE", 0.02)
    seen: list[CaptureRecord] = []
    stop = StopSignal()
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"film")
    record = dataclasses.replace(
        CaptureRecord.new(CaptureRequest(str(video), "walk", service.url)), stage=Stage.ADMITTED, job_id="mocap_1"
    )

    def see(record: CaptureRecord) -> None:
        seen.append(record)
        if len(seen) == 30:
            stop.interrupt()

    clocks.jump = 3600.0
    pace = dataclasses.replace(FAST, backoff_first=60.0, backoff_ceiling=60.0, give_up_offline=0.1)
    with AimocapClient(closed_port_url(), "sk-test") as client:
        left = CaptureEngine(CaptureStore(tmp_path / "store"), client, see, stop, pace).run(record)
    assert left.stage is Stage.ADMITTED
    assert len(seen) == 30


@pytest.mark.parametrize("stage", [Stage.CREATED, Stage.UPLOADING, Stage.ADMITTED, Stage.DOWNLOADING])
def test_offline_is_waited_out_where_that_is_wanted_and_ends_at_the_deadline(
    service: ScriptedService, tmp_path: Path, stage: Stage
) -> None:
    pace = dataclasses.replace(FAST, give_up_offline=math.inf, fail_fast=False, deadline=0.5)
    began = time.monotonic()
    away = closed_port_url()
    record = run(service, tmp_path, pace, away, stage=stage, job_id="mocap_1", upload_url=f"{away}/upload/mocap_1")
    assert time.monotonic() - began >= 0.5
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable) == ("deadline", True)


def test_result_that_waits_for_a_late_start_is_fetched_whatever_the_deadline(
    service: ScriptedService, tmp_path: Path
) -> None:
    service.running = ("queued", "completed")
    pace = dataclasses.replace(FAST, deadline=0.0)
    record = run(service, tmp_path, pace)
    assert record.failure is not None
    assert record.failure.code == "deadline"
    with AimocapClient(service.url, "sk-test") as client:
        engine = CaptureEngine(CaptureStore(tmp_path / "store"), client, lambda _record: None, StopSignal(), pace)
        assert engine.run(record.resumed()).stage is Stage.READY
    assert service.charges == 1


def test_deadline_counts_from_the_submission_over_restarts_and_anew_when_a_person_goes_on(
    service: ScriptedService, tmp_path: Path
) -> None:
    service.running = ("queued", "queued")
    an_hour_ago = time.time() - 3600.0
    submitted = {"stage": Stage.ADMITTED, "submit_sent": True, "waiting_since": an_hour_ago}
    begun = service.server.url + "/upload/mocap_1"
    with AimocapClient(service.url, "sk-test") as client:
        client.create_job(create_request(CaptureRequest("walk.mp4", "walk", service.url)))
        client.complete_upload("mocap_1")
    pace = dataclasses.replace(FAST, deadline=1800.0)
    record = run(service, tmp_path, pace, job_id="mocap_1", upload_url=begun, **submitted)
    assert record.failure is not None
    assert (record.failure.code, record.failure.retryable) == ("deadline", True)
    service.running = ("queued", "completed")
    service.jobs["mocap_1"].status = "queued"
    with AimocapClient(service.url, "sk-test") as client:
        engine = CaptureEngine(CaptureStore(tmp_path / "store"), client, lambda _record: None, StopSignal(), pace)
        assert engine.run(record.resumed()).stage is Stage.READY
    assert service.charges == 1


def test_deadline_is_the_person_s() -> None:
    for url in ("https://aimocap.net", "http://127.0.0.1:8765"):
        assert ServiceAccess(url, "sk-test", deadline=7200.0).pace.deadline == 7200.0
        assert ServiceAccess(url, "sk-test").pace.deadline == 24 * 3600.0
