# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures of the rig families, in rest poses and with bone axes of every kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import bpy
import numpy as np
from mathutils import Matrix, Vector

from tests.motion.rig_families import FAMILIES, RigFamily, Row

Axes = Literal["along", "across", "any"]


@dataclass(frozen=True)
class Rest:
    """How an armature of a family is built.

    `arm_drop` and `elbow` (degrees) stand for the family's own ones where None. `crooked` bends arms and legs unevenly
    and turns the feet out. `arms`, `legs` and `hips` multiply the lengths of the limbs and the hips' width. Bones run
    `along` their limbs with any roll, `across` them (as FBX files have them), or point `any` way. With `up` "Y" the
    bones lie as importers of FBX files leave them, `scale` times as large under an object that makes up for both;
    `heading` (degrees) turns the object about the vertical. An `anonymous` armature has names that say nothing.
    """

    arm_drop: float | None = None
    elbow: float | None = None
    crooked: bool = False
    axes: Axes = "along"
    up: Literal["Y", "Z"] = "Z"
    scale: float = 1.0
    heading: float = 0.0
    arms: float = 1.0
    legs: float = 1.0
    hips: float = 1.0
    height: float = 1.7
    anonymous: bool = False
    seed: int = 1


class FamilyRig(NamedTuple):
    """An armature, its roles (role -> bone name), and its matrix without the heading."""

    armature: bpy.types.Object
    roles: dict[str, str]
    upright: Matrix


# The FK controls of a rig that Rigify generates, as a skeleton of their own: quick to make.
FK_CONTROLS = RigFamily(
    "Rigify control rig",
    """
root < @ ground
torso < root @ hips
spine_fk < torso @ hips = hips
spine_fk.001 < torso @ spine 0/3 = spine_1
spine_fk.002 < spine_fk.001 @ spine 1/3 = spine_2
spine_fk.003 < spine_fk.002 @ spine 2/3 = spine_3
neck < spine_fk.003 @ neck 0/1 = neck_1
head < neck @ head = head
shoulder.{s} < spine_fk.003 @ clavicle = clavicle
upper_arm_parent.{s} < shoulder.{s} @ arm 0
upper_arm_fk.{s} < upper_arm_parent.{s} @ arm 0 = upper_arm
forearm_fk.{s} < upper_arm_fk.{s} @ arm 1 = lower_arm
hand_fk.{s} < forearm_fk.{s} @ arm 2 = hand
thigh_parent.{s} < spine_fk @ leg 0
thigh_fk.{s} < thigh_parent.{s} @ leg 0 = thigh
shin_fk.{s} < thigh_fk.{s} @ leg 1 = calf
foot_fk.{s} < shin_fk.{s} @ leg 2 = foot
toe_fk.{s} < foot_fk.{s} @ leg 3 = toe
""",
    ("L", "R"),
    arm_drop=30,
    elbow=10,
)

# Degrees about X (back), Y (to the side) and Z (about the vertical), seen in the scene, of each limb away from the
# straight rest pose. What has no entry goes with its parent; feet only turn about the vertical: soles are flat.
_CROOKED = {
    "left_upper_arm": (0, 12, 8),
    "left_lower_arm": (0, 30, -35),
    "left_hand": (20, 25, -20),
    "right_upper_arm": (-15, -6, 0),
    "right_lower_arm": (-40, -6, 0),
    "left_thigh": (-14, -9, 0),
    "left_calf": (10, -6, 0),
    "left_foot": (0, 0, 18),
    "right_thigh": (-14, 9, 0),
    "right_calf": (10, 6, 0),
    "right_foot": (0, 0, -18),
}


def build(name: str, family: RigFamily, rest: Rest = Rest()) -> FamilyRig:
    """Link an armature of a family to the scene, facing -Y but for its heading."""
    data = bpy.data.armatures.new(name)
    obj = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    random = np.random.default_rng(rest.seed)
    space = Matrix.Rotation(-math.pi / 2, 4, "X") if rest.up == "Y" else Matrix()
    space = Matrix.Scale(rest.scale, 4) @ space
    rows = family.rows(arm_drop=rest.arm_drop, elbow=rest.elbow)
    if rest.crooked or (rest.arms, rest.legs, rest.hips) != (1.0, 1.0, 1.0):
        rows = _reshaped(rows, rest)
    size = rest.height / 1.7
    names = {row.name: f"Bone.{i:03d}" if rest.anonymous else row.name for i, row in enumerate(rows)}
    for row in rows:
        bone = data.edit_bones.new(names[row.name])
        bone.head, bone.tail = space @ Vector(size * row.head), space @ Vector(size * row.tail)
        bone.roll = random.uniform(-math.pi, math.pi)
        bone.parent = data.edit_bones[names[row.parent]] if row.parent else None
        if rest.axes != "along":
            turn = Matrix.Rotation(math.pi / 2, 3, "Z")
            if rest.axes == "any":
                turn = Vector(random.normal(size=3)).to_track_quat("X", "Y").to_matrix()
            length, place = bone.length, bone.head.copy()
            matrix = (bone.matrix.to_3x3() @ turn).to_4x4()
            matrix.translation = place
            bone.matrix, bone.length = matrix, 0.5 * length
    bpy.ops.object.mode_set(mode="OBJECT")
    upright = Matrix.Scale(1.0 / rest.scale, 4)
    if rest.up == "Y":
        upright = Matrix.Rotation(math.pi / 2, 4, "X") @ upright
    obj.matrix_world = Matrix.Rotation(math.radians(rest.heading), 4, "Z") @ upright
    bpy.context.view_layer.update()
    return FamilyRig(obj, {row.role: names[row.name] for row in rows if row.role}, upright)


def _reshaped(rows: Sequence[Row], rest: Rest) -> list[Row]:
    """Return the bones with limbs of other lengths, bent where the rest pose is crooked; soles stay on the ground."""
    stretch = {"upper_arm": rest.arms, "lower_arm": rest.arms, "thigh": rest.legs, "calf": rest.legs}
    turns: dict[str, np.ndarray] = {}
    heads: dict[str, np.ndarray] = {}
    found = []
    before = {row.name: row for row in rows}
    for row in rows:
        turn, head = np.eye(3), row.head
        if row.parent:
            turn, parent = turns[row.parent], before[row.parent]
            offset = stretch.get(parent.role.partition("_")[2], 1.0) * (row.head - parent.head)
            if row.role.endswith("thigh"):
                offset = offset * (rest.hips, 1.0, 1.0)
            head = heads[row.parent] + turn @ offset
        if rest.crooked and row.role in _CROOKED:
            turn = np.array(_turn(*_CROOKED[row.role]))
        turns[row.name], heads[row.name] = turn, head
        length = stretch.get(row.role.partition("_")[2], 1.0)
        found.append(replace(row, head=head, tail=head + length * turn @ (row.tail - row.head)))
    feet = [next(row.head[2] for row in some if row.role == "left_foot") for some in (rows, found)]
    lift = np.array((0.0, 0.0, feet[0] - feet[1]))
    # what stands on the ground beside the body stays there
    return [
        row if row.parent is None and not row.role else replace(row, head=row.head + lift, tail=row.tail + lift)
        for row in found
    ]


def _turn(x: float, y: float, z: float) -> Matrix:
    about = (Matrix.Rotation(math.radians(angle), 3, axis) for angle, axis in ((z, "Z"), (y, "Y"), (x, "X")))
    first, second, third = about
    return first @ second @ third


__all__ = ["FAMILIES", "FK_CONTROLS", "FamilyRig", "Rest", "build"]
