# SPDX-License-Identifier: GPL-3.0-or-later
"""The two drivers: a script waits for its capture; an interface starts, watches, stops and closes."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.errors import API_ERROR_SENTENCES
from aimocap_addon.jobs import drivers
from aimocap_addon.jobs.drivers import CaptureRunner, ServiceAccess, run_blocking
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore, StoreError
from aimocap_addon.jobs.waiting import LOOPBACK_PACE, Pace
from tests.jobs.scripted_service import Fault, ScriptedService
from tests.loopback import Answer, Request, closed_port_url
from tests.result_files import FBX

KEY = "sk-secret-0123456789"
QUICK = dataclasses.replace(LOOPBACK_PACE, poll_interval=0.01, backoff_first=0.01, backoff_ceiling=0.02)
PATIENCE = 30.0


@dataclasses.dataclass
class Bench:
    """A service, a store, a runner, and what was drained from it."""

    service: ScriptedService
    store: CaptureStore
    runner: CaptureRunner
    video: Path
    drained: list[CaptureRecord] = dataclasses.field(default_factory=list)

    @property
    def access(self) -> ServiceAccess:
        return ServiceAccess(self.service.url, KEY)

    def new(self) -> CaptureRecord:
        return CaptureRecord.new(CaptureRequest(str(self.video), "walk", self.service.url))

    def drain_until(self, done: Callable[[], bool]) -> None:
        """Drain as a timer would until something is so; fails if it never is."""
        until = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < until, f"waited in vain; stages so far: {[each.stage for each in self.drained]}"
            self.drained += self.runner.drain(0.01)
            time.sleep(0.005)

    def latest(self, record: CaptureRecord) -> CaptureRecord | None:
        return next((each for each in reversed(self.drained) if each.capture_id == record.capture_id), None)

    def is_final(self, record: CaptureRecord) -> bool:
        latest = self.latest(record)
        return latest is not None and latest.stage.is_final


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(drivers, "LOOPBACK_PACE", QUICK)
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"film")
    service = ScriptedService()
    store = CaptureStore(tmp_path / "store")
    runner = CaptureRunner(store)
    with service.server:
        yield Bench(service, store, runner, video)
        runner.shutdown(PATIENCE)


@pytest.fixture
def gate(bench: Bench) -> Iterator[threading.Event]:
    """Holds every poll at the service until it is set."""
    gate = threading.Event()

    def before(call: str, _request: Request) -> None:
        if call == "poll":
            gate.wait(PATIENCE)

    bench.service.before = before
    yield gate
    gate.set()


# For scripts


def test_script_waits_for_its_capture(bench: Bench) -> None:
    seen: list[Stage] = []
    record = run_blocking(bench.store, bench.access, bench.new(), lambda record: seen.append(record.stage))
    assert record.stage is Stage.READY, record.failure
    assert record.motion_file is not None
    assert record.motion_file.read_bytes() == FBX
    assert (seen[0], seen[-1]) == (Stage.CREATED, Stage.READY)
    assert bench.store.load(record.capture_id) == record


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("", KEY, "not a web address"),
        ("http://aimocap.net", KEY, "unencrypted"),
        (None, "", "AIMOCAP_KEY"),
        (None, "sk two", "characters that no key has"),
    ],
)
def test_unusable_settings_fail_with_a_sentence_and_can_be_put_right(
    bench: Bench, url: str | None, key: str, words: str
) -> None:
    access = ServiceAccess(bench.service.url if url is None else url, key)
    seen: list[CaptureRecord] = []
    record = run_blocking(bench.store, access, bench.new(), seen.append)
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert words in record.failure.sentence
    assert (seen, bench.store.load(record.capture_id)) == ([record], record)
    assert not bench.service.calls
    assert run_blocking(bench.store, bench.access, record.resumed()).stage is Stage.READY


def test_key_that_is_missing_at_the_next_start_does_not_cost_the_job(bench: Bench) -> None:
    stop = drivers.StopSignal()
    bench.service.before = lambda call, _request: stop.interrupt() if call == "poll" else None
    record = run_blocking(bench.store, bench.access, bench.new(), stop=stop)
    assert record.stage is Stage.ADMITTED
    record = run_blocking(bench.store, ServiceAccess(bench.service.url, ""), record)
    assert record.stage is Stage.FAILED
    bench.service.before = lambda _call, _request: None
    assert run_blocking(bench.store, bench.access, record.resumed()).stage is Stage.READY
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


def test_finished_capture_stays_finished_whatever_the_settings(bench: Bench) -> None:
    record = run_blocking(bench.store, bench.access, bench.new())
    calls = len(bench.service.calls)
    for access in (bench.access, ServiceAccess("", "")):
        assert run_blocking(bench.store, access, record) == record
        assert bench.store.load(record.capture_id) == record
    assert len(bench.service.calls) == calls


def test_refused_key_and_absent_service_are_told(bench: Bench) -> None:
    bench.service.faults["create"] = [Fault(Answer(401))]
    refused = run_blocking(bench.store, bench.access, bench.new())
    assert refused.failure is not None
    assert refused.failure.sentence == API_ERROR_SENTENCES["api_key_invalid"]
    absent = run_blocking(bench.store, ServiceAccess(closed_port_url(), KEY), bench.new())
    assert absent.failure is not None
    assert "start the local service" in absent.failure.sentence


def test_key_is_written_nowhere(bench: Bench) -> None:
    bench.service.faults["poll"] = [Fault(Answer.of({"message": f"Bearer {KEY} is bad"}, 401))]
    record = run_blocking(bench.store, bench.access, bench.new())
    assert KEY not in repr(record) + record.to_json() + repr(bench.access)
    for file in bench.store.folder.rglob("*"):
        assert file.is_dir() or KEY.encode() not in file.read_bytes()


def test_service_on_this_machine_is_asked_more_often_than_the_cloud() -> None:
    assert ServiceAccess("http://127.0.0.1:8723", KEY).pace.poll_interval < 1.0
    assert ServiceAccess("https://aimocap.net", KEY).pace == Pace()
    assert Pace().poll_interval >= 5.0


# For an interface


def test_runner_reports_every_stage_in_order(bench: Bench) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.is_final(record))
    bench.drain_until(lambda: not bench.runner.running)
    stages = list(dict.fromkeys(each.stage for each in bench.drained))
    assert stages == [
        Stage.CREATED,
        Stage.UPLOADING,
        Stage.ADMITTED,
        Stage.PROCESSING,
        Stage.DOWNLOADING,
        Stage.READY,
    ]
    assert not bench.runner.is_running(record.capture_id)
    assert bench.store.load(record.capture_id) == bench.latest(record)


def test_capture_is_on_disk_when_start_returns(bench: Bench, gate: threading.Event) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    assert bench.store.load(record.capture_id) is not None
    gate.set()


def test_start_says_so_if_the_capture_cannot_be_stored(bench: Bench) -> None:
    for file in bench.store.folder.glob("captures*"):
        file.unlink()
    (bench.store.folder / "captures.sqlite").mkdir()
    with pytest.raises(StoreError):
        bench.runner.start(bench.new(), bench.access)
    assert bench.runner.running == 0
    assert not bench.service.calls


def test_starting_twice_is_one_capture(bench: Bench, gate: threading.Event) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    bench.runner.start(record, bench.access)
    assert bench.runner.running == 1
    gate.set()
    bench.drain_until(lambda: bench.is_final(record))
    assert bench.service.count("create") == 1


def test_several_captures_run_side_by_side(bench: Bench, gate: threading.Event) -> None:
    records = [bench.new() for _ in range(3)]
    for record in records:
        bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 3)
    assert bench.runner.running == 3
    gate.set()
    bench.drain_until(lambda: all(bench.is_final(record) for record in records))
    assert [bench.store.load(record.capture_id) for record in records] == [bench.latest(record) for record in records]
    assert bench.service.charges == 3


def test_captures_beyond_the_workers_wait_their_turn_and_all_arrive(bench: Bench, gate: threading.Event) -> None:
    records = [bench.new() for _ in range(2 * drivers.MOST_WORKERS + 1)]
    for record in records:
        bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == drivers.MOST_WORKERS)
    threads = [each for each in threading.enumerate() if each.name.startswith("aimocap-")]
    assert (bench.runner.running, len(threads)) == (len(records), drivers.MOST_WORKERS)
    assert bench.service.count("create") == drivers.MOST_WORKERS
    stopped = records.pop()  # had no worker yet
    assert bench.runner.stop(stopped.capture_id)
    assert not bench.runner.is_running(stopped.capture_id)
    gate.set()
    bench.drain_until(lambda: all(bench.is_final(record) for record in [*records, stopped]))
    assert bench.service.charges == len(records)
    loaded = bench.store.load(stopped.capture_id)
    assert loaded is not None
    assert loaded.stage is Stage.STOPPED


def test_a_service_that_is_away_holds_up_no_capture_of_another(bench: Bench) -> None:
    away = ServiceAccess(closed_port_url(), KEY)
    waiting = [bench.new() for _ in range(drivers.MOST_WORKERS + 1)]
    for record in waiting:
        bench.runner.start(record, away, found=True)
    other = bench.new()
    bench.runner.start(other, bench.access)
    bench.drain_until(lambda: bench.is_final(other))
    assert (latest := bench.latest(other)) is not None
    assert latest.stage is Stage.READY
    assert bench.runner.running == len(waiting)
    assert bench.runner.stop(waiting[-1].capture_id)  # had no worker yet


def test_closing_keeps_what_waits_for_a_worker_as_it_is(bench: Bench, gate: threading.Event) -> None:
    records = [bench.new() for _ in range(drivers.MOST_WORKERS + 2)]
    for record in records:
        bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == drivers.MOST_WORKERS)
    gate.set()
    bench.runner.shutdown(PATIENCE)
    stages = [record.stage for record in bench.store.pending()]
    assert len(stages) == len(records)
    assert stages[-2:] == [Stage.CREATED, Stage.CREATED]


def test_found_capture_waits_for_a_connection_and_a_new_one_says_at_once_that_there_is_none(bench: Bench) -> None:
    away = ServiceAccess(closed_port_url(), KEY)
    new, found = bench.new(), bench.new()
    bench.runner.start(new, away)
    bench.runner.start(found, away, found=True)
    bench.drain_until(lambda: bench.is_final(new))
    bench.drain_until(lambda: (latest := bench.latest(found)) is not None and "No service answers" in latest.message)
    assert bench.runner.is_running(found.capture_id)
    assert not bench.is_final(found)


def test_stop_ends_one_capture_and_leaves_the_other(bench: Bench, gate: threading.Event) -> None:
    stopped, other = bench.new(), bench.new()
    for record in (stopped, other):
        bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 2)
    assert bench.runner.stop(stopped.capture_id)
    gate.set()
    bench.drain_until(lambda: bench.is_final(stopped) and bench.is_final(other))
    assert [(latest := bench.latest(record)) and latest.stage for record in (stopped, other)] == [
        Stage.STOPPED,
        Stage.READY,
    ]
    bench.drain_until(lambda: not bench.runner.running)
    assert not bench.runner.stop(stopped.capture_id)
    assert not bench.runner.stop("unknown")


def test_stopped_capture_goes_on_in_the_same_runner(bench: Bench, gate: threading.Event) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 1)
    bench.runner.stop(record.capture_id)
    gate.set()
    bench.drain_until(lambda: bench.is_final(record) and not bench.runner.running)
    latest = bench.latest(record)
    assert latest is not None
    bench.runner.start(latest.resumed(), bench.access)
    bench.drain_until(lambda: (latest := bench.latest(record)) is not None and latest.stage is Stage.READY)
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


def test_drain_takes_no_longer_than_its_budget_and_loses_nothing(bench: Bench) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    until = time.monotonic() + PATIENCE
    while bench.runner.running and time.monotonic() < until:
        time.sleep(0.01)
    assert bench.runner.drain(0.0) == []
    bench.drain_until(lambda: bench.is_final(record))
    assert bench.drained[0].stage is Stage.CREATED
    assert bench.runner.drain(1.0) == []


def test_shutdown_keeps_the_stage_and_a_new_runner_goes_on(bench: Bench, gate: threading.Event) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 1)
    gate.set()
    bench.runner.shutdown(PATIENCE)
    assert bench.runner.running == 0
    stored = CaptureStore(bench.store.folder).load(record.capture_id)
    assert stored is not None
    assert stored.stage in (Stage.ADMITTED, Stage.PROCESSING)
    bench.runner = CaptureRunner(bench.store)
    bench.runner.start(stored, bench.access)
    bench.drain_until(lambda: bench.is_final(record))
    assert (bench.service.count("create"), bench.service.count("complete"), bench.service.charges) == (1, 1, 1)


def test_shutdown_does_not_wait_for_a_service_that_hangs(bench: Bench, gate: threading.Event) -> None:
    record = bench.new()
    bench.runner.start(record, bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 1)
    bench.runner.shutdown(0.05)
    assert bench.runner.is_running(record.capture_id), "the test's service no longer hangs"
    gate.set()


def test_workers_do_not_keep_the_process_alive(bench: Bench, gate: threading.Event) -> None:
    bench.runner.start(bench.new(), bench.access)
    bench.drain_until(lambda: bench.service.count("poll") == 1)
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("aimocap-")]
    assert workers
    assert all(thread.daemon for thread in workers)
    gate.set()


def test_worker_that_breaks_is_told_and_its_job_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    record = bench.new()
    with monkeypatch.context() as patch:
        patch.setattr(drivers.CaptureEngine, "_follow", lambda _self, _record: 1 // 0)
        bench.runner.start(record, bench.access)
        bench.drain_until(lambda: bench.is_final(record) and not bench.runner.running)
    failed = bench.latest(record)
    assert failed is not None
    assert failed.failure is not None
    assert (failed.failure.code, failed.failure.retryable) == ("internal_error", True)
    assert bench.store.load(record.capture_id) == failed
    bench.drained.clear()
    bench.runner.start(failed.resumed(), bench.access)
    bench.drain_until(lambda: bench.is_final(record))
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


def test_other_blender_s_capture_is_not_taken_over(bench: Bench) -> None:
    record = bench.store.save(bench.new())
    ahead = bench.store.save(record.moved_to(Stage.UPLOADING, job_id="j", upload_url="u"))
    with bench.store.claimed(record.capture_id):
        bench.runner.start(record, bench.access)
        bench.drain_until(lambda: not bench.runner.running)
        bench.drained += bench.runner.drain(1.0)
    assert not bench.service.calls
    assert bench.store.load(record.capture_id) == ahead
    latest = bench.latest(record)
    assert latest is not None
    assert (latest.stage, latest.job_id) == (Stage.UPLOADING, "j")
