# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from people import TRUNK_3, perform, person, target

from aimocap_addon.motion.mapping import Mapping, detect
from aimocap_addon.motion.retarget import Options, Solution, Target, solve
from aimocap_addon.motion.rotations import (
    Array,
    matrix_from_quaternion,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_euler,
    quaternion_multiply,
    quaternion_rotate,
)
from aimocap_addon.motion.skeleton import Motion, Skeleton, forward_kinematics

FRAMES = 50
FREE_FEET = Options(hold_contacts=False)
LIMBS = [
    (f"{a}_{s}", f"{b}_{s}")
    for s in "lr"
    for a, b in (("upperarm", "lowerarm"), ("lowerarm", "hand"), ("thigh", "calf"), ("calf", "foot"))
]


def mapping(skeleton: Skeleton) -> Mapping:
    found = detect(skeleton.names, skeleton.parents.tolist())
    assert found is not None
    return found


def dance(skeleton: Skeleton, scale: float = 1.0, seed: int = 1) -> Motion:
    """Every bone swings; the pelvis wanders."""
    random = np.random.default_rng(seed)
    t = np.linspace(0.0, 6.0, FRAMES)[:, None]
    rotations = {
        name: quaternion_from_euler(0.5 * np.sin(t + random.uniform(0, 6, 3)) * random.uniform(0.2, 1.0, 3), "XYZ")
        for name in skeleton.names
        if name != "root" and "twist" not in name
    }
    path = np.concatenate((0.2 + np.sin(t), -0.3 * t, 0.05 * np.cos(t)), axis=1) * scale
    pelvis = skeleton.rest_rotations[skeleton.index["pelvis"]]
    return perform(skeleton, rotations, {"pelvis": quaternion_rotate(quaternion_conjugate(pelvis), path)}, FRAMES)


def shown(receiver: Target, solution: Solution) -> Motion:
    """What the solution's channels look like on the target."""
    bones = tuple(range(len(receiver.skeleton.names)))
    turned, placed = forward_kinematics(receiver.skeleton, bones, solution.rotations, solution.locations)
    count = len(next(iter(solution.locations.values())))
    return Motion(
        bones,
        np.stack([np.broadcast_to(turned[bone], (count, 4)) for bone in bones]),
        np.stack([np.broadcast_to(placed[bone], (count, 3)) for bone in bones]),
        30.0,
    )


def retargeted(source: Skeleton, motion: Motion, receiver: Target, options: Options = FREE_FEET) -> Motion:
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton), options)
    return shown(receiver, solution)


def direction(skeleton: Skeleton, motion: Motion, start: str, end: str) -> Array:
    vector = motion.positions[skeleton.index[end]] - motion.positions[skeleton.index[start]]
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def worst(source: Skeleton, motion: Motion, receiver: Skeleton, result: Motion, turn: Array | None = None) -> float:
    """Largest angle in degrees between limbs of both."""
    turn = np.eye(3) if turn is None else turn
    errors = [
        np.linalg.norm(direction(source, motion, a, b) @ turn.T - direction(receiver, result, a, b), axis=-1)
        for a, b in LIMBS
    ]
    return float(np.degrees(np.max(errors)))


@pytest.mark.parametrize("drops", [(45.0, 0.0), (0.0, 60.0), (30.0, 30.0)])
@pytest.mark.parametrize("seeds", [(None, None), (5, None), (None, 6), (7, 8)])
def test_limbs_follow_whatever_the_rest_poses_and_bone_axes(drops: tuple, seeds: tuple) -> None:
    source = person(arm_drop=drops[0], seed=seeds[0])
    receiver = target(person(arm_drop=drops[1], seed=seeds[1], height=1.2, trunk=TRUNK_3))
    motion = dance(source)
    result = retargeted(source, motion, receiver)
    assert worst(source, motion, receiver.skeleton, result) < 1e-6


def test_upright_parts_and_feet_keep_their_own_rest() -> None:
    source, receiver = person(arm_drop=45.0), target(person(seed=3))
    motion = dance(source)
    result = retargeted(source, motion, receiver)
    for name in ("pelvis", "spine_03", "head", "foot_l", "ball_r"):
        a, b = source.index[name], receiver.skeleton.index[name]
        there = quaternion_multiply(motion.rotations[a], quaternion_conjugate(source.rest_rotations[a]))
        here = quaternion_multiply(result.rotations[b], quaternion_conjugate(receiver.skeleton.rest_rotations[b]))
        assert np.abs(np.sum(there * here, axis=-1)).min() == pytest.approx(1.0, abs=1e-9)


