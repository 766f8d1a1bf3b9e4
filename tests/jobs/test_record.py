# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture's record survives a restart, and moves only along the state machine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimocap_addon.jobs.record import (
    TRANSITIONS,
    CaptureRecord,
    CaptureRequest,
    Failure,
    IllegalTransitionError,
    Placement,
    Stage,
)

REQUEST = CaptureRequest(
    video="/films/Läufer 走.mp4",
    title="Läufer",
    service_url="https://aimocap.net",
    duration_sec=18.4,
    trim_start_sec=1.2,
    trim_end_sec=13.8,
    export_fps=60,
    mocap_type="upper_body",
    targets=("default", "unitree_g1"),
    placement=Placement(
        12.5,
        23.976,
        "Rig",
        "/a.blend",
        options={"root_motion": "IN_PLACE", "ground_offset": 0.1},
        more_armatures=("Other", "Third"),
    ),
)
FULL = dataclasses.replace(
    CaptureRecord.new(REQUEST),
    stage=Stage.FAILED,
    job_id="mocap_1",
    upload_url="https://storage/put",
    submit_sent=True,
    failure=Failure("It failed.", "code", True),
    files={"default": "/a.fbx"},
    preview="/p.mp4",
    progress=0.5,
    message="m",
)


def at(stage: Stage, **changes: object) -> CaptureRecord:
    return dataclasses.replace(CaptureRecord.new(REQUEST), stage=stage, **changes)  # type: ignore[arg-type]


def test_record_comes_back_from_json_as_it_was() -> None:
    assert CaptureRecord.from_json(FULL.to_json()) == FULL
    fresh = CaptureRecord.new(CaptureRequest("/a.mp4", "a", "https://aimocap.net"))
    assert CaptureRecord.from_json(fresh.to_json()) == fresh


@given(st.text(), st.text())
def test_any_name_comes_back(video: str, title: str) -> None:
    record = CaptureRecord.new(CaptureRequest(video, title, ""))
    assert CaptureRecord.from_json(record.to_json()) == record


def test_file_name_that_is_no_unicode_can_be_written_as_text() -> None:
    record = CaptureRecord.new(CaptureRequest("/films/\udce9t\udce9.mp4", "a", ""))
    record.to_json().encode()
    assert CaptureRecord.from_json(record.to_json()) == record


def test_fields_of_a_later_version_are_ignored() -> None:
    data = json.loads(FULL.to_json())
    data["later"] = data["request"]["later"] = data["request"]["placement"]["later"] = data["failure"]["later"] = 1
    assert CaptureRecord.from_json(json.dumps(data)) == FULL


