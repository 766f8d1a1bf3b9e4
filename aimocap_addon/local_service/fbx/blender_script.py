# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Blender: builds an armature with motion from arrays and exports it as FBX.

Arguments after `--`: the npz file that the writer saved and the FBX file to write. This is the only file of
the service that imports bpy.
"""

import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

_NAME = "Armature"


def main(arrays_path: str, fbx_path: str) -> None:
    arrays = np.load(arrays_path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.data.scenes[0]
    # Centimetres throughout: the file's unit is 1 cm, and importers shrink it to metres.
    scene.unit_settings.system = "METRIC"
    scene.unit_settings.scale_length = 0.01
    scene.render.fps, scene.render.fps_base = int(arrays["fps"]), 1.0
    frames = len(arrays["rotations"])
    scene.frame_start, scene.frame_end = 0, frames - 1
    armature = build_armature(scene, arrays)
    build_bind_mesh(scene, armature)
    animate(armature, arrays)
    scene.frame_set(0)
    bpy.ops.export_scene.fbx(
        filepath=fbx_path,
        object_types={"ARMATURE", "MESH"},
        add_leaf_bones=False,
        bake_anim=True,
        bake_anim_use_all_bones=True,
        bake_anim_use_nla_strips=False,
        bake_anim_use_all_actions=False,
        bake_anim_force_startend_keying=True,
        bake_anim_simplify_factor=0.0,
        armature_nodetype="NULL",
        axis_forward="-Z",
        axis_up="Y",
    )


def build_armature(scene: bpy.types.Scene, arrays: Mapping[str, np.ndarray]) -> bpy.types.Object:
    data = bpy.data.armatures.new(_NAME)
    armature = bpy.data.objects.new(_NAME, data)
    scene.collection.objects.link(armature)
    scene.view_layers[0].objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    for name, matrix, length in zip(arrays["names"], arrays["rest_matrices"], arrays["lengths"], strict=True):
        bone = data.edit_bones.new(str(name))
        bone.head, bone.tail = (0.0, 0.0, 0.0), (0.0, float(length), 0.0)
        bone.matrix = Matrix(matrix.tolist())
        bones.append(bone)
    for bone, parent in zip(bones, arrays["parents"], strict=True):
        if parent >= 0:
            bone.parent = bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    pose: Any = armature.pose
    for bone in pose.bones:
        bone.rotation_mode = "QUATERNION"
    return armature


def build_bind_mesh(scene: bpy.types.Scene, armature: bpy.types.Object) -> None:
    """Skin one small triangle per bone: without a skin the file has no bind pose, and importers take the
    first frame for the rest pose."""
    vertices, faces, groups = [], [], []
    data: Any = armature.data
    for bone in data.bones:
        size = min(0.5, 0.2 * bone.length)
        corners = ((0.0, 0.0, 0.0), (size, size, 0.0), (-size, size, 0.0))
        first = len(vertices)
        vertices += [bone.matrix_local @ Matrix.Translation(corner).translation for corner in corners]
        faces.append((first, first + 1, first + 2))
        groups.append((bone.name, [first, first + 1, first + 2]))
    mesh = bpy.data.meshes.new("BindPose")
    mesh.from_pydata(vertices, [], faces)
    skin = bpy.data.objects.new("BindPose", mesh)
    scene.collection.objects.link(skin)
    for name, indices in groups:
        skin.vertex_groups.new(name=name).add(indices, 1.0, "REPLACE")
    skin.parent = armature
    modifier: Any = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature


def animate(armature: bpy.types.Object, arrays: Mapping[str, np.ndarray]) -> None:
    action = bpy.data.actions.new("Motion")
    animation: Any = armature.animation_data_create()
    animation.action = action
    if hasattr(action, "slots"):  # Blender 4.4 and newer
        slot = action.slots.new("OBJECT", armature.name)
        animation.action_slot = slot
        strip: Any = action.layers.new("Motion").strips.new(type="KEYFRAME")
        curves = strip.channelbag(slot, ensure=True).fcurves
    else:
        curves = action.fcurves
    frames = np.arange(len(arrays["rotations"]), dtype=np.float32)
    for index, name in enumerate(arrays["names"]):
        path = f'pose.bones["{name}"].'
        for component in range(4):
            add_curve(curves, path + "rotation_quaternion", component, frames, arrays["rotations"][:, index, component])
        if np.any(arrays["locations"][:, index]):
            for component in range(3):
                add_curve(curves, path + "location", component, frames, arrays["locations"][:, index, component])


def add_curve(curves: Any, path: str, component: int, frames: np.ndarray, values: np.ndarray) -> None:
    curve = curves.new(path, index=component)
    curve.keyframe_points.add(len(frames))
    curve.keyframe_points.foreach_set("co", np.stack((frames, values), axis=-1).astype(np.float32).ravel())
    curve.keyframe_points.foreach_set("interpolation", np.ones(len(frames), dtype=np.int32))  # linear
    curve.update()


if __name__ == "__main__":
    code = 0
    try:
        main(*sys.argv[sys.argv.index("--") + 1 :])
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # bpy as a Python module may hang or crash while the interpreter shuts down.
    os._exit(code)
