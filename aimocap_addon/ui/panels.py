# SPDX-License-Identifier: GPL-3.0-or-later
"""The AIMoCap panel in the sidebars of the 3D view, the sequencer and the movie clip editor.

Drawing reads memory alone: no file, no network.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, NamedTuple

import bpy

from ..jobs.listing import STAGE_LABELS, overall_progress
from ..jobs.record import CaptureRecord
from ..scene import compat, video_source
from . import addon
from .capture_list import draw_capture_list
from .character import draw_character, draw_retarget
from .local_service import DOWNLOAD_SIZE, State
from .panel_text import draw_sentence, draw_warning
from .properties import ROBOT, settings_of
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from ..scene.mapping_editing import Recognition

_LOCAL_STEPS = {
    State.ABSENT: "Set the local service up first.",
    State.SETTING_UP: "The local service is being set up.",
    State.STOPPED: "Start the local service first.",
    State.STARTING: "The local service is starting.",
}
_SHOWN_CAPTURES = 3  # the list below has all


class Source(NamedTuple):
    """What an editor would capture: the operator for it, about how many seconds that is, and what is lacking if not."""

    operator: str
    seconds: float | None = None
    lacking: str = ""


def obstacle_of(service: addon.Service, character: Recognition | None) -> str:
    """Return why nothing can be captured now, as a sentence, or "" if it can."""
    sentence = None if service.is_local else addon.online_access_sentence()
    if sentence:
        return sentence
    if not service.api_key and not service.key_is_kept:
        if not service.is_local:
            return "There is no API key: set it in the add-on's preferences."
        state = session().local_service.state
        offline = addon.set_up_sentence()
        if state is State.ABSENT and offline:
            return offline
        return _LOCAL_STEPS.get(state, "Set the key of the local service in the add-on's preferences.")
    if character is not None and not character.family:
        return "The character's bones are not mapped: use Edit Mapping, or choose another character."
    return ""


class CapturePanel:
    """What the panels of all editors share."""

    bl_label = "AIMoCap"
    bl_category = "AIMoCap"
    bl_region_type = "UI"

    layout: bpy.types.UILayout

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        """Draw what this editor would capture."""
        raise NotImplementedError

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        source = self.draw_source(context, layout)
        settings = settings_of(addon.current_scene(context))
        layout.prop(settings, "targets")
        known = None
        if settings.targets != ROBOT:
            known = draw_character(context, layout.column(align=True), settings)
        column = layout.column()
        column.prop(settings, "mocap_type")
        column.prop(settings, "export_rate")
        draw_retarget(layout, settings, known)
        service = addon.service(context)
        self.draw_service(context, layout, service, source.seconds)
        obstacle = obstacle_of(service, known)
        self.draw_buttons(layout, source, obstacle)
        self.draw_captures(context, layout, settings.armature)

    @staticmethod
    def draw_service(
        context: bpy.types.Context, layout: bpy.types.UILayout, service: addon.Service, seconds: float | None
    ) -> None:
        column = layout.column(align=True)
        if service.is_local:
            draw_local_service(column, service)
            return
        if seconds is None:
            text = phrase("Cloud: 1 v-credit per second")
        else:
            text = phrase("Cloud: about {credits} v-credits", credits=math.ceil(seconds))
        row = column.row(align=True)
        row.label(text=text, icon="WORLD")
        draw_preferences_button(row)
        if addon.online_access_sentence() is None and not addon.has_consent(context):
            column.operator("aimocap.give_consent", text="Allow Sending Videos", icon="QUESTION")

    @staticmethod
    def draw_buttons(layout: bpy.types.UILayout, source: Source, obstacle: str) -> None:
        column = layout.column(align=True)
        column.scale_y = 1.4
        button = column.row()
        button.enabled = not (source.lacking or obstacle)
        button.operator(source.operator, text="Capture Motion", icon="ARMATURE_DATA")
        button = column.row()
        button.enabled = not obstacle
        button.operator("aimocap.capture_file", text="Capture from Video File", icon="FILE_MOVIE")
        if obstacle or source.lacking:
            draw_sentence(layout, obstacle or source.lacking, icon="INFO")
        if obstacle.startswith(addon.ONLINE_IS_OFF):
            layout.operator("screen.userpref_show", text="Open Preferences", icon="PREFERENCES").section = "SYSTEM"

    @staticmethod
    def draw_captures(
        context: bpy.types.Context, layout: bpy.types.UILayout, character: bpy.types.Object | None
    ) -> None:
        current = session()
        running = current.running
        for record in running[-_SHOWN_CAPTURES:]:  # the oldest: they are worked on first
            draw_running(layout, record)
        if len(running) > _SHOWN_CAPTURES:
            layout.label(
                text=phrase("{count} more are waiting or running", count=len(running) - _SHOWN_CAPTURES),
                icon="SORTTIME",
            )
        if running and not current.watching:
            layout.operator("aimocap.watch", text="Watch Progress", icon="HIDE_OFF")
        draw_capture_list(context, layout, character)


def draw_preferences_button(row: bpy.types.UILayout) -> None:
    """Draw the way to the preferences, where the service is chosen."""
    row.operator("preferences.addon_show", text="", icon="PREFERENCES").module = addon.PACKAGE


def draw_local_service(layout: bpy.types.UILayout, service: addon.Service) -> None:
    """Draw where this Blender's local service stands and the button for the next step."""
    local = session().local_service
    row = layout.row(align=True)
    if local.state is State.SETTING_UP:
        layout.progress(factor=local.progress, text=phrase("Setting Up {share:.0%}", share=local.progress), type="BAR")
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
                "aimocap.set_up_local_service",
                text=phrase("Set Up Local Service ({size})", size=phrase(DOWNLOAD_SIZE)),
                icon="IMPORT",
            )
    if local.state is not State.SETTING_UP:
        draw_preferences_button(row)
    if local.sentence:
        draw_warning(layout, local.sentence)


