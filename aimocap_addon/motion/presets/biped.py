# SPDX-License-Identifier: GPL-3.0-or-later
"""3ds Max Biped ("Bip01 L Thigh") and Valve's Source engine ("ValveBiped.Bip01_L_Thigh").

In Max the legs may hang from the first spine bone and the arms from the neck.
"""

from __future__ import annotations

from .preset import Preset

PRESET = Preset(
    family="Source / Biped",
    sides=("L", "R"),
    hips="Pelvis",
    head="Head|Head1",
    spine=("Spine", "Spine1", "Spine2", "Spine3", "Spine4"),
    neck=("Neck|Neck1", "Neck2"),
    limbs={
        "clavicle": "{side}_Clavicle",
        "upper_arm": "{side}_UpperArm",
        "lower_arm": "{side}_Forearm",
        "hand": "{side}_Hand",
        "thigh": "{side}_Thigh",
        "calf": "{side}_Calf",
        "foot": "{side}_Foot",
        "toe": "{side}_Toe0",
    },
    fingers={
        finger: (f"{{side}}_Finger{i}", f"{{side}}_Finger{i}1", f"{{side}}_Finger{i}2")
        for i, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"))
    },
    marks=("Bip",),
)
