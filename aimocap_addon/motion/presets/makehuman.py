# SPDX-License-Identifier: GPL-3.0-or-later
"""MakeHuman and MPFB's default rig; their game engine rig is named as Unreal's, their Mixamo rig as Mixamo's.

Upper arm, forearm, thigh and shin consist of two bones in a row each.
"""

from __future__ import annotations

from .preset import Preset

PRESET = Preset(
    family="MakeHuman / MPFB",
    sides=("L", "R"),
    hips="root",
    head="head",
    spine=("spine05", "spine04", "spine03", "spine02", "spine01"),
    neck=("neck01", "neck02", "neck03"),
    limbs={
        "clavicle": "clavicle.{side}",
        "upper_arm": "upperarm01.{side}",
        "lower_arm": "lowerarm01.{side}",
        "hand": "wrist.{side}",
        "thigh": "upperleg01.{side}",
        "calf": "lowerleg01.{side}",
        "foot": "foot.{side}",
        "toe": "toe1-1.{side}",
    },
    fingers={
        finger: tuple(f"finger{i}-{n}.{{side}}" for n in (1, 2, 3))
        for i, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"), 1)
    },
    metacarpals={finger: f"metacarpal{i}.{{side}}" for i, finger in enumerate(("index", "middle", "ring", "pinky"), 1)},
    twists={
        "upper_arm": ("upperarm02.{side}",),
        "lower_arm": ("lowerarm02.{side}",),
        "thigh": ("upperleg02.{side}",),
        "calf": ("lowerleg02.{side}",),
    },
)