def draw_running(layout: bpy.types.UILayout, record: CaptureRecord) -> None:
    """Draw a capture that is under way: stage, progress, stop."""
    box = layout.box()
    row = box.row()
    row.label(text=record.request.title, icon="FILE_MOVIE", translate=False)
    row.operator("aimocap.stop", text="", icon="CANCEL").capture_id = record.capture_id
    share = overall_progress(record)
    if not session().watching:
        box.label(text="Goes on unwatched", icon="HIDE_ON")
        return
    box.progress(factor=share, text=f"{phrase(STAGE_LABELS[record.stage])} {share:.0%}", type="BAR")
    seconds = int(time.time() - record.created_at)
    text = f"{seconds // 60}:{seconds % 60:02d}"
    box.label(text=f"{text}  {told(record.message)}" if record.message else text, translate=False)


def draw_strip(context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
    """Draw the active movie strip as the source."""
    scene = compat.sequencer_scene(context)
    editor = scene.sequence_editor
    strip = editor.active_strip if editor is not None else None
    if strip is None or strip.type != "MOVIE":
        layout.label(text="No movie strip selected", icon="SEQUENCE")
        return Source("aimocap.capture_strip", lacking="Select a movie strip in the sequencer, or use a video file.")
    seconds = video_source.estimate_strip_seconds(scene, strip)
    frames = compat.strip_frames(strip)
    column = layout.column(align=True)
    column.label(text=strip.name, icon="SEQUENCE", translate=False)
    column.label(
        text=phrase(
            "Frames {first} to {last}, about {seconds:.1f} s", first=frames.left, last=frames.right - 1, seconds=seconds
        ),
        icon="BLANK1",
    )
    column.label(text=phrase("Video at {rate:.5g} fps", rate=getattr(strip, "fps", 0.0)), icon="BLANK1")
    return Source("aimocap.capture_strip", seconds)


class AIMOCAP_PT_sequencer(CapturePanel, bpy.types.Panel):
    """Capture from the active strip"""

    bl_space_type = "SEQUENCE_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        return draw_strip(context, layout)


class AIMOCAP_PT_view_3d(CapturePanel, bpy.types.Panel):
    """Capture from the active strip or a video file"""

    bl_space_type = "VIEW_3D"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        return draw_strip(context, layout)


class AIMOCAP_PT_clip_editor(CapturePanel, bpy.types.Panel):
    """Capture from the clip of this editor"""

    bl_space_type = "CLIP_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        clip = getattr(context, "edit_movieclip", None)
        if clip is None or not clip.fps:
            layout.label(text="No movie clip open", icon="TRACKER")
            return Source("aimocap.capture_clip", lacking="Open a movie clip here, or use a video file.")
        seconds = clip.frame_duration / clip.fps
        column = layout.column(align=True)
        column.label(text=clip.name, icon="TRACKER", translate=False)
        column.label(
            text=phrase("About {seconds:.1f} s at {rate:.5g} fps", seconds=seconds, rate=clip.fps), icon="BLANK1"
        )
        return Source("aimocap.capture_clip", seconds)


CLASSES = (AIMOCAP_PT_sequencer, AIMOCAP_PT_view_3d, AIMOCAP_PT_clip_editor)
