# SPDX-License-Identifier: GPL-3.0-or-later
"""Small control rigs, built by script: controls, mechanism bones, constraints and drivers over a deforming skeleton.

`auto_rig_pro` is a stand-in: it has the names of Auto-Rig Pro's controls and deforming bones and the way they hang from
each other, but none of that add-on's own data.
"""

from __future__ import annotations

from typing import Any

import bpy
import rigs
from mathutils import Matrix

AUTO_RIG_PRO = {
    "root": None,
    "hips": "root.x",
    "spine": ["spine_01.x", "spine_02.x", "spine_03.x"],
    "neck": ["neck.x"],
    "head": "head.x",
    "sides": (".l", ".r"),
    "arm": ("shoulder{}", "arm_stretch{}", "forearm_stretch{}", "hand{}"),
    "leg": ("thigh_stretch{}", "leg_stretch{}", "foot{}", "toes_01{}"),
    "metacarpal": None,
    "finger": "{finger}{n}{side}",
}
STUDIO = {
    "root": None,
    "hips": "def_pelvis",
    "spine": ["def_torso_a", "def_torso_b"],
    "neck": ["def_collar"],
    "head": "def_skull",
    "sides": ("_L", "_R"),
    "arm": ("def_girdle{}", "def_humerus{}", "def_radius{}", "def_mitt{}"),
    "leg": ("def_femur{}", "def_tibia{}", "def_sole{}", "def_tip{}"),
    "metacarpal": None,
    "finger": "def_{finger}{n}{side}",
}
_ARM = ("clavicle", "upper_arm", "lower_arm", "hand")
_LEG = ("thigh", "calf", "foot", "toe")


class Rigging:
    """Adds bones and constraints to an armature."""

    def __init__(self, obj: bpy.types.Object) -> None:
        self.obj = obj

    def add(self, rows: list[tuple[str, str | None, str | Matrix]]) -> None:
        """Add bones (name, parent, the bone on which it lies or its matrix), as long as those."""
        self.obj.select_set(True)
        bpy.context.view_layer.objects.active = self.obj
        bpy.ops.object.mode_set(mode="EDIT")
        bones = self.obj.data.edit_bones
        for name, parent, where in rows:
            bone = bones.new(name)
            bone.tail = (0.0, 0.1, 0.0)
            if isinstance(where, str):
                bone.matrix, bone.length = bones[where].matrix, bones[where].length
            else:
                bone.matrix = where
            bone.parent = bones[parent] if parent else None
        bpy.ops.object.mode_set(mode="OBJECT")

    def constrain(self, bone: str, kind: str, target: str, **settings: Any) -> bpy.types.Constraint:
        constraint = self.obj.pose.bones[bone].constraints.new(kind)
        constraint.target, constraint.subtarget = self.obj, target
        for name, value in settings.items():
            setattr(constraint, name, value)
        return constraint

    def child_of(self, bone: str, target: str) -> bpy.types.Constraint:
        """Carry a bone by another from where both are at rest."""
        inverse = (self.obj.matrix_world @ self.obj.data.bones[target].matrix_local).inverted()
        return self.constrain(bone, "CHILD_OF", target, inverse_matrix=inverse)

    def switch(self, constraint: bpy.types.Constraint, bone: str, name: str, expression: str) -> None:
        """Let `expression` of the property `name` (as x) of a bone be the influence of a constraint."""
        driver = constraint.driver_add("influence").driver
        variable = driver.variables.new()
        variable.name = "x"
        variable.targets[0].id = self.obj
        variable.targets[0].data_path = f'pose.bones["{bone}"]["{name}"]'
        driver.expression = expression

    def ik(self, upper: str, lower: str, target: str, pole: str) -> bpy.types.Constraint:
        """Bend two bones towards `target`, with the pole angle with which they stay at rest."""
        bones = self.obj.data.bones
        start, joint, end = (bones[name].head_local for name in (upper, lower, target))
        along = (end - start).normalized()
        away = bones[pole].head_local - start
        away = away - along * away.dot(along)
        bone = bones[upper].matrix_local.to_3x3()
        forward = away - bone.col[1] * away.dot(bone.col[1])
        angle = bone.col[0].angle(forward)
        if bone.col[0].cross(forward).dot(bone.col[1]) > 0.0:
            angle = -angle
        assert (joint - start).dot(away) > 0.0
        return self.constrain(
            lower,
            "IK",
            target,
            chain_count=2,
            pole_target=self.obj,
            pole_subtarget=pole,
            pole_angle=angle,
        )


