# SPDX-License-Identifier: GPL-3.0-or-later
"""How the mapping table looks in its dialog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

from ..scene.mapping_editing import RowState, is_shown
from .mapping_table import FILL_ITEMS, AIMOCAP_PG_mapping_row, AIMOCAP_PG_mapping_table
from .panel_text import draw_sentence
from .translations import phrase, told

WIDTH = 740  # pixels at a scale of 1
_LINE = 110  # characters that fit it
_LOW = ("hips", "spine")
_PAGES = {
    "BODY": (("Trunk", "show_trunk"), ("Arms", "show_arms"), ("Legs", "show_legs")),
    "HANDS": (("Hands", ""),),
    "TWISTS": (("Twist Bones", ""),),
}
_SIDES = ("left", "right")
_ICONS: dict[str, Any] = {
    RowState.FOUND.name: "CHECKMARK",
    RowState.EDITED.name: "GREASEPENCIL",
    RowState.DOUBTFUL.name: "QUESTION",
    RowState.MISSING.name: "RADIOBUT_OFF",
    RowState.ABSENT.name: "BLANK1",
    RowState.WRONG.name: "ERROR",
    RowState.NEEDED.name: "ERROR",
}
_FILL_ICONS: tuple[Any, ...] = ("FILE_REFRESH", "MOD_MIRROR", "X")
_PRESETS: tuple[tuple[str, str, Any], ...] = (
    ("aimocap.save_mapping_preset", "Save as Preset...", "EXPORT"),
    ("aimocap.load_mapping_preset", "Load Preset...", "IMPORT"),
)
_ALERTS = (RowState.WRONG.name, RowState.NEEDED.name)
_LEGEND = (
    (RowState.FOUND, "found"),
    (RowState.EDITED, "by hand"),
    (RowState.DOUBTFUL, "doubtful"),
    (RowState.MISSING, "missing"),
    (RowState.WRONG, "to be mended"),
)


def draw_table(layout: bpy.types.UILayout, table: AIMOCAP_PG_mapping_table) -> None:
    """Draw the table, its tools and what is wrong with it."""
    armature = bpy.data.objects.get(table.armature)
    if armature is None or armature.type != "ARMATURE":
        layout.label(text=phrase("The armature “{name}” is not there any more", name=table.armature), icon="ERROR")
        return
    head = layout.split(factor=0.52)
    name = head.row()
    name.label(text=phrase("{family}, {score} of a body", family=told(table.family), score=table.score))
    name.prop(table, "controls")
    presets = head.row(align=True)
    for operator, words, icon in _PRESETS:
        properties = presets.operator(operator, text=words, icon=icon)
        properties.armature, properties.in_table = armature.name, True
    if table.controls:
        layout.prop_search(table, "travel", armature.data, "bones", icon="BONE_DATA")
    tools = layout.row(align=True)
    for (what, words, _), icon in zip(FILL_ITEMS, _FILL_ICONS, strict=True):
        tools.operator("aimocap.fill_mapping", text=words, icon=icon).what = what
    layout.row().prop(table, "page", expand=True)
    bones = table.bones()
    for group, toggle in _PAGES[table.page]:
        rows = [row for row in table.rows if row.group == group and is_shown(row.role, bones)]
        if not toggle:
            _draw_rows(layout, rows, armature)
            continue
        header, body = layout.panel_prop(table, toggle)
        header.label(
            text=phrase(
                "{group}: {count} of {total}",
                group=phrase(group),
                count=sum(bool(row.bone) for row in rows),
                total=len(rows),
            )
        )
        if body is not None:
            _draw_rows(body, rows, armature)
    legend = layout.row()
    for state, words in _LEGEND:
        legend.label(text=words, icon=_ICONS[state.name])
    if table.problem:
        draw_sentence(layout, f"This cannot be used yet: {table.problem}.", _LINE, icon="ERROR")


def _draw_rows(layout: bpy.types.UILayout, rows: Sequence[AIMOCAP_PG_mapping_row], armature: bpy.types.Object) -> None:
    columns = layout.row()
    if rows[0].side:
        halves = [[row for row in rows if row.side == side] for side in _SIDES]
    else:  # from the hips to the neck, and on from there
        halves = [[row for row in rows if row.role.startswith(_LOW) is low] for low in (True, False)]
    for half in halves:
        column = columns.column(align=True)
        if half[0].side:
            column.label(text=half[0].side.title())
        for row in half:
            _draw_row(column, row, armature)


def _draw_row(layout: bpy.types.UILayout, row: AIMOCAP_PG_mapping_row, armature: bpy.types.Object) -> None:
    line = layout.row(align=True)
    line.alert = row.state in _ALERTS
    parts = line.split(factor=0.37, align=True)
    parts.label(text=told(row.words), icon=_ICONS.get(row.state, "BLANK1"))
    parts.prop_search(row, "bone", armature.data, "bones", text="", icon="BONE_DATA")
