# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigify's generated human rig: the controls that an animator keys."""

from __future__ import annotations

from .preset import Preset, Switch, numbered

PRESET = Preset(
    family="Rigify control rig",
    sides=("L", "R"),
    hips="spine_fk",  # turns the pelvis, from which the legs hang; the torso carries everything
    travel="torso",
    head="head",
    spine=("spine_fk.001", "spine_fk.002", "spine_fk.003"),
    neck=("neck",),
    limbs={
        "clavicle": "shoulder.{side}",
        "upper_arm": "upper_arm_fk.{side}",
        "lower_arm": "forearm_fk.{side}",
        "hand": "hand_fk.{side}",
        "thigh": "thigh_fk.{side}",
        "calf": "shin_fk.{side}",
        "foot": "foot_fk.{side}",
        "toe": "toe_fk.{side}|toe.{side}",
    },
    fingers=numbered("f_{finger}.0{n}.{side}") | {"thumb": tuple(f"thumb.0{n}.{{side}}" for n in (1, 2, 3))},
    controls=True,
    ik={
        "hand": "hand_ik.{side}",
        "lower_arm": "upper_arm_ik_target.{side}",
        "foot": "foot_ik.{side}",
        "calf": "thigh_ik_target.{side}",
        "toe": "toe_ik.{side}",
    },
    bends={"lower_arm": "forearm_tweak.{side}", "calf": "shin_tweak.{side}"},
    switches=(
        Switch("IK_FK", fk=1.0, ik=0.0),
        Switch("FK_limb_follow", fk=0.0, ik=None),  # what turns the limbs is then what carries them
        # tied to the chest; in between they mix
        Switch("neck_follow", fk=1.0, ik=1.0),
        Switch("head_follow", fk=1.0, ik=1.0),
        Switch("pole_vector", fk=None, ik=1.0),
        Switch("IK_parent", fk=None, ik=1.0),  # the root: a planted foot's control stands still
    ),
)
