# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures outlive what happens to Blender and to the file they were begun in.

Timers do not run in a background Blender, so that what they call is called here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.jobs.record import CaptureRecord, Stage
from bl_ext.user_default.aimocap.scene import video_source
from bl_ext.user_default.aimocap.ui import addon, commands, delivery, handlers
from bl_ext.user_default.aimocap.ui.capture_flow import CaptureOptions, begin
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from stub_service import FRAMES, movements, running_stub_service, video

import characters
from service_process import ServiceProcess

PATIENCE = 60.0


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_stub_service(tmp_path_factory.mktemp("stub")) as process:
        yield process


@pytest.fixture(scope="module")
def key(stub: ServiceProcess) -> str:
    return stub.create_key(10_000)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two characters, since making them takes long."""
    bpy.ops.wm.read_homefile(use_empty=True)
    characters.make_mixamo_character("Hero")
    characters.make_unreal_character("Other")
    path = tmp_path_factory.mktemp("characters") / "characters.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


AddCharacter = Callable[[str], bpy.types.Object]


@pytest.fixture
def add(library: Path) -> AddCharacter:
    """Return a function that adds a character of the library to the scene."""

    def append(name: str) -> bpy.types.Object:
        with bpy.data.libraries.load(str(library)) as (_there, wanted):
            wanted.objects = [name]
        [armature] = wanted.objects
        bpy.context.scene.collection.objects.link(armature)
        bpy.data.batch_remove(list(bpy.data.libraries))
        return armature

    return append


@pytest.fixture(autouse=True)
def blender(
    stub: ServiceProcess, key: str, library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """A Blender that has just started, uses the stub service and has a store of its own."""
    bpy.ops.wm.read_homefile(use_empty=True)
    monkeypatch.setenv("AIMOCAP_BASE_URL", stub.url)
    monkeypatch.setenv("AIMOCAP_KEY", key)
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    yield
    session().shutdown()
    finish_solving(stub)  # what is still held there would hold up the next test


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Blender had been closed and started again, which opens an empty file."""
    session().shutdown()
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    bpy.ops.wm.read_homefile(use_empty=True)


def start(clip: Path, armature: str = "") -> CaptureRecord:
    """Begin a capture as the panel does, on a worker thread."""
    known = set(session().records)
    source = video_source.from_file(bpy.context.scene, clip)
    record, service = begin(bpy.context, source, CaptureOptions(armature=armature))
    session().start(record, service)
    assert set(session().records) - known == {record.capture_id}
    return record


def until(record: CaptureRecord, true: Callable[[CaptureRecord], bool]) -> CaptureRecord:
    """Let the main thread do what the watcher does until the capture has come so far."""
    deadline = time.monotonic() + PATIENCE
    while not true(latest := session().records[record.capture_id]):
        assert time.monotonic() < deadline, latest
        session().pump()
        time.sleep(0.02)
    return latest


def is_ready(record: CaptureRecord) -> bool:
    assert record.failure is None, record.failure
    return record.stage is Stage.READY


def finish_solving(stub: ServiceProcess) -> None:
    (stub.data / "go").touch()


def save(path: Path) -> str:
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return str(path)


def moves(name: str) -> bool:
    armature = bpy.data.objects[name]
    return armature.animation_data is not None and armature.animation_data.action is not None


def bring_in_what_arrived() -> list[str]:
    """What the start-up timer and the watcher do; returns the reports."""
    handlers.look_after_captures(bpy.context)
    return [delivery.conclude(record)[1] for record in session().arrived]


def test_capture_goes_on_by_itself_after_a_restart_and_reaches_its_file(add, stub, tmp_path, monkeypatch) -> None:
    add("Hero")
    path = save(tmp_path / "scene.blend")
    before = len(movements(stub.data))
    record = start(video(tmp_path, "held"), "Hero")
    until(record, lambda latest: latest.stage is Stage.PROCESSING)

    restart(monkeypatch)
    assert bring_in_what_arrived() == []
    assert session().is_running(record.capture_id)
    finish_solving(stub)
    ready = until(record, is_ready)
    assert "scene.blend" in delivery.conclude(ready)[1]  # another file is open
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not moves("Hero")
    assert bring_in_what_arrived() == ["“held” is captured."]
    assert moves("Hero")
    assert movements(stub.data)[before:] == ["charge"]
    assert bring_in_what_arrived() == []  # once


def test_capture_that_became_ready_before_the_crash_is_brought_in_when_its_file_is_opened(
    add, tmp_path, monkeypatch
) -> None:
    add("Hero")
    path = save(tmp_path / "scene.blend")
    until(start(video(tmp_path, "walk"), "Hero"), is_ready)
    restart(monkeypatch)
    assert bring_in_what_arrived() == []
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bring_in_what_arrived() == ["“walk” is captured."]
    assert moves("Hero")


