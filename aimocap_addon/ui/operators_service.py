# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for the local service: set it up, start it, stop it.

In an interface they return at once and a timer redraws the panel until the service is up; in background they wait.
"""

from __future__ import annotations

import sys
from math import degrees, radians
from typing import TYPE_CHECKING

import bpy

from . import addon
from .local_service import DISK_SIZE, DOWNLOAD_SIZE, MIN_FIELD_OF_VIEW, MIN_HEIGHT, LocalServiceError, State
from .redraw import redraw_panels
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    from .preferences import AIMOCAP_AP_preferences as Preferences

_SET_UP_TIMEOUT = 3600.0
_START_TIMEOUT = 90.0
_LOOK_INTERVAL = 0.3


def show_until_settled() -> float | None:
    """Redraw the panels while the service is on its way; a timer's function."""
    redraw_panels(bpy.context)
    return _LOOK_INTERVAL if session().local_service.state.is_busy else None


def _watch_service() -> None:
    if not bpy.app.background and not bpy.app.timers.is_registered(show_until_settled):
        bpy.app.timers.register(show_until_settled, first_interval=_LOOK_INTERVAL)


def solver_options(chosen: Preferences | None) -> list[str]:
    """Return the service's options for what the preferences say of its solver; values out of range are left out."""
    if chosen is None:
        return []
    options = ["--hands"] if chosen.local_hands else []
    height = 100.0 * chosen.local_actor_height
    if height >= MIN_HEIGHT:
        options += ["--actor-height", f"{height:g}"]
    if chosen.local_field_of_view >= radians(MIN_FIELD_OF_VIEW):
        options += ["--field-of-view", f"{degrees(chosen.local_field_of_view):g}"]
    return options


class AIMOCAP_OT_set_up_local_service(bpy.types.Operator):
    """Download what the local service needs into the add-on's folder, once"""

    bl_idname = "aimocap.set_up_local_service"
    bl_label = "Set Up Local Service"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if session().local_service.state.is_busy:
            cls.poll_message_set(told("The local service is being set up or started"))
            return False
        sentence = addon.set_up_sentence()
        if sentence:
            cls.poll_message_set(told(sentence))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Download and Set Up")

    def draw(self, _context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.label(text="The solver and its libraries are fetched from the Python package index:")
        column.label(
            text=phrase(
                "{download} to download, {disk} on disk, in the add-on's own folder.",
                download=phrase(DOWNLOAD_SIZE),
                disk=phrase(DISK_SIZE),
            )
        )
        column.label(text="They go when the add-on is removed. Videos never leave this machine.")

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        service = session().local_service
        try:
            service.set_up()
        except LocalServiceError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        if bpy.app.background and service.wait(_SET_UP_TIMEOUT) is not State.STOPPED:
            self.report({"ERROR"}, told(service.sentence or "The set-up did not end in time."))
            return {"CANCELLED"}
        _watch_service()
        return {"FINISHED"}


class AIMOCAP_OT_start_local_service(bpy.types.Operator):
    """Start the local service"""

    bl_idname = "aimocap.start_local_service"
    bl_description = (
        "Start the local service; it ends with Blender. It captures the body of one person before a camera that stands "
        "still: no face, no roll of forearms, fingers only with Capture Hands, and limbs that point at the camera "
        "least surely"
    )
    bl_label = "Start Local Service"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if session().local_service.state is not State.STOPPED:
            cls.poll_message_set(told("Set the local service up first, or stop the one that runs"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        current = addon.service(context)
        if not current.is_local:
            self.report({"ERROR"}, "The cloud is chosen as the service: choose Local Service in the preferences first.")
            return {"CANCELLED"}
        service = session().local_service
        # As a module Blender has no program of its own; then its Python writes the FBX files.
        options = solver_options(addon.preferences(context))
        service.start(current.base_url, bpy.app.binary_path or sys.executable, options)
        if bpy.app.background and service.wait(_START_TIMEOUT) not in (State.RUNNING, State.SHARED):
            self.report({"ERROR"}, told(service.sentence or "The local service did not start in time."))
            return {"CANCELLED"}
        _watch_service()
        return {"FINISHED"}


class AIMOCAP_OT_stop_local_service(bpy.types.Operator):
    """Stop the local service, or its set-up; captures it works on go on when it is started again"""

    bl_idname = "aimocap.stop_local_service"
    bl_label = "Stop Local Service"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if session().local_service.state in (State.ABSENT, State.STOPPED):
            cls.poll_message_set(told("The local service does not run"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        session().local_service.stop()
        redraw_panels(context)
        return {"FINISHED"}


CLASSES = (AIMOCAP_OT_set_up_local_service, AIMOCAP_OT_start_local_service, AIMOCAP_OT_stop_local_service)
