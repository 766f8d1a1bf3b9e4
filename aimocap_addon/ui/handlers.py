# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens by itself: captures are found at start-up and go on, and reach their file when it is open.

A background Blender has no timers; there, captures go on when they are asked to (`blender --command aimocap resume`).
"""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from ..jobs.reading import Reading
from ..jobs.store import StoreError
from . import origin
from .capture_list import refresh
from .delivery import deliverable, resume_found
from .operators_watch import watch
from .session import session

_AFTER_START = 0.5  # seconds; by then there is a window
_PERIOD = 10.0  # seconds; so soon is a capture taken over when another Blender has died
_READING = 0.2  # seconds from asking for a reading of the store to looking whether it is there


def look_after_captures(context: bpy.types.Context, reading: Reading | None = None) -> bool:
    """List the captures, go on with those that nobody is at, and find the ready ones of the open file.

    Without a reading of the store, it is read now. Returns whether there is something to watch. Raises StoreError.
    """
    current = session()
    reading = reading or current.read()
    current.load(reading)
    resumed = resume_found(context, reading)
    current.arrived = deliverable(reading)
    return bool(resumed or current.arrived)


def _look_after() -> float:
    reader = session().reader
    try:
        reading = reader.take()
        if reading is None:
            reader.begin()
            return _READING
        if look_after_captures(bpy.context, reading):
            watch()
        refresh(bpy.context)
    except StoreError as error:
        print(f"AIMoCap: {error}")
    return _PERIOD


def _watch_again() -> float | None:
    if session().running:
        watch()
    pause = _look_after()
    return pause if pause == _READING else None


@persistent
def _file_loaded(_path: str) -> None:
    # Blender ended the modal watcher with the old file; the workers go on.
    session().watching = False
    origin.forget_file()
    if not bpy.app.background:
        bpy.app.timers.register(_watch_again, first_interval=_AFTER_START)


@persistent
def _about_to_save(_path: str) -> None:
    origin.write_file_id()


def register() -> None:
    """Install the handlers and look after the captures once Blender is up."""
    bpy.app.handlers.load_post.append(_file_loaded)
    bpy.app.handlers.save_pre.append(_about_to_save)
    if not bpy.app.background:
        bpy.app.timers.register(_look_after, first_interval=_AFTER_START, persistent=True)


def unregister() -> None:
    """Remove the handlers and what is still scheduled."""
    bpy.app.handlers.save_pre.remove(_about_to_save)
    bpy.app.handlers.load_post.remove(_file_loaded)
    for timer in (_look_after, _watch_again):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
