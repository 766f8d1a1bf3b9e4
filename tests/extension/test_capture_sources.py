# SPDX-License-Identifier: GPL-3.0-or-later
"""From where captures begin: several strips, files from outside, a clip once more; and what the panel knows of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import counted_video
import pytest
from bl_ext.user_default.aimocap.jobs.record import Stage
from bl_ext.user_default.aimocap.scene import video_source
from bl_ext.user_default.aimocap.ui import addon, status_bar
from bl_ext.user_default.aimocap.ui.capture_flow import CaptureOptions, begin
from bl_ext.user_default.aimocap.ui.estimate import estimate_words
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from conftest import CLIPS
from stub_service import running_stub_service, video
from test_bad_input import refused

import characters
from service_process import ServiceProcess

WAVE = CLIPS / "wave_squat.mp4"  # 5 s at 30 fps


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_stub_service(tmp_path_factory.mktemp("stub")) as process:
        yield process


@pytest.fixture(autouse=True)
def use_stub(stub: ServiceProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ServiceProcess]:
    """A Blender that uses the stub service, with a store of its own."""
    monkeypatch.setenv("AIMOCAP_BASE_URL", stub.url)
    monkeypatch.setenv("AIMOCAP_KEY", stub.create_key(100))
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    yield stub
    session().shutdown()


def strips() -> object:
    scene = bpy.context.scene
    return counted_video.strips_of(scene.sequence_editor or scene.sequence_editor_create())


def add_strip(name: str, channel: int, frame_start: int, path: Path = WAVE):
    strip = strips().new_movie(name=name, filepath=str(path), channel=channel, frame_start=frame_start)
    bpy.context.scene.sequence_editor.active_strip = strip
    return strip


def moving() -> dict[str, tuple[float, float]]:
    """The armatures that have an action, with its frames."""
    found = [each for each in bpy.data.objects if each.type == "ARMATURE" and each.animation_data]
    return {each.name: tuple(each.animation_data.action.frame_range) for each in found}


def wait_for(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60.0
    while not done():
        assert time.monotonic() < until
        session().pump()
        time.sleep(0.02)


def test_every_selected_strip_becomes_a_capture_in_time_with_it() -> None:
    bpy.context.scene.render.fps = 30
    add_strip("first", 1, 11)
    add_strip("second", 2, 401)
    assert bpy.ops.aimocap.capture_strip("EXEC_DEFAULT") == {"FINISHED"}
    begins = {name: frames[0] for name, frames in moving().items()}
    assert begins == {"AIMoCap first": 11.0, "AIMoCap second": 401.0}
    assert len(session().store().recent()) == 2


def test_where_one_strip_is_refused_none_is_captured() -> None:
    add_strip("good", 1, 11)
    add_strip("reversed", 2, 401).use_reverse_frames = True
    assert "“reversed” plays in reverse" in refused(bpy.ops.aimocap.capture_strip)
    assert session().store().recent() == []
    assert moving() == {}


def test_files_from_a_browser_or_dropped_become_a_capture_each(tmp_path: Path) -> None:
    files = [{"name": video(tmp_path, name).name} for name in ("one", "two")]
    assert bpy.ops.aimocap.capture_videos("EXEC_DEFAULT", directory=str(tmp_path), files=files) == {"FINISHED"}
    assert set(moving()) == {"AIMoCap one", "AIMoCap two"}
    assert bpy.ops.aimocap.capture_videos("EXEC_DEFAULT", filepath=str(tmp_path / "one.mp4")) == {"FINISHED"}
    (tmp_path / "note.mp4").write_text("no video")
    assert "is not a video" in refused(bpy.ops.aimocap.capture_videos, filepath=str(tmp_path / "note.mp4"))
    assert "No video file is given" in refused(bpy.ops.aimocap.capture_videos)
    assert len(session().store().recent()) == 3


def test_a_clip_is_captured_once_more_from_the_same_window_with_other_options() -> None:
    bpy.context.scene.render.fps = 30
    strip = add_strip("part", 1, 11)
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = 41, 101
    else:
        strip.frame_final_start, strip.frame_final_end = 41, 101
    assert bpy.ops.aimocap.capture_strip("EXEC_DEFAULT") == {"FINISHED"}
    first = session().chosen()
    assert bpy.ops.aimocap.capture_again("EXEC_DEFAULT", capture_id=first.capture_id, targets="ROBOT") == {"FINISHED"}
    again = next(record for record in session().store().recent() if record.capture_id != first.capture_id)
    assert again.request.targets == ("unitree_g1",)
    window = ("title", "trim_start_sec", "trim_end_sec")
    assert [getattr(again.request, name) for name in window] == [getattr(first.request, name) for name in window]
    assert again.request.trim_start_sec == pytest.approx(1.0)
    assert again.request.placement.frame_start == 41


def test_the_robot_stands_a_metre_beside_the_character_that_moves_with_it() -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    hero = characters.make_mixamo_character("Hero")
    hero.location = (300.0, 20.0, 0.0)
    bpy.context.view_layer.update()
    result = bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(WAVE), armature="Hero", targets="BOTH")
    assert result == {"FINISHED"}
    (robot,) = (each for each in bpy.data.objects if each.type == "ARMATURE" and each != hero)
    assert tuple(robot.location) == pytest.approx((400.0, 20.0, 0.0))
    assert bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(WAVE), targets="ROBOT") == {"FINISHED"}
    (alone,) = (each for each in bpy.data.objects if each.type == "ARMATURE" and each not in (hero, robot))
    assert tuple(alone.location) == (0.0, 0.0, 0.0)


def test_several_captures_count_as_one_and_are_stopped_together(tmp_path: Path, use_stub: ServiceProcess) -> None:
    held = video(tmp_path, "held")
    try:
        for _ in range(3):
            record, service = begin(bpy.context, video_source.from_file(bpy.context.scene, held), CaptureOptions())
            session().start(record, service)
        wait_for(lambda: all(each.submit_sent for each in session().records.values()))
        session().watching = True
        assert "0 of 3 captures, " in status_bar._text()
        assert bpy.ops.aimocap.stop("EXEC_DEFAULT") == {"FINISHED"}
        wait_for(lambda: not session().running)
    finally:
        (use_stub.data / "go").touch()  # what was stopped here goes on there
    session().pump()
    assert {record.stage for record in session().records.values()} == {Stage.STOPPED}


def look(strip) -> object:
    """What the panel shows of a strip, after the timer that its first drawing wants."""
    scene, looks = bpy.context.scene, session().looks
    looks.strip(scene, strip)
    looks._look_at_wanted()
    return looks.strip(scene, strip)


def test_the_panel_knows_a_strip_exactly_and_why_it_cannot_be_captured() -> None:
    bpy.context.scene.render.fps = 24
    strip = add_strip("wave", 1, 11)  # shows frame by frame: 150 frames of a video of 30 fps
    assert session().looks.strip(bpy.context.scene, strip) is None
    known = look(strip)
    assert known.source.window_sec == pytest.approx(5.0)
    assert (known.source.frame_start, known.source.frame_end) == pytest.approx((11.0, 161.0))
    strip.use_reverse_frames = True
    assert session().looks.strip(bpy.context.scene, strip) is None  # what was known is of another playback
    assert "plays in reverse" in look(strip).sentence
    strip.use_reverse_frames = False
    assert session().looks.strip(bpy.context.scene, strip) == known


def test_a_strip_that_changed_before_it_was_looked_at_is_known_as_it_is_now() -> None:
    strip = add_strip("wave", 1, 11)
    session().looks.strip(bpy.context.scene, strip)
    strip.use_reverse_frames = True
    session().looks._look_at_wanted()
    assert "plays in reverse" in session().looks.strip(bpy.context.scene, strip).sentence
    strip.use_reverse_frames = False
    assert session().looks.strip(bpy.context.scene, strip) is None
    strips().remove(strip)
    session().looks._look_at_wanted()


def test_the_scene_is_made_to_fit_by_hand_alone() -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 24, 50, 100
    add_strip("wave", 1, 11)
    assert bpy.ops.aimocap.capture_strip("EXEC_DEFAULT") == {"FINISHED"}
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (24, 50, 100)
    assert bpy.ops.aimocap.extend_range(first=11, last=160) == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (11, 160)
    assert bpy.ops.aimocap.extend_range(first=20, last=90) == {"FINISHED"}  # never shortens
    assert (scene.frame_start, scene.frame_end) == (11, 160)
    assert bpy.ops.aimocap.set_rate(rate=30000 / 1001) == {"FINISHED"}
    assert scene.render.fps == 30
    assert scene.render.fps / scene.render.fps_base == pytest.approx(30000 / 1001, rel=1e-5)


def test_the_price_is_that_of_the_books(use_stub: ServiceProcess) -> None:
    cloud = addon.Service("https://aimocap.net", "", False, False, 3600.0)
    local = addon.Service(use_stub.url, "", False, False, 3600.0)
    assert estimate_words(cloud, [5.0, 1.2]) == "6.2 s = 7 v-credits"
    assert estimate_words(cloud, [0.4]) == "0.4 s = 1 v-credit"
    assert estimate_words(local, [5.0]) == "5.0 s, free with the local service"
