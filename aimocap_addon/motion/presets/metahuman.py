# SPDX-License-Identifier: GPL-3.0-or-later
"""MetaHuman and Unreal Engine mannequins (UE4: three spine bones and one neck bone; UE5: five and two)."""

from __future__ import annotations

from .preset import Preset

PRESET = Preset(
    family="MetaHuman / Unreal",
    sides=("l", "r"),
    hips="pelvis",
    head="head",
    spine=("spine_01", "spine_02", "spine_03", "spine_04", "spine_05"),
    neck=("neck_01", "neck_02"),
    limbs={
        "clavicle": "clavicle_{side}",
        "upper_arm": "upperarm_{side}",
        "lower_arm": "lowerarm_{side}",
        "hand": "hand_{side}",
        "thigh": "thigh_{side}",
        "calf": "calf_{side}",
        "foot": "foot_{side}",
        "toe": "ball_{side}",
    },
    fingers={
        "thumb": ("thumb_01_{side}", "thumb_02_{side}", "thumb_03_{side}"),
        "index": ("index_01_{side}", "index_02_{side}", "index_03_{side}"),
        "middle": ("middle_01_{side}", "middle_02_{side}", "middle_03_{side}"),
        "ring": ("ring_01_{side}", "ring_02_{side}", "ring_03_{side}"),
        "pinky": ("pinky_01_{side}", "pinky_02_{side}", "pinky_03_{side}"),
    },
    metacarpals={
        "index": "index_metacarpal_{side}",
        "middle": "middle_metacarpal_{side}",
        "ring": "ring_metacarpal_{side}",
        "pinky": "pinky_metacarpal_{side}",
    },
    twists={
        "upper_arm": ("upperarm_twist_01_{side}", "upperarm_twist_02_{side}"),
        "lower_arm": ("lowerarm_twist_01_{side}", "lowerarm_twist_02_{side}"),
        "thigh": ("thigh_twist_01_{side}", "thigh_twist_02_{side}"),
        "calf": ("calf_twist_01_{side}", "calf_twist_02_{side}"),
    },
)
