# SPDX-License-Identifier: GPL-3.0-or-later
"""The video that a service made of a capture, beside the motion, as a strip of the sequencer."""

from __future__ import annotations

from pathlib import Path

import bpy

from . import compat
from .errors import SceneError

_CHANNELS = 128  # of a sequencer, as Blender has them


def add_preview_strip(scene: bpy.types.Scene, path: Path, name: str, frame_start: float) -> bpy.types.Strip:
    """Add the video above all strips of `scene`, beginning at `frame_start`, and make it the active one.

    A strip begins at whole frames. Raises SceneError, with nothing added.
    """
    if not path.is_file():
        raise SceneError(f"The preview video {path} is not there any more: capture the clip again.")
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = compat.sequence_strips(editor)
    channel = max((strip.channel for strip in strips), default=0) + 1
    if channel > _CHANNELS:
        raise SceneError("The sequencer has no free channel above its strips: move them down, then try again.")
    try:
        strip = strips.new_movie(name=name, filepath=str(path), channel=channel, frame_start=round(frame_start))
    except RuntimeError as error:
        raise SceneError(f"The preview video {path} cannot be opened: capture the clip again.") from error
    for each in strips:
        each.select = each == strip
    editor.active_strip = strip
    return strip
