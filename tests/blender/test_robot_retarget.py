# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's animation as the robot's: where it happens, what it looks like, and what the robot can do."""

from __future__ import annotations

import math

import bpy
import numpy as np
import pytest
import rigs
from mathutils import Matrix

from aimocap_addon.motion.g1.model import forward_kinematics, g1_model, lowest_sole
from aimocap_addon.motion.g1.robot_motion import violations
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.robot_armature import is_robot
from aimocap_addon.scene.robot_retarget import retarget_to_g1


def performer(names: dict = rigs.UNREAL, frames: int = 40, **shape) -> bpy.types.Object:
    armature = rigs.build("Performer", names, **shape)
    rigs.animate(armature, names, frames, first=5)
    bpy.context.view_layer.update()
    return armature


@pytest.mark.parametrize("names", [rigs.UNREAL, rigs.MIXAMO], ids=["unreal", "mixamo"])
def test_the_robot_stays_within_what_it_can_do(names: dict) -> None:
    robot, motion, _ = retarget_to_g1(bpy.context, performer(names))
    model = g1_model()
    assert is_robot(robot)
    assert robot.animation_data.action.frame_range[:] == (5.0, 44.0)
    found = violations(motion, model)
    assert not found.limits
    links = forward_kinematics(model, motion.root_pos, motion.root_rot, motion.dof_pos)
    assert lowest_sole(model, *links).min() > -0.005


def test_blender_shows_what_was_solved() -> None:
    robot, motion, _ = retarget_to_g1(bpy.context, performer())
    model = g1_model()
    robot.matrix_world = Matrix.Identity(4)
    places = forward_kinematics(model, motion.root_pos, motion.root_rot, motion.dof_pos)[0]
    for frame in (5, 21, 44):
        bpy.context.scene.frame_set(frame)
        posed = robot.evaluated_get(bpy.context.evaluated_depsgraph_get())
        heads = [posed.pose.bones[name].head for name in ("pelvis", *model.joint_names)]
        assert np.abs(np.array(heads) - places[frame - 5]).max() < 1e-5


def test_it_begins_where_the_character_does_and_turns_with_it() -> None:
    armature = performer()
    armature.matrix_world = Matrix.Translation((3.0, -2.0, 0.5)) @ Matrix.Rotation(math.pi / 2.0, 4, "Z")
    robot, _, _ = retarget_to_g1(bpy.context, armature)
    scene = bpy.context.scene
    places = []
    for frame in (5, 44):
        scene.frame_set(frame)
        depsgraph = bpy.context.evaluated_depsgraph_get()
        for each in (armature, robot):
            posed = each.evaluated_get(depsgraph)
            places.append(np.array(posed.matrix_world @ posed.pose.bones["pelvis"].head))
    assert places[1][:2] == pytest.approx(places[0][:2], abs=1e-4)
    gone, robot_gone = places[2] - places[0], places[3] - places[1]
    assert np.dot(gone[:2], robot_gone[:2]) > 0.95 * np.linalg.norm(gone[:2]) * np.linalg.norm(robot_gone[:2])
    assert robot.location.z == pytest.approx(0.5)


def test_another_rate() -> None:
    bpy.context.scene.render.fps = 30
    robot, motion, _ = retarget_to_g1(bpy.context, performer(), rate=60.0)
    assert (motion.fps, motion.frames) == (60.0, 79)
    assert robot.animation_data.action.frame_range[1] == pytest.approx(44.0)


def test_what_cannot_be_retargeted_adds_nothing() -> None:
    still = rigs.build("Still", rigs.UNREAL)
    with pytest.raises(SceneError, match="no motion"):
        retarget_to_g1(bpy.context, still)
    with pytest.raises(SceneError, match="up to 240"):
        retarget_to_g1(bpy.context, still, rate=1000.0)
    assert len(bpy.data.objects) == 1
