# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of the Unitree G1 into the scene: an armature with a body, each joint's angle on one curve of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..motion.g1.robot_motion import (
    FIXED_WRISTS_23,
    HARDWARE_23,
    JointLayoutError,
    RobotMotion,
    RobotMotionError,
    read_robot_motion,
)
from ..motion.rotations import Array, make_continuous, quaternion_conjugate, quaternion_multiply, quaternion_rotate
from . import compat
from .errors import SceneError
from .key_writing import add_linear_keys
from .robot_armature import Robot, make_robot
from .robot_body import make_body
from .undisturbed import all_or_nothing, into_active_collection, undisturbed

__all__ = [
    "FIXED_WRISTS_23",
    "FRONT",
    "HARDWARE_23",
    "RATE",
    "JointChoiceError",
    "RobotLook",
    "add_robot",
    "import_robot_motion",
    "read_motion_file",
    "write_robot_action",
]

RATE = "robot_fps"  # custom property of the object: motion frames a second
FRONT = -0.5 * np.pi  # about Z: from the robot's X to Blender's front


class JointChoiceError(SceneError):
    """The file has 23 joints, and the person has to say of which robot."""


@dataclass(frozen=True)
class RobotLook:
    """How a robot is put into the scene.

    `mesh_folder` has the person's own STL meshes. The object stands at `location` (scene units), turned by `heading`
    (radians about Z): by default so that a robot that walks along its X walks along -Y, as characters do.
    """

    mesh_folder: Path | None = None
    heading: float = FRONT
    location: tuple[float, float, float] = (0.0, 0.0, 0.0)


def read_motion_file(path: Path, layout_23: str | None = None) -> tuple[RobotMotion, list[str]]:
    """Return the motion in a robot_motion_json file, and sentences about what may be wrong with it.

    `layout_23`, HARDWARE_23 or FIXED_WRISTS_23, says which robot 23 joints are of; raises JointChoiceError where it
    does not but should, and SceneError for every other file that holds no motion of a G1.
    """
    try:
        return read_robot_motion(path.read_bytes(), layout_23)
    except OSError as error:
        raise SceneError(f"“{path}” cannot be read ({error.strerror}): choose another file.") from error
    except JointLayoutError as error:
        raise JointChoiceError(f"“{path.name}”: {error}") from error
    except RobotMotionError as error:
        raise SceneError(f"“{path.name}”: {error}") from error


def import_robot_motion(
    context: bpy.types.Context,
    path: Path,
    name: str,
    frame_start: float,
    frame_step: float,
    look: RobotLook | None = None,
) -> bpy.types.Object:
    """Add a G1 that moves as the robot_motion_json file `path` says; return its armature, named `name`.

    Frame i of the motion lies at scene frame `frame_start` + i * `frame_step`. Raises SceneError, with nothing left
    behind.
    """
    motion, _ = read_motion_file(path)
    return add_robot(context, motion, name, frame_start=frame_start, frame_step=frame_step, look=look)[0]


def add_robot(
    context: bpy.types.Context,
    motion: RobotMotion,
    name: str,
    *,
    frame_start: float,
    frame_step: float | None = None,
    look: RobotLook | None = None,
) -> tuple[bpy.types.Object, tuple[str, ...]]:
    """Add a G1 with a body to the active collection and let it move; return its armature and warnings.

    `frame_step` is the distance of the motion's frames in scene frames; by default that of its own rate. Everything
    else in the scene, selection included, is as before. Raises SceneError, with nothing left behind.
    """
    look = look or RobotLook()
    scene = context.scene
    assert scene is not None
    scene_rate = scene.render.fps / scene.render.fps_base
    step = scene_rate / motion.fps if frame_step is None else frame_step
    with all_or_nothing(), undisturbed(context):
        robot = make_robot(context, name)
        body = make_body(context, robot, look.mesh_folder)
        action = write_robot_action(robot, motion, frame_start + np.arange(motion.frames) * step, name)
        compat.assign_action(robot.armature, action)
        robot.armature[RATE] = scene_rate / step
        robot.armature.location, robot.armature.rotation_euler.z = look.location, look.heading
        robot.armature.scale = [1.0 / scene.unit_settings.scale_length] * 3
        for obj in (robot.armature, body.mesh):
            into_active_collection(context, obj)
            obj.select_set(False)
        return robot.armature, body.warnings


def write_robot_action(robot: Robot, motion: RobotMotion, frames: Array, name: str) -> bpy.types.Action:
    """Return a new action, not assigned, with linear keys of `motion` at scene frames `frames` (F).

    The pelvis has its place in the armature's space; every joint has one curve, its angle in radians, turned around
    where the bone's axis points the other way.
    """
    action, curves = compat.create_action(name, robot.armature)
    points = np.empty((motion.frames, 2), dtype=np.float32)
    points[:, 0] = frames

    def write(bone: bpy.types.PoseBone, channel: str, indices: Sequence[int], values: Array) -> None:
        path = bone.path_from_id(channel)
        for row, curve in enumerate(compat.create_curves(action, curves, path, indices, bone.name)):
            points[:, 1] = values[:, row]
            add_linear_keys(curve, points)

    rest, place = robot.rest_rotations[0], robot.skeleton.rest_positions[robot.root_index]
    back = quaternion_conjugate(rest)
    turned = quaternion_multiply(
        motion.root_rot, quaternion_multiply(quaternion_conjugate(robot.link_rotations[0]), rest)
    )
    write(robot.root, "location", range(3), quaternion_rotate(back, motion.root_pos - place))
    write(robot.root, "rotation_quaternion", range(4), make_continuous(quaternion_multiply(back, turned)))
    for joint, (axis, sign) in enumerate(zip(robot.axes, robot.signs, strict=True)):
        write(robot.bone(joint), "rotation_euler", (axis,), sign * motion.dof_pos[:, joint, None])
    return action
