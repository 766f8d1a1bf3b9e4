# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's part inside Blender: installs the extension, captures a strip onto a character, saves and renders.

Started by demo.py in Blender's Python, with the service's address and key in the environment.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import characters
import contact_sheet
from ending import run_and_end

CHARACTERS = {
    "mixamo": characters.make_mixamo_character,
    "rigify": characters.make_rigify_metarig_character,
    "unreal": characters.make_unreal_character,
}
STRIP_START = 11
SHEET_COLUMNS = 8


def install_extension(path: Path) -> None:
    """Install and enable the built extension."""
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)


def add_strip(video: Path) -> bpy.types.Scene:
    """Put the video into the sequencer, at the scene's rate, and make the strip the active one."""
    scene = bpy.context.scene
    assert scene is not None
    clip = bpy.data.movieclips.load(str(video))
    frames, rate = clip.frame_duration, clip.fps
    bpy.data.movieclips.remove(clip)
    # At the file's own rate a strip shows one file frame per scene frame.
    scene.render.fps = round(rate)
    scene.render.fps_base = round(rate) / rate
    editor = scene.sequence_editor_create() or scene.sequence_editor
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_movie(name=video.stem, filepath=str(video), channel=1, frame_start=STRIP_START)
    editor.active_strip = strip
    scene.frame_start, scene.frame_end = STRIP_START, STRIP_START + frames - 1
    return scene


def keep_motion_file(folder: Path) -> Path:
    """Copy the FBX of the newest capture to the demo's folder and return its path there."""
    found = Path(os.environ["BLENDER_USER_RESOURCES"]).rglob("results/*/*.fbx")
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return Path(shutil.copy(newest, folder / newest.name))


def main() -> None:
    """Run the demo's steps; raises RuntimeError with Blender's report when one fails."""
    parser = argparse.ArgumentParser()
    parser.add_argument("video", type=Path)
    parser.add_argument("--extension", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--character", choices=sorted(CHARACTERS), default="mixamo")
    arguments = parser.parse_args()
    bpy.ops.wm.read_homefile(use_empty=True)
    install_extension(arguments.extension)
    hero = CHARACTERS[arguments.character]("Hero")
    scene = add_strip(arguments.video)
    scene.aimocap.armature = hero  # type: ignore[attr-defined]
    bpy.ops.aimocap.capture_strip("EXEC_DEFAULT", armature=hero.name)  # type: ignore[attr-defined]
    blend = arguments.folder / "demo.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False)
    print(f"Demo | Saved {blend.name}")
    print(f"Demo | Kept {keep_motion_file(arguments.folder).name}")
    last = scene.frame_end - scene.frame_start
    frames = [scene.frame_start + round(last * (column + 0.5) / SHEET_COLUMNS) for column in range(SHEET_COLUMNS)]
    print(f"Demo | Rendering {len(frames)} pictures ...", flush=True)
    contact_sheet.render_frames(scene, hero, frames, arguments.folder / "frames")
    rate = scene.render.fps / scene.render.fps_base
    times = "\n".join(f"{(frame - STRIP_START) / rate:.6f}" for frame in frames)
    (arguments.folder / "frames" / "seconds.txt").write_text(times + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_and_end(main)
