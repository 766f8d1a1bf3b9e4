# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that begin, watch and stop captures.

`execute` blocks until the motion is in the file (scripts, `--background`); `invoke` starts a worker and
returns, and one modal operator watches all captures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..jobs.listing import STAGE_LABELS, overall_progress
from ..jobs.record import Stage
from ..jobs.store import StoreError
from ..scene import compat, video_source
from ..scene.errors import SceneError
from ..scene.video_source import VideoSource
from . import addon
from .addon import CaptureError
from .bind_options import OPTION_NAMES, BindProperties, bind_options, draw_bind_options
from .capture_flow import CaptureOptions, begin, finish, selected_armatures, usable_service
from .capture_list import refresh
from .delivery import conclude
from .properties import (
    CHARACTER,
    EXPORT_RATE_ITEMS,
    MOCAP_TYPE_ITEMS,
    ROBOT,
    TARGETS_ITEMS,
    USE_SELECTED,
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

WATCH_INTERVAL = 0.2
_ERRORS = (CaptureError, SceneError, StoreError)


class CaptureOperator(BindProperties, OperatorBase):
    """What the capture operators share; subclasses say which video they mean."""

    armature: StringProperty(
        name="Character", description="Name of the armature that receives the motion; empty: the captured skeleton"
    )
    use_selected: BoolProperty(name="Also to Selected", description=USE_SELECTED, default=False)
    targets: EnumProperty(
        name="Make", description="What the capture is made into", items=TARGETS_ITEMS, default=CHARACTER
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

    def source(self, context: bpy.types.Context) -> VideoSource:
        """Return the video that is meant; raises SceneError."""
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

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            record, service = begin(context, self.source(context), self.capture_options())
            record = session().run_blocking(record, service)
            sentence = finish(context, record)
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.report({"INFO"}, told(sentence))
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.take_panel_settings(context)
        return self.start(context)

    def start(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        """Start the capture on a worker thread and watch it."""
        if not addon.service(context).is_local and not (self.consent or addon.has_consent(context)):
            return bpy.ops.aimocap.give_consent("INVOKE_DEFAULT")  # type: ignore[attr-defined]
        try:
            record, service = begin(context, self.source(context), self.capture_options())
            session().start(record, service)
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        watch()
        return {"FINISHED"}


class AIMOCAP_OT_capture_strip(CaptureOperator, bpy.types.Operator):
    """Turn the active movie strip into motion on the character, in time with the strip"""

    bl_idname = "aimocap.capture_strip"
    bl_label = "Capture Motion from Strip"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        editor = compat.sequencer_scene(context).sequence_editor
        if editor is None or editor.active_strip is None:
            cls.poll_message_set(told("No strip is active: select a movie strip in the sequencer"))
            return False
        return True

    def source(self, context: bpy.types.Context) -> VideoSource:
        scene = compat.sequencer_scene(context)
        return video_source.from_strip(scene, video_source.active_movie_strip(context))


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

    def source(self, context: bpy.types.Context) -> VideoSource:
        if not self.filepath:
            raise SceneError("No video file is given: choose one.")
        if self.trim_end and self.trim_end <= self.trim_start:
            raise SceneError("The end lies before the start: set an end after the start, or 0 for the video's own end.")
        return video_source.from_file(
            addon.current_scene(context),
            Path(bpy.path.abspath(self.filepath)),
            trim_start_sec=self.trim_start,
            trim_end_sec=self.trim_end or None,
            frame_start=self.frame_start if self.properties.is_property_set("frame_start") else None,
        )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.take_panel_settings(context)
        if self.filepath:
            return self.start(context)
        context.window_manager.fileselect_add(self)
        self.chooses_file = True
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        # The file selector calls execute; there the interface has to go on.
        return self.start(context) if getattr(self, "chooses_file", False) else super().execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "targets")
        row = layout.row()
        row.enabled = self.targets != ROBOT
        row.prop_search(self, "armature", context.scene, "objects", icon="ARMATURE_DATA")
        for name in ("use_selected", "mocap_type", "export_rate", "trim_start", "trim_end", "frame_start"):
            layout.prop(self, name)
        draw_bind_options(layout, self)


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

    def source(self, context: bpy.types.Context) -> VideoSource:
        clip = bpy.data.movieclips.get(self.clip) if self.clip else self.active_clip(context)
        if clip is None:
            if self.clip:
                raise SceneError(f"There is no movie clip “{self.clip}”: open one in the Movie Clip editor.")
            raise SceneError("No movie clip is active: open one in the Movie Clip editor.")
        return video_source.from_clip(addon.current_scene(context), clip)


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


class AIMOCAP_OT_stop(bpy.types.Operator):
    """Stop waiting for a capture; it can be resumed later"""

    bl_idname = "aimocap.stop"
    bl_label = "Stop Capture"
    bl_options = {"REGISTER"}

    capture_id: StringProperty(
        name="Capture", description="Which capture; empty: all that are running", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not session().running:
            cls.poll_message_set(told("No capture is running"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        running = [self.capture_id] if self.capture_id else [record.capture_id for record in session().running]
        stopped = [capture_id for capture_id in running if session().stop(capture_id)]
        if not stopped:
            self.report({"ERROR"}, "That capture is not running.")
            return {"CANCELLED"}
        self.report({"INFO"}, "Stopped waiting. A job that the service has begun goes on there and stays charged.")
        return {"FINISHED"}


class AIMOCAP_OT_resume(bpy.types.Operator):
    """Go on with a stopped, failed or interrupted capture. A job that the service still has is not paid again"""

    bl_idname = "aimocap.resume"
    bl_label = "Resume Capture"
    bl_options = {"REGISTER"}

    capture_id: StringProperty(
        name="Capture", description="Which capture; empty: the one chosen in the list", options={"SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        record = session().records.get(self.capture_id) if self.capture_id else session().chosen()
        if record is None or record.stage is Stage.READY or session().is_running(record.capture_id):
            self.report({"ERROR"}, "There is nothing to resume: choose a capture that is not finished.")
            return {"CANCELLED"}
        try:
            service = usable_service(context)
            if service.base_url != record.request.service_url:
                raise CaptureError(
                    f"This capture belongs to {record.request.service_url}: choose that service in the preferences."
                )
            session().start(record.resumed() if record.stage.is_final else record, service)
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        watch()
        return {"FINISHED"}


def watch() -> None:
    """Start the modal watcher unless it runs; a background Blender has no event loop and needs none."""
    if session().watching or bpy.app.background:
        return
    context = bpy.context
    # From a timer there is no window in the context, and a modal operator cannot do without.
    with context.temp_override(window=context.window or context.window_manager.windows[0]):
        bpy.ops.aimocap.watch("INVOKE_DEFAULT")  # type: ignore[attr-defined]


class AIMOCAP_OT_watch(bpy.types.Operator):
    """Show the progress of running captures and bring in their motion; ESC stops watching, not the captures"""

    bl_idname = "aimocap.watch"
    bl_label = "Watch Captures"
    bl_options = {"INTERNAL"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.timer = context.window_manager.event_timer_add(WATCH_INTERVAL, window=context.window)
        context.window_manager.modal_handler_add(self)
        session().watching = True
        self.show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if event.type == "ESC" and event.value == "PRESS":
            self.end(context)
            self.report({"INFO"}, "No longer watching. The capture goes on; press Watch in the AIMoCap panel.")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        changed = session().pump()
        if changed:
            self.show(context)
        ended = [record for record in changed if record.stage.is_final]
        while ended or session().arrived:
            kind, sentence = conclude((ended or session().arrived).pop())
            self.report(kind, told(sentence))
        if not session().running and not changed:
            self.end(context)
            return {"FINISHED", "PASS_THROUGH"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender ends the operator: a new file, a closed window. The workers go on."""
        self.end(context)

    def end(self, context: bpy.types.Context) -> None:
        session().watching = False
        context.window_manager.event_timer_remove(self.timer)
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        refresh(context)

    @staticmethod
    def show(context: bpy.types.Context) -> None:
        """Write the status bar and have the panels drawn again."""
        running = session().running
        if running and context.workspace is not None:
            first = running[0]
            more = phrase(" (and {count} more)", count=len(running) - 1) if len(running) > 1 else ""
            state = f"{first.request.title} - {phrase(STAGE_LABELS[first.stage])} {overall_progress(first):.0%}{more}"
            context.workspace.status_text_set(phrase("AIMoCap: {state}    [Esc] Stop Watching", state=state))
        refresh(context)


CLASSES = (
    AIMOCAP_OT_capture_strip,
    AIMOCAP_OT_capture_file,
    AIMOCAP_OT_capture_clip,
    AIMOCAP_OT_give_consent,
    AIMOCAP_OT_stop,
    AIMOCAP_OT_resume,
    AIMOCAP_OT_watch,
)