def _pole(obj: bpy.types.Object, upper: str, lower: str, end: str) -> Matrix:
    """Return where the pole of a limb is: in its plane, on the side to which it is bent at rest."""
    start, joint, tip = (obj.data.bones[name].head_local for name in (upper, lower, end))
    along = (tip - start).normalized()
    out = (joint - start) - along * (joint - start).dot(along)
    return Matrix.Translation(joint + out.normalized() * 0.5)


def auto_rig_pro(name: str = "Puppet") -> tuple[bpy.types.Object, dict]:
    """Return a rig with the controls of Auto-Rig Pro, and the names of its deforming bones.

    As there, arms are carried by the shoulders but turned by the spine, the head is tied to the neck by a constraint,
    and what IK controls follow is a Child Of constraint.
    """
    obj = rigs.build(name, AUTO_RIG_PRO, arm_drop=40.0, elbow=12.0)
    rig = Rigging(obj)
    ground = Matrix.Identity(4)
    rig.add(
        [
            ("c_pos", None, ground),
            ("c_traj", "c_pos", ground),
            ("c_root_master.x", "c_traj", "root.x"),
            ("c_root.x", "c_root_master.x", "root.x"),
            ("c_spine_01.x", "c_root_master.x", "spine_01.x"),
            ("c_spine_02.x", "spine_01.x", "spine_02.x"),
            ("c_spine_03.x", "spine_02.x", "spine_03.x"),
            ("c_neck.x", "spine_03.x", "neck.x"),
            ("neck_end.x", "neck.x", "head.x"),
            ("head_scale_fix.x", "c_traj", "head.x"),
            ("c_head.x", "head_scale_fix.x", "head.x"),
        ]
    )
    obj.pose.bones["c_head.x"]["head_free"] = 1
    rig.constrain("head_scale_fix.x", "COPY_LOCATION", "neck_end.x")
    rig.switch(rig.constrain("head_scale_fix.x", "COPY_ROTATION", "neck_end.x"), "c_head.x", "head_free", "1 - x")
    for part in ("root.x", "spine_01.x", "spine_02.x", "spine_03.x", "neck.x", "head.x"):
        rig.constrain(part, "COPY_TRANSFORMS", f"c_{part}")
    for side in AUTO_RIG_PRO["sides"]:
        _auto_rig_pro_arm(rig, side)
        _auto_rig_pro_leg(rig, side)
    bpy.context.view_layer.update()
    return obj, AUTO_RIG_PRO


def _auto_rig_pro_arm(rig: Rigging, side: str) -> None:
    arm, forearm, hand = (f"{part}{side}" for part in ("arm_stretch", "forearm_stretch", "hand"))
    rig.add(
        [
            (f"c_shoulder{side}", "spine_03.x", f"shoulder{side}"),
            (f"c_arm_fk{side}", "c_spine_03.x", arm),
            (f"c_forearm_fk{side}", f"c_arm_fk{side}", forearm),
            (f"c_hand_fk{side}", f"c_forearm_fk{side}", hand),
            (f"arm_ik{side}", f"shoulder{side}", arm),
            (f"forearm_ik{side}", f"arm_ik{side}", forearm),
            (f"c_hand_ik{side}", None, hand),
            (f"c_arms_pole{side}", None, _pole(rig.obj, arm, forearm, hand)),
        ]
    )
    rig.constrain(f"shoulder{side}", "COPY_TRANSFORMS", f"c_shoulder{side}")
    rig.constrain(f"c_arm_fk{side}", "COPY_LOCATION", f"shoulder{side}", head_tail=1.0)
    rig.child_of(f"c_hand_ik{side}", "c_traj")
    rig.child_of(f"c_arms_pole{side}", "c_root_master.x")
    rig.ik(f"arm_ik{side}", f"forearm_ik{side}", f"c_hand_ik{side}", f"c_arms_pole{side}")
    pairs = ((arm, "arm_fk", "arm_ik"), (forearm, "forearm_fk", "forearm_ik"), (hand, "hand_fk", "c_hand_ik"))
    _switched(rig, side, f"c_hand_ik{side}", pairs)
    for finger in rigs.FINGERS:
        holder = hand
        for n in (1, 2, 3):
            rig.add([(f"c_{finger}{n}{side}", holder, f"{finger}{n}{side}")])
            rig.constrain(f"{finger}{n}{side}", "COPY_TRANSFORMS", f"c_{finger}{n}{side}")
            holder = f"c_{finger}{n}{side}"


