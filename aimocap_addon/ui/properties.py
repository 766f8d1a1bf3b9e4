# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel remembers in a scene, and the options that all capture operators share."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, PointerProperty

MOCAP_TYPE_ITEMS = (
    ("full_body", "Full Body", "Capture the whole person, with travel through the room"),
    ("upper_body", "Upper Body", "Capture torso, head and arms; hips and legs stay at rest"),
)
MATCH_SCENE = "SCENE"
EXPORT_RATE_ITEMS = (
    (MATCH_SCENE, "Match Scene", "The lowest rate that has at least one motion frame per scene frame"),
    ("24", "24 fps", "24 motion frames per second of video"),
    ("30", "30 fps", "30 motion frames per second of video"),
    ("60", "60 fps", "60 motion frames per second of video"),
    ("120", "120 fps", "120 motion frames per second of video"),
)
ROOT_MOTION_ITEMS = (
    ("CAPTURED", "As Captured", "The character travels as the person in the video does"),
    ("IN_PLACE", "In Place", "The character moves on the spot"),
    ("ROOT_BONE", "Root Bone", "The bone at the top of the skeleton travels over the ground, as games want it"),
    ("HORIZONTAL", "Horizontal", "The character travels with its hips at one height"),
)
SCALE_MODE_ITEMS = (
    ("LEG", "By Legs", "Steps are as long as the character's legs can take them"),
    ("ONE_TO_ONE", "1:1", "Distances stay as they are in the scene, whatever the character's size"),
)


def _is_armature(_self: object, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


class AIMOCAP_PG_settings(bpy.types.PropertyGroup):
    """Per scene, saved with the file."""

    armature: PointerProperty(
        name="Character",
        description="Armature that receives the motion. Empty: the captured skeleton itself is added to the scene",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    mocap_type: EnumProperty(
        name="Capture", description="What of the person is captured", items=MOCAP_TYPE_ITEMS, default="full_body"
    )
    export_rate: EnumProperty(
        name="Rate", description="Motion frames per second of video", items=EXPORT_RATE_ITEMS, default="SCENE"
    )
    root_motion: EnumProperty(
        name="Root Motion", description="How the character travels", items=ROOT_MOTION_ITEMS, default="CAPTURED"
    )
    hold_contacts: BoolProperty(
        name="Lock Feet", description="Keep planted feet where they stand, as the person's do", default=True
    )


def settings_of(scene: bpy.types.Scene) -> AIMOCAP_PG_settings:
    """Return the panel's settings of a scene."""
    return scene.aimocap  # type: ignore[attr-defined]
