# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command aimocap`: captures, batches and checks without an interface.

The command is called as Blender calls it; the `bpy` module itself has no command line.
"""

from __future__ import annotations

import bpy
import pytest
import rigs
from bl_ext.user_default.aimocap.scene import compat
from bl_ext.user_default.aimocap.ui import command_line
from conftest import CLIPS

import characters

WAVE = str(CLIPS / "wave_squat.mp4")
WINDOW = ("--trim-start=1", "--trim-end=2")


@pytest.fixture
def hero_file(tmp_path) -> str:
    characters.make_mixamo_character("Hero")
    rigs.build("Second", rigs.UNREAL)
    path = str(tmp_path / "scene with spaces.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    return path


def test_capture_into_a_new_file(use_service, hero_file, tmp_path, capfd) -> None:
    out = tmp_path / "out.blend"
    arguments = ["capture", WAVE, f"--blend={hero_file}", "--armature=Hero", "--armature=Second", f"--save={out}"]
    assert command_line.run([*arguments, *WINDOW]) == 0
    printed = capfd.readouterr()
    assert "AIMoCap | Solving" in printed.out
    assert str(out) in printed.out

    bpy.ops.wm.open_mainfile(filepath=str(out))
    action = bpy.data.objects["Hero"].animation_data.action
    assert tuple(action.frame_range) == (1, 24)
    assert tuple(bpy.data.objects["Second"].animation_data.action.frame_range) == (1, 24)
    bpy.ops.wm.open_mainfile(filepath=hero_file)
    assert bpy.data.objects["Hero"].animation_data is None or bpy.data.objects["Hero"].animation_data.action is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"video": "/nowhere/clip.mp4"}, "does not exist"),
        ({"--blend": "/nowhere/scene.blend"}, "does not exist: check --blend"),
        ({"--armature": "Villain"}, "There is no armature “Villain”"),
        ({"--save": "/nowhere/out.blend"}, "is not a folder that can be written"),
        ({"--trim-end": "0.5"}, "is empty"),
    ],
)
def test_failure_is_one_sentence_and_status_1(use_service, hero_file, tmp_path, capfd, changes, sentence) -> None:
    out = tmp_path / "out.blend"
    options = {"--blend": hero_file, "--armature": "Hero", "--save": str(out), "--trim-start": "1", "--trim-end": "2"}
    options |= {key: value for key, value in changes.items() if key.startswith("--")}
    arguments = ["capture", changes.get("video", WAVE), *(f"{key}={value}" for key, value in options.items())]

    assert command_line.run(arguments) == 1

    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("AIMoCap: ")]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert not out.exists()


def test_arguments_that_make_no_sense_end_with_status_2(capfd) -> None:
    assert command_line.run(["capture", WAVE]) == 2  # nowhere to save
    assert "--save" in capfd.readouterr().err


def test_batch_goes_on_after_a_row_that_fails(use_service, hero_file, tmp_path, capfd) -> None:
    manifest = tmp_path / "jobs.csv"
    manifest.write_text(
        "video,blend,armature,save,trim_start,trim_end,mirror,max_error,ground_offset\n"
        f"/nowhere/clip.mp4,{hero_file},Hero,first.blend,,,,,\n"
        f"{WAVE},{hero_file},Hero,second.blend,1,2,yes,2,5\n"
    )
    assert command_line.run(["batch", str(manifest)]) == 1
    assert "1 captured, 1 failed" in capfd.readouterr().out
    assert not (tmp_path / "first.blend").exists()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "second.blend"))
    hero = bpy.data.objects["Hero"]
    curves = compat.active_curves(hero)
    assert sum(len(curve.keyframe_points) for curve in curves) < 0.7 * 24 * len(curves)
    assert (hero.matrix_world @ hero.pose.bones["mixamorig:Hips"].head).z > 5.0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("clip,save\na,b\n", "needs a header row"),
        ("video,save,colour\na,b,c\n", "needs a header row"),
        ("video,save,mirror\na,b,perhaps\n", "write yes or no"),
    ],
)
def test_batch_refuses_a_manifest_it_does_not_understand(use_service, tmp_path, capfd, text, sentence) -> None:
    manifest = tmp_path / "jobs.csv"
    manifest.write_text(text)
    assert command_line.run(["batch", str(manifest)]) == 1
    assert sentence in capfd.readouterr().err


def test_doctor_is_content_with_a_running_service(use_service, capfd) -> None:
    assert command_line.run(["doctor"]) == 0
    assert "takes the key" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AIMOCAP_KEY", "sk-wrong", "does not accept the API key"),
        ("AIMOCAP_BASE_URL", "http://127.0.0.1:9", "No service answers"),
    ],
)
def test_doctor_names_what_is_wrong_and_keeps_the_key(
    use_service, monkeypatch, capfd, variable, value, sentence
) -> None:
    monkeypatch.setenv(variable, value)
    assert command_line.run(["doctor"]) == 1
    printed = capfd.readouterr()
    assert sentence in printed.err
    assert "sk-" not in printed.out + printed.err
