# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the motion that the stub solver delivers: five seconds of a slow walk; runs in Blender's Python.

python motion.py OUT.fbx
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bpy  # noqa: E402
from mathutils import Vector  # noqa: E402

from benchmarks.retarget import make_performer  # noqa: E402
from ending import run_and_end  # noqa: E402

FRAMES, FPS = 150, 30


def main() -> None:
    """Write the file."""
    bpy.ops.wm.read_homefile(use_empty=True)
    performer = make_performer(FRAMES)
    give_skin(performer)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = FPS, 1, FRAMES
    bpy.ops.export_scene.fbx(
        filepath=sys.argv[-1], object_types={"ARMATURE", "MESH"}, add_leaf_bones=False, bake_anim_simplify_factor=0.0
    )


def give_skin(armature: bpy.types.Object) -> None:
    """Give each bone a triangle: by what is skinned, a file tells its rest pose."""
    assert isinstance(armature.data, bpy.types.Armature)
    bones = list(armature.data.bones)
    points = [bone.head_local + Vector(offset) for bone in bones for offset in ((0, 0, 0), (0.01, 0, 0), (0, 0.01, 0))]
    mesh = bpy.data.meshes.new("Skin")
    mesh.from_pydata(points, [], [(3 * index, 3 * index + 1, 3 * index + 2) for index in range(len(bones))])
    skin = bpy.data.objects.new("Skin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = armature
    for index, bone in enumerate(bones):
        skin.vertex_groups.new(name=bone.name).add(range(3 * index, 3 * index + 3), 1.0, "REPLACE")
    modifier = skin.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature  # type: ignore[attr-defined]


if __name__ == "__main__":
    run_and_end(main)
