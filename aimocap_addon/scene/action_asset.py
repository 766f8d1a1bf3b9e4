# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions as assets, to be found in the asset browser."""

from __future__ import annotations

from collections.abc import Iterable

import bpy

_TAG = "AIMoCap"


def mark_as_assets(actions: Iterable[bpy.types.Action]) -> None:
    """Mark actions as assets; their previews come later, made by Blender while it draws, and never in background."""
    for action in actions:
        action.asset_mark()
        if action.asset_data is not None:
            action.asset_data.tags.new(_TAG, skip_if_exists=True)
        if not bpy.app.background:
            action.asset_generate_preview()
