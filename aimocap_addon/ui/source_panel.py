# SPDX-License-Identifier: GPL-3.0-or-later
"""The upper part of the panel: which video would be captured, and what the scene lacks for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy

from ..scene import compat, movie_strips
from ..scene.errors import SceneError
from ..scene.video_source import VideoSource, scene_rate
from . import addon
from .operators_scene import draw_range, draw_rate
from .session import session
from .source_looks import Look
from .translations import phrase

_SHOWN_STRIPS = 3
_THUMBNAIL_SCALE = 6.0
NO_STRIP = "Select a movie strip in the sequencer, or use a video file."


class Source(NamedTuple):
    """What an editor would capture: the operator for it, the videos as far as known, and what is lacking if not."""

    operator: str
    videos: tuple[VideoSource, ...] = ()
    lacking: str = ""

    @property
    def seconds(self) -> list[float]:
        """The lengths of the videos."""
        return [video.window_sec for video in self.videos]


def draw_strips(context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
    """Draw the selected movie strips, or the active one, as the source."""
    scene = compat.sequencer_scene(context)
    editor = scene.sequence_editor
    if editor is None or not any(strip.select or strip == editor.active_strip for strip in compat.shown_strips(editor)):
        layout.label(text="No movie strip selected", icon="SEQUENCE")
        return Source("aimocap.capture_strip", lacking=NO_STRIP)
    try:
        strips = movie_strips.chosen_strips(context)
    except SceneError as error:
        layout.label(text="No movie strip selected", icon="SEQUENCE")
        return Source("aimocap.capture_strip", lacking=str(error))
    looks = [session().looks.strip(scene, strip) for strip in strips]
    lacking = next((look.sentence for look in looks if look is not None and look.sentence), "")
    videos = tuple(look.source for look in looks if look is not None and look.source is not None)
    if len(strips) == 1:
        draw_video(layout, strips[0].name, "SEQUENCE", looks[0], scene)
    else:
        column = layout.column(align=True)
        for strip in strips[:_SHOWN_STRIPS]:
            column.label(text=strip.name, icon="SEQUENCE", translate=False)
        if len(strips) > _SHOWN_STRIPS:
            column.label(text=phrase("and {count} more", count=len(strips) - _SHOWN_STRIPS), icon="BLANK1")
    return Source("aimocap.capture_strip", videos, lacking)


def draw_clip(context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
    """Draw the clip of a movie clip editor as the source."""
    clip = getattr(context, "edit_movieclip", None)
    if clip is None:
        layout.label(text="No movie clip open", icon="TRACKER")
        return Source("aimocap.capture_clip", lacking="Open a movie clip here, or use a video file.")
    look = session().looks.clip(clip)
    draw_video(layout, clip.name, "TRACKER", look, addon.current_scene(context))
    videos = (look.source,) if look is not None and look.source is not None else ()
    return Source("aimocap.capture_clip", videos, look.sentence if look is not None else "")


def draw_video(layout: bpy.types.UILayout, name: str, icon: Any, look: Look | None, scene: bpy.types.Scene) -> None:
    """Draw one video: its name, where it lies in the scene, how long it is, its rate, and how it looks."""
    header, body = layout.panel("AIMOCAP_thumbnail", default_closed=True)
    header.label(text=name, icon=icon, translate=False)
    column = layout.column(align=True)
    source = look.source if look is not None else None
    if source is None:
        if look is None:
            column.label(text="Looking at the video", icon="SORTTIME")
        return
    begin, end = (_timecode(scene, frame) for frame in (source.frame_start, source.frame_end))
    span = phrase("{begin} to {end}, {seconds:.1f} s", begin=begin, end=end, seconds=source.window_sec)
    column.label(text=span, icon="BLANK1")
    rates = phrase("Video at {video:.5g} fps, scene at {scene:.5g} fps", video=source.fps, scene=scene_rate(scene))
    column.label(text=rates, icon="BLANK1")
    if body is not None:
        body.template_icon(icon_value=session().looks.thumbnail(source.path), scale=_THUMBNAIL_SCALE)


def draw_mismatches(context: bpy.types.Context, layout: bpy.types.UILayout, videos: tuple[VideoSource, ...]) -> None:
    """Draw in what the scene does not fit the videos, each with its remedy."""
    if not videos:
        return
    scene = addon.current_scene(context)
    for video in videos[:1]:
        draw_rate(layout, scene, video.fps, video.frames_per_second)
    begin, end = min(video.frame_start for video in videos), max(video.frame_end for video in videos)
    draw_range(layout, scene, begin, end)


def _timecode(scene: bpy.types.Scene, frame: float) -> str:
    return bpy.utils.smpte_from_frame(round(frame), fps=scene.render.fps, fps_base=scene.render.fps_base)
