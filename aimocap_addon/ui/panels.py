# SPDX-License-Identifier: GPL-3.0-or-later
"""The AIMoCap panel in the sidebars of the 3D view, the sequencer and the movie clip editor.

Drawing reads memory alone: no file, no network.
"""

from __future__ import annotations

import math
import time
from typing import Any

import bpy

from ..jobs.record import CaptureRecord, Stage
from ..scene import compat, video_source
from . import addon
from .bind_options import draw_bind_options, set_bind_options, stored_options
from .local_service import DOWNLOAD_SIZE, State
from .properties import settings_of
from .session import STAGE_LABELS, overall_progress, session

_SHOWN_CAPTURES = 5
_LINE = 40  # characters that fit the sidebar's usual width
_STAGE_ICONS: dict[Stage, Any] = {Stage.READY: "CHECKMARK", Stage.FAILED: "ERROR", Stage.STOPPED: "PAUSE"}


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


class CapturePanel:
    """What the panels of all editors share."""

    bl_label = "AIMoCap"
    bl_category = "AIMoCap"
    bl_region_type = "UI"

    layout: bpy.types.UILayout

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> tuple[str, float] | None:
        """Draw what this editor would capture; returns the operator for it and about how many seconds that is."""
        raise NotImplementedError

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        source = self.draw_source(context, layout)
        settings = settings_of(addon.current_scene(context))
        column = layout.column()
        column.prop(settings, "armature", icon="ARMATURE_DATA")
        column.prop(settings, "mocap_type")
        column.prop(settings, "export_rate")
        bound = column.column()
        bound.enabled = settings.armature is not None
        draw_bind_options(bound, settings)
        self.draw_service(context, layout, source[1] if source else None)
        self.draw_buttons(layout, source[0] if source else None)
        self.draw_captures(layout, settings.armature)

    @staticmethod
    def draw_service(context: bpy.types.Context, layout: bpy.types.UILayout, seconds: float | None) -> None:
        service = addon.service(context)
        column = layout.column(align=True)
        if service.is_local:
            draw_local_service(column, service)
            return
        text = "Cloud: 1 v-credit per second" if seconds is None else f"Cloud: about {math.ceil(seconds)} v-credits"
        column.label(text=text, icon="WORLD")
        sentence = addon.online_access_sentence()
        if not service.api_key:
            draw_warning(column, "No API key: set it in the add-on's preferences.")
        if sentence:
            draw_warning(column, sentence)
        elif not addon.has_consent(context):
            column.operator("aimocap.give_consent", text="Allow Sending Videos", icon="QUESTION")

    @staticmethod
    def draw_buttons(layout: bpy.types.UILayout, operator: str | None) -> None:
        column = layout.column(align=True)
        column.scale_y = 1.4
        if operator is not None:
            column.operator(operator, text="Capture Motion", icon="ARMATURE_DATA")
        column.operator("aimocap.capture_file", text="Capture from Video File", icon="FILE_MOVIE")

    @staticmethod
    def draw_captures(layout: bpy.types.UILayout, character: bpy.types.Object | None) -> None:
        current = session()
        for record in current.running:
            draw_running(layout, record)
        if current.running and not current.watching:
            layout.operator("aimocap.watch", text="Watch", icon="HIDE_OFF")
        ended = [record for record in current.records.values() if not current.is_running(record.capture_id)]
        if ended:
            column = layout.column(align=True)
            column.label(text="Captures")
            for record in ended[:_SHOWN_CAPTURES]:
                draw_ended(column, record, character)


def draw_local_service(layout: bpy.types.UILayout, service: addon.Service) -> None:
    """Draw where this Blender's local service stands and the button for the next step."""
    local = session().local_service
    row = layout.row()
    if local.state is State.SETTING_UP:
        layout.progress(factor=local.progress, text=f"Setting Up {local.progress:.0%}", type="BAR")
        layout.operator("aimocap.stop_local_service", text="Stop Set-Up", icon="CANCEL")
    elif local.state is State.STARTING:
        row.label(text="Local service is starting", icon="SORTTIME")
        row.operator("aimocap.stop_local_service", text="", icon="CANCEL")
    elif local.state is State.RUNNING:
        row.label(text="Local service runs here", icon="CHECKMARK")
        row.operator("aimocap.stop_local_service", text="", icon="CANCEL")
    elif local.state is State.SHARED:
        row.label(text="Local service found", icon="CHECKMARK")
    else:
        row.label(text="Local service, the video stays here", icon="HOME")
        if local.state is State.STOPPED:
            layout.operator("aimocap.start_local_service", icon="PLAY")
        elif not service.key_from_environment:
            layout.operator(
                "aimocap.set_up_local_service", text=f"Set Up Local Service ({DOWNLOAD_SIZE})", icon="IMPORT"
            )
    if local.sentence:
        draw_warning(layout, local.sentence)


