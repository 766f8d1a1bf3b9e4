# SPDX-License-Identifier: GPL-3.0-or-later
"""Which captures a list shows, and what support gets to read about one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aimocap_addon.jobs.diagnostics import diagnostics, redacted
from aimocap_addon.jobs.listing import Shown, age_words, batch_progress, clock_words, is_listed, state_words
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Failure, Stage
from aimocap_addon.jobs.remaining import RemainingTimes

KEY = "sk-3c1d-never-to-be-seen"
HOME = Path("/people/ada")
WALK = CaptureRecord.new(CaptureRequest("/films/Straße/take 3.mp4", "Walk Cycle", "https://aimocap.net"))


def at(stage: Stage, **changes: object) -> CaptureRecord:
    return dataclasses.replace(WALK, stage=stage, **changes)


@pytest.mark.parametrize(
    ("shown", "stages"),
    [
        (Shown.ALL, set(Stage)),
        (Shown.RUNNING, set(Stage) - {Stage.READY, Stage.FAILED, Stage.STOPPED}),
        (Shown.FAILED, {Stage.FAILED, Stage.STOPPED}),
        (Shown.HERE, set()),
    ],
)
def test_each_filter_shows_its_stages(shown: Shown, stages: set[Stage]) -> None:
    assert {stage for stage in Stage if is_listed(at(stage), shown)} == stages


def test_this_file_shows_what_was_begun_in_it() -> None:
    assert is_listed(WALK, Shown.HERE, is_of_this_file=True)
    assert not is_listed(WALK, Shown.HERE, "run", is_of_this_file=True)


@pytest.mark.parametrize("words", ["", "walk", "CYCLE walk", "strasse", "take", "mocap_7"])
def test_search_finds_words_of_title_video_and_job(words: str) -> None:
    assert is_listed(at(Stage.READY, job_id="mocap_71"), Shown.ALL, words)


def test_search_wants_every_word() -> None:
    assert not is_listed(WALK, Shown.ALL, "walk run")
    assert not is_listed(at(Stage.READY), Shown.FAILED, "walk")


def test_words_about_state_and_age() -> None:
    assert state_words(at(Stage.PROCESSING), is_running=True) == "Solving"
    assert state_words(at(Stage.PROCESSING), is_running=False) == "Interrupted"
    assert state_words(at(Stage.FAILED), is_running=False) == "Failed"
    assert [age_words(each) for each in (-5.0, 59.9, 60.0, 7199.0, 200_000.0)] == [
        "just now",
        "just now",
        "1 min ago",
        "1 h ago",
        "2 d ago",
    ]


def test_diagnostics_tell_the_cause_and_no_secret() -> None:
    sentence = f"The service at https://ada:pass@files.net/up/a.mp4?X-Signature=abc#t said Bearer xyz.123 and {KEY}."
    record = at(
        Stage.FAILED,
        job_id="mocap_71",
        upload_url="https://files.net/up?signature=abc",
        failure=Failure(sentence, "api_duration_limit_exceeded"),
        message=f"{KEY} again, https://files.net/x?token=abc",
        files={"default": str(HOME / "aimocap" / "walk.fbx")},
    )
    text = diagnostics(record, {"Blender": "4.5.0"}, [KEY, ""], HOME)
    for wanted in ("Blender: 4.5.0", "mocap_71", record.capture_id, "failed", "api_duration_limit_exceeded"):
        assert wanted in text
    assert "https://files.net/up/a.mp4?…" in text
    assert "~/aimocap/walk.fbx" in text
    for secret in (KEY, "abc", "xyz", "pass", "ada"):
        assert secret not in text


def test_a_folder_that_only_begins_like_home_stays() -> None:
    assert redacted("/people/adam/x /people/ada", [], HOME) == "/people/adam/x ~"
    assert redacted("/films/x", [], Path("/")) == "/films/x"


def test_progress_of_several_captures_counts_each_by_its_seconds() -> None:
    def lasting(seconds: float, stage: Stage) -> CaptureRecord:
        return dataclasses.replace(at(stage), request=dataclasses.replace(WALK.request, duration_sec=seconds))

    assert batch_progress([]) == (0, 0, 0.0)
    halves = [lasting(30.0, Stage.READY), lasting(10.0, Stage.FAILED), lasting(40.0, Stage.CREATED)]
    assert batch_progress(halves) == (2, 3, 0.5)
    assert batch_progress([lasting(30.0, Stage.READY), lasting(90.0, Stage.CREATED)])[2] == 0.25


def test_spans_of_time_read_like_a_clock() -> None:
    assert [clock_words(seconds) for seconds in (0.0, 59.9, 61.0, 3600.0 + 65.0)] == ["0:00", "0:59", "1:01", "1:01:05"]


def solving(progress: float) -> CaptureRecord:
    return at(Stage.PROCESSING, progress=progress)


def test_remaining_time_follows_from_how_fast_it_went() -> None:
    times = RemainingTimes()
    times.see(solving(0.2), 100.0)
    times.see(solving(0.5), 130.0)
    assert times.seconds(WALK.capture_id, 130.0) == pytest.approx(50.0)
    assert times.seconds(WALK.capture_id, 150.0) == pytest.approx(30.0)
    times.see(solving(0.9), 190.0)  # it has become slower
    assert times.seconds(WALK.capture_id, 190.0) == pytest.approx(0.1 * 90.0 / 0.7)


def test_remaining_time_is_not_told_while_it_is_not_known() -> None:
    times = RemainingTimes()
    assert times.seconds(WALK.capture_id, 0.0) is None
    times.see(at(Stage.UPLOADING, progress=0.5), 0.0)
    times.see(solving(0.0), 5.0)
    assert times.seconds(WALK.capture_id, 60.0) is None  # it has not moved
    times.see(solving(0.05), 65.0)
    assert times.seconds(WALK.capture_id, 65.0) is None  # too little to go by
    times.see(solving(0.5), 105.0)
    assert times.seconds(WALK.capture_id, 105.0) == pytest.approx(100.0)
    assert times.seconds(WALK.capture_id, 300.0) is None  # it was wrong
    times.see(at(Stage.DOWNLOADING), 301.0)
    assert times.seconds(WALK.capture_id, 301.0) is None
