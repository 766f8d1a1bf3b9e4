# SPDX-License-Identifier: GPL-3.0-or-later
"""Small humanoid armatures and motions, built by script, for the tests inside Blender."""

from __future__ import annotations

import math
from pathlib import Path

import bpy
from mathutils import Euler, Matrix, Vector

FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def side_names(pattern: str, sides: tuple[str, str]) -> tuple[str, str]:
    return pattern.format(sides[0]), pattern.format(sides[1])


UNREAL = {
    "root": "root",
    "hips": "pelvis",
    "spine": [f"spine_0{i}" for i in range(1, 6)],
    "neck": ["neck_01", "neck_02"],
    "head": "head",
    "sides": ("_l", "_r"),
    "arm": ("clavicle{}", "upperarm{}", "lowerarm{}", "hand{}"),
    "leg": ("thigh{}", "calf{}", "foot{}", "ball{}"),
    "metacarpal": "{finger}_metacarpal{side}",
    "finger": "{finger}_0{n}{side}",
}
MIXAMO = {
    "root": None,
    "hips": "mixamorig:Hips",
    "spine": ["mixamorig:Spine", "mixamorig:Spine1", "mixamorig:Spine2"],
    "neck": ["mixamorig:Neck"],
    "head": "mixamorig:Head",
    "sides": ("Left", "Right"),
    "arm": ("mixamorig:{}Shoulder", "mixamorig:{}Arm", "mixamorig:{}ForeArm", "mixamorig:{}Hand"),
    "leg": ("mixamorig:{}UpLeg", "mixamorig:{}Leg", "mixamorig:{}Foot", "mixamorig:{}ToeBase"),
    "metacarpal": None,
    "finger": "mixamorig:{side}Hand{Finger}{n}",
}


Row = tuple[str, str | None, Vector, Vector]


def joints(names: dict, *, arm_drop: float, height: float, elbow: float = 0.0) -> list[Row]:
    """(name, parent, head, tail) of a person facing -Y with arms `arm_drop` degrees below the horizontal."""
    k = height / 1.7
    rows: list[Row] = []

    def add(name: str, parent: str | None, head: Vector, tail: Vector) -> None:
        rows.append((name, parent, head * k, tail * k))

    root = names["root"]
    if root:
        add(root, None, Vector((0, 0, 0)), Vector((0, 0.2, 0)))
    spine, neck = names["spine"], names["neck"]
    add(names["hips"], root, Vector((0, 0.01, 0.93)), Vector((0, 0.01, 1.0)))
    levels = [1.0 + (1.42 - 1.0) * i / len(spine) for i in range(len(spine) + 1)]
    parent = names["hips"]
    for name, low, high in zip(spine, levels, levels[1:], strict=False):
        bow = 0.03 * math.sin(math.pi * (low - 1.0) / 0.42)
        add(name, parent, Vector((0, 0.01 + bow, low)), Vector((0, 0.01, high)))
        parent = name
    chest = parent
    levels = [1.44 + (1.53 - 1.44) * i / len(neck) for i in range(len(neck) + 1)]
    for name, low, high in zip(neck, levels, levels[1:], strict=False):
        add(name, parent, Vector((0, 0.01, low)), Vector((0, 0, high)))
        parent = name
    add(names["head"], parent, Vector((0, 0, 1.53)), Vector((0, 0, 1.7)))
    for index, side in enumerate(names["sides"]):
        sign = 1.0 if index == 0 else -1.0
        drop = math.radians(arm_drop)
        along = Vector((math.cos(drop) * sign, 0, -math.sin(drop)))
        bent = (Euler((0, 0, -sign * math.radians(elbow))).to_matrix() @ along).normalized()
        clavicle, upper, lower, hand = (n.format(side) for n in names["arm"])
        shoulder = Vector((0.17 * sign, 0.02, 1.41))
        elbow_at = shoulder + along * 0.28
        wrist = elbow_at + bent * 0.25
        add(clavicle, chest, Vector((0.03 * sign, 0.0, 1.41)), shoulder)
        add(upper, clavicle, shoulder, elbow_at)
        add(lower, upper, elbow_at, wrist)
        add(hand, lower, wrist, wrist + bent * 0.08)
        # the palm faces down in T-pose and turns towards the thigh as the arm sinks
        forward = Vector((0, -1, 0))
        across = forward * math.cos(drop * 0.4) - along.cross(forward) * math.sin(drop * 0.4) * sign
        across = (across - bent * across.dot(bent)).normalized()
        for order, finger in enumerate(FINGERS):
            offset = across * (0.045 - 0.02 * order)
            start = wrist + offset + bent * (0.085 if order else 0.03)
            lean = (bent + offset * (8.0 if order == 0 else 1.0)).normalized()
            holder = hand
            if names["metacarpal"] and order:
                holder = names["metacarpal"].format(finger=finger, side=side)
                add(holder, hand, wrist + offset * 0.5 + bent * 0.02, start)
            for n in (1, 2, 3):
                name = names["finger"].format(finger=finger, Finger=finger.title(), n=n, side=side)
                add(name, holder, start + lean * 0.03 * (n - 1), start + lean * 0.03 * n)
                holder = name
        thigh, calf, foot, ball = (n.format(side) for n in names["leg"])
        add(thigh, names["hips"], Vector((0.09 * sign, 0.01, 0.90)), Vector((0.10 * sign, -0.01, 0.49)))
        add(calf, thigh, Vector((0.10 * sign, -0.01, 0.49)), Vector((0.10 * sign, 0.03, 0.08)))
        add(foot, calf, Vector((0.10 * sign, 0.03, 0.08)), Vector((0.11 * sign, -0.09, 0.02)))
        add(ball, foot, Vector((0.11 * sign, -0.09, 0.02)), Vector((0.11 * sign, -0.16, 0.02)))
    return rows


