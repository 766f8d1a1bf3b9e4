# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of captures: what it shows of many, and what can be done with one.

A background Blender draws no list, so that what Blender asks of it is asked here.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.jobs.record import CaptureRecord, CaptureRequest, Failure, Placement, Stage
from bl_ext.user_default.aimocap.scene import video_source
from bl_ext.user_default.aimocap.ui import handlers, operators_captures
from bl_ext.user_default.aimocap.ui.capture_flow import CaptureOptions, begin
from bl_ext.user_default.aimocap.ui.capture_list import AIMOCAP_UL_captures, captures, refresh
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from conftest import CLIPS
from stub_service import running_stub_service, video
from test_bad_input import refused

KEY = "sk-51f0-never-to-be-seen"
CLIP = CLIPS / "wave_squat.mp4"
STAGES = (Stage.READY, Stage.FAILED, Stage.STOPPED, Stage.PROCESSING)


@pytest.fixture(autouse=True)
def own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A Blender that has just started, without captures."""
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    refresh(bpy.context)
    yield
    session().shutdown()


def keep(title: str, stage: Stage = Stage.READY, age: float = 0.0, **changes: object) -> CaptureRecord:
    """Put a capture of an earlier session into the store."""
    placement = Placement(10.0, 24.0, blend_file=str(changes.pop("blend_file", "/films/other.blend")))
    request = CaptureRequest(str(CLIP), title, "http://127.0.0.1:9", placement=placement)
    record = CaptureRecord.new(request)
    record = dataclasses.replace(record, stage=stage, delivered=True, created_at=time.time() - age, **changes)
    return session().store().save(record)


def hundred() -> list[CaptureRecord]:
    return [keep(f"take {number:03d}", STAGES[number % 4], age=60.0 * number) for number in range(100)]


def look() -> None:
    """What the timer does, before the panels are drawn."""
    handlers.look_after_captures(bpy.context)
    refresh(bpy.context)


class Drawn:
    """The list's own settings, as Blender gives them to the class while it draws."""

    bitflag_filter_item = 1 << 30
    filter_name = ""
    use_filter_sort_alpha = False


def listed(**settings: object) -> list[str]:
    """The titles that Blender would show, from top to bottom."""
    drawn = Drawn()
    for name, value in settings.items():
        setattr(drawn, name, value)
    flags, places = AIMOCAP_UL_captures.filter_items(drawn, bpy.context, captures(bpy.context), "rows")
    assert len(flags) == len(captures(bpy.context).rows)
    titles = [record.request.title for record in session().records.values()]
    shown = [(places[index] if places else index, titles[index]) for index, flag in enumerate(flags) if flag]
    return [title for _, title in sorted(shown)]


def test_hundred_captures_are_listed_newest_first_filtered_and_searched() -> None:
    titles = [record.request.title for record in hundred()]
    look()
    state = captures(bpy.context)
    assert listed() == titles
    assert listed(filter_name="9") == [title for title in titles if "9" in title]
    state.shown = "FAILED"
    assert listed() == [title for number, title in enumerate(titles) if number % 4 in (1, 2)]
    state.shown = "RUNNING"
    assert listed(filter_name="take 00") == ["take 003", "take 007"]
    state.shown = "ALL"
    keep("a walk", age=1e6)
    look()
    assert listed()[-1] == "a walk"
    assert listed(use_filter_sort_alpha=True)[0] == "a walk"


def test_this_file_lists_what_was_begun_in_it_wherever_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "here.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    keep("elsewhere")
    keep("here", blend_file=path)
    look()
    captures(bpy.context).shown = "HERE"
    assert listed() == ["here"]


def test_the_choice_stays_with_its_capture_when_newer_ones_come() -> None:
    hundred()
    look()
    state = captures(bpy.context)
    assert state.index == 0
    state.index = 41
    keep("newest", age=-60.0)
    look()
    assert state.index == 42
    assert session().chosen().request.title == "take 041"


def test_a_saved_file_tells_nobody_what_was_captured(tmp_path: Path) -> None:
    keep("Secret Project")
    look()
    assert len(captures(bpy.context).rows) == 1
    path = tmp_path / "shared.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    assert b"Secret Project" not in path.read_bytes()


def test_without_captures_the_operators_say_so() -> None:
    for name in ("remove_capture", "copy_job_id", "copy_diagnostics", "show_preview", "open_capture_folder"):
        operator = getattr(bpy.ops.aimocap, name)
        assert not operator.poll()
        assert "There are no captures yet" in refused(operator)
        assert operator.get_rna_type().description


