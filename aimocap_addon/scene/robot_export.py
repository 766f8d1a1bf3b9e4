# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of a robot armature back to numbers, whatever moves it now, and to a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..motion.g1.robot_motion import (
    RobotMotion,
    Violations,
    clamped,
    robot_motion_csv,
    robot_motion_json,
    violations,
)
from ..motion.rotations import Array, quaternion_conjugate, quaternion_multiply
from .armature_motion import motion_range, read_motion
from .curve_samples import keyed
from .errors import SceneError
from .robot_armature import LIMIT, Robot, read_robot
from .robot_motion import RATE

FORMATS = {"JSON": robot_motion_json, "CSV": robot_motion_csv}
_SAME_FRAME = 1e-3  # scene frames; keys lie on single precision numbers
_MAX_FRAMES = 1_000_000
_MAX_RATE = 1000.0
_OFF_AXIS = np.radians(0.5)  # from here on a turn that no joint can make is worth a word


@dataclass(frozen=True)
class RobotExport:
    """What was taken from an armature: the motion as it is written, and sentences about what was lost.

    `asked` tells what the armature asked of the robot before anything was clamped.
    """

    motion: RobotMotion
    asked: Violations
    warnings: tuple[str, ...]


def export_robot_motion(
    armature: bpy.types.Object, path: Path, *, file_format: str = "JSON", rate: float = 0.0, clamp: bool = True
) -> RobotExport:
    """Write the armature's motion to `path`, whole or not at all; `file_format` is one of FORMATS.

    `rate` in frames per second is by default that of the motion that was imported, else the scene's. Angles beyond a
    joint's limits are clamped, or refused with SceneError. Raises SceneError for an armature that is no G1 or does not
    move, and for a file that cannot be written.
    """
    robot = read_robot(armature)
    motion, warnings = read_robot_motion_of(robot, rate)
    asked = violations(motion, robot.model)
    if asked.limits:
        if not clamp:
            raise SceneError(
                f"“{armature.name}” moves beyond what the robot can do: {_lowered(asked.sentences()[0])} Change the "
                "keys, or let the export clamp them."
            )
        motion = clamped(motion, robot.model)
    _write(path, FORMATS[file_format](motion))
    return RobotExport(motion, asked, warnings)


def read_robot_motion_of(robot: Robot, rate: float = 0.0) -> tuple[RobotMotion, tuple[str, ...]]:
    """Return the armature's motion as Blender evaluates it, but for the limits of the joints, and warnings.

    `rate` as in `export_robot_motion`. Raises SceneError if the armature does not move.
    """
    armature = robot.armature
    bpy.context.view_layer.update()  # matrices lag behind what a script has just set
    span = motion_range(armature)
    if span is None or not _is_moved(armature):
        raise SceneError(f"“{armature.name}” has no motion: give it an action first.")
    scene = bpy.context.scene
    assert scene is not None
    scene_rate = scene.render.fps / scene.render.fps_base
    rate = rate or own_rate(armature) or scene_rate
    if not 0.0 < rate <= _MAX_RATE:
        raise SceneError(f"A rate of {rate:g} fps cannot be exported: choose one up to {_MAX_RATE:g}.")
    frames = _frames(armature, span, scene_rate / rate)
    names = (robot.model.link_names[0], *robot.model.joint_names)
    with _free_joints(robot):
        motion = read_motion(armature, robot.skeleton, names, frames)
    bones = motion.rotations
    # what the links do: their bones are turned as they are, and each had its own turn at rest
    at_rest = quaternion_multiply(quaternion_conjugate(robot.rest_rotations), robot.link_rotations)
    root = quaternion_multiply(bones[0], at_rest[0])
    dof = np.empty((len(frames), len(names) - 1))
    lost = np.empty(len(names) - 1)
    for joint in range(len(names) - 1):
        link, parent = joint + 1, int(robot.model.parents[joint + 1])
        dof[:, joint], lost[joint] = _angles(robot, joint, bones[link], bones[parent])
    warnings = []
    if lost.max() > _OFF_AXIS:
        worst = robot.model.joint_names[int(lost.argmax())].removesuffix("_joint").replace("_", " ")
        warnings.append(
            f"{int((lost > _OFF_AXIS).sum())} bones turn as no joint of the robot can, most of all {worst} by "
            f"{np.degrees(lost.max()):.1f}°: this part of their motion is left out."
        )
    return RobotMotion(rate, motion.positions[0], root, dof), tuple(warnings)


