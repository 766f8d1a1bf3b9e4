# SPDX-License-Identifier: GPL-3.0-or-later
"""Human motion on the G1: like the performer's, within what the robot can do, on the floor."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from clip_truth import CLIPS, true_motion
from g1_data import needs_real_motion, real_motion
from g1_mjcf import mujoco, mujoco_g1
from people import person
from test_captured_feet import captured
from test_retarget import dance, mapping

from aimocap_addon.motion.contacts import spans
from aimocap_addon.motion.g1.closed_form import angles_from_rotations
from aimocap_addon.motion.g1.model import forward_kinematics, g1_model, sole_positions
from aimocap_addon.motion.g1.robot_motion import RobotMotion, read_robot_motion, robot_motion_json, violations
from aimocap_addon.motion.g1.solve import performance, solve_g1
from aimocap_addon.motion.g1.tracking import LinkTarget, Pose, track
from aimocap_addon.motion.rotations import Array, normalize, quaternion_multiply, quaternion_rotate
from aimocap_addon.motion.skeleton import Motion, Skeleton

MODEL = g1_model()
SIDES = ("left", "right")


@cache
def solved(name: str, rate: float = 30.0) -> RobotMotion:
    skeleton, motion = true_motion(name)
    return solve_g1(skeleton, mapping(skeleton), motion, rate)


def links(motion: RobotMotion) -> tuple[Array, Array]:
    return forward_kinematics(MODEL, motion.root_pos, motion.root_rot, motion.dof_pos)


@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("rate", [30.0, 60.0])
def test_solved_clips_are_within_what_mujoco_s_robot_can_do(name: str, rate: float) -> None:
    motion, warnings = read_robot_motion(robot_motion_json(solved(name, rate)))
    assert warnings == []
    source = true_motion(name)[1]
    assert motion.frames == (source.positions.shape[1] - 1) * rate / source.rate + 1
    robot, data = mujoco_g1(MODEL)
    limits = robot.jnt_range[1:]
    assert (motion.dof_pos > limits[:, 0] - 1e-7).all()
    assert (motion.dof_pos < limits[:, 1] + 1e-7).all()
    assert (np.abs(np.diff(motion.dof_pos, axis=0)) * rate <= MODEL.velocity).all()
    for i in range(motion.frames):
        data.qpos[:] = np.concatenate((motion.root_pos[i], motion.root_rot[i], motion.dof_pos[i]))
        mujoco.mj_kinematics(robot, data)
        assert (data.geom_xpos[:, 2] - robot.geom_size[:, 0]).min() > -0.005


def limb_directions(name: str, a: str, b: str) -> Array:
    """Directions (F, 3) of a limb of the performer, turned to face X as the robot does."""
    skeleton, motion = true_motion(name)
    way = motion.positions[skeleton.index[b]] - motion.positions[skeleton.index[a]]
    return normalize(way[:, [1, 0, 2]] * (-1.0, 1.0, 1.0))


def degrees_apart(a: Array, b: Array) -> Array:
    return np.degrees(np.arccos(np.clip(np.sum(normalize(a) * normalize(b), axis=-1), -1.0, 1.0)))


@pytest.mark.parametrize("name", CLIPS)
def test_limbs_point_where_the_performer_s_do(name: str) -> None:
    at, turned = links(solved(name))
    for side in SIDES:
        s = side[0]
        upper = quaternion_rotate(turned[:, MODEL.link_index[f"{side}_shoulder_yaw_link"]], np.array((0.0, 0.0, -1.0)))
        assert degrees_apart(upper, limb_directions(name, f"upperarm_{s}", f"lowerarm_{s}")).mean() < 3.0
        fore = at[:, MODEL.link_index[f"{side}_wrist_yaw_link"]] - at[:, MODEL.link_index[f"{side}_elbow_link"]]
        assert degrees_apart(fore, limb_directions(name, f"lowerarm_{s}", f"hand_{s}")).mean() < 3.0
        shin = at[:, MODEL.link_index[f"{side}_ankle_roll_link"]] - at[:, MODEL.link_index[f"{side}_knee_link"]]
        assert degrees_apart(shin, limb_directions(name, f"calf_{s}", f"foot_{s}")).mean() < 6.0


def check_planted(skeleton: Skeleton, source: Motion, robot: RobotMotion) -> None:
    stands = performance(MODEL, skeleton, mapping(skeleton), source).stands
    soles = sole_positions(MODEL, *links(robot))
    checked = 0
    for stand in stands:
        toe = soles[:, SIDES.index(stand.side), 2:].mean(axis=1)
        for start, stop in spans(stand.planted):
            drift = np.linalg.norm(toe[start:stop, :2] - toe[start:stop, :2].mean(axis=0), axis=1)
            assert drift.max() < 0.003
            assert toe[start:stop, 2].max() < 0.012
            checked += stop - start
    assert checked > 100


@pytest.mark.parametrize("name", CLIPS)
def test_planted_feet_stay_on_their_place_on_the_floor(name: str) -> None:
    check_planted(*true_motion(name), solved(name))


@pytest.mark.parametrize("name", CLIPS)
def test_feet_of_shaky_captures_stand_too(name: str) -> None:
    # these feet point where no ankle without yaw lets them
    skeleton, motion = captured(name)
    robot = solve_g1(skeleton, mapping(skeleton), motion, motion.rate)
    check_planted(skeleton, motion, robot)
    assert not violations(robot, MODEL)


def test_the_path_is_the_performer_s_at_the_robot_s_size() -> None:
    skeleton, source = true_motion("walk_turn")
    hips = source.positions[skeleton.index["pelvis"]]
    walked = (hips[-1] - hips[0])[[1, 0, 2]] * (-1.0, 1.0, 1.0)
    motion = solved("walk_turn")
    ratio = np.linalg.norm(motion.root_pos[-1] - motion.root_pos[0]) / np.linalg.norm(walked)
    assert degrees_apart(motion.root_pos[-1] - motion.root_pos[0], walked) < 5.0
    assert 0.7 < ratio < 0.85  # legs of 0.65 m to 0.84 m


def test_it_matters_neither_how_the_bones_lie_nor_how_large_the_performer_is() -> None:
    results = []
    for scale, seed in ((1.0, None), (1.0, 4), (100.0, 5)):
        skeleton, plain = (person(arm_drop=45.0, height=scale, seed=axes) for axes in (seed, None))
        base = dance(plain, scale=scale)
        turn = quaternion_multiply(base.rotations, (plain.rest_rotations * (1.0, -1.0, -1.0, -1.0))[:, None])
        rotations = quaternion_multiply(turn, skeleton.rest_rotations[:, None])
        motion = Motion(base.bones, rotations, base.positions, base.rate)
        results.append(solve_g1(skeleton, mapping(skeleton), motion, 30.0))
    for other in results[1:]:
        assert np.abs(other.dof_pos - results[0].dof_pos).max() < 1e-3
        assert np.abs(other.root_pos - results[0].root_pos).max() < 1e-4
    assert not violations(results[0], MODEL)


def test_a_still_performer_makes_a_robot_that_stands() -> None:
    skeleton = person(arm_drop=90.0)
    frames = 12
    rotations = np.repeat(skeleton.rest_rotations[:, None], frames, axis=1)
    positions = np.repeat(skeleton.rest_positions[:, None], frames, axis=1)
    motion = Motion(tuple(range(len(skeleton.names))), rotations, positions, 30.0)
    robot = solve_g1(skeleton, mapping(skeleton), motion, 30.0)
    assert np.ptp(robot.dof_pos, axis=0).max() < 1e-6
    assert np.abs(sole_positions(MODEL, *links(robot))[..., 2]).max() < 0.003
    at = links(robot)[0][0]
    assert (at[MODEL.link_index["torso_link"]] - at[0])[2] > 0.04
    for side, sign in (("left", 1.0), ("right", -1.0)):
        hand, elbow = (at[MODEL.link_index[f"{side}_{link}_link"]] for link in ("wrist_yaw", "elbow"))
        assert degrees_apart(hand - elbow, np.array((0.0, 0.0, -1.0))) < 3.0
        assert sign * hand[1] > 0.1


@pytest.mark.parametrize("frames", [1, 2])
def test_short_motion_is_solved_too(frames: int) -> None:
    skeleton, motion = true_motion("wave_squat")
    short = Motion(motion.bones, motion.rotations[:, :frames], motion.positions[:, :frames], motion.rate)
    assert solve_g1(skeleton, mapping(skeleton), short, 30.0).frames == frames


def test_a_rate_that_is_none_and_a_motion_that_is_none_are_refused() -> None:
    skeleton, motion = true_motion("wave_squat")
    nothing = Motion(motion.bones, motion.rotations[:, :0], motion.positions[:, :0], motion.rate)
    with pytest.raises(ValueError, match="no frames"):
        solve_g1(skeleton, mapping(skeleton), nothing, 30.0)
    with pytest.raises(ValueError, match="frame rate is 0"):
        solve_g1(skeleton, mapping(skeleton), motion, 0.0)


@needs_real_motion
def test_angles_of_a_real_motion_are_found_from_its_links() -> None:
    motion, _ = real_motion()
    turned = links(motion)[1]
    found = angles_from_rotations(MODEL, {name: turned[:, i] for i, name in enumerate(MODEL.link_names)})
    assert np.abs(found - motion.dof_pos).max() < 1e-9


def test_angles_are_found_where_arms_pass_the_pole_of_their_axes() -> None:
    # arms go up sideways, through the pose in which pitch and yaw of the shoulder coincide
    frames = 60
    dof = np.zeros((frames, 29))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        dof[:, MODEL.joint_index[f"{side}_shoulder_roll_joint"]] = sign * np.linspace(0.2, 2.2, frames)
        dof[:, MODEL.joint_index[f"{side}_shoulder_pitch_joint"]] = 0.3
        dof[:, MODEL.joint_index[f"{side}_elbow_joint"]] = np.linspace(0.5, 1.2, frames)
    turned = forward_kinematics(MODEL, np.zeros((frames, 3)), np.tile((1.0, 0.0, 0.0, 0.0), (frames, 1)), dof)[1]
    found = angles_from_rotations(MODEL, {name: turned[:, i] for i, name in enumerate(MODEL.link_names)})
    assert np.abs(found - dof).max() < 1e-6


def test_tracking_finds_reachable_targets_and_stops_at_limits() -> None:
    random = np.random.default_rng(2)
    frames = 30
    middle, half = (MODEL.upper + MODEL.lower) / 2.0, (MODEL.upper - MODEL.lower) / 2.0
    true = middle + 0.5 * half * random.uniform(-1.0, 1.0, (frames, 29))
    root_pos, root_rot = random.normal(size=(frames, 3)), normalize(random.normal(size=(frames, 4)))
    at, turned = forward_kinematics(MODEL, root_pos, root_rot, true)
    names = ["pelvis", "torso_link"]
    names += [f"{side}_{link}_link" for side in SIDES for link in ("ankle_roll", "knee", "wrist_yaw", "elbow")]
    wanted = [MODEL.link_index[name] for name in names]
    start = Pose(
        root_pos + 0.02, root_rot, np.clip(true + 0.1 * random.normal(size=true.shape), MODEL.lower, MODEL.upper)
    )
    pose = track(MODEL, [LinkTarget(link, at[:, link], turned[:, link]) for link in wanted], start, 12)
    found = forward_kinematics(MODEL, pose.root_pos, pose.root_rot, pose.dof)[0]
    assert np.abs(found[:, wanted] - at[:, wanted]).max() < 1e-5
    far = [LinkTarget(link, at[:, link] + (0.0, 0.0, 3.0), turned[:, link]) for link in wanted[2:]]
    pose = track(MODEL, far, start, 12)
    assert (pose.dof >= MODEL.lower).all()
    assert (pose.dof <= MODEL.upper).all()
    assert all(np.isfinite(part).all() for part in (pose.root_pos, pose.root_rot, pose.dof))
