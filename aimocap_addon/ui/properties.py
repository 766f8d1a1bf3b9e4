# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel remembers in a scene, and the options that all capture operators share."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty, StringProperty

from .bind_options import BindProperties
from .translations import CONTEXT

MOCAP_TYPE_ITEMS = (
    ("full_body", "Full Body", "Capture the whole person, with travel through the room"),
    ("upper_body", "Upper Body", "Capture torso, head and arms; hips and legs stay at rest"),
)
CHARACTER, ROBOT, BOTH = "CHARACTER", "ROBOT", "BOTH"
TARGETS_ITEMS = (
    (CHARACTER, "Character", "Motion on the character, or on the captured skeleton where none is chosen"),
    (ROBOT, "Robot (Unitree G1)", "Motion of a Unitree G1, which is added to the scene"),
    (BOTH, "Both", "Character and robot from one capture, which costs as much as one of them"),
)
MATCH_SCENE = "SCENE"
EXPORT_RATE_ITEMS = (
    (MATCH_SCENE, "Match Scene", "The lowest rate that has at least one motion frame per scene frame"),
    ("24", "24 fps", "24 motion frames per second of video"),
    ("30", "30 fps", "30 motion frames per second of video"),
    ("60", "60 fps", "60 motion frames per second of video"),
    ("120", "120 fps", "120 motion frames per second of video"),
)

USE_SELECTED = (
    "Give the motion to all other selected armatures as well: to each of them, or to none if one cannot take it"
)


def _is_armature(_self: object, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def armature_names(_self: object, _context: bpy.types.Context, typed: str) -> list[str]:
    """Return the armatures to choose from while a name is typed."""
    words = typed.casefold()
    return [each.name for each in bpy.data.objects if each.type == "ARMATURE" and words in each.name.casefold()]


class AIMOCAP_PG_settings(BindProperties, bpy.types.PropertyGroup):
    """Per scene, saved with the file."""

    armature: PointerProperty(
        name="Character",
        description="Armature that receives the motion. Empty: the captured skeleton itself is added to the scene",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    file_id: StringProperty(
        name="File ID", description="Tells the captures that were begun in this file", options={"HIDDEN"}
    )
    use_selected: BoolProperty(name="Also to Selected", description=USE_SELECTED, default=False)
    targets: EnumProperty(
        name="Target", description="What the capture is made into", items=TARGETS_ITEMS, default=CHARACTER
    )
    mocap_type: EnumProperty(
        name="Capture",
        description="What of the person is captured",
        items=MOCAP_TYPE_ITEMS,
        default="full_body",
        translation_context=CONTEXT,
    )
    export_rate: EnumProperty(
        name="Rate",
        description="Motion frames per second of video",
        items=EXPORT_RATE_ITEMS,
        default="SCENE",
        translation_context=CONTEXT,
    )


def settings_of(scene: bpy.types.Scene) -> AIMOCAP_PG_settings:
    """Return the panel's settings of a scene."""
    return scene.aimocap  # type: ignore[attr-defined]
