# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons of motion capture files: CMU's database, Poser, and the names that capture systems write."""

from __future__ import annotations

from .preset import Preset, numbered

_LEFT_RIGHT = ("Left", "Right")

# The hip joints (LHipJoint) and the finger base between hand and fingers have no role.
CMU = Preset(
    family="CMU BVH",
    sides=_LEFT_RIGHT,
    hips="Hips",
    head="Head",
    spine=("LowerBack", "Spine", "Spine1"),
    neck=("Neck", "Neck1"),
    limbs={
        "clavicle": "{side}Shoulder",
        "upper_arm": "{side}Arm",
        "lower_arm": "{side}ForeArm",
        "hand": "{side}Hand",
        "thigh": "{side}UpLeg",
        "calf": "{side}Leg",
        "foot": "{side}Foot",
        "toe": "{side}ToeBase|{side}Toe",
    },
    fingers={"index": ("{side}HandIndex1",), "thumb": ("{initial}Thumb",)},
    marks=("HipJoint", "FingerBase"),
)

# LAFAN1 and others that call the toes so
TOE = Preset(
    family="BVH",
    sides=_LEFT_RIGHT,
    hips="Hips",
    head="Head",
    spine=("Spine", "Spine1", "Spine2", "Spine3"),
    neck=("Neck", "Neck1"),
    limbs=CMU.limbs | {"toe": "{side}Toe"},
    fingers={},
)

# "Elbow" and "Knee" name the bone that begins there
JOINTS = Preset(
    family="BVH",
    sides=_LEFT_RIGHT,
    hips="Hips",
    head="Head",
    spine=("Chest|Spine", "Chest2|Spine1", "Chest3|Spine2", "Chest4"),
    neck=("Neck",),
    limbs={
        "clavicle": "{side}Collar",
        "upper_arm": "{side}Shoulder",
        "lower_arm": "{side}Elbow",
        "hand": "{side}Wrist",
        "thigh": "{side}Hip",
        "calf": "{side}Knee",
        "foot": "{side}Ankle",
        "toe": "{side}Toe",
    },
    fingers={},
)

POSER = Preset(
    family="Poser BVH",
    sides=("l", "r"),
    hips="hip",
    head="head",
    spine=("abdomen", "abdomen2|chest", "chest"),
    neck=("neck",),
    limbs={
        "clavicle": "{side}Collar",
        "upper_arm": "{side}Shldr",
        "lower_arm": "{side}ForeArm",
        "hand": "{side}Hand",
        "thigh": "{side}Thigh",
        "calf": "{side}Shin",
        "foot": "{side}Foot",
        "toe": "{side}Toe",
    },
    fingers=numbered("{side}{finger}{n}", "Thumb", "Index Mid Ring Pinky"),
)

XSENS = Preset(
    family="Xsens",
    sides=_LEFT_RIGHT,
    hips="Hips|Pelvis",
    head="Head",
    spine=("L5|Chest", "L3|Chest2", "T12|Chest3", "T8|Chest4"),
    neck=("Neck",),
    limbs={
        "clavicle": "{side}Shoulder|{side}_Shoulder",
        "upper_arm": "{side}UpperArm|{side}_Upper_Arm",
        "lower_arm": "{side}ForeArm|{side}_Forearm",
        "hand": "{side}Hand|{side}_Hand",
        "thigh": "{side}UpperLeg|{side}_Upper_Leg",
        "calf": "{side}LowerLeg|{side}_Lower_Leg",
        "foot": "{side}Foot|{side}_Foot",
        "toe": "{side}Toe|{side}_Toe",
    },
    fingers={},
)

ROKOKO = Preset(
    family="Rokoko",
    sides=_LEFT_RIGHT,
    hips="Hips",
    head="Head",
    spine=("Spine1", "Spine2", "Spine3", "Spine4"),
    neck=("Neck",),
    limbs={
        "clavicle": "{side}Shoulder",
        "upper_arm": "{side}Arm",
        "lower_arm": "{side}ForeArm",
        "hand": "{side}Hand",
        "thigh": "{side}Thigh",
        "calf": "{side}Shin",
        "foot": "{side}Foot",
        "toe": "{side}Toe",
    },
    fingers={},
)

PRESETS = (CMU, TOE, JOINTS, POSER, XSENS, ROKOKO)
