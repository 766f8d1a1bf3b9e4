# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinematics of the G1 against MuJoCo's, and against a real capture and its authors' own kinematics."""

from __future__ import annotations

import numpy as np
from g1_data import needs_real_motion, real_motion
from g1_mjcf import mujoco, mujoco_g1

from aimocap_addon.motion.g1.model import forward_kinematics, g1_model, lowest_sole, sole_positions
from aimocap_addon.motion.rotations import Array, normalize

MODEL = g1_model()


def random_poses(count: int) -> tuple[Array, Array, Array]:
    random = np.random.default_rng(7)
    dof = random.uniform(MODEL.lower, MODEL.upper, size=(count, 29))
    return random.uniform(-3.0, 3.0, size=(count, 3)), normalize(random.normal(size=(count, 4))), dof


def test_a_thousand_poses_are_as_in_mujoco() -> None:
    robot, data = mujoco_g1(MODEL)
    root_pos, root_rot, dof = random_poses(1000)
    positions, rotations = forward_kinematics(MODEL, root_pos, root_rot, dof)
    lowest = lowest_sole(MODEL, positions, rotations)
    assert [robot.body(i + 1).name for i in range(30)] == list(MODEL.link_names)
    for i in range(len(dof)):
        data.qpos[:] = np.concatenate((root_pos[i], root_rot[i], dof[i]))
        mujoco.mj_kinematics(robot, data)
        assert np.abs(data.xpos[1:] - positions[i]).max() < 1e-6  # a thousandth of a millimetre
        assert np.abs(np.sum(data.xquat[1:] * rotations[i], axis=1)).min() > 1.0 - 1e-12
        assert abs((data.geom_xpos[:, 2] - robot.geom_size[:, 0]).min() - lowest[i]) < 1e-6


@needs_real_motion
def test_a_real_capture_is_where_its_authors_have_it() -> None:
    motion, true = real_motion()
    positions, _ = forward_kinematics(MODEL, motion.root_pos, motion.root_rot, motion.dof_pos)
    assert np.linalg.norm(positions - true, axis=-1).max() < 1e-4


def test_the_robot_stands_on_its_soles_as_its_makers_say() -> None:
    # the pelvis is 0.7919 m over soles that lie flat with straight legs
    root = np.array(((0.0, 0.0, 0.7919),))
    positions, rotations = forward_kinematics(MODEL, root, np.array(((1.0, 0.0, 0.0, 0.0),)), np.zeros((1, 29)))
    soles = sole_positions(MODEL, positions, rotations)[0]
    assert np.abs(soles[..., 2]).max() < 2e-4
    assert soles[0, :, 1].min() > 0.05
    assert soles[1, :, 1].max() < -0.05
    assert (soles[:, 2:, 0] > soles[:, :2, 0].max()).all()


def test_positive_angles_turn_as_the_makers_say() -> None:
    dof = np.zeros((4, 29))
    for pose, joint, angle in ((1, "left_hip_pitch", -0.5), (2, "left_knee", 0.5), (3, "left_shoulder_roll", 0.5)):
        dof[pose, MODEL.joint_index[f"{joint}_joint"]] = angle
    root = np.zeros((4, 3)), np.tile((1.0, 0.0, 0.0, 0.0), (4, 1))
    positions, _ = forward_kinematics(MODEL, *root, dof)
    foot, elbow = MODEL.link_index["left_ankle_roll_link"], MODEL.link_index["left_elbow_link"]
    assert positions[1, foot, 0] > positions[0, foot, 0] + 0.2  # the leg swings forward
    assert positions[2, foot, 0] < positions[0, foot, 0] - 0.1  # the knee bends backward
    assert positions[3, elbow, 1] > positions[0, elbow, 1] + 0.05  # the arm goes out to the side


def test_the_shapes_of_the_body_belong_to_its_links() -> None:
    assert {shape.link for shape in MODEL.shapes} | {box.link for box in MODEL.mesh_boxes} <= set(MODEL.link_names)
    assert {box.link for box in MODEL.mesh_boxes} == set(MODEL.link_names)
    assert all((box.high > box.low).all() for box in MODEL.mesh_boxes)
