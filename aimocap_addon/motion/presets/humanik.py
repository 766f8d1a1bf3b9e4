# SPDX-License-Identifier: GPL-3.0-or-later
"""Autodesk HumanIK (MotionBuilder, Maya), with or without a name space, and suits that write its names."""

from __future__ import annotations

from .preset import Preset, numbered

PRESET = Preset(
    family="HumanIK",
    sides=("Left", "Right"),
    hips="Hips",
    head="Head",
    spine=("Spine", *(f"Spine{n}" for n in range(1, 10))),
    neck=("Neck", *(f"Neck{n}" for n in range(1, 10))),
    limbs={
        "clavicle": "{side}Shoulder",
        "upper_arm": "{side}Arm",
        "lower_arm": "{side}ForeArm",
        "hand": "{side}Hand",
        "thigh": "{side}UpLeg",
        "calf": "{side}Leg",
        "foot": "{side}Foot",
        "toe": "{side}ToeBase",
    },
    fingers=numbered("{side}Hand{finger}{n}"),
    metacarpals={
        "index": "{side}InHandIndex",
        "middle": "{side}InHandMiddle",
        "ring": "{side}InHandRing",
        "pinky": "{side}InHandPinky",
    },
    twists={
        "lower_arm": ("{side}ForeArmRoll|Leaf{side}ForeArmRoll1",),
        "calf": ("{side}LegRoll|Leaf{side}LegRoll1",),
    },
    marks=("Character", "InHand", "Roll", "Reference"),
)
