# SPDX-License-Identifier: GPL-3.0-or-later
"""Which captures a list shows, and what support gets to read about one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aimocap_addon.jobs.diagnostics import diagnostics, redacted
from aimocap_addon.jobs.listing import Shown, age_words, is_listed, state_words
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Failure, Stage

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