@pytest.mark.parametrize("moved", [False, True])
def test_file_that_was_first_saved_after_the_capture_began_is_found_again(add, tmp_path, monkeypatch, moved) -> None:
    add("Hero")
    until(start(video(tmp_path, "walk"), "Hero"), is_ready)
    path = Path(save(tmp_path / "later.blend"))
    if moved:
        path = path.rename(tmp_path / "moved.blend")
    restart(monkeypatch)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert bring_in_what_arrived() == ["“walk” is captured."]
    assert moves("Hero")


def test_file_that_was_moved_is_found_again_and_its_copy_is_not_taken_for_it(add, tmp_path, monkeypatch) -> None:
    add("Hero")
    path = Path(save(tmp_path / "scene.blend"))
    until(start(video(tmp_path, "walk"), "Hero"), is_ready)
    save(path)
    copy = tmp_path / "copy.blend"
    copy.write_bytes(path.read_bytes())
    restart(monkeypatch)
    bpy.ops.wm.open_mainfile(filepath=str(copy))
    assert bring_in_what_arrived() == []
    path.unlink()
    assert bring_in_what_arrived() == ["“walk” is captured."]


@pytest.mark.parametrize("save_other", [False, True])
def test_an_unsaved_file_is_not_another_unsaved_file(add, tmp_path, save_other) -> None:
    add("Hero")
    record = start(video(tmp_path, "walk"), "Hero")
    bpy.ops.wm.read_homefile(use_empty=True)  # File > New
    add("Hero")
    if save_other:
        save(tmp_path / "other.blend")
    ready = until(record, is_ready)
    assert "import it from the AIMoCap panel" in delivery.conclude(ready)[1]
    assert bring_in_what_arrived() == []
    assert not moves("Hero")
    assert bpy.ops.aimocap.import_capture("EXEC_DEFAULT", capture_id=record.capture_id) == {"FINISHED"}
    assert moves("Hero")


def test_another_file_is_opened_meanwhile_and_then_the_first_again(add, tmp_path) -> None:
    add("Hero")
    other = save(tmp_path / "other.blend")
    path = save(tmp_path / "scene.blend")
    record = start(video(tmp_path, "walk"), "Hero")
    bpy.ops.wm.open_mainfile(filepath=other)
    assert "scene.blend" in delivery.conclude(until(record, is_ready))[1]
    assert not moves("Hero")
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bring_in_what_arrived() == ["“walk” is captured."]
    assert moves("Hero")


def test_revert_keeps_the_capture(add, tmp_path) -> None:
    add("Hero")
    save(tmp_path / "scene.blend")
    record = start(video(tmp_path, "walk"), "Hero")
    bpy.ops.wm.revert_mainfile()
    assert delivery.conclude(until(record, is_ready))[1] == "“walk” is captured."
    assert moves("Hero")


def test_save_as_takes_the_capture_along(add, tmp_path) -> None:
    add("Hero")
    save(tmp_path / "first.blend")
    record = start(video(tmp_path, "walk"), "Hero")
    save(tmp_path / "second.blend")
    assert delivery.conclude(until(record, is_ready))[1] == "“walk” is captured."
    assert moves("Hero")


def test_undo_past_the_submit_changes_nothing_for_the_capture(add, stub, tmp_path) -> None:
    add("Hero")
    bpy.ops.ed.undo_push(message="Character")
    bpy.context.scene.frame_end = 77
    bpy.ops.ed.undo_push(message="Before")
    before = len(movements(stub.data))
    record = start(video(tmp_path, "walk"), "Hero")
    bpy.context.scene.frame_end = 78
    bpy.ops.ed.undo_push(message="After")
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert delivery.conclude(until(record, is_ready))[1] == "“walk” is captured."
    assert moves("Hero")
    assert movements(stub.data)[before:] == ["charge"]


def test_armature_that_was_undone_is_told_and_nothing_is_left_behind(add, tmp_path, snapshot) -> None:
    bpy.ops.ed.undo_push(message="Empty")
    add("Hero")
    bpy.ops.ed.undo_push(message="Character")
    record = start(video(tmp_path, "walk"), "Hero")
    bpy.ops.ed.undo()
    ready = until(record, is_ready)
    before = snapshot()
    assert "There is no armature “Hero”" in delivery.conclude(ready)[1]
    assert snapshot() == before


def test_armature_that_was_renamed_is_found_again(add, tmp_path) -> None:
    hero = add("Hero")
    record = start(video(tmp_path, "walk"), "Hero")
    hero.name = "Heroine"
    other = add("Other")
    other.name = "Hero"  # not the one that is meant
    bpy.ops.ed.undo_push(message="Rename")
    until(record, is_ready)
    assert delivery.conclude(session().records[record.capture_id])[1] == "“walk” is captured."
    assert (moves("Heroine"), moves("Hero")) == (True, False)


