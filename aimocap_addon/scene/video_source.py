# SPDX-License-Identifier: GPL-3.0-or-later
"""Resolves what a person pointed at - a movie strip, a movie clip or a file - into a window of a video.

Times are seconds of the video file; frames are scene frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from . import compat
from .errors import SceneError
from .movie_strips import check_playback, shown_frames


@dataclass(frozen=True)
class VideoSource:
    """A window of a video and where its motion belongs on the timeline.

    `trim_start_sec` and `trim_end_sec` are None where the window reaches the file's own start or end.
    `frame_start` is the scene frame at which the window begins; `frames_per_second` the scene frames that
    one second of video takes there: the scene's rate, or another where the strip or the clip plays the
    file's frames one by one.
    """

    path: Path
    name: str
    fps: float
    duration_sec: float
    trim_start_sec: float | None
    trim_end_sec: float | None
    frame_start: float
    frames_per_second: float

    @property
    def frame_end(self) -> float:
        """The scene frame at which the window ends."""
        return self.frame_start + self.window_sec * self.frames_per_second

    @property
    def window_sec(self) -> float:
        """Length of the window in seconds."""
        end = self.duration_sec if self.trim_end_sec is None else self.trim_end_sec
        return end - (self.trim_start_sec or 0.0)


@dataclass(frozen=True)
class FileFacts:
    """What Blender reads from a video file."""

    frames: int
    fps: float

    @property
    def duration_sec(self) -> float:
        """Length of the file in seconds."""
        return self.frames / self.fps


def scene_rate(scene: bpy.types.Scene) -> float:
    """Return the scene's frames per second."""
    return scene.render.fps / scene.render.fps_base


def probe_file(path: Path) -> FileFacts:
    """Read a video's frame count and rate; raises SceneError if it is missing or no video."""
    if not path.is_file():
        raise SceneError(f"The video file {path} does not exist: choose it again.")
    with _temporary_clip(path) as clip:
        if clip is None or clip.source != "MOVIE" or clip.frame_duration < 1 or not clip.fps > 0:
            raise SceneError(
                f"“{path.name}” is not a video that Blender can read: choose a movie file, for example MP4."
            )
        return FileFacts(clip.frame_duration, clip.fps)


Probe = Callable[[Path], FileFacts]
"""Tells about a file as `probe_file` does, perhaps from memory."""


@contextlib.contextmanager
def _temporary_clip(path: Path) -> Iterator[bpy.types.MovieClip | None]:
    # A movie clip is the one way Python has to ask for the frame count of a file.
    try:
        clip = bpy.data.movieclips.load(str(path), check_existing=False)
    except RuntimeError:
        yield None
        return
    try:
        yield clip
    finally:
        bpy.data.movieclips.remove(clip)


def from_strip(scene: bpy.types.Scene, strip: Any, probe: Probe = probe_file) -> VideoSource:
    """Resolve a movie strip: its handles, its offset and the file's own rate against the scene's.

    `probe` tells about the file. Raises SceneError for a missing or unreadable file, an empty window, and for strips
    that do not show the film evenly forwards (see `movie_strips.check_playback`).
    """
    check_playback(scene, strip)
    path = Path(bpy.path.abspath(strip.filepath, library=scene.library))
    return _window_of_strip(scene, strip, path, probe(path))


def _window_of_strip(scene: bpy.types.Scene, strip: Any, path: Path, facts: FileFacts) -> VideoSource:
    frames = compat.strip_frames(strip)
    rate = scene_rate(scene)
    file_frames = max(1, facts.frames - frames.trim_start - frames.trim_end)
    # A strip either plays at the file's speed whatever the scene's rate (Blender's default when a strip is
    # added by hand) or shows one file frame per scene frame; only its length tells which.
    by_time = abs(frames.content_duration - file_frames * rate / facts.fps)
    by_frame = abs(frames.content_duration - file_frames)
    frames_per_second = rate if by_time <= by_frame else facts.fps
    first, last = shown_frames(strip)
    skipped = frames.trim_start / facts.fps
    start = skipped + (first - frames.content_start) / frames_per_second
    end = skipped + (last - frames.content_start) / frames_per_second
    return _source(path, strip.name, facts, start, end, first, frames_per_second)


def _source(
    path: Path, name: str, facts: FileFacts, start: float, end: float, frame_start: float, frames_per_second: float
) -> VideoSource:
    """Build the source, leaving out trims that only rounding keeps from the file's own ends."""
    half_frame = 0.5 / facts.fps
    duration = facts.duration_sec
    if start >= duration - half_frame or end <= start:
        raise SceneError(f"The trimmed part of “{name}” is empty: choose an end after the start, within the video.")
    return VideoSource(
        path=path,
        name=name,
        fps=facts.fps,
        duration_sec=duration,
        trim_start_sec=start if start > 1e-6 else None,
        trim_end_sec=end if end < duration - half_frame else None,
        frame_start=frame_start,
        frames_per_second=frames_per_second,
    )


def from_clip(clip: bpy.types.MovieClip, probe: Probe = probe_file) -> VideoSource:
    """Resolve a movie clip, which shows one file frame per scene frame from its start frame on.

    Raises SceneError for an image sequence or a missing or unreadable file.
    """
    if clip.source != "MOVIE":
        raise SceneError(f"“{clip.name}” shows images: render them as a movie, for example MP4, and capture that.")
    path = Path(bpy.path.abspath(clip.filepath, library=clip.library))
    facts = probe(path)
    # The clip shows file frame `scene frame - frame_start + frame_offset`, counted from 0.
    start = max(0, clip.frame_offset) / facts.fps
    frame_start = clip.frame_start + max(0, -clip.frame_offset)
    return _source(path, clip.name, facts, start, facts.duration_sec, float(frame_start), facts.fps)


def from_file(
    scene: bpy.types.Scene,
    path: Path,
    *,
    trim_start_sec: float = 0.0,
    trim_end_sec: float | None = None,
    frame_start: float | None = None,
) -> VideoSource:
    """Resolve a file, whole or trimmed; its motion begins at `frame_start`, by default the scene's first frame.

    Raises SceneError for a missing or unreadable file or an empty window.
    """
    facts = probe_file(path)
    end = facts.duration_sec if trim_end_sec is None else min(trim_end_sec, facts.duration_sec)
    start = scene.frame_start if frame_start is None else frame_start
    return _source(path, path.stem, facts, max(0.0, trim_start_sec), end, float(start), scene_rate(scene))
