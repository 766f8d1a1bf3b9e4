# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixamo characters; the prefix ("mixamorig:", "mixamorig4:" and so on) is not part of the names."""

from __future__ import annotations

from .preset import Preset, numbered

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
    fingers=numbered("{side}Hand{finger}{n}"),
    marks=("mixamorig", "HeadTop_End"),
)