@pytest.mark.parametrize("kept", [False, True])
def test_armature_that_was_deleted_is_told_and_the_motion_stays_in_the_list(add, tmp_path, snapshot, kept) -> None:
    hero = add("Hero")
    if kept:
        bpy.context.scene.aimocap.armature = hero  # which keeps its data when a person deletes it
    record = start(video(tmp_path, "walk"), "Hero")
    with bpy.context.temp_override(selected_objects=[hero], active_object=hero):
        bpy.ops.object.delete()
    ready = until(record, is_ready)
    before = snapshot()
    sentence = delivery.conclude(ready)[1]
    assert "“Hero”" in sentence
    assert sentence.endswith(("choose another one.", "get the captured skeleton."))
    assert snapshot() == before
    add("Other")
    bring_in = bpy.ops.aimocap.import_capture
    assert bring_in("EXEC_DEFAULT", capture_id=record.capture_id, use_armature=True, armature="Other") == {"FINISHED"}
    assert moves("Other")


@pytest.mark.parametrize("armature", ["", "Hero"])
def test_scene_that_was_deleted_does_not_lose_the_motion(add, tmp_path, armature) -> None:
    first = bpy.context.scene
    add("Hero")
    hero = bpy.data.objects["Hero"]
    record = start(video(tmp_path, "walk"), armature)
    other = bpy.data.scenes.new("Other")
    other.collection.objects.link(hero)
    bpy.context.window.scene = other
    bpy.data.scenes.remove(first)
    assert delivery.conclude(until(record, is_ready))[1] == "“walk” is captured."
    if armature:
        assert moves("Hero")
    else:
        [skeleton] = (each for each in other.collection.objects if each.name.startswith("AIMoCap"))
        assert moves(skeleton.name)


def test_captured_skeleton_goes_to_the_scene_of_its_capture(tmp_path) -> None:
    first = bpy.context.scene
    record = start(video(tmp_path, "walk"))
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    assert delivery.conclude(until(record, is_ready))[1] == "“walk” is captured."
    [armature] = (each for each in bpy.data.objects if each.type == "ARMATURE")
    assert list(armature.users_scene) == [first]
    first_frame, last_frame = armature.animation_data.action.frame_range
    assert last_frame - first_frame == FRAMES - 1


def test_two_blenders_share_the_store_and_only_one_brings_the_motion_in(add, stub, tmp_path, monkeypatch) -> None:
    add("Hero")
    path = save(tmp_path / "scene.blend")
    before = len(movements(stub.data))
    record = start(video(tmp_path, "held"), "Hero")
    first = session()
    until(record, lambda latest: latest.stage is Stage.PROCESSING)

    second = CaptureSession()
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", second)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert not handlers.look_after_captures(bpy.context)
    assert not second.is_running(record.capture_id)
    assert second.records[record.capture_id].stage is Stage.PROCESSING  # listed all the same
    first.shutdown()  # the first Blender ends
    assert handlers.look_after_captures(bpy.context)
    assert second.is_running(record.capture_id)
    finish_solving(stub)
    assert delivery.conclude(until(record, is_ready))[1] == "“held” is captured."
    assert movements(stub.data)[before:] == ["charge"]

    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bring_in_what_arrived() == []  # has been brought in, in the other one


def test_without_a_key_found_captures_wait_in_the_list(stub, tmp_path, monkeypatch) -> None:
    record = start(video(tmp_path, "held"))
    until(record, lambda latest: latest.stage is Stage.PROCESSING)
    restart(monkeypatch)
    monkeypatch.setenv("AIMOCAP_KEY", "")
    assert not handlers.look_after_captures(bpy.context)
    assert session().records[record.capture_id].stage is Stage.PROCESSING


def test_motion_that_a_script_took_in_is_not_brought_in_again(add, tmp_path, monkeypatch) -> None:
    add("Hero")
    path = save(tmp_path / "scene.blend")
    clip = video(tmp_path, "walk")
    assert bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(clip), armature="Hero") == {"FINISHED"}
    restart(monkeypatch)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bring_in_what_arrived() == []


def test_command_goes_on_with_interrupted_captures(add, stub, tmp_path, monkeypatch, capfd) -> None:
    add("Hero")
    path = save(tmp_path / "scene.blend")
    record = start(video(tmp_path, "held"), "Hero")
    until(record, lambda latest: latest.stage is Stage.PROCESSING)
    restart(monkeypatch)
    finish_solving(stub)
    assert commands.run(["resume"]) == 0
    assert "1 ready, 0 not" in capfd.readouterr().out
    bpy.ops.wm.open_mainfile(filepath=path)
    assert bring_in_what_arrived() == ["“held” is captured."]


def test_wait_at_most_is_the_preference_s() -> None:
    preferences = bpy.context.preferences.addons["bl_ext.user_default.aimocap"].preferences
    assert addon.service(bpy.context).deadline == 24 * 3600.0
    preferences.wait_hours = 2
    try:
        assert addon.service(bpy.context).deadline == 2 * 3600.0
    finally:
        preferences.property_unset("wait_hours")
