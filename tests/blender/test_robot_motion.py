# SPDX-License-Identifier: GPL-3.0-or-later
"""Robot motion in the scene: where the robot's links are, what an animator finds, and what a failure leaves behind."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from faults import FaultError, fault_at, lines_run
from g1_data import needs_real_motion, real_motion
from robot_motions import busy_motion, written
from snapshots import changes, snapshot

from aimocap_addon.motion.g1.model import forward_kinematics, g1_model
from aimocap_addon.scene import compat
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.robot_armature import LIMIT, read_robot
from aimocap_addon.scene.robot_motion import RobotLook, add_robot, import_robot_motion


def evaluated_heads(armature: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """Return the heads (F, 30, 3) of the robot's bones in the world, worked out by Blender."""
    model = g1_model()
    found = []
    for frame in frames:
        whole = math.floor(frame)
        bpy.context.scene.frame_set(whole, subframe=float(frame) - whole)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        bones = [posed.pose.bones[name] for name in (model.link_names[0], *model.joint_names)]
        found.append([posed.matrix_world @ bone.head for bone in bones])
    return np.array(found)


def true_heads(motion) -> np.ndarray:
    return forward_kinematics(g1_model(), motion.root_pos, motion.root_rot, motion.dof_pos)[0]


@pytest.mark.parametrize("scene_fps", [24, 60])
def test_every_link_is_where_the_robots_is(tmp_path: Path, scene_fps: int) -> None:
    bpy.context.scene.render.fps = scene_fps
    motion = busy_motion()
    path = written(tmp_path / "busy.json", motion)
    step = scene_fps / motion.fps
    armature = import_robot_motion(bpy.context, path, "Robot", 11.0, step)
    armature.rotation_euler.z = 0.0
    frames = np.float32(11.0 + np.arange(motion.frames) * step)
    assert np.abs(evaluated_heads(armature, frames) - true_heads(motion)).max() < 1e-5


@needs_real_motion
def test_a_real_motion_is_where_its_authors_have_it() -> None:
    motion, positions = real_motion()
    bpy.context.scene.render.fps = 30
    armature, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0, look=RobotLook(heading=0.0))
    every = np.arange(0, motion.frames, 9)
    heads = evaluated_heads(armature, 1.0 + every)
    assert np.abs(heads - true_heads(motion)[every]).max() < 1e-5
    assert np.abs(heads - positions[every]).max() < 1e-4


def test_it_walks_to_the_front_as_characters_do() -> None:
    motion = busy_motion(2)
    armature, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0)
    x, y, z = true_heads(motion)[0, 0]
    assert np.allclose(evaluated_heads(armature, np.array([1.0]))[0, 0], (y, -x, z), atol=1e-5)
    along_x, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0, look=RobotLook(heading=0.0))
    assert np.allclose(evaluated_heads(along_x, np.array([1.0]))[0, 0], (x, y, z), atol=1e-5)


def test_a_scene_in_centimetres_holds_it_in_its_size() -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    motion = busy_motion(2)
    armature, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0, look=RobotLook(heading=0.0))
    heads = evaluated_heads(armature, np.array([1.0]))[0]
    assert np.allclose(heads, 100.0 * true_heads(motion)[0], atol=1e-3)


def test_each_joint_has_one_curve_with_its_angle() -> None:
    motion = busy_motion()
    armature, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0)
    curves = {curve.data_path: [] for curve in compat.active_curves(armature)}
    for curve in compat.active_curves(armature):
        curves[curve.data_path].append(curve)
    assert len(curves) == 31
    for joint, name in enumerate(g1_model().joint_names):
        (curve,) = curves[f'pose.bones["{name}"].rotation_euler']
        values = np.array([point.co.y for point in curve.keyframe_points])
        assert min(np.abs(values - sign * motion.dof_pos[:, joint]).max() for sign in (1, -1)) < 1e-6
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}