def _auto_rig_pro_leg(rig: Rigging, side: str) -> None:
    thigh, calf, foot, toes = (f"{part}{side}" for part in ("thigh_stretch", "leg_stretch", "foot", "toes_01"))
    flat = Matrix.Translation(rig.obj.data.bones[foot].head_local)
    rig.add(
        [
            (f"c_thigh_b{side}", "root.x", thigh),
            (f"c_thigh_fk{side}", f"c_thigh_b{side}", thigh),
            (f"c_leg_fk{side}", f"c_thigh_fk{side}", calf),
            (f"c_foot_fk{side}", f"c_leg_fk{side}", foot),
            (f"c_toes_fk{side}", f"c_foot_fk{side}", toes),
            (f"thigh_ik{side}", f"c_thigh_b{side}", thigh),
            (f"leg_ik{side}", f"thigh_ik{side}", calf),
            (f"c_foot_ik{side}", None, flat),
            (f"c_foot_01{side}", f"c_foot_ik{side}", flat),
            (f"foot_snap_fk{side}", f"c_foot_01{side}", foot),
            (f"c_toes_ik{side}", f"foot_snap_fk{side}", toes),
            (f"c_leg_pole{side}", None, _pole(rig.obj, thigh, calf, foot)),
        ]
    )
    rig.child_of(f"c_foot_ik{side}", "c_traj")
    pole = f"c_leg_pole{side}"
    rig.obj.pose.bones[pole]["pole_parent"] = 1
    rig.switch(rig.child_of(pole, f"c_foot_ik{side}"), pole, "pole_parent", "x")
    rig.switch(rig.child_of(pole, "c_traj"), pole, "pole_parent", "1 - x")
    rig.ik(f"thigh_ik{side}", f"leg_ik{side}", f"foot_snap_fk{side}", pole)
    for bone in (f"thigh_ik{side}", f"leg_ik{side}"):
        rig.obj.pose.bones[bone].ik_stretch = 0.1
    pairs = (
        (thigh, "thigh_fk", "thigh_ik"),
        (calf, "leg_fk", "leg_ik"),
        (foot, "foot_fk", "foot_snap_fk"),
        (toes, "toes_fk", "c_toes_ik"),
    )
    _switched(rig, side, f"c_foot_ik{side}", pairs)


def _switched(rig: Rigging, side: str, owner: str, pairs: tuple[tuple[str, str, str], ...]) -> None:
    """Let deforming bones follow their IK bone, or their FK control where the owner's `ik_fk_switch` is 1."""
    rig.obj.pose.bones[owner]["ik_fk_switch"] = 0.0
    for bone, fk, ik in pairs:
        rig.constrain(bone, "COPY_TRANSFORMS", f"{ik}{side}")
        rig.switch(rig.constrain(bone, "COPY_TRANSFORMS", f"c_{fk}{side}"), owner, "ik_fk_switch", "x")


def studio(name: str = "Puppet") -> tuple[bpy.types.Object, dict, dict[str, str]]:
    """Return a rig of nobody's convention, the names of its deforming bones, and its FK controls by role.

    Controls are without a parent and carried by constraints, but for arms, which keep their direction when the chest
    turns.
    """
    obj = rigs.build(name, STUDIO, arm_drop=30.0, elbow=10.0)
    rig = Rigging(obj)
    above = {bone.name: bone.parent.name if bone.parent else "" for bone in obj.data.bones}
    roles = {"hips": STUDIO["hips"], "head": STUDIO["head"]}
    roles |= {f"spine_{i}": bone for i, bone in enumerate(STUDIO["spine"], 1)} | {"neck_1": STUDIO["neck"][0]}
    for side, mark in zip(("left", "right"), STUDIO["sides"], strict=True):
        parts = zip((*_ARM, *_LEG), (*STUDIO["arm"], *STUDIO["leg"]), strict=True)
        roles |= {f"{side}_{part}": pattern.format(mark) for part, pattern in parts}
    for bone in roles.values():
        control = bone.replace("def_", "ctl_")
        hinged = "humerus" in bone
        rig.add([(control, above[bone] if hinged else None, bone)])
        if hinged:
            obj.data.bones[control].use_inherit_rotation = False
        elif above[bone]:
            rig.child_of(control, above[bone])
        rig.constrain(bone, "COPY_TRANSFORMS", control)
    bpy.context.view_layer.update()
    return obj, STUDIO, {role: bone.replace("def_", "ctl_") for role, bone in roles.items()}
