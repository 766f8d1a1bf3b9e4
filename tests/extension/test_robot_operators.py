# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does with robot motion: import and undo, from a character, export, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from test_bad_input import refused

import characters

FRAMES, JOINTS = 20, 29


def robot_file(path: Path, **changes: object) -> Path:
    """Write a motion of a robot that walks along its X and swings its arms."""
    time = np.arange(FRAMES)
    dof = np.zeros((FRAMES, JOINTS))
    dof[:, [15, 22]] = 0.4 * np.sin(0.3 * time)[:, None] * (1.0, -1.0)
    document = {
        "version": 1,
        "robotType": "unitree_g1",
        "fps": 30,
        "frameCount": FRAMES,
        "root_pos": np.column_stack((0.02 * time, 0.0 * time, np.full(FRAMES, 0.8))).tolist(),
        "root_rot_xyzw": [[0.0, 0.0, 0.0, 1.0]] * FRAMES,
        "dof_pos": dof.tolist(),
    } | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def animated_character() -> bpy.types.Object:
    hero = characters.make_mixamo_character("Hero")
    bone = hero.pose.bones["mixamorig:LeftArm"]
    bone.rotation_mode = "XYZ"
    for frame, angle in ((1, 0.0), (12, 0.8)):
        bone.rotation_euler.x = angle
        bone.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.view_layer.objects.active = hero
    return hero


def test_in_and_out_again(tmp_path: Path) -> None:
    path = robot_file(tmp_path / "walk.json")
    assert bpy.ops.aimocap.import_robot_motion("EXEC_DEFAULT", filepath=str(path)) == {"FINISHED"}
    armature = bpy.context.object
    assert (armature.name, armature.type, armature.select_get()) == ("walk", "ARMATURE", True)
    assert armature.animation_data.action.frame_range[1] == pytest.approx(1 + (FRAMES - 1) * 24 / 30)
    out = tmp_path / "again.json"
    assert bpy.ops.aimocap.export_robot_motion("EXEC_DEFAULT", filepath=str(out)) == {"FINISHED"}
    before, after = (json.loads(each.read_text()) for each in (path, out))
    assert after["fps"] == 30
    for key in ("root_pos", "root_rot_xyzw", "dof_pos"):
        assert np.abs(np.array(before[key]) - np.array(after[key])).max() < 1e-6
    table = tmp_path / "again.csv"
    # also from the body, which is what a person clicks on
    bpy.context.view_layer.objects.active = armature.children[0]
    assert bpy.ops.aimocap.export_robot_motion("EXEC_DEFAULT", filepath=str(table)) == {"FINISHED"}
    assert np.loadtxt(table, delimiter=",").shape == (FRAMES, 7 + JOINTS)
    assert not list(tmp_path.glob(".*"))


def test_import_is_one_undo_step(tmp_path: Path, snapshot) -> None:
    before = snapshot()
    bpy.ops.ed.undo_push(message="Before")
    path = robot_file(tmp_path / "walk.json")
    bpy.ops.aimocap.import_robot_motion("EXEC_DEFAULT", True, filepath=str(path))
    assert len(bpy.data.objects) == 2
    bpy.ops.ed.undo()
    assert snapshot() == before


def test_a_robot_from_a_character(snapshot) -> None:
    hero = animated_character()
    hero.location = (2.0, 1.0, 0.0)
    hero.rotation_euler.z = math.pi / 2.0
    assert bpy.ops.aimocap.retarget_to_g1("EXEC_DEFAULT", rate=30.0) == {"FINISHED"}
    robot = bpy.context.object
    assert robot.name == "Hero G1"
    posed = robot.evaluated_get(bpy.context.evaluated_depsgraph_get())
    pelvis = posed.matrix_world @ posed.pose.bones["pelvis"].head
    assert (pelvis.xy - hero.location.xy).length < 0.05
    # the character, which faces -Y, was turned to face X; pelvis bones have their Z axis to the front
    assert (posed.matrix_world @ posed.pose.bones["pelvis"].matrix).col[2].x > 0.9
    curves = [each for each in _curves(robot) if "left_shoulder_roll" in each.data_path]
    values = [point.co.y for point in curves[0].keyframe_points]
    assert max(values) - min(values) > 0.2
    # a robot is not retargeted again
    assert not bpy.ops.aimocap.retarget_to_g1.poll()


