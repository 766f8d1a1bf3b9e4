# SPDX-License-Identifier: GPL-3.0-or-later
"""What the flows have in the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler

import characters
from window_tests.hand import Hand, Steps

CLIP = Path(__file__).resolve().parents[2] / "tests" / "data" / "clips" / "wave_squat.mp4"
CLIP_FRAMES, CLIP_FPS = 150, 30
STRIP_START = 21


def scene() -> Any:
    return bpy.context.scene


def empty_file() -> None:
    """Take away what a new file has, and play at the clip's rate."""
    for each in list(bpy.data.objects):
        bpy.data.objects.remove(each)
    scene().render.fps = CLIP_FPS
    scene().frame_end = 180


def look_at_person(hand: Hand) -> None:
    """Have the 3D view show who stands at the origin."""
    space: Any = hand.area().spaces.active
    space.show_gizmo = False
    view = space.region_3d
    view.view_rotation = Euler((1.35, 0.0, 0.35)).to_quaternion()
    view.view_location, view.view_distance, view.view_perspective = (0.5, 0.0, 0.85), 5.0, "PERSP"


def strips() -> Any:
    """Return the strips of the scene's sequencer, which is made if need be."""
    editor = scene().sequence_editor or scene().sequence_editor_create()
    workspace: Any = bpy.context.window_manager.windows[0].workspace
    if hasattr(workspace, "sequencer_scene"):  # since 5.0
        workspace.sequencer_scene = scene()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def add_strip(name: str = "Wave and Squat", start: int = STRIP_START, channel: int = 1) -> Any:
    """Add the clip to the sequencer as the active strip."""
    strip = strips().new_movie(name=name, filepath=str(CLIP), channel=channel, frame_start=start)
    scene().sequence_editor.active_strip = strip
    return strip


def add_hero(name: str = "Hero") -> Any:
    """Add a character and make it that of the panel."""
    hero = characters.make_mixamo_character(name)
    scene().aimocap.armature = hero
    return hero


def session() -> Any:
    """Return what the add-on knows of its captures."""
    return bpy.types.WindowManager.aimocap_session  # type: ignore[attr-defined]


def place_of(hero: Any, bone: str, frame: int) -> Any:
    """Return where a Mixamo bone begins in a frame, in the world."""
    scene().frame_set(frame)
    return hero.matrix_world @ hero.pose.bones[f"mixamorig:{bone}"].head


def frame_settings() -> tuple[float, ...]:
    """Return the scene's range and rate, which nothing may change by itself."""
    render = scene().render
    return scene().frame_start, scene().frame_end, render.fps, render.fps_base


def captured(hand: Hand) -> Steps:
    """Capture the active strip by a click in the 3D view's sidebar, and wait for the motion."""
    yield from hand.sidebar()
    yield from hand.press("aimocap.capture_strip")
    yield from hand.wait(lambda: session().records, "there is a capture")
    yield from hand.wait(lambda: not session().running and not session().watching, "the capture is ready", 90)
    [failed] = [[each.failure for each in session().records.values() if each.failure is not None]]
    assert not failed, failed
