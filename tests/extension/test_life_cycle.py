# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's whole life in Blenders of their own: installed, used, saved, opened again, disabled, uninstalled.

Nothing is left on the terminal that is a warning.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
from conftest import CLIPS

import characters
from service_process import ServiceProcess

PACKAGE = os.environ["AIMOCAP_EXTENSION_ZIP"]

BEGIN = """
import json, os, sys, warnings
warnings.simplefilter("always")
import bpy, addon_utils
NAME = "bl_ext.user_default.aimocap"
def say(**facts):
    print("FOUND", json.dumps(facts), flush=True)
def registered():
    return sorted(name for name in dir(bpy.types) if "aimocap" in name.lower())
def height(frame):
    hero = bpy.data.objects["Hero"]
    bpy.context.scene.frame_set(frame)
    return round((hero.matrix_world @ hero.pose.bones["mixamorig:RightHand"].head).z, 3)
"""
END = """
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
"""

INSTALL_AND_CAPTURE = """
package, character, clip, saved = sys.argv[1:]
bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)
bpy.ops.wm.save_userpref()
bpy.ops.wm.open_mainfile(filepath=character)
bpy.context.scene.aimocap.mirror = True
bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Hero", trim_end=1.0, frame_start=1)
say(keyed=bpy.data.objects["Hero"].animation_data.action is not None, heights=[height(1), height(12), height(24)])
bpy.ops.wm.save_as_mainfile(filepath=saved)
"""

OPEN_AND_LEAVE = """
saved, = sys.argv[1:]
addon_utils.enable(NAME, default_set=True)
bpy.ops.wm.open_mainfile(filepath=saved)
say(heights=[height(1), height(12), height(24)], mirror=bpy.context.scene.aimocap.mirror)
addon_utils.disable(NAME, default_set=True)
say(registered=registered(), scene=hasattr(bpy.types.Scene, "aimocap"))
bpy.ops.wm.open_mainfile(filepath=saved)
say(heights=[height(1), height(12), height(24)])
addon_utils.enable(NAME, default_set=True)
repositories = bpy.context.preferences.extensions.repos
index = [each.module for each in repositories].index("user_default")
folder = repositories[index].directory
bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="aimocap")
say(registered=registered(), scene=hasattr(bpy.types.Scene, "aimocap"), folder=folder)
bpy.ops.wm.open_mainfile(filepath=saved)
say(heights=[height(1), height(12), height(24)])
bpy.ops.wm.save_userpref()
"""


@pytest.fixture(scope="module")
def character(tmp_path_factory: pytest.TempPathFactory) -> str:
    bpy.ops.wm.read_homefile(use_empty=True)
    characters.make_mixamo_character("Hero")
    path = str(tmp_path_factory.mktemp("character") / "hero.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    return path


def test_installed_used_reopened_disabled_and_uninstalled(
    use_service: ServiceProcess, character: str, tmp_path: Path
) -> None:
    terminal: list[str] = []

    def blender(script: str, *arguments: str) -> list[dict]:
        done = subprocess.run(
            [sys.executable, "-c", BEGIN + script + END, *arguments],
            env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        terminal.extend((done.stdout + done.stderr).splitlines())
        lines = done.stdout.splitlines()
        return [json.loads(line.removeprefix("FOUND ")) for line in lines if line.startswith("FOUND ")]

    saved = str(tmp_path / "saved.blend")
    [captured] = blender(INSTALL_AND_CAPTURE, PACKAGE, character, str(CLIPS / "wave_squat.mp4"), saved)
    heights = captured["heights"]
    assert captured["keyed"]
    assert len(set(heights)) > 1, "the hand of who waves does not move"

    opened, disabled, without, uninstalled, last = blender(OPEN_AND_LEAVE, saved)
    assert opened == {"heights": heights, "mirror": True}
    assert disabled == {"registered": [], "scene": False}
    assert without["heights"] == last["heights"] == heights
    folder = Path(uninstalled.pop("folder"))
    assert uninstalled == {"registered": [], "scene": False}
    assert not (folder / "aimocap").exists()
    assert not list(folder.parent.rglob("*pydantic*"))  # nor the wheels that came with it
    assert not [line for line in terminal if re.search("warning|error|traceback|deprecated", line, re.IGNORECASE)]
