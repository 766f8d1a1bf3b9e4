# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's Rigify human metarig (the skeleton before the control rig is generated)."""

from __future__ import annotations

from .preset import Preset

PRESET = Preset(
    family="Rigify metarig",
    sides=("L", "R"),
    hips="spine",
    head="spine.006",
    spine=("spine.001", "spine.002", "spine.003"),
    neck=("spine.004", "spine.005"),
    limbs={
        "clavicle": "shoulder.{side}",
        "upper_arm": "upper_arm.{side}",
        "lower_arm": "forearm.{side}",
        "hand": "hand.{side}",
        "thigh": "thigh.{side}",
        "calf": "shin.{side}",
        "foot": "foot.{side}",
        "toe": "toe.{side}",
    },
    fingers={
        "thumb": ("thumb.01.{side}", "thumb.02.{side}", "thumb.03.{side}"),
        "index": ("f_index.01.{side}", "f_index.02.{side}", "f_index.03.{side}"),
        "middle": ("f_middle.01.{side}", "f_middle.02.{side}", "f_middle.03.{side}"),
        "ring": ("f_ring.01.{side}", "f_ring.02.{side}", "f_ring.03.{side}"),
        "pinky": ("f_pinky.01.{side}", "f_pinky.02.{side}", "f_pinky.03.{side}"),
    },
    metacarpals={
        "index": "palm.01.{side}",
        "middle": "palm.02.{side}",
        "ring": "palm.03.{side}",
        "pinky": "palm.04.{side}",
    },
)
