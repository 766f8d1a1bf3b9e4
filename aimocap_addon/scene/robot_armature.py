# SPDX-License-Identifier: GPL-3.0-or-later
"""The Unitree G1 as an armature: one bone a joint, whose rotation about one of its own axes is the joint's angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

from ..motion.g1.bones import hinges, robot_bones
from ..motion.g1.model import RobotModel, g1_model
from ..motion.rotations import Array, quaternion_conjugate, quaternion_from_matrix, quaternion_multiply
from ..motion.skeleton import Skeleton
from .armature_motion import read_skeleton
from .errors import SceneError

LIMIT = "Joint Limit"  # the name of the constraint on each joint
# Order of the rotation by its main axis: that one comes first, so it alone may go beyond a quarter turn.
_ORDERS = ("XYZ", "YXZ", "ZXY")
_MOVED = 1e-3  # metres; how far a bone at rest may be from where it was made


@dataclass(frozen=True)
class Robot:
    """An armature as a G1, with its bones in the order of the model's links (L = 30).

    `skeleton` has the bones at rest, `rest_rotations` (L, 4) theirs in the armature's space and `link_rotations` (L, 4)
    those of the links. `axes` (29) says about which of its own axes (0, 1, 2) each joint turns its bone, `signs` (29)
    which way: an angle times its sign is what the bone's rotation channel holds.
    """

    armature: bpy.types.Object
    model: RobotModel
    skeleton: Skeleton
    rest_rotations: Array
    link_rotations: Array
    axes: tuple[int, ...]
    signs: Array

    def bone(self, joint: int) -> bpy.types.PoseBone:
        """Return the bone that a joint turns."""
        assert self.armature.pose is not None
        return self.armature.pose.bones[self.model.joint_names[joint]]

    @property
    def root_index(self) -> int:
        """The index of the pelvis in the skeleton."""
        return self.skeleton.index[self.model.link_names[0]]

    @property
    def root(self) -> bpy.types.PoseBone:
        """The pelvis."""
        assert self.armature.pose is not None
        return self.armature.pose.bones[self.model.link_names[0]]


def is_robot(armature: bpy.types.Object | None) -> bool:
    """Tell whether the object is an armature with the bones of a G1."""
    if armature is None or armature.type != "ARMATURE":
        return False
    assert isinstance(armature.data, bpy.types.Armature)
    bones = armature.data.bones
    return all(name in bones for name in robot_bones(g1_model()).names)


def make_robot(context: bpy.types.Context, name: str) -> Robot:
    """Add a G1 at rest to the scene's collection: it stands on the floor and looks along X, in metres.

    Call it within `undisturbed` and `all_or_nothing`: it enters Edit Mode.
    """
    assert context.scene is not None and context.view_layer is not None
    model = g1_model()
    bones = robot_bones(model)
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    context.scene.collection.objects.link(armature)
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    made = []
    for link, bone_name in enumerate(bones.names):
        bone = data.edit_bones.new(bone_name)
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, float(bones.lengths[link]), 0.0)
        bone.matrix = Matrix(bones.matrices[link].tolist())
        bone.parent = made[model.parents[link]] if link else None
        made.append(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    robot = read_robot(armature)
    robot.root.rotation_mode = "QUATERNION"
    for joint in range(len(model.joint_names)):
        _limit(robot, joint)
    return robot


def read_robot(armature: bpy.types.Object) -> Robot:
    """Return the armature as a G1. Raises SceneError if it is none, or if its bones were changed in Edit Mode."""
    if not is_robot(armature):
        raise SceneError(f"“{armature.name}” is no Unitree G1: choose the armature of an imported robot motion.")
    model, skeleton = g1_model(), read_skeleton(armature)
    bones = robot_bones(model)
    rows = [skeleton.index[name] for name in bones.names]
    rest, made = skeleton.rest[rows], bones.matrices
    # transforms that were applied to the object have turned and moved all bones as one
    placed = rest[0] @ np.linalg.inv(made[0])
    heads = (placed @ made)[:, :3, 3]
    parents = [skeleton.names.index(bones.names[parent]) if parent >= 0 else -1 for parent in model.parents]
    if np.abs(heads - rest[:, :3, 3]).max() > _MOVED or list(skeleton.parents[rows]) != parents:
        raise SceneError(
            f"The bones of “{armature.name}” are not those of a Unitree G1 any more, they were changed in Edit Mode: "
            "import the motion again."
        )
    rotations = skeleton.rest_rotations[rows]
    turned = quaternion_multiply(rotations[0], quaternion_conjugate(quaternion_from_matrix(made[0, :3, :3])))
    links = quaternion_multiply(turned, bones.link_rotations)
    local = hinges(model, links, rotations)
    axes = np.abs(local).argmax(axis=1)
    signs = np.sign(local[np.arange(len(local)), axes])
    return Robot(armature, model, skeleton, rotations, links, tuple(axes.tolist()), signs)


def _limit(robot: Robot, joint: int) -> None:
    """Have the joint turn about its axis alone, within its limits: for keys, for the hand and for IK."""
    bone: Any = robot.bone(joint)
    axis = robot.axes[joint]
    ends = sorted(float(robot.signs[joint] * limit[joint]) for limit in (robot.model.lower, robot.model.upper))
    bone.rotation_mode = _ORDERS[axis]
    bone.lock_location = bone.lock_scale = (True, True, True)
    constraint = bone.constraints.new("LIMIT_ROTATION")
    constraint.name = LIMIT
    constraint.owner_space = "LOCAL"
    constraint.euler_order = _ORDERS[axis]
    constraint.use_transform_limit = True
    for i, letter in enumerate("xyz"):
        low, high = ends if i == axis else (0.0, 0.0)
        bone.lock_rotation[i] = i != axis
        setattr(constraint, f"use_limit_{letter}", True)
        setattr(constraint, f"min_{letter}", low)
        setattr(constraint, f"max_{letter}", high)
        setattr(bone, f"lock_ik_{letter}", i != axis)
        if i == axis:
            setattr(bone, f"use_ik_limit_{letter}", True)
            # IK knows angles up to half a turn about rest
            setattr(bone, f"ik_min_{letter}", max(-np.pi, min(0.0, low)))
            setattr(bone, f"ik_max_{letter}", min(np.pi, max(0.0, high)))
