# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures against the real local service, run as a process of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from aimocap_addon.api.errors import API_ERROR_SENTENCES
from aimocap_addon.jobs.drivers import ServiceAccess, run_blocking
from aimocap_addon.jobs.engine import StopSignal
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Failure, Stage
from aimocap_addon.jobs.store import CaptureStore
from scripts.service_process import ROOT, ServiceProcess, run_command, running_service
from tests.loopback import closed_port_url

CLIPS = ROOT / "tests/data/clips"
QUICK = "tests.local_service.small_solver"
PERSON, NOBODY = CLIPS / "wave_squat.mp4", CLIPS / "empty_room.mp4"

pytestmark = pytest.mark.skipif(
    not (PERSON.exists() and NOBODY.exists()), reason="the clips in tests/data/clips are missing"
)


@pytest.fixture
def store(tmp_path: Path) -> CaptureStore:
    return CaptureStore(tmp_path / "store")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service with its own solver."""
    with running_service(tmp_path_factory.mktemp("service") / "data") as service:
        yield service


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """The service with a solver that takes no time."""
    with running_service(tmp_path_factory.mktemp("quick") / "data", module=QUICK) as service:
        yield service


def capture(service: ServiceProcess, video: Path, **changes: object) -> CaptureRecord:
    request = CaptureRequest(str(video), video.stem, service.url)
    return CaptureRecord.new(replace(request, **changes))  # type: ignore[arg-type]


def named(tmp_path: Path, name: str) -> Path:
    """A real clip whose name tells the quick solver what to do."""
    video = tmp_path / f"{name}.mp4"
    video.write_bytes(PERSON.read_bytes())
    return video


def movements(data: Path) -> list[str]:
    """The kinds of the ledger's movements since the grant, in order."""
    done = run_command("ledger", "--data", str(data))
    assert done.returncode == 0, done.stderr
    kinds = [line.split("  ")[1] for line in takewhile(bool, done.stdout.splitlines())]  # totals follow
    return [kind for kind in kinds if kind != "grant"]


def failure_of(record: CaptureRecord) -> Failure:
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    return record.failure


def test_person_in_a_video_becomes_an_fbx_and_is_charged_once(service: ServiceProcess, store: CaptureStore) -> None:
    before = len(movements(service.data))
    access = ServiceAccess(service.url, service.create_key(10))
    record = run_blocking(store, access, capture(service, PERSON, trim_end_sec=0.6))
    assert record.stage is Stage.READY, (record.failure, service.log.read_text()[-2000:])
    assert record.motion_file is not None
    assert record.motion_file.read_bytes().startswith(b"Kaydara FBX Binary")
    assert movements(service.data)[before:] == ["charge"]


def test_empty_room_fails_with_a_sentence_and_costs_nothing(service: ServiceProcess, store: CaptureStore) -> None:
    before = len(movements(service.data))
    access = ServiceAccess(service.url, service.create_key(10))
    record = run_blocking(store, access, capture(service, NOBODY, trim_end_sec=0.6))
    assert failure_of(record).code == "no_person_found"
    assert failure_of(record).sentence == API_ERROR_SENTENCES["no_person_found"]
    assert movements(service.data)[before:] in ([], ["charge", "refund"])
    assert not record.files


def test_wrong_key_is_told(service: ServiceProcess, store: CaptureStore) -> None:
    before = movements(service.data)
    record = run_blocking(store, ServiceAccess(service.url, "sk-wrong"), capture(service, PERSON))
    assert failure_of(record).sentence == API_ERROR_SENTENCES["api_key_invalid"]
    assert movements(service.data) == before


def test_service_that_does_not_run_is_told(store: CaptureStore) -> None:
    url = closed_port_url()
    record = CaptureRecord.new(CaptureRequest(str(PERSON), "walk", url))
    failure = failure_of(run_blocking(store, ServiceAccess(url, "sk-any"), record))
    assert f"No service answers at {url}: start the local service" in failure.sentence


REFUSED = {
    "export_fps_invalid": {"export_fps": 25},
    "mocap_type_invalid": {"mocap_type": "hands"},
    "api_target_ids_required": {"targets": ()},
    "api_target_unsupported": {"targets": ("avatar:7",)},
    "api_source_duration_invalid": {"duration_sec": -1.0},
    "api_trim_range_invalid": {"trim_start_sec": 2.0, "trim_end_sec": 1.0},
}


