# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a Python with bpy: imports an FBX as a user would and saves what arrived.

Arguments: the FBX file, the importer ("import_scene.fbx" or "wm.fbx_import"), the npz file to save.
"""

import os
import sys
import traceback

import bpy
import numpy as np


def main(fbx, importer, out):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    group, name = importer.split(".")
    getattr(getattr(bpy.ops, group), name)(filepath=fbx)
    scene = bpy.data.scenes[0]
    armatures = [thing for thing in bpy.data.objects if thing.type == "ARMATURE"]
    (armature,) = armatures
    first, last = armature.animation_data.action.frame_range
    poses = []
    for frame in range(round(first), round(last) + 1):
        scene.frame_set(frame)
        poses.append([np.array(armature.matrix_world @ bone.matrix) for bone in armature.pose.bones])
    np.savez(
        out,
        names=[bone.name for bone in armature.pose.bones],
        parents=[bone.parent.name if bone.parent else "" for bone in armature.pose.bones],
        rest=[np.array(armature.matrix_world @ bone.bone.matrix_local) for bone in armature.pose.bones],
        poses=poses,
        frames=(first, last),
        fps=scene.render.fps / scene.render.fps_base,
        actions=len(bpy.data.actions),
    )


if __name__ == "__main__":
    code = 0
    try:
        main(*sys.argv[1:])
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)