def build(
    object_name: str,
    names: dict,
    *,
    arm_drop: float = 0.0,
    height: float = 1.7,
    elbow: float = 0.0,
    bone_axes: Matrix | None = None,
) -> bpy.types.Object:
    """Link a new armature object; `bone_axes` (3x3) replaces every bone's own axes (as Unreal's bones do)."""
    data = bpy.data.armatures.new(object_name)
    obj = bpy.data.objects.new(object_name, data)
    bpy.context.scene.collection.objects.link(obj)
    previous = bpy.context.view_layer.objects.active
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent, head, tail in joints(names, arm_drop=arm_drop, height=height, elbow=elbow):
        bone = data.edit_bones.new(name)
        bone.head, bone.tail = head, tail
        bone.parent = data.edit_bones[parent] if parent else None
        if bone_axes is not None:
            matrix = (bone.matrix.to_3x3() @ bone_axes).to_4x4()
            matrix.translation = head
            length = bone.length
            bone.matrix = matrix
            bone.length = length
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = previous
    return obj


def animate(obj: bpy.types.Object, names: dict, frames: int, *, scale: float = 1.0, first: int = 0) -> None:
    """Key a busy, smooth motion on whole frames: a walk with a turn, bent and twisted limbs, curling fingers."""
    for pose_bone in obj.pose.bones:
        pose_bone.rotation_mode = "QUATERNION"
    world_turns = {
        names["hips"]: lambda t: Euler((0.1 * math.sin(t), 0.05 * math.cos(t), 0.6 * math.sin(0.4 * t))),
        names["head"]: lambda t: Euler((0.3 * math.sin(1.3 * t), 0.1, 0.5 * math.sin(0.7 * t))),
    }
    for i, name in enumerate([*names["spine"], *names["neck"]]):
        world_turns[name] = lambda t, i=i: Euler((0.08 * math.sin(t + i), 0.04, 0.07 * math.cos(t)))
    for sign, side in zip((1.0, -1.0), names["sides"], strict=True):
        clavicle, upper, lower, hand = (n.format(side) for n in names["arm"])
        thigh, calf, foot, ball = (n.format(side) for n in names["leg"])
        world_turns[clavicle] = lambda t, s=sign: Euler((0.05 * math.sin(t), -0.1 * s * math.sin(t), 0.05))
        world_turns[upper] = lambda t, s=sign: Euler((0.7 * math.sin(t * s), 0.8 * s * math.sin(0.5 * t), 0.3 * s))
        world_turns[lower] = lambda t, s=sign: Euler((-0.6 + 0.4 * math.sin(t), 0.2, -0.4 * s))
        world_turns[hand] = lambda t, s=sign: Euler((0.3 * math.sin(2 * t), 0.2 * s, 0.4 * math.sin(t)))
        world_turns[thigh] = lambda t, s=sign: Euler((0.5 * s * math.sin(t), 0.05, 0.1 * s))
        world_turns[calf] = lambda t, s=sign: Euler((-0.5 - 0.4 * s * math.sin(t), 0.0, 0.0))
        world_turns[foot] = lambda t, s=sign: Euler((0.2 * s * math.sin(t), 0.0, 0.1))
        world_turns[ball] = lambda t, s=sign: Euler((0.15 * s * math.sin(t), 0.0, 0.0))
        for finger in FINGERS:
            for n in (1, 2, 3):
                name = names["finger"].format(finger=finger, Finger=finger.title(), n=n, side=side)
                world_turns[name] = lambda t, n=n: Euler((0.1 * n * math.sin(t), 0.2 + 0.1 * math.cos(t), 0.1))
    for frame in range(frames):
        t = frame * 0.2
        for name, turn in world_turns.items():
            pose_bone = obj.pose.bones[name]
            axes = pose_bone.bone.matrix_local.to_3x3()
            pose_bone.rotation_quaternion = (axes.inverted() @ turn(t).to_matrix() @ axes).to_quaternion()
            pose_bone.keyframe_insert("rotation_quaternion", frame=first + frame)
        hips = obj.pose.bones[names["hips"]]
        axes = hips.bone.matrix_local.to_3x3()
        path = Vector((0.3 * math.sin(0.1 * t) + 0.1, -0.05 * t, 0.03 * math.sin(2 * t))) * scale
        hips.location = axes.inverted() @ path
        hips.keyframe_insert("location", frame=first + frame)