def test_refusals_reach_the_person(quick: ServiceProcess, store: CaptureStore) -> None:
    before = movements(quick.data)
    access = ServiceAccess(quick.url, quick.create_key(10))
    for code, changes in REFUSED.items():
        failure = failure_of(run_blocking(store, access, capture(quick, PERSON, **changes)))
        assert (failure.code, failure.sentence) == (code, API_ERROR_SENTENCES[code])
    assert movements(quick.data) == before


def test_too_few_credits_then_enough(quick: ServiceProcess, store: CaptureStore, tmp_path: Path) -> None:
    before = len(movements(quick.data))
    access = ServiceAccess(quick.url, quick.create_key(1))
    record = run_blocking(store, access, capture(quick, named(tmp_path, "walk"), trim_end_sec=2.0))
    assert failure_of(record).code == "insufficient_api_v_credits"
    key_number = run_command("keys", "list", "--data", str(quick.data)).stdout.splitlines()[-1].split()[0]
    assert run_command("keys", "grant", "--data", str(quick.data), key_number, "--credits", "10").returncode == 0
    record = run_blocking(store, access, record.resumed())
    assert record.stage is Stage.READY, record.failure
    assert movements(quick.data)[before:] == ["charge"]


def test_failed_solve_costs_nothing(quick: ServiceProcess, store: CaptureStore, tmp_path: Path) -> None:
    before = len(movements(quick.data))
    access = ServiceAccess(quick.url, quick.create_key(10))
    for name in ("nobody", "broken", "crash", "nothing"):
        failure = failure_of(run_blocking(store, access, capture(quick, named(tmp_path, name))))
        assert failure.sentence.endswith(".")
    kinds = movements(quick.data)[before:]
    assert kinds.count("charge") == kinds.count("refund")


def test_file_that_is_no_video_is_told(quick: ServiceProcess, store: CaptureStore, tmp_path: Path) -> None:
    video = tmp_path / "notes.mp4"
    video.write_text("these are notes")
    before = movements(quick.data)
    access = ServiceAccess(quick.url, quick.create_key(10))
    failure = failure_of(run_blocking(store, access, capture(quick, video)))
    assert failure.sentence == API_ERROR_SENTENCES["video_unreadable"]
    assert movements(quick.data) == before


def test_capture_goes_on_after_blender_and_the_service_were_restarted(store: CaptureStore, tmp_path: Path) -> None:
    data = tmp_path / "service" / "data"
    stop = StopSignal()

    def close_blender(record: CaptureRecord) -> None:
        if record.stage is Stage.PROCESSING:
            stop.interrupt()

    with running_service(data, module=QUICK) as service:
        key = service.create_key(10)
        record = capture(service, named(tmp_path, "wait"))
        record = run_blocking(store, ServiceAccess(service.url, key), record, close_blender, stop)
        assert record.stage is Stage.PROCESSING
        service.stop()
    (data / "go").touch()
    with running_service(data, module=QUICK) as service:
        record = run_blocking(store, ServiceAccess(service.url, key), record)
        if record.stage is Stage.FAILED:  # the service may give up, and refund, what it was at when it ended
            record = run_blocking(store, ServiceAccess(service.url, key), record.resumed())
    assert record.stage is Stage.READY, record.failure
    kinds = movements(data)
    assert kinds.count("charge") - kinds.count("refund") == 1


def test_expired_upload_address_leads_to_a_new_draft(store: CaptureStore, tmp_path: Path) -> None:
    data = tmp_path / "service" / "data"
    stop = StopSignal()

    def close_blender(record: CaptureRecord) -> None:
        if record.stage is Stage.UPLOADING:
            stop.interrupt()

    with running_service(data, "--url-lifetime", "2", module=QUICK) as service:
        access = ServiceAccess(service.url, service.create_key(10))
        record = run_blocking(store, access, capture(service, named(tmp_path, "walk")), close_blender, stop)
        assert record.stage is Stage.UPLOADING
        time.sleep(2.5)  # longer than the address lives
        done = run_blocking(store, access, record)
    assert done.stage is Stage.READY, done.failure
    assert done.job_id != record.job_id
    assert movements(data) == ["charge"]
