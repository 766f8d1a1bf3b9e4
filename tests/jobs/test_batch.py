# SPDX-License-Identifier: GPL-3.0-or-later
"""Which capture a row of a batch is, and what is kept of each row."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from aimocap_addon.jobs.batch import BatchReport, RowReport, RowState, batch_capture_id, state_of
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Failure, Placement, Stage

MANIFEST = Path("jobs.csv")
REQUEST = CaptureRequest("walk.mp4", "walk", "http://127.0.0.1:8765", fingerprint="10:123:abc", trim_end_sec=2.0)


def report(path: Path | None, *states: RowState) -> BatchReport:
    rows = [RowReport(number, "walk.mp4", f"{number}.blend") for number in range(1, len(states) + 1)]
    made = BatchReport(path, MANIFEST, rows)
    for number, state in enumerate(states, start=1):
        made.change(number, state=state)
    return made


def test_same_row_is_the_same_capture_whatever_it_is_bound_to() -> None:
    known = batch_capture_id(MANIFEST, REQUEST)
    for changes in (
        {"fingerprint": "10:456:abc"},  # touched
        {"placement": Placement(40.0, 24.0, "Hero", file_id="another")},
        {"title": "Walk"},
    ):
        assert batch_capture_id(MANIFEST, dataclasses.replace(REQUEST, **changes)) == known


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprint": "11:123:abc"},
        {"trim_start_sec": 1.0},
        {"export_fps": 60},
        {"mocap_type": "upper_body"},
        {"targets": ("unitree_g1",)},
        {"service_url": "https://example.org"},
        {"video": "run.mp4"},
    ],
)
def test_what_the_service_is_asked_for_makes_another_capture(changes: dict[str, object]) -> None:
    assert batch_capture_id(MANIFEST, dataclasses.replace(REQUEST, **changes)) != batch_capture_id(MANIFEST, REQUEST)


def test_other_manifest_makes_other_captures() -> None:
    assert batch_capture_id(Path("other.csv"), REQUEST) != batch_capture_id(MANIFEST, REQUEST)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ((RowState.DONE, RowState.DONE), 0),
        ((RowState.DONE, RowState.UNFINISHED), 3),
        ((RowState.UNFINISHED, RowState.FAILED, RowState.DONE), 1),
        ((RowState.DONE, RowState.RUNNING), None),
        ((RowState.WAITING,), None),
    ],
)
def test_exit_code_of_the_batch(states: tuple[RowState, ...], code: int | None) -> None:
    assert report(None, *states).exit_code == code


def test_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    made = report(path, RowState.RUNNING)
    made.write()
    first = path.open("rb")  # who reads while it is written anew reads the old one to its end
    record = CaptureRecord.new(REQUEST).changed(job_id="mocap_1")
    made.change(1, record, state=RowState.DONE, sentence="“Hero” moves. \udcff")
    made.write()
    with first:
        assert json.loads(first.read())["rows"][0]["state"] == "running"
    row = json.loads(path.read_text(encoding="utf-8"))["rows"][0]
    assert (row["state"], row["exit_code"], row["job_id"], row["seconds"]) == ("done", 0, "mocap_1", 2.0)
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]


def test_state_tells_whether_another_run_costs_anything() -> None:
    record = CaptureRecord.new(REQUEST)
    assert state_of(record) is RowState.UNFINISHED
    assert state_of(record.failed(Failure("No service.", retryable=True))) is RowState.UNFINISHED
    assert state_of(record.failed(Failure("Nobody was found."))) is RowState.FAILED
    assert state_of(record.moved_to(Stage.STOPPED)) is RowState.UNFINISHED
