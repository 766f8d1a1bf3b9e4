# SPDX-License-Identifier: GPL-3.0-or-later
"""SMPL, SMPL-H and SMPL-X bodies: the names of the papers' joints, and those of the older SMPL files for Unity."""

from __future__ import annotations

from .preset import Preset, numbered

SMPLX = Preset(
    family="SMPL-X",
    sides=("left", "right"),
    hips="pelvis",
    head="head",
    spine=("spine1", "spine2", "spine3"),
    neck=("neck",),
    limbs={
        "clavicle": "{side}_collar",
        "upper_arm": "{side}_shoulder",
        "lower_arm": "{side}_elbow",
        "hand": "{side}_wrist",
        "thigh": "{side}_hip",
        "calf": "{side}_knee",
        "foot": "{side}_ankle",
        "toe": "{side}_foot",
    },
    fingers=numbered("{side}_{finger}{n}"),
)

SMPL = Preset(
    family="SMPL-X",
    sides=("L", "R"),
    hips="Pelvis",
    head="Head",
    spine=("Spine1", "Spine2", "Spine3"),
    neck=("Neck",),
    limbs={
        "clavicle": "{side}_Collar",
        "upper_arm": "{side}_Shoulder",
        "lower_arm": "{side}_Elbow",
        "hand": "{side}_Wrist",
        "thigh": "{side}_Hip",
        "calf": "{side}_Knee",
        "foot": "{side}_Ankle",
        "toe": "{side}_Foot",
    },
    fingers=numbered("{side}_{finger}{n}"),
)

PRESETS = (SMPLX, SMPL)
