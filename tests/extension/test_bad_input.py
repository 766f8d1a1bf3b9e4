# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input gets one sentence, and the file is as it was."""

from __future__ import annotations

import re

import bpy
import pytest
from conftest import CLIPS

import characters
from service_process import run_command

WAVE = str(CLIPS / "wave_squat.mp4")


def refused(operator, **arguments) -> str:
    """Run an operator that is to fail; returns its one sentence."""
    with pytest.raises(RuntimeError) as caught:
        operator("EXEC_DEFAULT", **arguments)
    text = re.sub(r"\s*Location: .*", "", str(caught.value)).strip()
    text = text.removeprefix("Error: ").strip()
    assert "Traceback" not in text
    assert "\n" not in text
    return text


@pytest.fixture
def hero() -> bpy.types.Object:
    return characters.make_unreal_character("Hero")


def test_no_strip(use_service) -> None:
    assert "select a movie strip" in refused(bpy.ops.aimocap.capture_strip)


def test_wrong_strip_type(use_service) -> None:
    scene = bpy.context.scene
    editor = scene.sequence_editor_create() or scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    length = {"length": 9} if bpy.app.version >= (5, 0, 0) else {"frame_end": 10}
    editor.active_strip = strips.new_effect(name="Red", type="COLOR", channel=1, frame_start=1, **length)
    assert refused(bpy.ops.aimocap.capture_strip).endswith(" “Red” is a strip of type Color: select a movie strip")


def test_missing_file(use_service, hero, snapshot) -> None:
    before = snapshot()
    text = refused(bpy.ops.aimocap.capture_file, filepath="/nowhere/clip.mp4", armature="Hero")
    assert text == "The video file /nowhere/clip.mp4 does not exist: choose it again."
    assert snapshot() == before


def test_not_a_video(use_service, hero, snapshot, tmp_path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    before = snapshot()
    assert "is not a video" in refused(bpy.ops.aimocap.capture_file, filepath=str(path), armature="Hero")
    assert snapshot() == before


def test_zero_length_trim(use_service, hero, snapshot) -> None:
    before = snapshot()
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero", trim_start=2.0, trim_end=2.0)
    assert "The end lies before the start" in text or "is empty" in text
    assert snapshot() == before


def test_no_armature_in_the_scene(use_service) -> None:
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero")
    assert "There is no armature “Hero”, nor any other in this file" in text


def test_unknown_armature_name(use_service, hero) -> None:
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Villain")
    assert text == "There is no armature “Villain” in this file: check the name or choose another one."


def test_no_armature_at_all_by_that_name(use_service, hero) -> None:
    bpy.data.objects.new("Lamp", None)
    assert "is no armature" in refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Lamp")


def test_armature_that_no_preset_fits_is_refused_before_anything_is_sent(use_service, snapshot) -> None:
    data = bpy.data.armatures.new("Crane")
    crane = bpy.data.objects.new("Crane", data)
    bpy.context.scene.collection.objects.link(crane)
    bpy.context.view_layer.objects.active = crane
    bpy.ops.object.mode_set(mode="EDIT")
    for index in range(5):
        bone = data.edit_bones.new(f"boom {index}")
        bone.head, bone.tail = (0, 0, index), (0, 0, index + 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    before, jobs = snapshot(), run_command("jobs", "list", "--data", str(use_service.data)).stdout
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Crane")
    assert text.startswith("The bones of “Crane” are not named like those of a known rig")
    assert snapshot() == before
    assert run_command("jobs", "list", "--data", str(use_service.data)).stdout == jobs


def test_no_key(use_service, hero, monkeypatch) -> None:
    monkeypatch.delenv("AIMOCAP_KEY")
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero")
    assert "There is no API key" in text
    assert "AIMOCAP_KEY" in text


def test_wrong_key(use_service, hero, snapshot, monkeypatch) -> None:
    monkeypatch.setenv("AIMOCAP_KEY", "sk-not-a-key-of-this-service")
    before = snapshot()
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero")
    assert "does not accept the API key" in text
    assert "sk-not" not in text
    assert snapshot() == before


def test_service_not_running(use_service, hero, snapshot, monkeypatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", "http://127.0.0.1:9")
    before = snapshot()
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero")
    assert "No service answers at http://127.0.0.1:9" in text
    assert snapshot() == before


def test_cloud_while_online_access_is_off(use_service, hero, monkeypatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", "https://cloud.invalid")
    assert not bpy.app.online_access
    text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero", consent=True)
    assert text.startswith("Online access is off: allow it in Preferences")


def test_cloud_without_consent(use_service, hero, monkeypatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", "https://cloud.invalid")
    bpy.context.preferences.system.use_online_access = True
    try:
        text = refused(bpy.ops.aimocap.capture_file, filepath=WAVE, armature="Hero")
    finally:
        bpy.context.preferences.system.use_online_access = False
    assert "The cloud needs your consent" in text


def test_nobody_in_the_video_costs_nothing(use_service, hero, snapshot) -> None:
    before = snapshot()
    text = refused(bpy.ops.aimocap.capture_file, filepath=str(CLIPS / "empty_room.mp4"), armature="Hero")
    assert "Nobody was found in the video" in text
    assert snapshot() == before
    assert hero.animation_data is None or hero.animation_data.action is None
    listed = run_command("keys", "list", "--data", str(use_service.data)).stdout
    assert "100" in listed.splitlines()[-1]


def test_a_motion_file_that_is_gone(use_service, hero) -> None:
    from bl_ext.user_default.aimocap.ui.session import session

    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_start=1.0, trim_end=1.5)
    newest = max(session().records.values(), key=lambda record: record.created_at)
    newest.motion_file.unlink()
    text = refused(bpy.ops.aimocap.import_capture, capture_id=newest.capture_id)
    assert "is not there any more" in text