def test_what_is_refused_leaves_nothing(tmp_path: Path, snapshot) -> None:
    before = snapshot()
    operator = bpy.ops.aimocap.import_robot_motion
    assert "No file is given" in refused(operator)
    assert "cannot be read" in refused(operator, filepath=str(tmp_path / "gone.json"))
    other = robot_file(tmp_path / "other.json", robotType="unitree_h1")
    assert "not of a Unitree G1" in refused(operator, filepath=str(other))
    small = robot_file(tmp_path / "small.json", dof_pos=[[0.0] * 23] * FRAMES)
    assert "23 joints" in refused(operator, filepath=str(small))
    whole = robot_file(tmp_path / "walk.json")
    text = refused(operator, filepath=str(whole), mesh_folder=str(tmp_path))
    assert "holds no meshes of the G1" in text
    assert snapshot() == before
    assert operator("EXEC_DEFAULT", filepath=str(small), layout_23="hardware") == {"FINISHED"}


def test_a_character_without_motion_is_refused(snapshot) -> None:
    hero = characters.make_mixamo_character("Hero")
    bpy.context.view_layer.objects.active = hero
    before = snapshot()
    assert "has no motion" in refused(bpy.ops.aimocap.retarget_to_g1)
    assert snapshot() == before
    assert not bpy.ops.aimocap.export_robot_motion.poll()


def test_beyond_the_limits(tmp_path: Path) -> None:
    dof = np.zeros((FRAMES, JOINTS))
    dof[3, 3] = 3.0
    path = robot_file(tmp_path / "far.json", dof_pos=dof.tolist())
    bpy.ops.aimocap.import_robot_motion("EXEC_DEFAULT", filepath=str(path))
    out = tmp_path / "out.json"
    assert "left knee" in refused(bpy.ops.aimocap.export_robot_motion, filepath=str(out), limits="REFUSE")
    assert not out.exists()
    bpy.ops.aimocap.export_robot_motion("EXEC_DEFAULT", filepath=str(out))
    assert np.max(json.loads(out.read_text())["dof_pos"]) == pytest.approx(2.8798, abs=1e-6)


def test_own_meshes_take_the_place_of_simple_shapes(tmp_path: Path) -> None:
    bpy.ops.mesh.primitive_cube_add(size=0.1, location=(0.0, 0.0, 0.1))
    meshes = tmp_path / "meshes"
    meshes.mkdir()
    bpy.ops.wm.stl_export(filepath=str(meshes / "left_knee_link.STL"))
    bpy.ops.object.delete()
    path = robot_file(tmp_path / "walk.json")
    operator = bpy.ops.aimocap.import_robot_motion
    assert operator("EXEC_DEFAULT", filepath=str(path), mesh_folder=str(meshes)) == {"FINISHED"}
    (body,) = bpy.context.object.children
    group = body.vertex_groups["left_knee_joint"].index
    knee = [v.co for v in body.data.vertices if any(g.group == group for g in v.groups)]
    assert len(knee) == 8
    head = bpy.context.object.data.bones["left_knee_joint"].head_local
    assert min((co - head).z for co in knee) == pytest.approx(0.05, abs=1e-4)
    assert not [mesh for mesh in bpy.data.meshes if "left_knee" in mesh.name]


def test_a_broken_mesh_is_named(tmp_path: Path, snapshot) -> None:
    before = snapshot()
    (tmp_path / "pelvis.stl").write_bytes(b"no mesh")
    path = robot_file(tmp_path / "walk.json")
    text = refused(bpy.ops.aimocap.import_robot_motion, filepath=str(path), mesh_folder=str(tmp_path))
    assert "pelvis.stl" in text
    assert snapshot() == before


def test_json_files_can_be_dropped() -> None:
    handler = bpy.types.FileHandler.bl_rna_get_subclass_py("AIMOCAP_FH_robot_motion")
    assert handler is not None
    assert handler.bl_import_operator == bpy.ops.aimocap.import_robot_motion.idname_py()


def _curves(armature: bpy.types.Object):
    action = armature.animation_data.action
    return action.fcurves if hasattr(action, "fcurves") else action.layers[0].strips[0].channelbags[0].fcurves
