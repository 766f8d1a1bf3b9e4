# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of the preferences: is the key taken, how much space do captures take, give it back.

The first two return at once and the preferences show the answer when it is there; in background they wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import bpy

from ..jobs.errand import Errand, ErrandError
from ..jobs.store import StoreError
from . import addon
from .addon import CaptureError
from .capture_flow import usable_service
from .capture_list import refresh
from .redraw import redraw_panels
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_LOOK_INTERVAL = 0.2
_PATIENCE = 90.0  # seconds, in background; the HTTP client gives up sooner


def _show_until_back() -> float | None:
    redraw_panels(bpy.context)
    return _LOOK_INTERVAL if session().key_test.is_running or session().space.is_running else None


def _send(operator: bpy.types.Operator, errand: Errand, work: Callable[[], str]) -> set[OperatorReturnItems]:
    if not errand.begin(work):
        operator.report({"ERROR"}, "The last one is not back yet: wait for its answer.")
        return {"CANCELLED"}
    if not bpy.app.background:
        if not bpy.app.timers.is_registered(_show_until_back):
            bpy.app.timers.register(_show_until_back, first_interval=_LOOK_INTERVAL)
        return {"FINISHED"}
    until = time.monotonic() + _PATIENCE
    while errand.is_running and time.monotonic() < until:
        time.sleep(0.02)
    operator.report({"ERROR" if errand.failed else "INFO"}, told(errand.sentence))
    return {"CANCELLED"} if errand.failed else {"FINISHED"}


class AIMOCAP_OT_test_key(bpy.types.Operator):
    """Ask the service whether it answers and takes the key; costs nothing, and no video is sent"""

    bl_idname = "aimocap.test_key"
    bl_label = "Test Connection and Key"
    bl_options = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            service = usable_service(context, consent=True)
        except CaptureError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}

        def work() -> str:
            from ..jobs.key_test import key_sentence  # loads the HTTP library, on the errand's thread

            return key_sentence(service.base_url, service.api_key)

        return _send(self, session().key_test, work)


class AIMOCAP_OT_measure_space(bpy.types.Operator):
    """Add up how much space the files of all captures take"""

    bl_idname = "aimocap.measure_space"
    bl_label = "Measure Space"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..jobs.upkeep import space_sentence

        folder = addon.user_folder(create=False)
        return _send(self, session().space, lambda: space_sentence(folder))


class AIMOCAP_OT_clean_up(bpy.types.Operator):
    """Delete captures older than this, with their files: those that failed, were stopped, or have reached their file"""

    bl_idname = "aimocap.clean_up"
    bl_label = "Clean Up"
    bl_options = {"REGISTER", "INTERNAL"}

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        chosen = addon.preferences(context)
        days = chosen.clean_up_days if chosen is not None else 0
        title = phrase("Delete captures older than {days} days?", days=days)
        message = told("Their files are deleted; motion that was brought into a file stays there.")
        return context.window_manager.invoke_confirm(
            self, event, title=title, message=message, confirm_text="Delete", icon="WARNING"
        )

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..jobs.upkeep import clean_up

        chosen = addon.preferences(context)
        if chosen is None:
            self.report({"ERROR"}, "The add-on is not enabled: enable AIMoCap in the preferences.")
            return {"CANCELLED"}
        try:
            sentence = clean_up(session().store(), chosen.clean_up_days)
            session().reader.outdate()
            session().load()
        except (ErrandError, StoreError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        refresh(context)
        self.report({"INFO"}, told(sentence))
        return {"FINISHED"}


CLASSES = (AIMOCAP_OT_test_key, AIMOCAP_OT_measure_space, AIMOCAP_OT_clean_up)