def test_palms_face_where_the_performers_do() -> None:
    source, receiver = person(arm_drop=50.0, seed=1), target(person(seed=2))
    motion = dance(source)
    result = retargeted(source, motion, receiver)

    def palm(skeleton: Skeleton, moved: Motion) -> Array:
        return np.cross(
            direction(skeleton, moved, "hand_r", "index_01_r"), direction(skeleton, moved, "hand_r", "pinky_01_r")
        )

    a, b = palm(source, motion), palm(receiver.skeleton, result)
    assert np.sum(a * b, axis=-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1) == pytest.approx(1.0)


@pytest.mark.parametrize("axis", [(0.0, 0.0, 1.0), (1.0, 0.0, 0.0)])
def test_armatures_that_face_elsewhere_move_in_their_own_direction(axis: tuple) -> None:
    """Facing +X, or with Y up."""
    turn = quaternion_from_axis_angle(np.array(axis), np.array(-np.pi / 2))
    source, plain = person(arm_drop=45.0), person(trunk=TRUNK_3)
    rest = plain.rest.copy()
    matrix = matrix_from_quaternion(turn)
    rest[:, :3] = matrix @ rest[:, :3]
    receiver = target(Skeleton(plain.names, plain.parents, rest))
    motion = dance(source)
    result = retargeted(source, motion, receiver)
    assert worst(source, motion, receiver.skeleton, result, matrix) < 1e-6


def test_the_path_is_scaled_by_leg_length() -> None:
    source, receiver = person(height=100.0, arm_drop=45.0), target(person(height=1.4))
    motion = dance(source, scale=100.0)
    result = retargeted(source, motion, receiver)

    def path(skeleton: Skeleton, moved: Motion) -> Array:
        return (moved.positions[skeleton.index["thigh_l"]] + moved.positions[skeleton.index["thigh_r"]]) / 2

    there, here = path(source, motion), path(receiver.skeleton, result)
    assert np.diff(here, axis=0) == pytest.approx(np.diff(there, axis=0) * 1.4 / 100.0, abs=1e-9)
    assert here[:, :2] == pytest.approx(there[:, :2] * 1.4 / 100.0, abs=1e-6)  # the captured offset is kept


def test_in_place_only_rises_and_sinks() -> None:
    source, receiver = person(), target(person(height=1.4))
    motion = dance(source)
    result = retargeted(source, motion, receiver, Options(root_motion="IN_PLACE", hold_contacts=False))
    thighs = [receiver.skeleton.index[f"thigh_{s}"] for s in "lr"]
    middle = result.positions[thighs].mean(axis=0)
    assert np.ptp(middle[:, :2], axis=0) == pytest.approx((0.0, 0.0), abs=1e-9)
    assert np.ptp(middle[:, 2]) > 0.05


def test_planted_toes_stand_on_the_targets_ground() -> None:
    source, receiver = person(), target(person(height=1.3))
    squat = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), 0.4 * np.sin(np.linspace(0, 3, FRAMES)))
    knees = quaternion_multiply(squat, squat)
    channels = {f"{part}_{s}": q for s in "lr" for part, q in (("thigh", quaternion_conjugate(squat)), ("calf", knees))}
    channels |= {f"foot_{s}": quaternion_conjugate(squat) for s in "lr"}
    toe = source.index["ball_l"]
    hanging = perform(source, channels, {}, FRAMES).positions[toe]
    # held down by the toes, two metres above the performer's ground
    motion = perform(source, channels, {"pelvis": source.rest_positions[toe] - hanging + (0.0, 0.0, 2.0)}, FRAMES)
    assert np.ptp(motion.positions[source.index["pelvis"], :, 2]) > 0.05
    result = retargeted(source, motion, receiver)
    for name in ("ball_l", "ball_r"):
        height = result.positions[receiver.skeleton.index[name], :, 2]
        assert height == pytest.approx(np.full(FRAMES, 0.02 * 1.3), abs=1e-6)


def test_who_lies_down_lies_on_the_targets_ground() -> None:
    source, receiver = person(), target(person(height=1.3))
    back = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), np.full(FRAMES, -np.pi / 2))
    motion = perform(source, {"pelvis": back}, {"pelvis": np.tile((0.0, 0.0, -0.8), (FRAMES, 1))}, FRAMES)
    result = retargeted(source, motion, receiver)
    for name in ("thigh_l", "head"):
        there = motion.positions[source.index[name], 0, 2]
        assert result.positions[receiver.skeleton.index[name], 0, 2] == pytest.approx(1.3 * there, abs=1e-6)


@pytest.mark.parametrize("trunks", [(3, 5), (5, 3)])
def test_a_bend_is_shared_out_along_spines_of_other_counts(trunks: tuple) -> None:
    counts = {3: TRUNK_3, 5: None}
    made = [person(trunk=counts[n]) if counts[n] else person() for n in trunks]
    source, receiver = made[0], target(made[1])
    bend = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), np.linspace(0.0, 0.9 / trunks[0], FRAMES))
    motion = perform(source, {f"spine_0{i}": bend for i in range(1, trunks[0] + 1)}, {}, FRAMES)
    result = retargeted(source, motion, receiver)
    angles = [
        2 * np.arccos(np.clip(result.rotations[receiver.skeleton.index[f"spine_0{i}"], -1, 0], -1, 1))
        for i in range(1, trunks[1] + 1)
    ]
    assert angles[-1] == pytest.approx(0.9, abs=1e-6)
    steps = np.diff([0.0, *angles])
    assert (steps > 0.05).all()
    assert steps.max() < 0.45


