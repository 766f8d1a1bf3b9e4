# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's Rigify human metarigs, basic and full, and the deform bones ("DEF-") exported from a generated rig."""

from __future__ import annotations

from .preset import Preset, numbered

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
    fingers=numbered("f_{finger}.0{n}.{side}") | {"thumb": tuple(f"thumb.0{n}.{{side}}" for n in (1, 2, 3))},
    metacarpals={
        "index": "palm.01.{side}",
        "middle": "palm.02.{side}",
        "ring": "palm.03.{side}",
        "pinky": "palm.04.{side}",
    },
    twists={
        "upper_arm": ("upper_arm.{side}.001",),
        "lower_arm": ("forearm.{side}.001",),
        "thigh": ("thigh.{side}.001",),
        "calf": ("shin.{side}.001",),
    },
)