def own_rate(armature: bpy.types.Object) -> float:
    """Return the frames per second of the motion that was imported, 0 if that is not known."""
    value = armature.get(RATE)
    return float(value) if isinstance(value, int | float) and 0.0 < value <= _MAX_RATE else 0.0


def _is_moved(armature: bpy.types.Object) -> bool:
    """Tell whether anything but the limits of the joints moves the armature."""
    animation = armature.animation_data
    assert armature.pose is not None
    return (
        any(True for _ in keyed(armature))
        or (animation is not None and (len(animation.nla_tracks) > 0 or len(animation.drivers) > 0))
        or any(c.name != LIMIT and not c.mute for bone in armature.pose.bones for c in bone.constraints)
    )


def _frames(armature: bpy.types.Object, span: tuple[float, float], step: float) -> Array:
    """Return the scene frames (F) from the first to the last of `span`, `step` apart, on keys where these are close."""
    count = int(np.floor((span[1] - span[0]) / step + _SAME_FRAME)) + 1
    if count > _MAX_FRAMES:
        raise SceneError(f"{count} frames are too many to export: choose a lower rate or a shorter motion.")
    frames = span[0] + step * np.arange(count)
    times = _key_times(armature)
    if len(times):
        right = np.clip(np.searchsorted(times, frames), 0, len(times) - 1)
        left = np.maximum(right - 1, 0)
        nearest = np.where(frames - times[left] < times[right] - frames, times[left], times[right])
        frames = np.where(np.abs(nearest - frames) < _SAME_FRAME, nearest, frames)
    return frames


def _key_times(armature: bpy.types.Object) -> Array:
    """Return the scene frames (K) of the keys of the curve with the most of them, in order."""
    curves = [curve for _, _, curve in keyed(armature)]
    if not curves:
        return np.empty(0)
    keys = max(curves, key=lambda curve: len(curve.keyframe_points)).keyframe_points
    points = np.empty((len(keys), 2), dtype=np.float32)
    keys.foreach_get("co", points.ravel())
    return np.sort(points[:, 0].astype(np.float64))


def _angles(robot: Robot, joint: int, bone: Array, above: Array) -> tuple[Array, float]:
    """Return the angles (F) of a joint in radians, given the rotations (F, 4) of its bone and of the one above.

    Beside them how far, in radians, the bone turns about other axes than the joint's.
    """
    link, parent = joint + 1, int(robot.model.parents[joint + 1])
    rest = quaternion_multiply(quaternion_conjugate(robot.rest_rotations[parent]), robot.rest_rotations[link])
    local = quaternion_multiply(quaternion_conjugate(above), bone)
    turn = quaternion_multiply(quaternion_conjugate(rest), local)
    axis = robot.axes[joint]
    about = robot.signs[joint] * turn[:, 1 + axis]
    angles = 2.0 * np.arctan2(about, turn[:, 0])
    angles = (angles + np.pi) % (2.0 * np.pi) - np.pi
    swing = 2.0 * np.arccos(np.clip(np.hypot(about, turn[:, 0]), 0.0, 1.0))
    return angles, float(swing.max())


@contextlib.contextmanager
def _free_joints(robot: Robot) -> Iterator[None]:
    """Let the joints go beyond their limits: whether that is refused or clamped is not Blender's to decide."""
    limits = [
        constraint
        for joint in range(len(robot.model.joint_names))
        for constraint in robot.bone(joint).constraints
        if constraint.name == LIMIT and constraint.type == "LIMIT_ROTATION" and not constraint.mute
    ]
    for constraint in limits:
        constraint.mute = True
    try:
        yield
    finally:
        for constraint in limits:
            constraint.mute = False


def _write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all. Raises SceneError."""
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise SceneError(f"“{path}” cannot be written ({error.strerror}): choose another place.") from error


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