def test_a_body_without_neck_and_head_still_moves() -> None:
    body, headless = person(seed=3), person(seed=4)
    receiver = target(headless)
    found = mapping(headless)
    bones = {role: bone for role, bone in found.bones.items() if role != "head" and not role.startswith("neck")}
    motion = dance(body)
    solution = solve(body, mapping(body), motion, receiver, dataclasses.replace(found, bones=bones), FREE_FEET)
    assert worst(body, motion, headless, shown(receiver, solution)) < 1e-6


def test_locked_angles_hold_and_the_bones_below_make_up_for_it() -> None:
    source, receiver = person(arm_drop=45.0), target(person())
    elbow = receiver.skeleton.index["lowerarm_l"]
    receiver.locked[elbow] = (True, False, True)
    receiver.angles[elbow] = (0.2, 0.0, 0.1)
    motion = dance(source)
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton))
    assert solution.angles[elbow][:, 0] == pytest.approx(np.full(FRAMES, 0.2))
    assert solution.angles[elbow][:, 2] == pytest.approx(np.full(FRAMES, 0.1))
    result = shown(receiver, solution)
    hand = direction(source, motion, "hand_l", "middle_01_l") - direction(
        receiver.skeleton, result, "hand_l", "middle_01_l"
    )
    free = retargeted(source, motion, target(person()))
    expected = direction(source, motion, "hand_l", "middle_01_l") - direction(
        receiver.skeleton, free, "hand_l", "middle_01_l"
    )
    assert hand == pytest.approx(expected, abs=1e-9)


def test_twist_bones_share_the_roll_of_a_limb() -> None:
    source, receiver = person(), target(person(twists=True))
    roll = np.linspace(0.0, 3.0, FRAMES)  # about the arm, which lies along X
    along = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), roll)
    skeleton = receiver.skeleton

    def rolled(bone: str, channels: dict[str, Array]) -> Array:
        result = retargeted(source, perform(source, channels, {}, FRAMES), receiver)
        q = result.rotations[skeleton.index[bone]]
        return np.unwrap(2 * np.arctan2(q[:, 1], q[:, 0]))

    assert rolled("lowerarm_twist_01_l", {"hand_l": along}) == pytest.approx(roll / 2, abs=1e-6)
    assert rolled("upperarm_twist_01_l", {"upperarm_l": along}) == pytest.approx(np.zeros(FRAMES), abs=1e-6)
    assert rolled("lowerarm_l", {"upperarm_l": along}) == pytest.approx(roll, abs=1e-6)


def test_quaternions_never_jump_to_the_other_sign() -> None:
    source, receiver = person(arm_drop=45.0), target(person(seed=4))
    motion = dance(source)
    flipped = motion.rotations * np.where(np.arange(FRAMES) % 2, 1.0, -1.0)[None, :, None]
    motion = Motion(motion.bones, flipped, motion.positions, motion.rate)
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton))
    for rotation in solution.rotations.values():
        assert (np.sum(rotation[1:] * rotation[:-1], axis=-1) > 0).all()


def test_a_skeleton_without_extent_is_refused() -> None:
    source = person()
    flat = Skeleton(source.names, source.parents, np.tile(np.eye(4), (len(source.names), 1, 1)))
    with pytest.raises(ValueError, match="lie on each other"):
        solve(source, mapping(source), dance(source), target(flat), mapping(flat))


@pytest.mark.parametrize("metacarpals", [True, False])
def test_palms_follow_a_hand_that_arches(metacarpals: bool) -> None:
    """The performer's hands have bones in the palm; the character's may have some or none."""
    source = person(arm_drop=50.0, seed=1, metacarpals=True)
    receiver = target(person(seed=2, metacarpals=metacarpals, height=1.2))
    motion = dance(source)
    result = retargeted(source, motion, receiver)

    def palm(skeleton: Skeleton, moved: Motion, side: str) -> Array:
        first, last = (
            direction(skeleton, moved, f"hand_{side}", f"{finger}_01_{side}") for finger in ("index", "pinky")
        )
        return normalize(np.cross(first, last))

    for side in "lr":
        error = np.linalg.norm(palm(source, motion, side) - palm(receiver.skeleton, result, side), axis=-1)
        assert np.degrees(error).max() < 1e-6
    assert worst(source, motion, receiver.skeleton, result) < 1e-6
