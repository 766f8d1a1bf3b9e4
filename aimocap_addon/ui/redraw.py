# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing the panels again: Blender does not do so for what a timer changed."""

from __future__ import annotations

import bpy

_EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR", "CLIP_EDITOR")


def redraw_panels(context: bpy.types.Context) -> None:
    """Tag the sidebars that show the AIMoCap panel, and the preferences."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _EDITORS:
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
            elif area.type == "PREFERENCES":
                area.tag_redraw()
