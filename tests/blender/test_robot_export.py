# SPDX-License-Identifier: GPL-3.0-or-later
"""Robot motion back out of the scene: as it came in, as an animator changed it, and what the robot cannot do."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Quaternion
from robot_motions import busy_motion, written

from aimocap_addon.motion.g1.model import g1_model
from aimocap_addon.motion.g1.robot_motion import RobotMotion, read_robot_motion
from aimocap_addon.scene import compat
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.robot_export import export_robot_motion
from aimocap_addon.scene.robot_motion import RobotLook, add_robot, import_robot_motion


def read(path: Path) -> RobotMotion:
    return read_robot_motion(path.read_bytes())[0]


def apart(a: RobotMotion, b: RobotMotion) -> float:
    """Return the largest difference between two motions, of quaternions up to their sign."""
    assert a.fps == b.fps
    same = np.sign(np.sum(a.root_rot * b.root_rot, axis=1, keepdims=True))
    pairs = ((a.root_pos, b.root_pos), (a.root_rot * same, b.root_rot), (a.dof_pos, b.dof_pos))
    return max(float(np.abs(one - other).max()) for one, other in pairs)


@pytest.mark.parametrize(("fps", "scene_fps", "start"), [(30.0, 24, 1.0), (60.0, 60, 100.0), (29.97, 25, -7.5)])
def test_what_comes_in_goes_out(tmp_path: Path, fps: float, scene_fps: int, start: float) -> None:
    bpy.context.scene.render.fps = scene_fps
    motion = busy_motion(200, fps)
    armature = import_robot_motion(bpy.context, written(tmp_path / "in.json", motion), "R", start, scene_fps / fps)
    export_robot_motion(armature, tmp_path / "out.json")
    assert apart(read(tmp_path / "out.json"), motion) < 1e-6


def test_csv_has_the_common_order(tmp_path: Path) -> None:
    motion = busy_motion(5)
    armature, _ = add_robot(bpy.context, motion, "R", frame_start=1.0)
    export_robot_motion(armature, tmp_path / "out.csv", file_format="CSV")
    rows = np.loadtxt(tmp_path / "out.csv", delimiter=",")
    assert np.abs(rows[:, :3] - motion.root_pos).max() < 1e-6
    assert np.abs(np.abs(np.sum(rows[:, [6, 3, 4, 5]] * motion.root_rot, axis=1)) - 1.0).max() < 1e-6
    assert np.abs(rows[:, 7:] - motion.dof_pos).max() < 1e-6


def test_another_rate_is_read_between_the_keys(tmp_path: Path) -> None:
    motion = busy_motion(31, 30.0)
    armature, _ = add_robot(bpy.context, motion, "R", frame_start=1.0)
    export_robot_motion(armature, tmp_path / "out.json", rate=60.0)
    found = read(tmp_path / "out.json")
    assert (found.fps, found.frames) == (60.0, 61)
    assert np.abs(found.dof_pos[::2] - motion.dof_pos).max() < 1e-5
    assert np.abs(found.dof_pos[1::2] - 0.5 * (motion.dof_pos[1:] + motion.dof_pos[:-1])).max() < 1e-5


def test_an_edit_is_exported_and_nothing_else_changes(tmp_path: Path) -> None:
    model = g1_model()
    motion = busy_motion(20)
    armature, _ = add_robot(bpy.context, motion, "R", frame_start=1.0)
    knee = model.joint_index["left_knee_joint"]
    bone = armature.pose.bones["left_knee_joint"]
    curve = next(c for c in compat.active_curves(armature) if c.data_path == bone.path_from_id("rotation_euler"))
    for point in curve.keyframe_points:
        point.co.y += 0.05
    export_robot_motion(armature, tmp_path / "out.json")
    difference = np.abs(read(tmp_path / "out.json").dof_pos - motion.dof_pos)
    assert np.abs(difference[:, knee] - 0.05).max() < 1e-6
    assert np.delete(difference, knee, axis=1).max() < 1e-6


def test_nla_strips_and_constraints_count(tmp_path: Path) -> None:
    motion = busy_motion(20)
    armature, _ = add_robot(bpy.context, motion, "R", frame_start=1.0)
    action = armature.animation_data.action
    track = armature.animation_data.nla_tracks.new()
    strip = track.strips.new("Late", 11, action)
    if compat.HAS_SLOTS:
        strip.action_slot = action.slots[0]
    armature.animation_data.action = None
    bone = armature.pose.bones["waist_yaw_joint"]
    constraint = bone.constraints.new("LIMIT_ROTATION")
    constraint.owner_space = "LOCAL"
    constraint.use_limit_y, constraint.min_y, constraint.max_y = True, -0.1, 0.1
    export_robot_motion(armature, tmp_path / "out.json")
    found = read(tmp_path / "out.json")
    waist = g1_model().joint_index["waist_yaw_joint"]
    assert found.frames == motion.frames
    assert np.abs(np.delete(found.dof_pos - motion.dof_pos, waist, axis=1)).max() < 1e-4
    assert np.abs(found.dof_pos[:, waist] - np.clip(motion.dof_pos[:, waist], -0.1, 0.1)).max() < 1e-4


def test_a_robot_keyed_by_hand_in_quaternions(tmp_path: Path) -> None:
    """The elbow turns about its axis and a little about others, which the robot cannot do."""
    armature, _ = add_robot(bpy.context, busy_motion(2), "R", frame_start=1.0)
    armature.animation_data_clear()
    bone = armature.pose.bones["left_elbow_joint"]
    bone.rotation_mode = "QUATERNION"
    for frame, angle in ((1, 0.2), (11, 1.0)):
        bone.rotation_quaternion = Quaternion((1, 0, 0), angle) @ Quaternion((0, 0, 1), 0.1)
        bone.keyframe_insert("rotation_quaternion", frame=frame)
    done = export_robot_motion(armature, tmp_path / "out.json", rate=24.0)
    elbow = g1_model().joint_index["left_elbow_joint"]
    found = read(tmp_path / "out.json")
    assert found.frames == 11
    assert np.allclose(found.dof_pos[[0, -1], elbow], (0.2, 1.0), atol=1e-5)
    assert "left elbow by 5.7°" in " ".join(done.warnings)


def test_angles_beyond_the_limits_are_clamped_or_refused(tmp_path: Path) -> None:
    model = g1_model()
    motion = busy_motion(10)
    beyond = motion.dof_pos.copy()
    beyond[4, 3] = model.upper[3] + 0.1
    armature, _ = add_robot(bpy.context, dataclasses.replace(motion, dof_pos=beyond), "R", frame_start=1.0)
    out = tmp_path / "out.json"
    with pytest.raises(SceneError, match=r"left knee by 5\.7° at frame 4"):
        export_robot_motion(armature, out, clamp=False)
    assert not out.exists()
    done = export_robot_motion(armature, out)
    assert read(out).dof_pos[4, 3] == pytest.approx(model.upper[3], abs=1e-6)
    assert [each.name for each in done.asked.limits] == ["left_knee_joint"]
    assert not any(c.mute for bone in armature.pose.bones for c in bone.constraints)


def test_speed_and_floor_are_reported(tmp_path: Path) -> None:
    motion = busy_motion(10)
    place = motion.root_pos.copy()
    place[3, 2] -= 1.5
    fast = motion.dof_pos.copy()
    fast[5:, 3] = 0.0
    fast[:5, 3] = 2.0
    moved = dataclasses.replace(motion, root_pos=place, dof_pos=fast)
    armature, _ = add_robot(bpy.context, moved, "R", frame_start=1.0)
    asked = export_robot_motion(armature, tmp_path / "out.json").asked
    assert asked.floor is not None
    assert asked.floor.frame == 3
    assert "left_knee_joint" in [each.name for each in asked.velocities]


def test_an_object_that_moves_and_one_whose_turn_was_applied(tmp_path: Path) -> None:
    motion = busy_motion(10)
    look = RobotLook(heading=0.0)
    armature, _ = add_robot(bpy.context, motion, "R", frame_start=1.0, look=look)
    for frame, x in ((1, 0.0), (8, 0.8)):
        armature.location.x = x
        armature.keyframe_insert("location", frame=frame)
    export_robot_motion(armature, tmp_path / "moved.json")
    moved = read(tmp_path / "moved.json")
    assert moved.root_pos[0] == pytest.approx(motion.root_pos[0], abs=1e-5)
    assert np.abs(moved.dof_pos - motion.dof_pos).max() < 1e-5
    assert (moved.root_pos - motion.root_pos)[-1, 0] == pytest.approx(0.8, abs=0.05)

    turned, _ = add_robot(bpy.context, motion, "T", frame_start=1.0)
    turned.children[0].parent = None
    turned.data.transform(turned.matrix_basis)
    turned.matrix_basis.identity()
    export_robot_motion(turned, tmp_path / "turned.json")
    found = read(tmp_path / "turned.json")
    assert np.abs(found.dof_pos - motion.dof_pos).max() < 1e-5
    x, y, z = motion.root_pos[0]
    assert found.root_pos[0] == pytest.approx((y, -x, z), abs=1e-5)


def test_what_is_no_robot_is_refused(tmp_path: Path) -> None:
    other = bpy.data.objects.new("Other", bpy.data.armatures.new("Other"))
    with pytest.raises(SceneError, match="no Unitree G1"):
        export_robot_motion(other, tmp_path / "out.json")
    armature, _ = add_robot(bpy.context, busy_motion(2), "R", frame_start=1.0)
    with pytest.raises(SceneError, match="cannot be written"):
        export_robot_motion(armature, tmp_path / "gone" / "out.json")
    armature.animation_data_clear()
    with pytest.raises(SceneError, match="no motion"):
        export_robot_motion(armature, tmp_path / "out.json")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones["left_knee_joint"].head.z += 0.1
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(SceneError, match="changed in Edit Mode"):
        export_robot_motion(armature, tmp_path / "out.json")
    assert not list(tmp_path.iterdir())


def test_the_file_before_stays_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out.json"
    out.write_text("before")
    armature, _ = add_robot(bpy.context, busy_motion(2), "R", frame_start=1.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SceneError, match="No space left"):
        export_robot_motion(armature, out)
    assert out.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]
    monkeypatch.undo()
    export_robot_motion(armature, out)
    assert json.loads(out.read_text())["frameCount"] == 2
    assert math.isfinite(read(out).fps)
