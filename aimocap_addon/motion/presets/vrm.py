# SPDX-License-Identifier: GPL-3.0-or-later
"""VRM avatars: VRoid Studio's names, the names of the VRM 0 and 1 humanoid, and the Blender VRM add-on's.

VRM 1 calls the thumb's first bone metacarpal and the second proximal; VRM 0 called them proximal and intermediate.
"""

from __future__ import annotations

from .preset import Preset, numbered

_FAMILY = "VRM / VRoid"
_FINGERS = {"index": "Index", "middle": "Middle", "ring": "Ring", "pinky": "Little"}

VROID = Preset(
    family=_FAMILY,
    sides=("L", "R"),
    hips="J_Bip_C_Hips",
    head="J_Bip_C_Head",
    spine=("J_Bip_C_Spine", "J_Bip_C_Chest", "J_Bip_C_UpperChest"),
    neck=("J_Bip_C_Neck",),
    limbs={
        "clavicle": "J_Bip_{side}_Shoulder",
        "upper_arm": "J_Bip_{side}_UpperArm",
        "lower_arm": "J_Bip_{side}_LowerArm",
        "hand": "J_Bip_{side}_Hand",
        "thigh": "J_Bip_{side}_UpperLeg",
        "calf": "J_Bip_{side}_LowerLeg",
        "foot": "J_Bip_{side}_Foot",
        "toe": "J_Bip_{side}_ToeBase",
    },
    fingers=numbered("J_Bip_{side}_{finger}{n}", "Thumb", "Index Middle Ring Little"),
)

# "leftUpperArm" as in the file format
HUMANOID = Preset(
    family=_FAMILY,
    sides=("left", "right"),
    hips="hips",
    head="head",
    spine=("spine", "chest", "upperChest|upper_chest"),
    neck=("neck",),
    limbs={
        "clavicle": "{side}Shoulder|{side}_shoulder",
        "upper_arm": "{side}UpperArm|{side}_upper_arm",
        "lower_arm": "{side}LowerArm|{side}_lower_arm",
        "hand": "{side}Hand|{side}_hand",
        "thigh": "{side}UpperLeg|{side}_upper_leg",
        "calf": "{side}LowerLeg|{side}_lower_leg",
        "foot": "{side}Foot|{side}_foot",
        "toe": "{side}Toes|{side}_toes",
    },
    fingers={
        "thumb": (
            "{side}ThumbMetacarpal|{side}ThumbProximal",
            "{side}ThumbIntermediate|{side}ThumbProximal",
            "{side}ThumbDistal",
        )
    }
    | {
        finger: tuple(f"{{side}}{word}{bone}" for bone in ("Proximal", "Intermediate", "Distal"))
        for finger, word in _FINGERS.items()
    },
)

# "upper_arm.L" as the Blender add-on creates them; "UpperArm.L" without underscores is common too
ADD_ON = Preset(
    family=_FAMILY,
    sides=("L", "R"),
    hips="hips",
    head="head",
    spine=("spine", "chest", "upper_chest|upperChest"),
    neck=("neck",),
    limbs={
        "clavicle": "shoulder.{side}",
        "upper_arm": "upper_arm.{side}|upperArm.{side}",
        "lower_arm": "lower_arm.{side}|lowerArm.{side}",
        "hand": "hand.{side}",
        "thigh": "upper_leg.{side}|upperLeg.{side}",
        "calf": "lower_leg.{side}|lowerLeg.{side}",
        "foot": "foot.{side}",
        "toe": "toes.{side}|toe.{side}",
    },
    fingers={
        "thumb": (
            "thumb_metacarpal.{side}|thumbMetacarpal.{side}|thumb_proximal.{side}|thumbProximal.{side}",
            "thumb_intermediate.{side}|thumbIntermediate.{side}|thumb_proximal.{side}|thumbProximal.{side}",
            "thumb_distal.{side}|thumbDistal.{side}",
        )
    }
    | {
        finger: tuple(
            f"{word}_{bone}.{{side}}|{word}{bone}.{{side}}" for bone in ("proximal", "intermediate", "distal")
        )
        for finger, word in _FINGERS.items()
    },
)

# Avatars for VRChat, as the Cats plugin names them
VRCHAT = Preset(
    family="VRChat",
    sides=("Left", "Right"),
    hips="Hips",
    head="Head",
    spine=("Spine", "Chest", "Upper Chest"),
    neck=("Neck",),
    limbs={
        "clavicle": "{side} shoulder",
        "upper_arm": "{side} arm",
        "lower_arm": "{side} elbow",
        "hand": "{side} wrist",
        "thigh": "{side} leg",
        "calf": "{side} knee",
        "foot": "{side} ankle",
        "toe": "{side} toe",
    },
    fingers={
        "thumb": ("Thumb0_{side}", "Thumb1_{side}", "Thumb2_{side}"),
        "index": ("IndexFinger1_{side}", "IndexFinger2_{side}", "IndexFinger3_{side}"),
        "middle": ("MiddleFinger1_{side}", "MiddleFinger2_{side}", "MiddleFinger3_{side}"),
        "ring": ("RingFinger1_{side}", "RingFinger2_{side}", "RingFinger3_{side}"),
        "pinky": ("LittleFinger1_{side}", "LittleFinger2_{side}", "LittleFinger3_{side}"),
    },
)

PRESETS = (VROID, HUMANOID, ADD_ON, VRCHAT)
