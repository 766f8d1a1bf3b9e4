# SPDX-License-Identifier: GPL-3.0-or-later
"""Which movie strips a person means, and which of them cannot be captured as they are shown.

What a service gets is the file: a strip that plays it otherwise than evenly forwards, or mirrored, is refused with
what to do about it. A muted strip and one with a proxy show the same film, so they are captured like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from . import compat
from .errors import SceneError

_SOURCES = ("MOVIE", "IMAGE", "META", "SCENE", "MOVIECLIP")  # others, such as sound, mean nothing beside a movie


def chosen_strips(context: bpy.types.Context) -> list[Any]:
    """Return the movie strips to capture, by where they begin: the selected ones, else the active one.

    Only what the sequencer shows counts: inside of a meta strip that is open, that one's strips. Raises SceneError if
    there are none, or if others are selected that look like sources and are not.
    """
    editor = compat.sequencer_scene(context).sequence_editor
    active = editor.active_strip if editor is not None else None
    selected = [strip for strip in compat.shown_strips(editor) if strip.select] if editor is not None else []
    if active is not None and active not in selected:
        selected = [active]  # the one that the panel shows, after a click on nothing else
    if not selected:
        raise SceneError("No strip is selected: select a movie strip in the sequencer.")
    movies = [strip for strip in selected if strip.type == "MOVIE"]
    for strip in selected:
        if strip.type != "MOVIE" and (strip.type in _SOURCES or not movies):
            _refuse(strip)
    return sorted(movies, key=lambda strip: compat.strip_frames(strip).left)


def _refuse(strip: Any) -> None:
    """Raise SceneError for a strip that is no movie, with what to do instead."""
    name = strip.name
    match strip.type:
        case "IMAGE":
            raise SceneError(f"“{name}” shows images: render them as a movie, for example MP4, and capture that.")
        case "META":
            raise SceneError(f"“{name}” is a meta strip: open it with Tab and select the movie strips in it.")
        case "SCENE":
            raise SceneError(f"“{name}” shows a scene: render it as a movie, for example MP4, and capture that.")
        case "MOVIECLIP":
            raise SceneError(f"“{name}” shows a movie clip: capture the clip in the Movie Clip editor.")
    raise SceneError(f"“{name}” is a strip of type {strip.type.replace('_', ' ').title()}: select a movie strip.")


def shown_frames(strip: Any) -> tuple[float, float]:
    """Return the scene frames [first, last) in which the strip shows its film, within the handles of meta strips."""
    frames = compat.strip_frames(strip)
    first = max(float(frames.left), frames.content_start)
    last = min(float(frames.right), frames.content_start + frames.content_duration)
    for meta in _metas(strip):
        around = compat.strip_frames(meta)
        first, last = max(first, float(around.left)), min(last, float(around.right))
    if last <= first:
        raise SceneError(f"“{strip.name}” shows no frame of its video: move its handles apart.")
    return first, last


def check_playback(scene: bpy.types.Scene, strip: Any) -> None:
    """Raise SceneError if the strip, or a meta strip around it, does not show the film as it is in the file."""
    if strip.use_flip_x:
        raise SceneError(
            f"“{strip.name}” is mirrored: turn off Mirror X in the strip's settings, and turn on Mirror under Retarget "
            "to have the motion mirrored."
        )
    if strip.use_flip_y:
        raise SceneError(f"“{strip.name}” is upside down: turn off Mirror Y in the strip's settings first.")
    for each in (strip, *_metas(strip)):
        if len(getattr(each, "retiming_keys", ())) > 0:
            raise SceneError(f"“{each.name}” is retimed: clear its retiming keys (Strip > Retiming > Reset) first.")
        if getattr(each, "use_reverse_frames", False):
            raise SceneError(f"“{each.name}” plays in reverse: turn off Reverse Frames in the strip's settings first.")
        effect = _speed_effect(scene, each)
        if effect is not None:
            raise SceneError(f"“{each.name}” plays at the speed of “{effect.name}”: mute or delete that strip first.")


def playback_mark(scene: bpy.types.Scene, strip: Any) -> tuple[Any, ...]:
    """Return what changes whenever a strip may show something else, read from memory alone."""
    around = tuple(
        (compat.strip_frames(each), len(getattr(each, "retiming_keys", ())), getattr(each, "use_reverse_frames", False))
        for each in (strip, *_metas(strip))
    )
    effects = tuple(effect.name for each in (strip, *_metas(strip)) if (effect := _speed_effect(scene, each)))
    render = scene.render
    return strip.filepath, strip.use_flip_x, strip.use_flip_y, around, effects, render.fps, render.fps_base


def _metas(strip: Any) -> Iterator[Any]:
    """Yield the meta strips around a strip, from the inside to the outside."""
    meta = strip.parent_meta()
    while meta is not None:
        yield meta
        meta = meta.parent_meta()


def _speed_effect(scene: bpy.types.Scene, strip: Any) -> Any:
    """Return the speed effect that plays the strip, None without one."""
    editor = scene.sequence_editor
    meta = strip.parent_meta()
    beside = compat.sequence_strips(meta or editor) if editor is not None else ()
    return next((each for each in beside if each.type == "SPEED" and not each.mute and each.input_1 == strip), None)
