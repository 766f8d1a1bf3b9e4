# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person touches: preferences, panels, menus, operators and the `blender --command aimocap` commands."""

from __future__ import annotations

import bpy
from bpy.props import PointerProperty

from . import (
    capture_list,
    character,
    commands,
    handlers,
    mapping_table,
    menus,
    operators_capture,
    operators_captures,
    operators_key,
    operators_mapping,
    operators_motion,
    operators_robot,
    operators_scene,
    operators_service,
    operators_upkeep,
    operators_videos,
    operators_watch,
    panel_robot,
    panels,
    preferences,
    properties,
    status_bar,
    translations,
)
from .session import CaptureSession, session

CLASSES = (
    preferences.AIMOCAP_AP_preferences,
    properties.AIMOCAP_PG_settings,
    *mapping_table.CLASSES,
    *capture_list.CLASSES,
    *operators_capture.CLASSES,
    *operators_videos.CLASSES,
    *operators_watch.CLASSES,
    *operators_scene.CLASSES,
    *operators_captures.CLASSES,
    *operators_mapping.CLASSES,
    *operators_motion.CLASSES,
    *operators_robot.CLASSES,
    *operators_service.CLASSES,
    *operators_upkeep.CLASSES,
    *operators_key.CLASSES,
    *character.CLASSES,
    *panels.CLASSES,
    *panel_robot.CLASSES,
)


def register() -> None:
    """Register everything, in an order that `unregister` mirrors."""
    bpy.types.WindowManager.aimocap_session = CaptureSession()  # type: ignore[attr-defined]
    for each in CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.aimocap = PointerProperty(type=properties.AIMOCAP_PG_settings)  # type: ignore[attr-defined]
    bpy.types.WindowManager.aimocap_mapping = PointerProperty(  # type: ignore[attr-defined]
        type=mapping_table.AIMOCAP_PG_mapping_table
    )
    bpy.types.WindowManager.aimocap_captures = PointerProperty(  # type: ignore[attr-defined]
        type=capture_list.AIMOCAP_PG_captures
    )
    translations.register()
    menus.register()
    handlers.register()
    commands.register()


def unregister() -> None:
    """Take everything out again and end the workers."""
    commands.unregister()
    handlers.unregister()
    menus.unregister()
    status_bar.shutdown()
    translations.unregister()
    session().shutdown()
    del bpy.types.WindowManager.aimocap_captures  # type: ignore[attr-defined]
    del bpy.types.WindowManager.aimocap_mapping  # type: ignore[attr-defined]
    del bpy.types.Scene.aimocap  # type: ignore[attr-defined]
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
    del bpy.types.WindowManager.aimocap_session  # type: ignore[attr-defined]
