# SPDX-License-Identifier: GPL-3.0-or-later
"""What the status bar says: how far the captures are, and for a while what became of one, whatever panels are open."""

from __future__ import annotations

import time

import bpy

from ..jobs.listing import STAGE_LABELS, batch_progress, overall_progress
from .panel_text import draw_sentence
from .session import session
from .translations import phrase, told

_NEWS_SECONDS = 12.0
_POPUP_WIDTH = 70  # characters


def update(context: bpy.types.Context) -> None:
    """Write what there is to say, in every window, or give the status bar back."""
    text = _text()
    written = session().status_in
    for workspace in {window.workspace for window in context.window_manager.windows}:
        if text:
            workspace.status_text_set(text)
            written.add(workspace.name)
    if not text:
        for workspace in bpy.data.workspaces:
            if workspace.name in written:
                workspace.status_text_set(None)
        written.clear()


def announce(context: bpy.types.Context, sentence: str, *, is_error: bool = False) -> None:
    """Say what became of a capture: for some seconds in the status bar, an error in a pop-up as well."""
    ended, count, _ = batch_progress(session().batch)
    sentence = told(sentence)
    if count > 1:
        sentence += " " + phrase("({ended} of {count} captures)", ended=ended, count=count)
    session().news = sentence, time.monotonic() + _NEWS_SECONDS
    update(context)
    if bpy.app.timers.is_registered(_news_are_old):
        bpy.app.timers.unregister(_news_are_old)
    bpy.app.timers.register(_news_are_old, first_interval=_NEWS_SECONDS)
    if is_error:

        def draw(self: bpy.types.UIPopupMenu, _context: bpy.types.Context) -> None:
            assert self.layout is not None  # while Blender draws there is one
            draw_sentence(self.layout, sentence, width=_POPUP_WIDTH)

        context.window_manager.popup_menu(draw, title="AIMoCap", icon="ERROR")


def shutdown() -> None:
    """Take the timer back, and what is written."""
    if bpy.app.timers.is_registered(_news_are_old):
        bpy.app.timers.unregister(_news_are_old)
    session().news = "", 0.0
    session().watching = False
    update(bpy.context)


def _news_are_old() -> None:
    update(bpy.context)


def _text() -> str:
    news, until = session().news
    parts = [f"AIMoCap: {news}"] if news and time.monotonic() < until else []
    if session().watching and session().running:
        parts.append(phrase("AIMoCap: {state}    [Esc] Stop Watching", state=_progress_words()))
    return "    |    ".join(parts)


def _progress_words() -> str:
    ended, count, share = batch_progress(session().batch)
    if count > 1:
        return phrase("{ended} of {count} captures, {share:.0%}", ended=ended, count=count, share=share)
    first = session().running[0]
    return f"{first.request.title} - {phrase(STAGE_LABELS[first.stage])} {overall_progress(first):.0%}"
