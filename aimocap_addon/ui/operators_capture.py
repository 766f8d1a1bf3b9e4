# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that begin captures.

`execute` blocks until the motion is in the file (scripts, `--background`); `invoke` starts workers and
returns, and one modal operator watches all captures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..jobs.store import StoreError
from ..scene import compat, movie_strips, video_source
from ..scene.errors import SceneError
from ..scene.video_source import VideoSource
from . import addon
from .addon import CaptureError
from .bind_options import OPTION_NAMES, BindProperties, bind_options, draw_bind_options
from .capture_flow import CaptureOptions, begin, finish, selected_armatures
from .operators_watch import watch
from .properties import (
    CHARACTER,
    EXPORT_RATE_ITEMS,
    MOCAP_TYPE_ITEMS,
    ROBOT,
    TARGETS_ITEMS,
    USE_SELECTED,
    armature_names,
    settings_of,
)
from .session import session
from .translations import CONTEXT, phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    OperatorBase = bpy.types.Operator
else:
    # Blender registers subclasses of Operator, so what operators share stands outside of them.
    OperatorBase = object

_ERRORS = (CaptureError, SceneError, StoreError)


class CaptureOperator(BindProperties, OperatorBase):
    """What the capture operators share; subclasses say which video they mean."""

    armature: StringProperty(
        name="Character",
        description="Name of the armature that receives the motion; empty: the captured skeleton",
        search=armature_names,
    )
    use_selected: BoolProperty(name="Also to Selected", description=USE_SELECTED, default=False)
    targets: EnumProperty(
        name="Target", description="What the capture is made into", items=TARGETS_ITEMS, default=CHARACTER
    )
    mocap_type: EnumProperty(
        name="Capture",
        description="What of the person is captured",
        items=MOCAP_TYPE_ITEMS,
        default="full_body",
        translation_context=CONTEXT,
    )
    export_rate: EnumProperty(
        name="Rate",
        description="Motion frames per second of video",
        items=EXPORT_RATE_ITEMS,
        default="SCENE",
        translation_context=CONTEXT,
    )
    consent: BoolProperty(
        name="Consent",
        description="Agree for this capture that the video is sent to the cloud service and costs v-credits",
        default=False,
        options={"SKIP_SAVE", "HIDDEN"},
    )

    def sources(self, context: bpy.types.Context) -> list[VideoSource]:
        """Return the videos that are meant, at least one; raises CaptureError or SceneError."""
        raise NotImplementedError

    def capture_options(self) -> CaptureOptions:
        selected = selected_armatures(bpy.context) if self.use_selected else []
        more = tuple(each.name for each in selected if each.name != self.armature)
        return CaptureOptions(
            armature=self.armature,
            more_armatures=more,
            targets=self.targets,
            mocap_type=self.mocap_type,
            export_rate=self.export_rate,
            bind=bind_options(self),
            consent=self.consent,
        )

    def take_panel_settings(self, context: bpy.types.Context) -> None:
        """Fill what the caller left unset from the panel's settings."""
        settings = settings_of(addon.current_scene(context))
        for name in ("use_selected", "targets", "mocap_type", "export_rate", *OPTION_NAMES):
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings, name))
        if not self.properties.is_property_set("armature") and settings.armature is not None:
            self.armature = settings.armature.name

    def draw_options(self) -> None:
        """Draw what can be chosen beside the video."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "targets")
        row = layout.row()
        row.enabled = self.targets != ROBOT
        row.prop(self, "armature", icon="ARMATURE_DATA")
        for name in ("use_selected", "mocap_type", "export_rate"):
            layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        # A dialog and the file selector call execute, too; there the interface has to go on.
        return self.start(context) if getattr(self, "is_asking", False) else self.run(context)

    def run(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Make one capture after the other and wait for each."""
        try:
            begun = [begin(context, source, self.capture_options()) for source in self.sources(context)]
            for record, service in begun:
                ended = session().run_blocking(record, service)
                self.report({"INFO"}, told(finish(context, ended)))
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.take_panel_settings(context)
        return self.start(context)

    def start(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Start the captures on worker threads, all or none, and watch them."""
        if not addon.service(context).is_local and not (self.consent or addon.has_consent(context)):
            return bpy.ops.aimocap.give_consent("INVOKE_DEFAULT")  # type: ignore[attr-defined]
        try:
            # All are checked before the first one costs anything.
            begun = [begin(context, source, self.capture_options()) for source in self.sources(context)]
            for record, service in begun:
                session().start(record, service)
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        watch()
        return {"FINISHED"}


class AIMOCAP_OT_capture_strip(CaptureOperator, bpy.types.Operator):
    """Turn each selected movie strip, or else the active one, into motion on the character, in time with the strip"""

    bl_idname = "aimocap.capture_strip"
    bl_label = "Capture Motion from Strip"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        try:
            movie_strips.chosen_strips(context)
        except SceneError as error:
            cls.poll_message_set(told(error).removesuffix("."))
            return False
        return True

    def sources(self, context: bpy.types.Context) -> list[VideoSource]:
        scene = compat.sequencer_scene(context)
        return [video_source.from_strip(scene, strip) for strip in movie_strips.chosen_strips(context)]


class AIMOCAP_OT_capture_file(CaptureOperator, bpy.types.Operator):
    """Turn a video file into motion on the character"""

    bl_idname = "aimocap.capture_file"
    bl_label = "Capture Motion from Video File"
    bl_options = {"REGISTER"}

    filepath: StringProperty(name="Video", description="Video file to capture", subtype="FILE_PATH")
    filter_movie: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    trim_start: FloatProperty(
        name="Start", description="Where in the video the capture begins, in seconds", min=0.0, unit="TIME_ABSOLUTE"
    )
    trim_end: FloatProperty(
        name="End",
        description="Where in the video the capture ends, in seconds; 0: at its end",
        min=0.0,
        unit="TIME_ABSOLUTE",
    )
    frame_start: IntProperty(
        name="Start Frame", description="Scene frame of the first motion frame; by default the scene's first frame"
    )

    def sources(self, context: bpy.types.Context) -> list[VideoSource]:
        if not self.filepath:
            raise SceneError("No video file is given: choose one.")
        if self.trim_end and self.trim_end <= self.trim_start:
            raise SceneError("The end lies before the start: set an end after the start, or 0 for the video's own end.")
        source = video_source.from_file(
            addon.current_scene(context),
            Path(bpy.path.abspath(self.filepath)),
            trim_start_sec=self.trim_start,
            trim_end_sec=self.trim_end or None,
            frame_start=self.frame_start if self.properties.is_property_set("frame_start") else None,
        )
        return [source]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.take_panel_settings(context)
        if self.filepath:
            return self.start(context)
        context.window_manager.fileselect_add(self)
        self.is_asking = True
        return {"RUNNING_MODAL"}

    def draw(self, _context: bpy.types.Context) -> None:
        self.draw_options()
        for name in ("trim_start", "trim_end", "frame_start"):
            self.layout.prop(self, name)
        draw_bind_options(self.layout, self)


class AIMOCAP_OT_capture_clip(CaptureOperator, bpy.types.Operator):
    """Turn the movie clip of this editor into motion on the character"""

    bl_idname = "aimocap.capture_clip"
    bl_label = "Capture Motion from Clip"
    bl_options = {"REGISTER"}

    clip: StringProperty(
        name="Clip", description="Name of the movie clip; empty: the one in this editor", translation_context=CONTEXT
    )

    @staticmethod
    def active_clip(context: bpy.types.Context) -> bpy.types.MovieClip | None:
        return getattr(context, "edit_movieclip", None) or context.scene.active_clip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if cls.active_clip(context) is None and not bpy.data.movieclips:
            cls.poll_message_set(told("There is no movie clip: open one in the Movie Clip editor"))
            return False
        return True

    def sources(self, context: bpy.types.Context) -> list[VideoSource]:
        clip = bpy.data.movieclips.get(self.clip) if self.clip else self.active_clip(context)
        if clip is None:
            if self.clip:
                raise SceneError(f"There is no movie clip “{self.clip}”: open one in the Movie Clip editor.")
            raise SceneError("No movie clip is active: open one in the Movie Clip editor.")
        return [video_source.from_clip(clip)]


class AIMOCAP_OT_give_consent(bpy.types.Operator):
    """Agree that captured videos are sent to the AIMoCap cloud and cost v-credits"""

    bl_idname = "aimocap.give_consent"
    bl_label = "Send Videos to the Cloud?"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Agree")

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.label(
            text=phrase("The video leaves this machine for {address}.", address=addon.service(context).base_url)
        )
        column.label(text="Each captured second costs 1 v-credit of your account there.")
        column.label(text="Agree once, then press Capture Motion again.")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        preferences = addon.preferences(context)
        if preferences is None:
            self.report({"ERROR"}, "The add-on is not enabled: enable AIMoCap in the preferences.")
            return {"CANCELLED"}
        preferences.cloud_consent = True
        return {"FINISHED"}


CLASSES = (
    AIMOCAP_OT_capture_strip,
    AIMOCAP_OT_capture_file,
    AIMOCAP_OT_capture_clip,
    AIMOCAP_OT_give_consent,
)
