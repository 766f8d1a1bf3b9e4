# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the motion that the stub solver delivers: five seconds of a walk; runs in Blender's Python.

python motion.py OUT.fbx
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bpy  # noqa: E402

from benchmarks.retarget import RATE, make_performer  # noqa: E402
from ending import run_and_end  # noqa: E402

SECONDS = 5


def main() -> None:
    """Write the file."""
    bpy.ops.wm.read_homefile(use_empty=True)
    make_performer(SECONDS * RATE)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = RATE, 1, SECONDS * RATE
    bpy.ops.export_scene.fbx(
        filepath=sys.argv[-1], object_types={"ARMATURE"}, add_leaf_bones=False, bake_anim_simplify_factor=0.0
    )


if __name__ == "__main__":
    run_and_end(main)
