# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of the video that it would capture, kept in memory: drawing opens no file.

A strip or clip is looked at by a timer after the first drawing that wants to know, and again when it may show
something else. Failures are looked at again after a while, since files come back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews

from ..scene import compat, movie_strips, video_source
from ..scene.errors import SceneError
from ..scene.video_source import FileFacts, VideoSource
from .redraw import redraw_panels

_KEPT = 64
_FAILURES_HOLD = 3.0  # seconds


@dataclass(frozen=True)
class Look:
    """What was found: a source, or the sentence that says why there is none."""

    source: VideoSource | None
    sentence: str = ""
    at: float = 0.0  # on the monotonic clock

    def is_other_than(self, before: Look | None) -> bool:
        """Whether a panel that showed `before` has to be drawn again."""
        return before is None or (before.source, before.sentence) != (self.source, self.sentence)


class SourceLooks:
    """What was found of the sources that panels showed; used from the main thread alone."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Look] = {}
        self._wanted: dict[Hashable, Callable[[], None]] = {}
        self._facts: dict[tuple[Path, int, int], FileFacts] = {}
        self._thumbnails: Any = None  # bpy.utils.previews' collection, from the first one on
        self._timer = self._look_at_wanted  # one object, by which Blender finds the timer again

    def strip(self, scene: bpy.types.Scene, strip: Any) -> Look | None:
        """Return what is known of a movie strip, None if it was not looked at yet."""
        return self._get(_strip_mark(scene, strip), partial(self._look_at_strip, scene.name_full, strip.name))

    def clip(self, clip: bpy.types.MovieClip) -> Look | None:
        """Return what is known of a movie clip, None if it was not looked at yet."""
        return self._get(_clip_mark(clip), partial(self._look_at_clip, clip.name_full))

    def thumbnail(self, path: Path) -> int:
        """Return the number of an icon that shows the video as the file browser does; Blender draws it when it can."""
        if self._thumbnails is None:
            self._thumbnails = bpy.utils.previews.new()
        if str(path) not in self._thumbnails:
            if len(self._thumbnails) >= _KEPT:
                self._thumbnails.clear()
            self._thumbnails.load(str(path), str(path), "MOVIE")
        return self._thumbnails[str(path)].icon_id

    def shutdown(self) -> None:
        """Take the timer and the thumbnails back."""
        if bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.unregister(self._timer)
        if self._thumbnails is not None:
            bpy.utils.previews.remove(self._thumbnails)
            self._thumbnails = None

    def _get(self, mark: Hashable, look: Callable[[], None]) -> Look | None:
        known = self._known.get(mark)
        if known is None or (known.sentence and time.monotonic() - known.at > _FAILURES_HOLD):
            self._wanted[mark] = look
            if not bpy.app.timers.is_registered(self._timer):
                bpy.app.timers.register(self._timer, first_interval=0.0)
        return known

    def _look_at_wanted(self) -> None:
        wanted, self._wanted = self._wanted, {}
        if len(self._known) + len(wanted) > _KEPT:
            self._known.clear()
        before = dict(self._known)
        for look in wanted.values():
            look()
        if any(look.is_other_than(before.get(mark)) for mark, look in self._known.items()):
            redraw_panels(bpy.context)

    # What is looked at is found by its name: it may be gone, or have changed, since it was drawn.

    def _look_at_strip(self, scene_name: str, name: str) -> None:
        scene = next((each for each in bpy.data.scenes if each.name_full == scene_name), None)
        editor = scene.sequence_editor if scene is not None else None
        strip = compat.all_strips(editor).get(name) if editor is not None else None
        if scene is not None and strip is not None and strip.type == "MOVIE":
            self._keep(_strip_mark(scene, strip), partial(video_source.from_strip, scene, strip, self._probe))

    def _look_at_clip(self, name: str) -> None:
        clip = next((each for each in bpy.data.movieclips if each.name_full == name), None)
        if clip is not None:
            self._keep(_clip_mark(clip), partial(video_source.from_clip, clip, self._probe))

    def _keep(self, mark: Hashable, resolve: Callable[[], VideoSource]) -> None:
        try:
            self._known[mark] = Look(resolve())
        except SceneError as error:
            self._known[mark] = Look(None, str(error), time.monotonic())

    def _probe(self, path: Path) -> FileFacts:
        """Ask Blender about a file, once as long as that does not change; raises SceneError."""
        try:
            state = path.stat()
        except OSError:
            return video_source.probe_file(path)  # which says so
        key = (path, state.st_size, state.st_mtime_ns)
        if key not in self._facts:
            if len(self._facts) >= _KEPT:
                self._facts.clear()
            self._facts[key] = video_source.probe_file(path)
        return self._facts[key]


def _strip_mark(scene: bpy.types.Scene, strip: Any) -> Hashable:
    return scene.name_full, strip.name, movie_strips.playback_mark(scene, strip)


def _clip_mark(clip: bpy.types.MovieClip) -> Hashable:
    return clip.name_full, clip.filepath, clip.source, clip.frame_start, clip.frame_offset
