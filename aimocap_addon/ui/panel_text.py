# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels and dialogs, whose labels do not wrap by themselves."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import bpy

from .translations import told

_LINE = 40  # characters that fit the sidebar's usual width
_ICON = 6  # of these does an icon take
_WIDE = "\u3000-\u30ff\u3400-\u9fff\uff00-\uffef"  # characters of Chinese and Japanese
_CLOSING = "，。、：；！？）》」』”"  # no line begins with these
_PIECES = re.compile(f"( ?)(“?(?:[{_WIDE}]|[^ {_WIDE}“]+)[{_CLOSING}]*)")


def draw_warning(layout: bpy.types.UILayout, sentence: str) -> None:
    """Draw why something cannot begin."""
    layout.label(text="Not ready", icon="ERROR")
    draw_sentence(layout, sentence)


def draw_sentence(layout: bpy.types.UILayout, sentence: str, width: int = _LINE, icon: Any = "NONE") -> None:
    """Draw a sentence over as many lines as it takes; `width` is in characters, `icon` stands before the first."""
    sentence = told(sentence)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrapped(sentence, width if icon == "NONE" else width - _ICON):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else icon


def wrapped(text: str, width: int) -> list[str]:
    """Break a sentence into lines of at most `width` columns, where it can be; a label does not wrap by itself.

    Chinese and Japanese characters take two columns each, and a line may end after any of them.
    """
    lines: list[str] = []
    for space, piece in _PIECES.findall(" ".join(text.split())):
        if lines and _columns(lines[-1]) + len(space) + _columns(piece) <= width:
            lines[-1] += space + piece
        else:
            lines.append(piece)
    return lines


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
