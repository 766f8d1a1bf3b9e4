# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent is the video that was chosen, and nothing else is ever paid for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import SourceFileError
from aimocap_addon.jobs.engine import CaptureEngine
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.source import check_source, fingerprint
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.jobs.waiting import Pace, StopSignal
from tests.jobs.scripted_service import ScriptedService, server_error
from tests.loopback import Request

FILM = bytes(range(256)) * 2000
FAST = Pace(poll_interval=0.01, backoff_first=0.01, backoff_ceiling=0.02, give_up_after=0.2)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    video = tmp_path / "walk.mp4"
    video.write_bytes(FILM)
    return video


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    service = ScriptedService()
    with service.server:
        yield service


def run(service: ScriptedService, record: CaptureRecord, folder: Path) -> CaptureRecord:
    with AimocapClient(service.url, "sk-test") as client:
        return CaptureEngine(CaptureStore(folder), client, lambda _record: None, StopSignal(), FAST).run(record)


def change_start(video: Path) -> None:
    video.write_bytes(b"X" + FILM[1:])


def change_end(video: Path) -> None:
    video.write_bytes(FILM[:-1] + b"X")


def change_length(video: Path) -> None:
    video.write_bytes(FILM + b"X")


def remove(video: Path) -> None:
    video.unlink()


def empty(video: Path) -> None:
    video.write_bytes(b"")


CHANGES = [change_start, change_end, change_length, remove, empty]


@pytest.mark.parametrize("change", CHANGES)
def test_video_that_changed_before_it_was_sent_is_told_and_costs_nothing(
    service: ScriptedService, video: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    request = CaptureRequest(str(video), "walk", service.url, fingerprint=fingerprint(video))
    change(video)
    record = run(service, CaptureRecord.new(request), tmp_path / "store")
    assert record.failure is not None
    assert str(video) in record.failure.sentence
    assert service.calls == []


@pytest.mark.parametrize("change", CHANGES)
def test_video_that_changed_after_the_draft_was_made_is_never_submitted(
    service: ScriptedService, video: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    request = CaptureRequest(str(video), "walk", service.url, fingerprint=fingerprint(video))
    service.before = lambda call, _request: change(video) if call == "create" else None
    record = run(service, CaptureRecord.new(request), tmp_path / "store")
    assert record.stage is Stage.FAILED
    assert (service.count("complete"), service.charges) == (0, 0)


def test_video_that_changes_while_it_is_sent_is_never_submitted(
    service: ScriptedService, video: Path, tmp_path: Path
) -> None:
    def rewrite(call: str, _request: Request) -> None:
        if call == "upload":  # as long as before, and it has just arrived whole
            video.write_bytes(FILM)
            os.utime(video, ns=(1, 1))

    service.before = rewrite
    record = run(service, CaptureRecord.new(CaptureRequest(str(video), "walk", service.url)), tmp_path / "store")
    assert record.failure is not None
    assert "changed while it was being sent" in record.failure.sentence
    assert (service.count("complete"), service.charges) == (0, 0)


def test_video_that_is_gone_once_it_was_submitted_does_not_matter(
    service: ScriptedService, video: Path, tmp_path: Path
) -> None:
    service.before = lambda call, _request: video.unlink(missing_ok=True) if call == "complete" else None
    service.faults["complete"] = [None]
    service.faults["poll"] = [server_error()]
    request = CaptureRequest(str(video), "walk", service.url, fingerprint=fingerprint(video))
    assert run(service, CaptureRecord.new(request), tmp_path / "store").stage is Stage.READY


def test_copied_or_touched_video_is_the_same(video: Path) -> None:
    first = fingerprint(video)
    os.utime(video, ns=(1, 1))
    check_source(video, first)
    copied = video.with_name("copy.mp4")
    shutil.copyfile(video, copied)
    check_source(copied, first)


@pytest.mark.parametrize("name", ["two words.mp4", "Läufer 走 🏃.mp4", "a" * 250 + ".mp4"])
def test_paths_with_spaces_unicode_and_great_length_are_sent_and_their_results_kept(
    service: ScriptedService, tmp_path: Path, name: str
) -> None:
    folder = tmp_path.joinpath(*["a folder with a long näme " * 3] * 4)
    folder.mkdir(parents=True)
    video = folder / name
    video.write_bytes(FILM)
    assert len(str(video)) > 260
    request = CaptureRequest(str(video), video.stem, service.url, fingerprint=fingerprint(video))
    record = run(service, CaptureRecord.new(request), folder / "user folder")
    assert record.stage is Stage.READY, record.failure
    [job] = service.jobs.values()
    assert job.video == FILM
    assert record.motion_file is not None
    assert record.motion_file.is_file()


def test_folder_in_place_of_a_video_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="cannot be read"):
        fingerprint(tmp_path)
