# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto-Rig Pro: the skeleton it exports, in two forms, and the controls of its rig."""

from __future__ import annotations

from .preset import Preset, Switch, numbered

_METACARPALS = {
    finger: f"{finger}1_base.{{side}}|c_{finger}1_base.{{side}}" for finger in ("index", "middle", "ring", "pinky")
}
_FINGERS = {
    finger: tuple(f"{finger}{n}.{{side}}|c_{finger}{n}.{{side}}" for n in (1, 2, 3))
    for finger in ("thumb", "index", "middle", "ring", "pinky")
}
_FINGER_SWITCHES = tuple(f"c_{finger}" for finger in ("thumb", "index", "middle", "ring", "pinky"))
_SPINE = tuple(f"spine_0{n}.x" for n in range(1, 7))

# Humanoid export: the twist bones hang beside the limb
HUMANOID = Preset(
    family="Auto-Rig Pro",
    sides=("l", "r"),
    hips="root.x",
    head="head.x",
    spine=_SPINE,
    neck=("neck.x",),
    limbs={
        "clavicle": "shoulder.{side}",
        "upper_arm": "arm_stretch.{side}",
        "lower_arm": "forearm_stretch.{side}",
        "hand": "hand.{side}",
        "thigh": "thigh_stretch.{side}",
        "calf": "leg_stretch.{side}",
        "foot": "foot.{side}",
        "toe": "toes_01.{side}",
    },
    fingers=_FINGERS,
    metacarpals=_METACARPALS,
    twists={
        "upper_arm": ("arm_twist.{side}|c_arm_twist_offset.{side}",),
        "lower_arm": ("forearm_twist.{side}",),
        "thigh": ("thigh_twist.{side}|c_thigh_twist_offset.{side}",),
        "calf": ("leg_twist.{side}",),
    },
)

# Universal export: the twist bone is the upper half of upper arm and thigh, and the lower half of forearm and shin
UNIVERSAL = Preset(
    family="Auto-Rig Pro",
    sides=("l", "r"),
    hips="root.x",
    head="head.x",
    spine=_SPINE,
    neck=("neck.x",),
    limbs=HUMANOID.limbs
    | {
        "upper_arm": "c_arm_twist_offset.{side}|arm_twist.{side}",
        "thigh": "c_thigh_twist_offset.{side}|thigh_twist.{side}",
    },
    fingers=_FINGERS,
    metacarpals=_METACARPALS,
    twists={
        "upper_arm": ("arm_stretch.{side}",),
        "lower_arm": ("forearm_twist.{side}",),
        "thigh": ("thigh_stretch.{side}",),
        "calf": ("leg_twist.{side}",),
    },
)

CONTROLS = Preset(
    family="Auto-Rig Pro control rig",
    sides=("l", "r"),
    hips="c_root.x",
    travel="c_root_master.x",
    head="c_head.x",
    spine=tuple(f"c_{name}" for name in _SPINE),
    neck=("c_neck.x",),
    limbs={
        "clavicle": "c_shoulder.{side}",
        "upper_arm": "c_arm_fk.{side}",
        "lower_arm": "c_forearm_fk.{side}",
        "hand": "c_hand_fk.{side}",
        "thigh": "c_thigh_fk.{side}",
        "calf": "c_leg_fk.{side}",
        "foot": "c_foot_fk.{side}",
        "toe": "c_toes_fk.{side}",
    },
    fingers=numbered("c_{finger}{n}.{side}"),
    metacarpals={finger: f"c_{finger}1_base.{{side}}" for finger in ("index", "middle", "ring", "pinky")},
    controls=True,
    ik={
        "hand": "c_hand_ik.{side}",
        "lower_arm": "c_arms_pole.{side}",
        "foot": "c_foot_ik.{side}",
        "calf": "c_leg_pole.{side}",
        "toe": "c_toes_ik.{side}",
    },
    switches=(
        Switch("ik_fk_switch", fk=1.0, ik=0.0, bones=("c_hand_ik", "c_foot_ik")),
        Switch("ik_fk_switch", fk=1.0, ik=1.0, bones=_FINGER_SWITCHES),
        Switch("head_free", fk=0.0, ik=0.0),  # tied to the neck
    ),
)

PRESETS = (UNIVERSAL, HUMANOID, CONTROLS)
