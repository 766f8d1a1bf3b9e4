# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender's Python: writes a short video in which frame n is grey of level 40 + 8 n, in each codec it has.

Arguments: a folder, then the names of the videos. Names that this Blender cannot write are left out.
"""

import os
import sys
from typing import Any

import bpy

FRAMES, SIZE = 24, 64
# Name: container, codec, frames per second as rate and base.
KINDS = {
    "h264": ("MPEG4", "H264", 24, 1.001),
    "hevc": ("MPEG4", "H265", 30, 1.001),
    "vp9": ("WEBM", "WEBM", 30, 1.0),
    "prores": ("QUICKTIME", "PRORES", 60, 1.001),
    "av1": ("MPEG4", "AV1", 60, 1.0),
}


def write(folder: str, name: str) -> None:
    container, codec, rate, base = KINDS[name]
    scene: Any = bpy.data.scenes.new(name)
    render, image = scene.render, scene.render.image_settings
    render.resolution_x = render.resolution_y = SIZE
    render.resolution_percentage = 100
    render.fps, render.fps_base = rate, base
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.view_settings.view_transform = "Standard"
    scene.sequencer_colorspace_settings.name = "sRGB"
    if hasattr(image, "media_type"):
        image.media_type = "VIDEO"
    image.file_format = "FFMPEG"
    render.ffmpeg.format = container
    render.ffmpeg.codec = codec
    render.ffmpeg.constant_rate_factor = "HIGH"
    render.ffmpeg.gopsize = 12
    render.filepath = f"{folder}/{name}.video"
    render.use_file_extension = False
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    length = {"length": FRAMES} if bpy.app.version >= (5, 0, 0) else {"frame_end": FRAMES + 1}
    strip = strips.new_effect(name="grey", type="COLOR", channel=1, frame_start=1, **length)
    for frame in range(FRAMES):
        strip.color = ((40 + 8 * frame) / 255,) * 3
        strip.keyframe_insert("color", frame=frame + 1)
    with bpy.context.temp_override(scene=scene):
        bpy.ops.render.render(animation=True, scene=scene.name)


for kind in sys.argv[2:]:
    try:
        write(sys.argv[1], kind)
    except (TypeError, RuntimeError) as error:
        print(f"{kind}: {error}")
sys.stdout.flush()
os._exit(0)
