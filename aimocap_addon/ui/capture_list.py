# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of captures: all of them, across sessions and files, newest first.

The captures stay in the session's memory. Blender's list wants a collection, so the window manager has one of empty
rows, as many as there are captures: a .blend file, which is saved with it, then tells nobody what was captured.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import CollectionProperty, EnumProperty, IntProperty

from ..jobs.listing import Shown, age_words, is_listed, overall_progress, state_words
from ..jobs.record import CaptureRecord, Stage
from .addon import current_scene
from .bind_options import set_bind_options, stored_options
from .operators_scene import draw_range
from .origin import is_of_this_file
from .panel_text import draw_sentence
from .redraw import redraw_panels
from .session import session
from .translations import CONTEXT, phrase, told

_ROWS = 5
SHOWN_ITEMS = (
    (Shown.ALL.value, "All", "All captures, of every file"),
    (Shown.HERE.value, "This File", "Captures that were begun in the open file"),
    (Shown.RUNNING.value, "Running", "Captures that are under way, or were interrupted and go on"),
    (Shown.FAILED.value, "Failed", "Captures that failed or were stopped and can be tried again"),
)
_ICONS: dict[Stage, Any] = {Stage.READY: "CHECKMARK", Stage.FAILED: "ERROR", Stage.STOPPED: "PAUSE"}


def refresh(context: bpy.types.Context) -> None:
    """Give the list a row for each capture in memory, and have the panels drawn again; not while drawing."""
    rows = captures(context).rows
    wanted = len(session().records)
    while len(rows) < wanted:
        rows.add()
    while len(rows) > wanted:
        rows.remove(len(rows) - 1)
    redraw_panels(context)


def _chosen_index(_group: bpy.types.PropertyGroup) -> int:
    chosen = session().chosen()
    return list(session().records).index(chosen.capture_id) if chosen is not None else 0


def _choose_index(_group: bpy.types.PropertyGroup, index: int) -> None:
    listed = list(session().records)
    session().chosen_id = listed[index] if 0 <= index < len(listed) else ""


class AIMOCAP_PG_capture_row(bpy.types.PropertyGroup):
    """A row of the list; its index tells the capture"""


class AIMOCAP_PG_captures(bpy.types.PropertyGroup):
    """What the list of captures needs of Blender"""

    rows: CollectionProperty(type=AIMOCAP_PG_capture_row)
    index: IntProperty(
        name="Capture",
        description="The capture that the buttons below are about",
        get=_chosen_index,
        set=_choose_index,
    )
    shown: EnumProperty(name="Show", description="Which captures are listed", items=SHOWN_ITEMS, default="ALL")


def captures(context: bpy.types.Context) -> AIMOCAP_PG_captures:
    """Return the list's state."""
    return context.window_manager.aimocap_captures  # type: ignore[attr-defined]


def _is_shown(record: CaptureRecord, shown: Shown, words: str = "") -> bool:
    return is_listed(record, shown, words, is_of_this_file=shown is Shown.HERE and is_of_this_file(record))


class AIMOCAP_UL_captures(bpy.types.UIList):
    """Captures with their state, name, and progress or age"""

    if TYPE_CHECKING:
        filter_name: str
        use_filter_sort_alpha: bool

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: Any,
        _item: Any,
        _icon: Any,
        _active_data: Any,
        _active_property: str,
        index: int = 0,
    ) -> None:
        records = list(session().records.values())
        if index >= len(records):  # until the rows follow the captures
            return
        record = records[index]
        is_running = session().is_running(record.capture_id)
        columns = layout.split(factor=0.62)
        icon = "SORTTIME" if is_running else _ICONS.get(record.stage, "QUESTION")
        columns.label(text=record.request.title, icon=icon, translate=False)
        if is_running:
            share = overall_progress(record)
            columns.progress(factor=share, text=f"{share:.0%}", type="BAR")
            return
        right = columns.row()
        right.alignment = "RIGHT"
        right.label(text=told(age_words(time.time() - record.created_at)))

    def draw_filter(self, _context: bpy.types.Context, layout: bpy.types.UILayout) -> None:
        row = layout.row(align=True)
        row.prop(self, "filter_name", text="", icon="VIEWZOOM")
        row.prop(self, "use_filter_sort_alpha", text="", icon="SORTALPHA")

    def filter_items(self, context: bpy.types.Context, _data: Any, _property: str) -> tuple[list[int], list[int]]:
        """Return a flag and a place for each row, as Blender wants them."""
        records = list(session().records.values())
        rows = len(captures(context).rows)
        shown = Shown(captures(context).shown)
        flags = [self.bitflag_filter_item * _is_shown(record, shown, self.filter_name) for record in records[:rows]]
        flags += [0] * (rows - len(flags))
        if not self.use_filter_sort_alpha:
            return flags, []
        titles = [record.request.title.casefold() for record in records[:rows]] + [""] * (rows - len(records))
        places = [0] * rows
        for place, index in enumerate(sorted(range(rows), key=titles.__getitem__)):
            places[index] = place
        return flags, places