def test_joints_stop_at_their_limits() -> None:
    motion = busy_motion(1)
    model = g1_model()
    inside = dataclasses.replace(motion, dof_pos=model.upper[None])
    beyond = dataclasses.replace(motion, dof_pos=model.upper[None] + 0.2)
    armature, _ = add_robot(bpy.context, beyond, "Robot", frame_start=1.0, look=RobotLook(heading=0.0))
    assert np.abs(evaluated_heads(armature, np.array([1.0])) - true_heads(inside)).max() < 1e-5
    for name in model.joint_names:
        armature.pose.bones[name].constraints[LIMIT].mute = True
    assert np.abs(evaluated_heads(armature, np.array([1.0])) - true_heads(beyond)).max() < 1e-5


def test_a_pose_pasted_flipped_is_the_mirrored_pose() -> None:
    model = g1_model()
    armature, _ = add_robot(bpy.context, busy_motion(1), "Robot", frame_start=1.0)
    robot = read_robot(armature)
    # Blender pastes flipped by turning the angles about Y and Z around
    for joint, name in enumerate(model.joint_names):
        if not name.startswith("left_"):
            continue
        other = model.joint_index["right_" + name.removeprefix("left_")]
        axis = robot.axes[joint]
        assert axis == robot.axes[other]
        pasted = (1.0 if axis == 0 else -1.0) * robot.signs[joint] * robot.signs[other]
        mirrored = 1.0 if abs(model.axes[joint][1]) == 1.0 else -1.0
        assert pasted == mirrored, name


def test_the_body_follows_the_links() -> None:
    motion = busy_motion(2)
    armature, _ = add_robot(bpy.context, motion, "Robot", frame_start=1.0)
    (body,) = armature.children
    bpy.context.scene.frame_set(2)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    posed, rest = body.evaluated_get(depsgraph), body.data
    moved = armature.evaluated_get(depsgraph)
    for name in ("torso", "left_knee", "right_wrist_yaw"):
        bone_name = {"torso": "waist_pitch"}.get(name, name) + "_joint"
        group = body.vertex_groups[bone_name].index
        rows = [v.index for v in rest.vertices if [g.group for g in v.groups] == [group]]
        bone = moved.pose.bones[bone_name]
        carry = bone.matrix @ armature.data.bones[bone_name].matrix_local.inverted()
        assert rows
        for row in rows[::20]:
            assert (posed.data.vertices[row].co - carry @ rest.vertices[row].co).length < 1e-5
    every = {group.name for group in body.vertex_groups}
    assert every <= {bone.name for bone in armature.data.bones}
    assert len(every) > 20


def test_selection_mode_and_scene_stay_as_they_were() -> None:
    other = bpy.data.objects.new("Other", bpy.data.armatures.new("Other"))
    bpy.context.scene.collection.objects.link(other)
    bpy.context.view_layer.objects.active = other
    bpy.ops.object.mode_set(mode="EDIT")
    other.data.edit_bones.new("bone").tail = (0.0, 0.0, 1.0)
    bpy.ops.object.mode_set(mode="POSE")
    bpy.context.scene.frame_set(17)
    add_robot(bpy.context, busy_motion(3), "Robot", frame_start=1.0)
    assert bpy.context.view_layer.objects.active == other
    assert other.mode == "POSE"
    assert bpy.context.scene.frame_current == 17
    assert bpy.context.scene.frame_end == 250


def test_a_useless_file_leaves_nothing_behind(tmp_path: Path) -> None:
    before = snapshot()
    path = tmp_path / "cut.json"
    path.write_text(written(tmp_path / "whole.json", busy_motion()).read_text()[:-200])
    with pytest.raises(SceneError, match=r"cut\.json.*not complete JSON"):
        import_robot_motion(bpy.context, path, "Robot", 1.0, 1.0)
    with pytest.raises(SceneError, match="cannot be read"):
        import_robot_motion(bpy.context, tmp_path / "gone.json", "Robot", 1.0, 1.0)
    assert not changes(before, snapshot())


def test_a_fault_at_any_line_leaves_nothing_behind() -> None:
    motion = busy_motion(2)

    def add() -> None:
        add_robot(bpy.context, motion, "Robot", frame_start=1.0)

    places = lines_run(add)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    before = snapshot()
    assert len(places) > 100
    for place in places[:: max(1, len(places) // 25)]:
        with pytest.raises(FaultError), fault_at(place):
            add()
        assert not changes(before, snapshot()), place
