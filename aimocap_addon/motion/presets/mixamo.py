# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixamo characters; the prefix ("mixamorig:", "mixamorig4:" and so on) is not part of the names."""

from __future__ import annotations

from .preset import Preset

PRESET = Preset(
    family="Mixamo",
    sides=("Left", "Right"),
    hips="Hips",
    head="Head",
    spine=("Spine", "Spine1", "Spine2", "Spine3"),
    neck=("Neck", "Neck1"),
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
    fingers={
        "thumb": ("{side}HandThumb1", "{side}HandThumb2", "{side}HandThumb3"),
        "index": ("{side}HandIndex1", "{side}HandIndex2", "{side}HandIndex3"),
        "middle": ("{side}HandMiddle1", "{side}HandMiddle2", "{side}HandMiddle3"),
        "ring": ("{side}HandRing1", "{side}HandRing2", "{side}HandRing3"),
        "pinky": ("{side}HandPinky1", "{side}HandPinky2", "{side}HandPinky3"),
    },
)