def draw_capture_list(
    context: bpy.types.Context, layout: bpy.types.UILayout, character: bpy.types.Object | None
) -> None:
    """Draw the list and what can be done with the capture chosen there; nothing if there are no captures.

    A capture is imported onto `character`, if that is given, else onto the one it was made for.
    """
    state = captures(context)
    count = len(session().records)
    if not count:
        return
    header, body = layout.panel("aimocap_captures")
    header.label(text=phrase("Captures ({count})", count=count))
    if body is None:
        return
    body.use_property_split = False
    body.row(align=True).prop(state, "shown", expand=True)
    row = body.row()
    row.template_list(AIMOCAP_UL_captures.__name__, "", state, "rows", state, "index", rows=_ROWS, sort_lock=True)
    record = session().chosen()
    if record is None or not _is_shown(record, Shown(state.shown)):
        return
    tools = row.column(align=True)
    tools.operator("aimocap.open_capture_folder", text="", icon="FILE_FOLDER").capture_id = record.capture_id
    tools.operator("aimocap.remove_capture", text="", icon="TRASH").capture_id = record.capture_id
    tools.separator()
    tools.menu("AIMOCAP_MT_capture", text="", icon="DOWNARROW_HLT")
    draw_chosen(context, body.column(), record, character)


def draw_chosen(
    context: bpy.types.Context,
    layout: bpy.types.UILayout,
    record: CaptureRecord,
    character: bpy.types.Object | None,
) -> None:
    """Draw where a capture stands, and its next steps."""
    is_running = session().is_running(record.capture_id)
    state, age = told(state_words(record, is_running=is_running)), told(age_words(time.time() - record.created_at))
    layout.label(text=f"{record.request.title}: {state}, {age}", translate=False)
    if record.failure is not None:
        draw_sentence(layout, record.failure.sentence, icon="ERROR")
        if record.failure.code:
            draw_sentence(layout, f"Code for support: {record.failure.code}", icon="BLANK1")
    elif record.message:
        draw_sentence(layout, record.message)
    window, placement = record.request.window_sec, record.request.placement
    if record.delivered and window is not None and is_of_this_file(record):
        end = placement.frame_start + window * placement.frames_per_second
        draw_range(layout, current_scene(context), placement.frame_start, end)
    draw_steps(layout.column(align=True), record, character)


def draw_steps(layout: bpy.types.UILayout, record: CaptureRecord, character: bpy.types.Object | None = None) -> None:
    """Draw the operators that fit the state of a capture."""
    key = record.capture_id
    if session().is_running(key):
        layout.operator("aimocap.stop", icon="CANCEL").capture_id = key
        return
    if record.stage is not Stage.READY:
        is_new_job = record.failure is not None and not record.failure.retryable
        verb = "Retry with a New Job" if is_new_job else "Retry" if record.failure is not None else "Resume"
        layout.operator("aimocap.resume", text=verb, icon="FILE_REFRESH").capture_id = key
        return
    if record.preview is not None:
        layout.operator("aimocap.show_preview", icon="FILE_MOVIE").capture_id = key
    ways: tuple[tuple[str, Any, Any], ...] = (
        ("Import Again" if record.delivered else "Import", "IMPORT", "EXEC_DEFAULT"),
        ("Bind to Another Armature...", "CON_ARMATURE", "INVOKE_DEFAULT"),
    )
    for text, icon, call in ways:
        layout.operator_context = call
        properties = layout.operator("aimocap.import_capture", text=text, icon=icon)
        properties.capture_id = key
        set_bind_options(properties, stored_options(record.request.placement.options))
        if character is not None:
            properties.use_armature, properties.armature = True, character.name
    layout.operator("aimocap.capture_again", text="Redo with Other Options...", icon="OPTIONS").capture_id = key


class AIMOCAP_MT_capture(bpy.types.Menu):
    """What can be done with the capture chosen in the list"""

    bl_label = "Capture"
    bl_translation_context = CONTEXT

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        assert layout is not None  # while Blender draws there is one
        record = session().chosen()
        if record is None:
            layout.label(text="There are no captures yet")
            return
        layout.label(text=record.request.title, translate=False)
        draw_steps(layout, record)
        layout.operator_context = "INVOKE_DEFAULT"
        layout.separator()
        for name, icon in (
            ("open_capture_folder", "FILE_FOLDER"),
            ("copy_job_id", "COPYDOWN"),
            ("copy_diagnostics", "COPYDOWN"),
            ("remove_capture", "TRASH"),
        ):
            layout.operator(f"aimocap.{name}", icon=icon).capture_id = record.capture_id  # type: ignore[arg-type]


CLASSES = (AIMOCAP_PG_capture_row, AIMOCAP_PG_captures, AIMOCAP_UL_captures, AIMOCAP_MT_capture)
