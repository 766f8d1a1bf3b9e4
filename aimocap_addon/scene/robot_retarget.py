# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of any humanoid armature as motion of the Unitree G1, worked out here without any service."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..motion.body import body_axes
from ..motion.g1.model import g1_model
from ..motion.g1.robot_motion import RobotMotion, violations
from ..motion.g1.solve import solve_g1
from ..motion.rotations import quaternion_rotate
from .errors import SceneError
from .performance import Performance, read_performance
from .performer import performer_of
from .rig_mapping import find_mapping
from .robot_motion import RobotLook, add_robot

_MAX_RATE = 240.0


def retarget_to_g1(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    *,
    rate: float = 0.0,
    mapping_folder: Path | None = None,
    mesh_folder: Path | None = None,
) -> tuple[bpy.types.Object, RobotMotion, tuple[str, ...]]:
    """Add a G1 that does what the humanoid `armature` does, over the place where that one begins.

    Returns the robot's armature, its motion and warnings. `rate` is the robot's in frames per second, by default the
    scene's; `mapping_folder` holds what a person said about the armature's bones, `mesh_folder` their own STL meshes.
    Raises SceneError, with nothing left behind, for an armature that does not move or is no humanoid.
    """
    scene = context.scene
    assert scene is not None and context.view_layer is not None
    context.view_layer.update()  # matrices lag behind what a script has just set
    scene_rate = scene.render.fps / scene.render.fps_base
    rate = rate or scene_rate
    if not 0.0 < rate <= _MAX_RATE:
        raise SceneError(f"A rate of {rate:g} fps is too much: choose one up to {_MAX_RATE:g}.")
    mapping = find_mapping(armature, mapping_folder)
    roles = [role for role in mapping.bones if "_twist_" not in role]
    performance = read_performance(performer_of(armature), roles, mapping_folder=mapping_folder)
    bones = performance.shared(roles)
    try:
        motion = solve_g1(performance.skeleton, bones, performance.motion, rate)
    except ValueError as error:
        raise SceneError(f"“{armature.name}” cannot become a robot because {error}: check its rest pose.") from error
    heading, location = _place(context, motion, armature, performance)
    robot, warnings = add_robot(
        context,
        motion,
        f"{armature.name} G1",
        frame_start=float(performance.first),
        frame_step=scene_rate / rate,
        look=RobotLook(mesh_folder, heading, location),
    )
    return robot, motion, (*performance.warnings, *warnings, *violations(motion, g1_model()).sentences())


def _place(
    context: bpy.types.Context, motion: RobotMotion, armature: bpy.types.Object, performance: Performance
) -> tuple[float, tuple[float, float, float]]:
    """Return how the robot is turned, as the armature is, and where it stands to begin where that begins.

    The ground is at the armature's origin.
    """
    assert context.scene is not None
    world = np.array(armature.matrix_world)
    _, back, _ = body_axes(performance.skeleton, performance.mapping)
    forward = world[:3, :3] @ -back
    heading = float(np.arctan2(forward[1], forward[0]))
    row = performance.motion.bones.index(performance.skeleton.index[performance.mapping.bones["hips"]])
    hips = world[:3, :3] @ performance.motion.positions[row, 0] + world[:3, 3]
    turn = np.array((np.cos(0.5 * heading), 0.0, 0.0, np.sin(0.5 * heading)))
    start = quaternion_rotate(turn, motion.root_pos[0]) / context.scene.unit_settings.scale_length
    return heading, (hips[0] - start[0], hips[1] - start[1], float(world[2, 3]))