def skin(obj: bpy.types.Object) -> bpy.types.Object:
    """Give the armature a body of one triangle a bone; with a skin, an FBX file says what the rest pose is."""
    vertices, faces = [], []
    mesh = bpy.data.meshes.new("Skin")
    body = bpy.data.objects.new("Skin", mesh)
    for bone in obj.data.bones:
        size = 0.2 * bone.length
        faces.append([len(vertices) + i for i in range(3)])
        vertices += [bone.matrix_local @ Vector(corner) for corner in ((0, 0, 0), (size, size, 0), (-size, size, 0))]
        body.vertex_groups.new(name=bone.name)
    mesh.from_pydata(vertices, [], faces)
    bpy.context.scene.collection.objects.link(body)
    for group, face in zip(body.vertex_groups, faces, strict=True):
        group.add(face, 1.0, "REPLACE")
    body.parent = obj
    body.modifiers.new("Armature", "ARMATURE").object = obj
    bpy.context.view_layer.update()
    return body


def export_fbx(obj: bpy.types.Object, path: Path, fps: int) -> Path:
    """Write the armature, and the skin that it may have, to an FBX with one key per frame."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, 1.0
    first, last = obj.animation_data.action.frame_range
    scene.frame_start, scene.frame_end = int(first), int(last)
    for other in bpy.context.view_layer.objects:
        other.select_set(other in (obj, *obj.children))
    bpy.context.view_layer.objects.active = obj
    bpy.ops.export_scene.fbx(
        filepath=str(path),
        use_selection=True,
        object_types={"ARMATURE", "MESH"},
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False,
        bake_anim_simplify_factor=0.0,
        bake_anim_force_startend_keying=True,
    )
    return path
