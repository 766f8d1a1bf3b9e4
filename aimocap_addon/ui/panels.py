# SPDX-License-Identifier: GPL-3.0-or-later
"""The AIMoCap panel in the sidebars of the 3D view, the sequencer and the movie clip editor.

Drawing reads memory alone: no file, no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from ..scene import compat
from ..scene.video_source import scene_rate
from . import addon
from .capture_flow import motion_rate
from .capture_list import draw_capture_list
from .character import draw_character, draw_retarget
from .estimate import estimate_words
from .local_service import DOWNLOAD_SIZE, State
from .panel_text import draw_sentence, draw_warning
from .properties import MATCH_SCENE, ROBOT, AIMOCAP_PG_settings, settings_of
from .running_panel import draw_running_captures
from .session import session
from .source_panel import Source, draw_clip, draw_mismatches, draw_strips
from .translations import phrase

if TYPE_CHECKING:
    from ..scene.mapping_editing import Recognition

_LOCAL_STEPS = {
    State.ABSENT: "Set the local service up first.",
    State.SETTING_UP: "The local service is being set up.",
    State.STOPPED: "Start the local service first.",
    State.STARTING: "The local service is starting.",
}


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
        self.draw_options(context, layout.column(), settings, source)
        draw_retarget(layout, settings, known)
        service = addon.service(context)
        self.draw_service(context, layout, service)
        if source.videos:
            layout.label(text=estimate_words(service, source.seconds), icon="TIME")
        draw_mismatches(context, layout, source.videos)
        self.draw_buttons(layout, source, obstacle_of(service, known))
        draw_running_captures(layout)
        draw_capture_list(context, layout, settings.armature)

    @staticmethod
    def draw_options(
        context: bpy.types.Context, column: bpy.types.UILayout, settings: AIMOCAP_PG_settings, source: Source
    ) -> None:
        column.prop(settings, "mocap_type")
        column.prop(settings, "export_rate")
        if settings.export_rate == MATCH_SCENE:
            scene = compat.sequencer_scene(context)
            pace = source.videos[0].frames_per_second if source.videos else scene_rate(scene)
            row = column.row()
            row.alignment = "RIGHT"
            row.label(text=phrase("{rate} motion frames per second", rate=motion_rate(MATCH_SCENE, pace)))

    @staticmethod
    def draw_service(context: bpy.types.Context, layout: bpy.types.UILayout, service: addon.Service) -> None:
        column = layout.column(align=True)
        if service.is_local:
            draw_local_service(column, service)
            return
        row = column.row(align=True)
        row.label(text="Cloud: 1 v-credit per second", icon="WORLD")
        draw_preferences_button(row)
        if addon.online_access_sentence() is None and not addon.has_consent(context):
            column.operator("aimocap.give_consent", text="Allow Sending Videos", icon="QUESTION")

    @staticmethod
    def draw_buttons(layout: bpy.types.UILayout, source: Source, obstacle: str) -> None:
        column = layout.column(align=True)
        column.scale_y = 1.4
        button = column.row()
        button.enabled = not (source.lacking or obstacle)
        count = len(source.videos)
        text = phrase("Capture Motion of {count} Strips", count=count) if count > 1 else phrase("Capture Motion")
        button.operator(source.operator, text=text, icon="ARMATURE_DATA")
        button = column.row()
        button.enabled = not obstacle
        button.operator("aimocap.capture_file", text="Capture from Video File", icon="FILE_MOVIE")
        if obstacle or source.lacking:
            draw_sentence(layout, obstacle or source.lacking, icon="INFO")
        if obstacle.startswith(addon.ONLINE_IS_OFF):
            layout.operator("screen.userpref_show", text="Open Preferences", icon="PREFERENCES").section = "SYSTEM"


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


class AIMOCAP_PT_sequencer(CapturePanel, bpy.types.Panel):
    """Capture from the active strip"""

    bl_space_type = "SEQUENCE_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        return draw_strips(context, layout)


class AIMOCAP_PT_view_3d(CapturePanel, bpy.types.Panel):
    """Capture from the active strip or a video file"""

    bl_space_type = "VIEW_3D"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        return draw_strips(context, layout)


class AIMOCAP_PT_clip_editor(CapturePanel, bpy.types.Panel):
    """Capture from the clip of this editor"""

    bl_space_type = "CLIP_EDITOR"

    def draw_source(self, context: bpy.types.Context, layout: bpy.types.UILayout) -> Source:
        return draw_clip(context, layout)


CLASSES = (AIMOCAP_PT_sequencer, AIMOCAP_PT_view_3d, AIMOCAP_PT_clip_editor)
