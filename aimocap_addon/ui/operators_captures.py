# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for one capture of the list: its files, its preview video, what support wants to know, its end."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..jobs.diagnostics import diagnostics
from ..jobs.record import CaptureRecord, Stage
from ..jobs.store import StoreError
from ..scene import compat
from ..scene.errors import SceneError
from ..scene.preview_strip import add_preview_strip
from . import addon
from .addon import CaptureError
from .capture_list import refresh
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    OperatorBase = bpy.types.Operator
else:
    # Blender registers subclasses of Operator, so what operators share stands outside of them.
    OperatorBase = object

_SAME_RATE = 0.002  # 29.97 and 30 fps are told apart by nobody who compares a few seconds
_ERRORS = (CaptureError, SceneError, StoreError)


class OneCapture(OperatorBase):
    """The capture that an operator is about: one that is named, else the one chosen in the list."""

    capture_id: StringProperty(
        name="Capture", description="Which capture; empty: the one chosen in the list", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not session().records:
            cls.poll_message_set(told("There are no captures yet: capture a clip first"))
            return False
        return True

    def record(self) -> CaptureRecord:
        """Return the capture that is meant; raises CaptureError if there is none."""
        found = session().records.get(self.capture_id) if self.capture_id else session().chosen()
        if found is None:
            raise CaptureError("There is no such capture any more: choose one in the list.")
        return found


class CaptureRowOperator(OneCapture):
    """What operators on one capture share; `act` does the work and returns what to report."""

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        """Raises CaptureError, SceneError or StoreError."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            sentence = self.act(context, self.record())
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.report({"INFO"}, told(sentence))
        return {"FINISHED"}


class AIMOCAP_OT_show_preview(CaptureRowOperator, bpy.types.Operator):
    """Add the preview video of a capture to the sequencer, above all strips, beginning where the motion does"""

    bl_idname = "aimocap.show_preview"
    bl_label = "Show Preview Video"
    bl_options = {"REGISTER", "UNDO"}

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        if record.preview is None:
            raise CaptureError(f"“{record.request.title}” has no preview video: its service made none.")
        addon.current_scene(context)
        scene = compat.sequencer_scene(context)
        name = f"{record.request.title} Preview"
        strip = add_preview_strip(scene, Path(record.preview), name, record.request.placement.frame_start)
        sentence = f"“{strip.name}” lies in channel {strip.channel} of the sequencer of “{scene.name}”."
        # Strips added by Python play frame by frame, and the retiming that would mend it fails up to 4.5.
        rate, pace = strip.fps, record.request.placement.frames_per_second  # type: ignore[attr-defined]
        if abs(rate - pace) > _SAME_RATE * pace:
            sentence += f" It has {rate:.5g} fps where the motion takes {pace:.5g}: change its speed to compare them."
        return sentence + " Mute or delete it before you render."


class AIMOCAP_OT_open_capture_folder(CaptureRowOperator, bpy.types.Operator):
    """Show the files of a capture in the system's file manager"""

    bl_idname = "aimocap.open_capture_folder"
    bl_label = "Open Folder"
    bl_options = {"INTERNAL"}

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        folder = session().store().results_folder(record.capture_id)
        if not folder.is_dir():
            raise CaptureError(f"“{record.request.title}” has no files here yet: they come when it is ready.")
        bpy.ops.wm.path_open(filepath=str(folder))
        return f"The files lie in {folder}."


class AIMOCAP_OT_copy_job_id(CaptureRowOperator, bpy.types.Operator):
    """Copy the id that the service gave the job of a capture"""

    bl_idname = "aimocap.copy_job_id"
    bl_label = "Copy Job ID"
    bl_options = {"INTERNAL"}

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        if record.job_id is None:
            raise CaptureError(f"“{record.request.title}” has no job at the service yet: there is no id to copy.")
        context.window_manager.clipboard = record.job_id
        return f"Copied {record.job_id}."


class AIMOCAP_OT_copy_diagnostics(CaptureRowOperator, bpy.types.Operator):
    """Copy what support needs to know about a capture: versions, stage, last error; no keys, no signed addresses"""

    bl_idname = "aimocap.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_options = {"INTERNAL"}

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        context.window_manager.clipboard = diagnostics_of(context, record)
        return "Copied, without keys: paste it into the mail to support."


class AIMOCAP_OT_remove_capture(CaptureRowOperator, bpy.types.Operator):
    """Delete a capture from the list, with its files. Motion that was brought into a file stays there"""

    bl_idname = "aimocap.remove_capture"
    bl_label = "Remove Capture"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        try:
            record = self.record()
            refuse_if_running(record)
        except _ERRORS as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.capture_id = record.capture_id
        message = "Its files are deleted; motion that was brought into a file stays there."
        if record.submit_sent and record.stage is not Stage.READY:
            message += " A job that the service has begun stays charged, and its motion is lost."
        title = phrase("Remove “{title}”?", title=record.request.title)
        return context.window_manager.invoke_confirm(
            self, event, title=title, message=told(message), confirm_text="Remove", icon="WARNING"
        )

    def act(self, context: bpy.types.Context, record: CaptureRecord) -> str:
        refuse_if_running(record)
        if not session().remove(record.capture_id):
            raise CaptureError(f"“{record.request.title}” is worked on in another Blender: stop it there first.")
        refresh(context)
        return f"“{record.request.title}” and its files are removed."


def refuse_if_running(record: CaptureRecord) -> None:
    """Raise CaptureError if a worker of this Blender is at the capture."""
    if session().is_running(record.capture_id):
        raise CaptureError(f"“{record.request.title}” is running: stop it first.")


def diagnostics_of(context: bpy.types.Context, record: CaptureRecord) -> str:
    """Return what is copied for support."""
    return diagnostics(record, _versions(), _secrets(context))


def _versions() -> dict[str, str]:
    return {
        "AIMoCap": addon.version(),
        "Blender": bpy.app.version_string,
        "System": f"{platform.platform()}, Python {platform.python_version()}",
    }


def _secrets(context: bpy.types.Context) -> list[str]:
    """Return all keys that this Blender holds in memory."""
    chosen = addon.preferences(context)
    keys = [addon.service(context).api_key, os.environ.get(addon.KEY_VARIABLE, ""), session().local_service.key]
    return [key.strip() for key in (*keys, *((chosen.local_key, chosen.cloud_key) if chosen is not None else ()))]


CLASSES = (
    AIMOCAP_OT_show_preview,
    AIMOCAP_OT_open_capture_folder,
    AIMOCAP_OT_copy_job_id,
    AIMOCAP_OT_copy_diagnostics,
    AIMOCAP_OT_remove_capture,
)
