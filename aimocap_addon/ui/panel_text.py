# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels and dialogs, whose labels do not wrap by themselves."""

from __future__ import annotations

from typing import Any

import bpy

_LINE = 40  # characters that fit the sidebar's usual width
_ICON = 6  # of these does an icon take


def draw_warning(layout: bpy.types.UILayout, sentence: str) -> None:
    """Draw why something cannot begin."""
    layout.label(text="Not ready", icon="ERROR")
    draw_sentence(layout, sentence)


def draw_sentence(layout: bpy.types.UILayout, sentence: str, width: int = _LINE, icon: Any = "NONE") -> None:
    """Draw a sentence over as many lines as it takes; `width` is in characters, `icon` stands before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrapped(sentence, width if icon == "NONE" else width - _ICON):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else icon


def wrapped(text: str, width: int) -> list[str]:
    """Break a sentence into lines; a label does not wrap by itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines
