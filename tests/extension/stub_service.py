# SPDX-License-Identifier: GPL-3.0-or-later
"""The real local service with a quick solver whose motion is real FBX, made by the Blender that runs the tests."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import bpy
from conftest import CLIPS

import characters
from service_process import ServiceProcess, run_command, running_service

FRAMES = 20  # of the motion, whatever is asked for
ROBOT_FPS = 60
KNEE_BEND = 1.2  # radians, of the robot's left knee in the last frame


@contextlib.contextmanager
def running_stub_service(folder: Path, *arguments: str, solve_sec: float = 0.0) -> Iterator[ServiceProcess]:
    motion = folder / "motion.fbx"
    make_motion(motion)
    environment = {
        "AIMOCAP_TEST_MOTION": str(motion),
        "AIMOCAP_TEST_SOLVE_SEC": str(solve_sec),
        "AIMOCAP_TEST_FRAMES": str(FRAMES),
        "AIMOCAP_TEST_ROBOT_FPS": str(ROBOT_FPS),
        "AIMOCAP_TEST_BEND": str(KNEE_BEND),
    }
    module = "tests.extension.stub_solver"
    with running_service(folder / "data", *arguments, module=module, environment=environment) as service:
        yield service


def make_motion(path: Path) -> None:
    """Write an armature whose arms move; the open file is left empty."""
    bpy.ops.wm.read_homefile(use_empty=True)
    armature = characters.make_unreal_character("Motion")
    bone = armature.pose.bones["upperarm_l"]
    bone.rotation_mode = "QUATERNION"
    for frame, angle in ((0, 0.0), (FRAMES - 1, 0.4)):
        bone.rotation_quaternion = (1.0 - angle * angle / 2, angle, 0.0, 0.0)
        bone.keyframe_insert("rotation_quaternion", frame=frame)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 30, 0, FRAMES - 1
    bpy.ops.export_scene.fbx(
        filepath=str(path), object_types={"ARMATURE", "MESH"}, add_leaf_bones=False, bake_anim_simplify_factor=0.0
    )
    bpy.ops.wm.read_homefile(use_empty=True)


def video(folder: Path, name: str) -> Path:
    """A real clip whose name tells the solver what to do."""
    path = folder / f"{name}.mp4"
    shutil.copyfile(CLIPS / "wave_squat.mp4", path)
    return path


def movements(data: Path) -> list[str]:
    """The kinds of the ledger's movements since the grants, in order."""
    done = run_command("ledger", "--data", str(data))
    assert done.returncode == 0, done.stderr
    kinds = [line.split("  ")[1] for line in takewhile(bool, done.stdout.splitlines())]
    return [kind for kind in kinds if kind != "grant"]