def draw_running(layout: bpy.types.UILayout, record: CaptureRecord) -> None:
    """Draw a capture that is under way: stage, progress, stop."""
    box = layout.box()
    row = box.row()
    row.label(text=record.request.title, icon="FILE_MOVIE")
    row.operator("aimocap.stop", text="", icon="CANCEL").capture_id = record.capture_id
    share = overall_progress(record)
    box.progress(factor=share, text=f"{STAGE_LABELS[record.stage]} {share:.0%}", type="BAR")
    seconds = int(time.time() - record.created_at)
    text = f"{seconds // 60}:{seconds % 60:02d}"
    box.label(text=f"{text}  {record.message}" if record.message else text)


def draw_ended(layout: bpy.types.UILayout, record: CaptureRecord, character: bpy.types.Object | None) -> None:
    """Draw a capture that no worker is at: its outcome and what can be done with it.

    It is imported onto the panel's character, if one is chosen, else onto the one it was made for.
    """
    row = layout.row(align=True)
    age = _age(time.time() - record.created_at)
    row.label(text=f"{record.request.title}, {age}", icon=_STAGE_ICONS.get(record.stage, "PAUSE"))
    if record.stage is Stage.READY:
        properties = row.operator("aimocap.import_capture", text="", icon="IMPORT")
        properties.capture_id = record.capture_id
        set_bind_options(properties, stored_options(record.request.placement.options))
        if character is not None:
            properties.use_armature, properties.armature = True, character.name
        return
    row.operator("aimocap.resume", text="", icon="FILE_REFRESH").capture_id = record.capture_id
    if record.failure is not None:
        draw_sentence(layout, record.failure.sentence)


def draw_warning(layout: bpy.types.UILayout, sentence: str) -> None:
    """Draw why a capture cannot begin."""
    layout.label(text="Not ready", icon="ERROR")
    draw_sentence(layout, sentence)


def draw_sentence(layout: bpy.types.UILayout, sentence: str) -> None:
    """Draw a sentence over as many lines as it takes."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrapped(sentence, _LINE):
        column.label(text=line)


def wrapped(text: str, width: int) -> list[str]:
    """Break a sentence into lines; a label does not wrap by itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def draw_strip(context: bpy.types.Context, layout: bpy.types.UILayout) -> tuple[str, float] | None:
    """Draw the active movie strip as the source; returns its operator and about how many seconds it shows."""
    scene = compat.sequencer_scene(context)
    editor = scene.sequence_editor
    strip = editor.active_strip if editor is not None else None
    if strip is None or strip.type != "MOVIE":
        return None
    seconds = video_source.estimate_strip_seconds(scene, strip)
    frames = compat.strip_frames(strip)
    column = layout.column(align=True)
    column.label(text=strip.name, icon="SEQUENCE")
    column.label(text=f"Frames {frames.left} to {frames.right - 1}, about {seconds:.1f} s")
    column.label(text=f"Video at {getattr(strip, 'fps', 0.0):.5g} fps")
    return "aimocap.capture_strip", seconds


class AIMOCAP_PT_sequencer(CapturePanel, bpy.types.Panel):
    """Capture from the active strip"""

    bl_space_type = "SEQUENCE_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> tuple[str, float] | None:
        source = draw_strip(context, layout)
        if source is None:
            layout.label(text="Select a movie strip", icon="INFO")
        return source


class AIMOCAP_PT_view_3d(CapturePanel, bpy.types.Panel):
    """Capture from the active strip or a video file"""

    bl_space_type = "VIEW_3D"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> tuple[str, float] | None:
        return draw_strip(context, layout)


class AIMOCAP_PT_clip_editor(CapturePanel, bpy.types.Panel):
    """Capture from the clip of this editor"""

    bl_space_type = "CLIP_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> tuple[str, float] | None:
        clip = getattr(context, "edit_movieclip", None)
        if clip is None or not clip.fps:
            layout.label(text="Open a movie clip", icon="INFO")
            return None
        seconds = clip.frame_duration / clip.fps
        layout.label(text=f"{clip.name}, {seconds:.1f} s, {clip.fps:.5g} fps", icon="FILE_MOVIE")
        return "aimocap.capture_clip", seconds


CLASSES = (AIMOCAP_PT_sequencer, AIMOCAP_PT_view_3d, AIMOCAP_PT_clip_editor)