def test_fields_that_an_earlier_version_lacked_take_their_defaults() -> None:
    text = json.dumps(
        {
            "capture_id": "c",
            "stage": "ready",
            "request": {"video": "/a.mp4", "title": "a", "service_url": "https://aimocap.net"},
        }
    )
    record = CaptureRecord.from_json(text)
    assert record.stage is Stage.READY
    assert record.request.targets == ("default",)
    assert (record.submit_sent, record.files, record.failure) == (False, {}, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "5",
        "{}",
        '{"capture_id": "c"}',
        '{"capture_id": "c", "request": null, "stage": "ready"}',
        '{"capture_id": "c", "request": {}, "stage": "ready"}',
        '{"capture_id": "c", "request": {"video": "v", "title": "t", "service_url": "s"}}',
        '{"capture_id": "c", "request": {"video": "v", "title": "t", "service_url": "s"}, "stage": "later"}',
        '{"request": {"video": "v", "title": "t", "service_url": "s"}, "stage": "ready"}',
        '{"capture_id": "c", "stage": "ready", "request": {"video": "", "title": "", "service_url": "", "targets": 3}}',
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CaptureRecord.from_json(text)


def test_new_captures_have_ids_of_their_own() -> None:
    assert CaptureRecord.new(REQUEST).capture_id != CaptureRecord.new(REQUEST).capture_id


@pytest.mark.parametrize("before", list(Stage))
@pytest.mark.parametrize("after", list(Stage))
def test_stages_follow_the_state_machine(before: Stage, after: Stage) -> None:
    if after in TRANSITIONS[before]:
        assert at(before, progress=0.7, message="m").moved_to(after).stage is after
    else:
        with pytest.raises(IllegalTransitionError):
            at(before).moved_to(after)


def test_the_way_of_a_capture_is_legal() -> None:
    record = at(Stage.CREATED)
    for stage in (Stage.UPLOADING, Stage.ADMITTED, Stage.PROCESSING, Stage.DOWNLOADING, Stage.READY):
        record = record.moved_to(stage)
    assert record.stage.is_final


@pytest.mark.parametrize("stage", [stage for stage in Stage if not stage.is_final])
def test_every_running_stage_can_fail_and_be_stopped(stage: Stage) -> None:
    assert at(stage).failed(Failure("f")).failure == Failure("f")
    assert at(stage).moved_to(Stage.STOPPED).stage is Stage.STOPPED


def test_nothing_follows_ready() -> None:
    assert not TRANSITIONS[Stage.READY]


def test_a_change_is_later_than_what_it_changes() -> None:
    record = at(Stage.CREATED)
    assert record.changed(message="m").revision > record.revision
    assert record.moved_to(Stage.UPLOADING).revision > record.revision


def test_stopped_capture_goes_on_with_its_job() -> None:
    record = at(Stage.STOPPED, job_id="j", upload_url="u", submit_sent=True).resumed()
    assert (record.stage, record.job_id, record.submit_sent) == (Stage.UPLOADING, "j", True)


def test_failure_that_may_pass_goes_on_with_its_job_and_its_files() -> None:
    failed = at(
        Stage.FAILED,
        job_id="j",
        upload_url="u",
        submit_sent=True,
        files={"default": "/a"},
        failure=Failure("f", None, True),
    )
    record = failed.resumed()
    assert (record.stage, record.job_id, record.submit_sent) == (Stage.UPLOADING, "j", True)
    assert (record.files, record.failure) == ({"default": "/a"}, None)


def test_job_that_ended_is_replaced_by_a_new_one() -> None:
    failed = at(
        Stage.FAILED,
        job_id="j",
        upload_url="u",
        submit_sent=True,
        files={"default": "/a"},
        failure=Failure("f", "code"),
    )
    record = failed.resumed()
    assert (record.stage, record.job_id, record.upload_url, record.submit_sent) == (Stage.CREATED, None, None, False)
    assert (record.files, record.failure) == ({}, None)


@pytest.mark.parametrize("stage", [Stage.FAILED, Stage.STOPPED])
def test_capture_without_a_job_starts_from_the_beginning(stage: Stage) -> None:
    failure = Failure("f", None, True) if stage is Stage.FAILED else None
    assert at(stage, failure=failure).resumed().stage is Stage.CREATED


@pytest.mark.parametrize("job_id", ["j", None])
def test_finished_capture_is_not_resumed(job_id: str | None) -> None:
    with pytest.raises(IllegalTransitionError):
        at(Stage.READY, job_id=job_id).resumed()


@pytest.mark.parametrize(
    ("duration", "start", "end", "window"),
    [
        (None, None, None, None),
        (10.0, None, None, 10.0),
        (10.0, 2.5, None, 7.5),
        (10.0, 2.5, 4.0, 1.5),
        (None, 2.0, 3.0, 1.0),
        (10.0, 12.0, None, 0.0),
    ],
)
def test_window(duration: float | None, start: float | None, end: float | None, window: float | None) -> None:
    request = dataclasses.replace(REQUEST, duration_sec=duration, trim_start_sec=start, trim_end_sec=end)
    assert request.window_sec == window


def test_motion_file_is_the_fbx() -> None:
    assert at(Stage.READY, files={"unitree_g1": "/g.json", "default": "/a.fbx"}).motion_file == Path("/a.fbx")
    assert at(Stage.READY, files={"unitree_g1": "/g.json"}).motion_file is None
