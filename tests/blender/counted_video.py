# SPDX-License-Identifier: GPL-3.0-or-later
"""Small videos whose frames carry their own number as a grey level, and a reader for what the sequencer shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

FRAMES = 60
SIZE = 32
_STEP = 4  # grey levels between neighbouring frames


def strips_of(editor: Any) -> Any:
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def _prepare(scene: bpy.types.Scene) -> None:
    render = scene.render
    render.resolution_x = render.resolution_y = SIZE
    render.resolution_percentage = 100
    # What goes in comes out: no tone mapping between the stored and the shown level.
    scene.view_settings.view_transform = "Standard"
    scene.sequencer_colorspace_settings.name = "sRGB"


def write(path: Path, rate: int, base: float = 1.0) -> Path:
    """Write FRAMES frames at `rate / base` frames per second; frame n is grey level 4 n + 8 of 255."""
    scene = bpy.data.scenes.new("counted")
    scene.render.fps, scene.render.fps_base = rate, base
    scene.frame_start, scene.frame_end = 1, FRAMES
    _prepare(scene)
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # 5.0 and later
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"
    scene.render.ffmpeg.format = "MPEG4"
    scene.render.ffmpeg.codec = "H264"
    scene.render.ffmpeg.constant_rate_factor = "PERC_LOSSLESS"
    scene.render.ffmpeg.gopsize = 1
    scene.render.filepath = str(path)
    scene.sequence_editor_create()
    length = {"length": FRAMES} if bpy.app.version >= (5, 0, 0) else {"frame_end": FRAMES + 1}
    strip = strips_of(scene.sequence_editor).new_effect(name="grey", type="COLOR", channel=1, frame_start=1, **length)
    for frame in range(FRAMES):
        strip.color = ((_STEP * frame + 8) / 255,) * 3
        strip.keyframe_insert("color", frame=frame + 1)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.render.render(animation=True, scene=scene.name)
    bpy.data.scenes.remove(scene)
    return path


def shown_frame(scene: bpy.types.Scene, frame: int, folder: Path) -> int:
    """Return which frame of a counted video the scene's sequencer shows at `frame`."""
    _prepare(scene)
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "PNG"
    settings.color_mode = "RGB"
    scene.render.filepath = str(folder / "shown.png")
    scene.frame_set(frame)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.render.render(write_still=True, scene=scene.name)
    image = bpy.data.images.load(scene.render.filepath, check_existing=False)
    image.colorspace_settings.name = "Non-Color"
    level = float(np.mean(np.array(image.pixels[:]).reshape(-1, 4)[:, :3])) * 255
    bpy.data.images.remove(image)
    return round((level - 8) / _STEP)
