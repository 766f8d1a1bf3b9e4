# SPDX-License-Identifier: GPL-3.0-or-later
"""Reallusion Character Creator, iClone and ActorCore."""

from __future__ import annotations

from .preset import Preset, numbered

PRESET = Preset(
    family="Character Creator / ActorCore",
    sides=("L", "R"),
    hips="CC_Base_Hip",  # spine and pelvis both hang from it
    head="CC_Base_Head",
    spine=("CC_Base_Waist", "CC_Base_Spine01", "CC_Base_Spine02"),
    neck=("CC_Base_NeckTwist01", "CC_Base_NeckTwist02"),
    limbs={
        "clavicle": "CC_Base_{side}_Clavicle",
        "upper_arm": "CC_Base_{side}_Upperarm",
        "lower_arm": "CC_Base_{side}_Forearm",
        "hand": "CC_Base_{side}_Hand",
        "thigh": "CC_Base_{side}_Thigh",
        "calf": "CC_Base_{side}_Calf",
        "foot": "CC_Base_{side}_Foot",
        "toe": "CC_Base_{side}_ToeBase",
    },
    fingers=numbered("CC_Base_{side}_{finger}{n}", "Thumb", "Index Mid Ring Pinky"),
    twists={
        "upper_arm": ("CC_Base_{side}_UpperarmTwist01", "CC_Base_{side}_UpperarmTwist02"),
        "lower_arm": ("CC_Base_{side}_ForearmTwist01", "CC_Base_{side}_ForearmTwist02"),
        "thigh": ("CC_Base_{side}_ThighTwist01", "CC_Base_{side}_ThighTwist02"),
        "calf": ("CC_Base_{side}_CalfTwist01", "CC_Base_{side}_CalfTwist02"),
    },
)