def test_remove_takes_the_chosen_capture_and_its_files_alone() -> None:
    records = hundred()
    look()
    store = session().store()
    for record in records[:2]:
        folder = store.results_folder(record.capture_id)
        folder.mkdir(parents=True)
        (folder / "motion.fbx").write_text("motion")
    assert bpy.ops.aimocap.remove_capture("EXEC_DEFAULT") == {"FINISHED"}
    assert len(captures(bpy.context).rows) == 99
    assert not store.results_folder(records[0].capture_id).exists()
    assert store.results_folder(records[1].capture_id).is_dir()
    look()
    assert listed()[:2] == ["take 001", "take 002"]
    assert "no such capture" in refused(bpy.ops.aimocap.remove_capture, capture_id=records[0].capture_id)


def test_a_running_capture_is_not_removed_until_it_was_stopped(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "stub").mkdir()
    with running_stub_service(tmp_path / "stub") as stub:
        monkeypatch.setenv("AIMOCAP_BASE_URL", stub.url)
        monkeypatch.setenv("AIMOCAP_KEY", stub.create_key(100))
        source = video_source.from_file(bpy.context.scene, video(tmp_path, "held"))
        record, service = begin(bpy.context, source, CaptureOptions())
        session().start(record, service)
        refresh(bpy.context)
        assert "is running: stop it first" in refused(bpy.ops.aimocap.remove_capture)
        assert session().store().load(record.capture_id) is not None
        assert bpy.ops.aimocap.stop(capture_id=record.capture_id) == {"FINISHED"}
        until = time.monotonic() + 30.0
        while session().is_running(record.capture_id):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert bpy.ops.aimocap.remove_capture("EXEC_DEFAULT") == {"FINISHED"}
        session().pump()  # the worker's last word does not bring it back
        assert session().records == {}
        assert session().store().recent() == []


def test_one_that_another_blender_works_on_is_not_removed() -> None:
    record = keep("theirs", Stage.PROCESSING)
    look()
    with CaptureSession().store().claimed(record.capture_id):
        assert "is worked on in another Blender" in refused(bpy.ops.aimocap.remove_capture)
    assert session().store().load(record.capture_id) is not None


def test_the_preview_video_lies_where_the_motion_begins(tmp_path: Path) -> None:
    preview = tmp_path / "walk_preview.mp4"
    shutil.copyfile(CLIP, preview)
    keep("walk", preview=str(preview))
    look()
    scene = bpy.context.scene
    scene.render.fps = 24
    editor = scene.sequence_editor_create() or scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strips.new_movie(name="source", filepath=str(CLIP), channel=3, frame_start=1)
    assert bpy.ops.aimocap.show_preview() == {"FINISHED"}
    strip = editor.active_strip
    frames = video_source.compat.strip_frames(strip)
    assert (strip.name, strip.channel, frames.left) == ("walk Preview", 4, 10)
    assert frames.right - frames.left == video_source.probe_file(CLIP).frames

    preview.unlink()
    assert "is not there any more" in refused(bpy.ops.aimocap.show_preview)
    assert len(strips) == 2
    keep("run")
    look()
    assert "“run” has no preview video" in refused(bpy.ops.aimocap.show_preview)


def test_what_support_gets_names_versions_and_cause_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMOCAP_KEY", KEY)
    failure = Failure(f"The clip is too long, says https://files.net/a?signature=abc to {KEY}.", "too_long")
    keep("walk", Stage.FAILED, failure=failure, job_id="mocap_7", upload_url="https://files.net/up?signature=abc")
    look()
    text = operators_captures.diagnostics_of(bpy.context, session().chosen())
    for wanted in (bpy.app.version_string, "AIMoCap: 0.", "mocap_7", "too_long", "The clip is too long"):
        assert wanted in text
    assert KEY not in text
    assert "signature" not in text
    assert bpy.ops.aimocap.copy_diagnostics() == {"FINISHED"}
    assert bpy.ops.aimocap.copy_job_id() == {"FINISHED"}


def test_what_a_capture_does_not_have_is_said() -> None:
    keep("walk", Stage.STOPPED)
    look()
    assert "has no job at the service yet" in refused(bpy.ops.aimocap.copy_job_id)
    assert "has no files here yet" in refused(bpy.ops.aimocap.open_capture_folder)


def test_the_chosen_capture_is_the_one_that_is_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    keep("done", age=0.0)
    keep("broken", Stage.FAILED, age=60.0, failure=Failure("No answer.", retryable=True))
    look()
    monkeypatch.setenv("AIMOCAP_BASE_URL", "http://127.0.0.1:8")
    monkeypatch.setenv("AIMOCAP_KEY", KEY)
    assert "nothing to resume" in refused(bpy.ops.aimocap.resume)
    captures(bpy.context).index = 1
    assert "belongs to http://127.0.0.1:9" in refused(bpy.ops.aimocap.resume)
