# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding the motion in an FBX file to characters, without leaving anything else in the scene."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..motion.fbx_document import FbxFormatError
from .binding import BindOptions, BindResult, Character, bind_motions
from .fbx_import import import_fbx, remove_imported
from .performer import performer_in


def bind_file(
    context: bpy.types.Context,
    path: Path,
    characters: Sequence[Character],
    options: BindOptions,
    *,
    name: str,
    frame_start: float,
    frame_step: float,
    mapping_folder: Path | None = None,
) -> list[BindResult]:
    """Give the motion in the FBX file `path` to `characters`, as a new action for each: to all of them or to none.

    Frame i of the motion lies at scene frame `frame_start` + i * `frame_step`; messages call its skeleton `name`. Files
    with plain channels are read straight away, which takes a fraction of the time; others go through Blender's
    importer. Raises SceneError, with everything as it was.
    """
    performer = performer_in(path, name, frame_start=frame_start, frame_step=frame_step)
    if performer is not None:
        with contextlib.suppress(FbxFormatError):  # nothing has changed yet
            return bind_motions(performer, characters, options, mapping_folder=mapping_folder)
    imported = import_fbx(context, path, name=name, frame_start=frame_start, frame_step=frame_step)
    try:
        return bind_motions(imported, characters, options, mapping_folder=mapping_folder)
    finally:
        remove_imported(imported)
