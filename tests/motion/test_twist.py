# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones beside the limbs and in a row with them."""

from __future__ import annotations

import numpy as np
import pytest
from people import TRUNK_3, perform, person, target
from test_retarget import FRAMES, dance, retargeted, worst

from aimocap_addon.motion.retarget import Options, Target
from aimocap_addon.motion.rotations import (
    Array,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_euler,
    quaternion_multiply,
)

ACROSS = np.array((1.0, 0.0, 0.0))  # the line of the left arm in T-pose
ROLL = np.linspace(0.0, 2.5, FRAMES)


def rolled(receiver: Target, channels: dict[str, Array], bone: str, holder: str) -> Array:
    """By how much (F) a bone rolls about the arm against another when the performer has these channels."""
    source = person()
    result = retargeted(source, perform(source, channels, {}, FRAMES), receiver)
    skeleton = receiver.skeleton
    away = [
        quaternion_multiply(
            result.rotations[skeleton.index[name]], quaternion_conjugate(skeleton.rest_rotations[skeleton.index[name]])
        )
        for name in (holder, bone)
    ]
    turn = quaternion_multiply(quaternion_conjugate(away[0]), away[1])
    return np.unwrap(2.0 * np.arctan2(turn[:, 1], turn[:, 0]))


@pytest.mark.parametrize("holding", [True, False])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("seed", [None, 4])
def test_joints_are_where_they_are_without_bones_in_a_row(count: int, seed: int | None, holding: bool) -> None:
    """The twist bones' own pose before the motion does not count either."""
    source = person(arm_drop=45.0)
    plain = target(person(trunk=TRUNK_3, height=1.2))
    rows = target(person(trunk=TRUNK_3, height=1.2, twists_in_row=count, seed=seed))
    for bone, name in enumerate(rows.skeleton.names):
        if "_twist_" in name:
            rows.rotations[bone] = quaternion_from_euler(np.array((0.3, -0.2, 0.4)), "XYZ")
    motion = dance(source)
    free = Options(hold_contacts=holding)
    expected, found = (retargeted(source, motion, receiver, free) for receiver in (plain, rows))
    for bone, name in enumerate(plain.skeleton.names):
        here = found.positions[rows.skeleton.index[name]]
        assert here == pytest.approx(expected.positions[bone], abs=1e-9), name
    if not holding:
        assert worst(source, motion, rows.skeleton, found) < 1e-6


@pytest.mark.parametrize("count", [1, 2])
def test_bones_in_a_row_share_the_roll_of_an_upper_arm(count: int) -> None:
    receiver = target(person(twists_in_row=count))
    channels = {"upperarm_l": quaternion_from_axis_angle(ACROSS, ROLL)}
    row = ["upperarm_l", *(f"upperarm_twist_0{n}_l" for n in range(1, count + 1))]
    shares = [rolled(receiver, channels, bone, "clavicle_l")[-1] / ROLL[-1] for bone in row]
    assert shares == pytest.approx(np.linspace(0.0, 1.0, count + 1), abs=0.02)
    assert rolled(receiver, channels, "lowerarm_l", "clavicle_l") == pytest.approx(ROLL, abs=1e-6)


def test_a_bone_in_a_row_shares_the_roll_of_a_forearm() -> None:
    receiver = target(person(twists_in_row=1))
    channels = {"hand_l": quaternion_from_axis_angle(ACROSS, ROLL)}
    assert rolled(receiver, channels, "lowerarm_twist_01_l", "lowerarm_l") == pytest.approx(ROLL / 2.0, abs=0.05)
    assert rolled(receiver, channels, "hand_l", "lowerarm_l") == pytest.approx(ROLL, abs=1e-6)


def test_a_trunk_that_bends_does_not_roll_the_arms() -> None:
    """Bending forwards turns the shoulders about the line of the arms."""
    channels = {"spine_02": quaternion_from_axis_angle(ACROSS, ROLL / 2.0)}
    for receiver in (target(person(twists=True)), target(person(twists_in_row=1))):
        still = rolled(receiver, channels, "upperarm_twist_01_l", "clavicle_l")
        assert still == pytest.approx(np.zeros(FRAMES), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_the_roll_of_a_performer_s_limb_is_that_of_all_its_bones_in_a_row(count: int) -> None:
    source, receiver = person(arm_drop=45.0, twists_in_row=count), target(person(arm_drop=45.0, height=1.2))
    swing = quaternion_from_axis_angle(np.array((0.0, 0.6, 0.8)), 0.3 * np.sin(ROLL))
    channels = {f"{bone}_{side}": swing for side in "lr" for bone in ("upperarm", "lowerarm", "thigh")}
    limbs = [(f"{a}_{side}", f"{b}_{side}") for side in "lr" for a, b in (("upperarm", "lowerarm"), ("thigh", "calf"))]
    for near, far in limbs:
        line = normalize(source.rest_positions[source.index[far]] - source.rest_positions[source.index[near]])
        for number in range(1, count + 1):
            name = f"{near[:-2]}_twist_0{number}{near[-2:]}"
            channels[name] = quaternion_from_axis_angle(line, ROLL / (2.0 * count))
    motion = perform(source, channels, {}, FRAMES)
    result = retargeted(source, motion, receiver)
    assert worst(source, motion, receiver.skeleton, result) < 1e-6
    for near, far in limbs:
        last = motion.rotations[source.index[f"{near[:-2]}_twist_0{count}{near[-2:]}"]]
        apart = quaternion_multiply(result.rotations[receiver.skeleton.index[near]], quaternion_conjugate(last))
        along = motion.positions[source.index[far]] - motion.positions[source.index[near]]
        roll = 2.0 * np.arctan2(np.sum(apart[:, 1:] * normalize(along), axis=-1), apart[:, 0])
        assert np.sin(roll) == pytest.approx(np.zeros(FRAMES), abs=np.sin(np.radians(1.0))), near
