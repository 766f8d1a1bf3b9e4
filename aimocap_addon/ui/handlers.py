# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when Blender starts and when a file is opened: the captures are listed and watched again."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..jobs.store import StoreError
from .operators_capture import watch
from .session import session

_AFTER_START = 0.5  # seconds; by then there is a window


def _list_captures() -> None:
    try:
        session().load()
    except StoreError as error:
        print(f"AIMoCap: {error}")


def _watch_again() -> None:
    if session().running:
        watch()


@persistent
def _file_loaded(_path: str) -> None:
    # Blender ended the modal watcher with the old file; the workers go on.
    session().watching = False
    if not bpy.app.background and session().running:
        bpy.app.timers.register(_watch_again, first_interval=_AFTER_START)


def register() -> None:
    """Install the handler and list the captures once Blender is up."""
    bpy.app.handlers.load_post.append(_file_loaded)
    if not bpy.app.background:
        bpy.app.timers.register(_list_captures, first_interval=_AFTER_START, persistent=True)


def unregister() -> None:
    """Remove the handler and what is still scheduled."""
    bpy.app.handlers.load_post.remove(_file_loaded)
    for timer in (_list_captures, _watch_again):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
