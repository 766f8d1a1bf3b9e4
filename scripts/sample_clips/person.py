# SPDX-License-Identifier: GPL-3.0-or-later
"""The person in the sample clips as a Blender armature with a clothed mesh, and their motion as an action."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from aimocap_addon.motion.rotations import make_continuous, quaternion_from_matrix
from figures.body import Bones, Look, dressed_body
from figures.mesh import build_mesh
from figures.shapes import Piece, capsule, ellipsoid

from .skeleton import BONE_NAMES, PARENTS, REST_HEADS, index, rest_tails

Array = NDArray[np.float64]

LOOKS = {
    "casual": Look(
        skin=(0.56, 0.31, 0.20),
        hair=(0.045, 0.022, 0.012),
        shirt=(0.62, 0.085, 0.055),
        trousers=(0.045, 0.085, 0.22),
        shoes=(0.55, 0.55, 0.52),
    ),
    "walker": Look(
        skin=(0.24, 0.115, 0.062),
        hair=(0.015, 0.012, 0.01),
        shirt=(0.72, 0.47, 0.06),
        trousers=(0.055, 0.06, 0.07),
        shoes=(0.30, 0.05, 0.04),
        girth=0.95,
    ),
    "boxer": Look(
        skin=(0.66, 0.40, 0.27),
        hair=(0.16, 0.08, 0.03),
        shirt=(0.045, 0.26, 0.24),
        trousers=(0.10, 0.10, 0.115),
        shoes=(0.60, 0.58, 0.55),
        sleeves=0.3,
        girth=1.04,
    ),
}


def make_person(look: str) -> bpy.types.Object:
    """Return the armature of a new person with one skinned mesh child, standing at the origin."""
    data = bpy.data.armatures.new("Person")
    armature = bpy.data.objects.new("Person", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    tails = rest_tails()
    for name, parent, head, tail in zip(BONE_NAMES, PARENTS, REST_HEADS, tails, strict=True):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = Vector(head), Vector(tail)
        if parent >= 0:
            bone.parent = data.edit_bones[BONE_NAMES[parent]]
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in armature.pose.bones:
        bone.rotation_mode = "QUATERNION"

    parts = ("thigh", "calf", "foot", "ball", "clavicle", "upperarm", "lowerarm", "hand")
    bones = Bones(
        spine=("pelvis", "spine_02", "spine_03"),
        neck="neck_01",
        head="head",
        sides={side: {part: f"{part}_{side}" for part in parts} for side in "lr"},
    )
    heads = dict(zip(BONE_NAMES, REST_HEADS, strict=True))
    pieces = dressed_body(bones, heads, dict(zip(BONE_NAMES, tails, strict=True)), LOOKS[look])
    by_name = {piece.name: piece for piece in pieces}
    # A belt and a light stripe around the chest give the torso something to follow.
    white = Piece("trim", (0.75, 0.73, 0.68), merged=False)
    belt = Piece("belt", (0.03, 0.02, 0.015), merged=False)
    girth = LOOKS[look].girth
    belt.shapes.append(ellipsoid("pelvis", np.array((0.0, 0.0, 0.985)), (0.158 * girth, 0.119 * girth, 0.028)))
    white.shapes.append(ellipsoid("spine_03", np.array((0.0, -0.02, 1.315)), (0.158 * girth, 0.106 * girth, 0.03)))
    pieces += [white, belt]
    if look == "boxer":
        gloves = Piece("gloves", (0.55, 0.03, 0.03))
        for name in ("skin", "fingers"):
            shapes = by_name[name].shapes
            shapes[:] = [shape for shape in shapes if not shape.bone.startswith("hand")]
        pieces.remove(by_name["fingers"])
        for side in "lr":
            wrist, tip = heads[f"hand_{side}"], tails[index(f"hand_{side}")]
            along = (tip - wrist) / np.linalg.norm(tip - wrist)
            gloves.shapes.append(ellipsoid(f"hand_{side}", wrist + 0.085 * along, (0.060, 0.068, 0.075), up=along))
            gloves.shapes.append(capsule(f"hand_{side}", wrist - 0.02 * along, wrist + 0.04 * along, 0.043))
            thumb = wrist + 0.05 * along + np.array((0.0, -0.055, 0.0))
            gloves.shapes.append(capsule(f"hand_{side}", thumb, thumb + 0.045 * along, 0.024))
        pieces.append(gloves)
    build_mesh(armature, pieces, "Person body")
    return armature


def animate(armature: bpy.types.Object, turns: Array, heads: Array) -> None:
    """Key the armature from frame 1: world rotations (F, B, 3, 3) away from rest, joint positions (F, B, 3)."""
    for i, name in enumerate(BONE_NAMES):
        rest = np.array(armature.data.bones[name].matrix_local.to_3x3())  # pyright: ignore[reportAttributeAccessIssue]
        parent = PARENTS[i]
        above = np.swapaxes(turns[:, parent], -1, -2) if parent >= 0 else np.eye(3)
        local = make_continuous(quaternion_from_matrix(rest.T @ above @ turns[:, i] @ rest))
        bone = armature.pose.bones[name]
        for frame, rotation in enumerate(local):
            bone.rotation_quaternion = rotation
            bone.keyframe_insert("rotation_quaternion", frame=frame + 1)
            if parent < 0:
                bone.location = rest.T @ (heads[frame, i] - REST_HEADS[i])
                bone.keyframe_insert("location", frame=frame + 1)


def joint_positions(armature: bpy.types.Object, frames: int, names: tuple[str, ...]) -> Array:
    """Return the world positions (F, J, 3) of bone heads, evaluated by Blender at frames 1..F."""
    positions = np.empty((frames, len(names), 3))
    for frame in range(frames):
        bpy.context.scene.frame_set(frame + 1)
        for k, name in enumerate(names):
            positions[frame, k] = armature.matrix_world @ armature.pose.bones[name].head
    return positions
