# SPDX-License-Identifier: GPL-3.0-or-later
"""Daz Genesis 3, 8 and 8.1 (limbs of a bend and a twist bone in a row) and Genesis 9 (twist bones beside the limb)."""

from __future__ import annotations

from .preset import Preset, numbered

GENESIS_8 = Preset(
    family="Daz Genesis 8",
    sides=("l", "r"),
    hips="hip",  # spine and pelvis both hang from it
    head="head",
    spine=("abdomenLower", "abdomenUpper", "chestLower", "chestUpper"),
    neck=("neckLower", "neckUpper"),
    limbs={
        "clavicle": "{side}Collar",
        "upper_arm": "{side}ShldrBend",
        "lower_arm": "{side}ForearmBend",
        "hand": "{side}Hand",
        "thigh": "{side}ThighBend",
        "calf": "{side}Shin",
        "foot": "{side}Foot",
        "toe": "{side}Toe",
    },
    fingers=numbered("{side}{finger}{n}", "Thumb", "Index Mid Ring Pinky"),
    metacarpals={
        "index": "{side}Carpal1",
        "middle": "{side}Carpal2",
        "ring": "{side}Carpal3",
        "pinky": "{side}Carpal4",
    },
    twists={
        "upper_arm": ("{side}ShldrTwist",),
        "lower_arm": ("{side}ForearmTwist",),
        "thigh": ("{side}ThighTwist",),
    },
)

GENESIS_9 = Preset(
    family="Daz Genesis 9",
    sides=("l", "r"),
    hips="hip",
    head="head",
    spine=("spine1", "spine2", "spine3", "spine4"),
    neck=("neck1", "neck2"),
    limbs={
        "clavicle": "{side}_shoulder",
        "upper_arm": "{side}_upperarm",
        "lower_arm": "{side}_forearm",
        "hand": "{side}_hand",
        "thigh": "{side}_thigh",
        "calf": "{side}_shin",
        "foot": "{side}_foot",
        "toe": "{side}_toes",
    },
    fingers=numbered("{side}_{finger}{n}", "thumb", "index mid ring pinky"),
    metacarpals={
        "index": "{side}_indexmetacarpal",
        "middle": "{side}_midmetacarpal",
        "ring": "{side}_ringmetacarpal",
        "pinky": "{side}_pinkymetacarpal",
    },
    twists={
        "upper_arm": ("{side}_upperarmtwist1", "{side}_upperarmtwist2"),
        "lower_arm": ("{side}_forearmtwist1", "{side}_forearmtwist2"),
        "thigh": ("{side}_thightwist1", "{side}_thightwist2"),
    },
)

PRESETS = (GENESIS_8, GENESIS_9)
