# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a capture came from: which file, and which armature and scene in it, whatever was renamed or saved since.

While the file stays open, the session knows which captures were begun in it, and an armature by its session
uid, which outlasts renaming and undo. Between two openings a file is known by its path; one that was moved, or
first saved after a capture began, by an id in its scenes. The armature is then looked for by its name.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import bpy

from ..jobs.record import CaptureRecord
from .properties import settings_of
from .session import session


def remember(record: CaptureRecord) -> None:
    """Note that the capture was begun in the file that is open."""
    found = {name: bpy.data.objects.get(name) for name in _given_names(record)}
    session().begun[record.capture_id] = {name: each.session_uid for name, each in found.items() if each is not None}


def file_id() -> str:
    """Return the id of the open file; one that has none gets it when it is saved."""
    current = session()
    if not current.file_id:
        saved = sorted({settings_of(scene).file_id for scene in bpy.data.scenes} - {""})
        current.file_id = saved[0] if saved else uuid.uuid4().hex
    return current.file_id


def forget_file() -> None:
    """Another file is open now."""
    session().begun.clear()
    session().file_id = ""


def write_file_id() -> None:
    """Put the id into the file that is about to be saved, if a capture refers to it."""
    current = session()
    if any(record.request.placement.file_id == current.file_id for record in current.records.values()):
        for scene in bpy.data.scenes:
            if scene.is_editable:
                settings_of(scene).file_id = current.file_id


def belongs_here(record: CaptureRecord) -> bool:
    """Whether the capture was begun in the file that is open."""
    if record.capture_id in session().begun:
        return True
    placement, here = record.request.placement, bpy.data.filepath
    if not here:
        return False  # it was never saved, so it is no file that anything could have come from before
    if placement.blend_file and Path(placement.blend_file).exists():
        return Path(here).exists() and Path(placement.blend_file).samefile(here)
    return bool(placement.file_id) and placement.file_id == file_id()


def is_of_this_file(record: CaptureRecord) -> bool:
    """Whether a list of the open file's captures shows this one. Asks memory alone, so that drawing may ask it."""
    placement = record.request.placement
    if record.capture_id in session().begun:
        return True
    return bool(bpy.data.filepath) and (
        placement.blend_file == bpy.data.filepath or (bool(placement.file_id) and placement.file_id == file_id())
    )


def armature_names(record: CaptureRecord) -> list[str]:
    """Return the present names of the capture's armatures, the given ones where there are no such armatures."""
    uids = session().begun.get(record.capture_id, {})
    present = {each.session_uid: each.name for each in bpy.data.objects}
    return [present.get(uids.get(name, -1), name) for name in _given_names(record)]


def _given_names(record: CaptureRecord) -> list[str]:
    placement = record.request.placement
    return [placement.armature, *placement.more_armatures]
