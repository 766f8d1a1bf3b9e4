# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command aimocap capture`: captures without an interface.

The command is called as Blender calls it; the `bpy` module itself has no command line.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import pytest
import rigs
from bl_ext.user_default.aimocap.ui import addon, commands
from bl_ext.user_default.aimocap.ui.session import CaptureSession
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
    assert commands.run([*arguments, *WINDOW]) == 0
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

    assert commands.run(arguments) == 1

    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("AIMoCap: ")]
    assert len(lines) == 1
    assert sentence in lines[0]
    assert not out.exists()


def test_arguments_that_make_no_sense_end_with_status_2(capfd) -> None:
    assert commands.run(["capture", WAVE]) == 2  # nowhere to save
    assert "--save" in capfd.readouterr().err


def test_doctor_tells_what_a_capture_depends_on(use_service, capfd) -> None:
    assert commands.run(["doctor"]) == 0
    printed = capfd.readouterr()
    told = dict(line.split(None, 1) for line in printed.out.splitlines() if not line.startswith((" ", "AIMoCap |")))
    assert told["AIMoCap"].startswith(f"{addon.version()}, as bl_ext.")
    assert bpy.app.version_string in told["Blender"]
    assert " carried; in use: " in told["Wheels"]
    assert "pydantic" not in told["Wheels"]  # nothing else brings it, so what is carried is in use
    assert use_service.url in told["Service"]
    assert told["API"] == "key        set in the environment"
    assert told["Online"] == "access  off"
    assert "GB free" in told["Folder"]
    assert "kept" in told["Captures"]
    assert told["Local"].startswith("service  not set up")
    assert told["Answer"] == "the service answers and takes the key"
    assert not printed.err
    assert "sk-" not in printed.out
    assert str(Path.home()) not in printed.out


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AIMOCAP_KEY", "sk-wrong", "does not accept the API key"),
        ("AIMOCAP_BASE_URL", "http://127.0.0.1:9", "No service answers"),
        ("AIMOCAP_BASE_URL", "https://anna:secret@example.org/?token=secret", "Online access is off"),
    ],
)
def test_doctor_names_what_is_wrong_and_keeps_secrets(
    use_service, monkeypatch, capfd, variable, value, sentence
) -> None:
    monkeypatch.setenv(variable, value)
    assert commands.run(["doctor"]) == 1
    printed = capfd.readouterr()
    assert sentence in printed.err
    assert "Answer         none" in printed.out
    assert "sk-" not in printed.out + printed.err
    assert "secret" not in printed.out + printed.err


def test_doctor_finds_a_library_that_is_broken(use_service, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert commands.run(["doctor"]) == 1
    assert "A library cannot be loaded" in capfd.readouterr().err


def test_doctor_finds_a_folder_that_cannot_be_used(use_service, monkeypatch, tmp_path, capfd) -> None:
    place = tmp_path / "file"
    place.touch()
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: place)
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    assert commands.run(["doctor"]) == 1
    printed = capfd.readouterr()
    assert "cannot be used" in printed.err
    assert "takes the key" in printed.out
