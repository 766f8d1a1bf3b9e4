# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the panel about captures that are under way: each one, and all of them together."""

from __future__ import annotations

import time

import bpy

from ..jobs.listing import STAGE_LABELS, batch_progress, clock_words, overall_progress
from ..jobs.record import CaptureRecord
from .panel_text import draw_sentence
from .session import session
from .translations import phrase

_SHOWN_CAPTURES = 3  # the list below has all


def draw_running_captures(layout: bpy.types.UILayout) -> None:
    """Draw the captures that are under way; nothing if there are none."""
    current = session()
    running = current.running
    if not running:
        return
    ended, count, share = batch_progress(current.batch)
    if count > 1:
        column = layout.column(align=True)
        column.progress(
            factor=share,
            text=phrase("{ended} of {count} captures, {share:.0%}", ended=ended, count=count, share=share),
            type="BAR",
        )
        if len(running) > 1:
            column.operator("aimocap.stop", text="Stop All", icon="CANCEL").capture_id = ""
    for record in running[-_SHOWN_CAPTURES:]:  # the oldest: they are worked on first
        draw_running(layout, record)
    if len(running) > _SHOWN_CAPTURES:
        layout.label(
            text=phrase("{count} more are waiting or running", count=len(running) - _SHOWN_CAPTURES), icon="SORTTIME"
        )
    if not current.watching:
        layout.operator("aimocap.watch", text="Watch Progress", icon="HIDE_OFF")


def draw_running(layout: bpy.types.UILayout, record: CaptureRecord) -> None:
    """Draw a capture that is under way: stage, progress, times, stop."""
    box = layout.box()
    row = box.row()
    row.label(text=record.request.title, icon="FILE_MOVIE", translate=False)
    row.operator("aimocap.stop", text="", icon="CANCEL").capture_id = record.capture_id
    if not session().watching:
        box.label(text="Goes on unwatched", icon="HIDE_ON")
        return
    share = overall_progress(record)
    box.progress(factor=share, text=f"{phrase(STAGE_LABELS[record.stage])} {share:.0%}", type="BAR")
    column = box.column(align=True)
    spent = clock_words(time.time() - record.created_at)
    left = session().remaining.seconds(record.capture_id, time.monotonic())
    if left is None:
        text = phrase("{spent} since it began", spent=spent)
    else:
        text = phrase("{spent} since it began, about {left} to go", spent=spent, left=clock_words(left))
    column.label(text=text, icon="TIME")
    if record.message:
        draw_sentence(column, record.message, icon="BLANK1")
