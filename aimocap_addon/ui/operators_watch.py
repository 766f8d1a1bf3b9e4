# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators on running captures: watch, stop, resume. One modal operator watches all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from ..jobs.record import Stage
from ..jobs.store import StoreError
from ..scene.errors import SceneError
from . import status_bar
from .addon import CaptureError
from .capture_flow import usable_service
from .capture_list import refresh
from .delivery import conclude
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

WATCH_INTERVAL = 0.2
_CLOCK = 1.0  # seconds between two drawings of the panel for its clock alone
_GOES_ON = "Stopped watching: the captures go on, and Watch Progress in the AIMoCap panel shows them again."


class AIMOCAP_OT_stop(bpy.types.Operator):
    """Stop waiting for a capture, or for all that are running; they can be resumed later"""

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

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask before several are stopped."""
        count = len(session().running)
        if self.capture_id or count < 2:
            return self.execute(context)
        message = phrase("They can be resumed later. Jobs that the service has begun go on there and stay charged.")
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=phrase("Stop {count} captures?", count=count),
            message=message,
            confirm_text="Stop All",
            icon="WARNING",
        )

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        running = [self.capture_id] if self.capture_id else [record.capture_id for record in session().running]
        try:
            stopped = [capture_id for capture_id in running if session().stop(capture_id)]
        except StoreError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
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
        except (CaptureError, SceneError, StoreError) as error:
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
        self.drawn_at = 0.0
        self.show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        if event.type == "ESC" and event.value == "PRESS" and session().running:
            self.end(context)
            status_bar.announce(context, _GOES_ON)
            self.report({"INFO"}, told(_GOES_ON))
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        changed = session().pump()
        if changed or time.monotonic() - self.drawn_at >= _CLOCK:
            self.show(context)
        ended = [record for record in changed if record.stage.is_final]
        while ended or session().arrived:
            kind, sentence = conclude((ended or session().arrived).pop())
            status_bar.announce(context, sentence, is_error="ERROR" in kind)
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
        status_bar.update(context)
        refresh(context)

    def show(self, context: bpy.types.Context) -> None:
        """Write the status bar and have the panels drawn again."""
        self.drawn_at = time.monotonic()
        status_bar.update(context)
        refresh(context)


CLASSES = (AIMOCAP_OT_stop, AIMOCAP_OT_resume, AIMOCAP_OT_watch)
