# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full, read-only or taken away: one sentence, nothing half-made, and a retry that is not paid again."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.jobs.engine import CaptureEngine
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore, StoreError
from aimocap_addon.jobs.waiting import Pace, StopSignal
from tests.jobs.scripted_service import ScriptedService
from tests.result_files import FBX

PACE = Pace(poll_interval=0.01, backoff_first=0.01, backoff_ceiling=0.02, give_up_after=0.2)
BIG = 3_000_000  # bytes: more than the small disk has


def mount(*arguments: str) -> bool:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(["mount", *arguments], capture_output=True, timeout=20).returncode == 0
    return False


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)):
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=20)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    service = ScriptedService()
    with service.server:
        yield service


def new(service: ScriptedService, folder: Path) -> CaptureRecord:
    video = folder / "walk.mp4"
    video.write_bytes(b"film")
    return CaptureRecord.new(CaptureRequest(str(video), "walk", service.url))


def run(service: ScriptedService, store: CaptureStore, record: CaptureRecord) -> CaptureRecord:
    with AimocapClient(service.url, "sk-test") as client:
        return CaptureEngine(store, client, lambda _record: None, StopSignal(), PACE).run(record)


def leftovers(store: CaptureStore) -> list[Path]:
    return [path for path in store.results_folder("x").parent.rglob("*") if path.is_file()]


def test_result_that_does_not_fit_is_told_and_arrives_when_there_is_room(
    disk: Path, service: ScriptedService, tmp_path: Path
) -> None:
    service.outputs = {"default": FBX + b"\0" * BIG}
    store = CaptureStore(disk / "store")
    record = run(service, store, new(service, tmp_path))
    assert record.failure is not None
    assert "does not fit" in record.failure.sentence
    assert leftovers(store) == []
    service.outputs = {"default": FBX}
    assert run(service, store, record.resumed()).stage is Stage.READY
    assert (len(service.jobs), service.charges) == (1, 1)


@pytest.mark.parametrize("call", ["create", "upload", "complete", "poll", "result", "download default"])
def test_disk_that_fills_up_meanwhile_is_told_and_costs_nothing_more(
    disk: Path, service: ScriptedService, tmp_path: Path, call: str
) -> None:
    store = CaptureStore(disk / "store")
    service.before = lambda name, _request: fill(disk) if name == call else None
    record = run(service, store, new(service, tmp_path))
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert "make room" in record.failure.sentence or "free space" in record.failure.sentence
    assert leftovers(store) == []
    (disk / "more").unlink()
    service.before = lambda _call, _request: None
    record = run(service, store, record.resumed())
    assert record.stage is Stage.READY, record.failure
    assert service.charges == 1


def fill(disk: Path) -> None:
    with contextlib.suppress(OSError), (disk / "more").open("ab", buffering=0) as stream:
        while True:
            stream.write(b"x" * 512)


def test_store_on_a_full_disk_says_so_and_what_it_had_stays(
    disk: Path, service: ScriptedService, tmp_path: Path
) -> None:
    store = CaptureStore(disk / "store")
    kept = [store.save(new(service, tmp_path)) for _ in range(3)]
    fill(disk)
    with pytest.raises(StoreError, match="free space"):
        for _ in range(200):
            store.save(dataclasses.replace(new(service, tmp_path), message="x" * 5000))
    (disk / "more").unlink()
    assert {record.capture_id for record in kept} <= {record.capture_id for record in store.recent(1000)}
    assert run(service, store, kept[0]).stage is Stage.READY


def test_read_only_disk_is_told_before_anything_is_sent(disk: Path, service: ScriptedService, tmp_path: Path) -> None:
    store = CaptureStore(disk / "store")
    record = store.save(new(service, tmp_path))
    assert mount("-o", "remount,ro", str(disk))
    with pytest.raises(StoreError, match="cannot be used"):
        CaptureStore(disk / "other")
    failed = run(service, store, record)
    assert failed.failure is not None
    assert "check its permissions and free space" in failed.failure.sentence
    assert service.calls == []
    assert mount("-o", "remount,rw", str(disk))
    assert run(service, store, record).stage is Stage.READY
    assert service.charges == 1
