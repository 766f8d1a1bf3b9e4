# SPDX-License-Identifier: GPL-3.0-or-later
"""The root bone takes travel and turning of the body, and the picture stays."""

from __future__ import annotations

import numpy as np
import pytest
from people import TRUNK_3, perform, person, target
from test_retarget import mapping, shown

from aimocap_addon.motion.heading import heading
from aimocap_addon.motion.retarget import Options, solve
from aimocap_addon.motion.rotations import (
    Array,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)
from aimocap_addon.motion.skeleton import Motion, Skeleton

UP = np.array((0.0, 0.0, 1.0))
FRAMES, RATE = 240, 30.0
TIMES = np.arange(FRAMES) / RATE


def circling(skeleton: Skeleton) -> tuple[Motion, Array]:
    """Two and a half rounds in a circle while the hips sway with each step, and which way the body faces (F)."""
    facing = 5.0 * np.pi * TIMES / TIMES[-1]
    yaw = quaternion_from_axis_angle(UP, facing + 0.15 * np.sin(4.0 * np.pi * TIMES))
    tilt = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), 0.3 + 0.1 * np.sin(3.0 * TIMES))
    path = np.stack((np.cos(facing), np.sin(facing), 0.03 * np.sin(8.0 * TIMES)), axis=-1)
    knees = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), 0.4 + 0.3 * np.sin(4.0 * TIMES))
    channels = {"pelvis": quaternion_multiply(yaw, tilt), "calf_l": knees, "calf_r": knees}
    return perform(skeleton, channels, {"pelvis": path}, FRAMES, RATE), facing


def turned(motion: Motion, skeleton: Skeleton, bone: str) -> Array:
    """How far (F, 4) a bone is turned from rest."""
    index = skeleton.index[bone]
    return quaternion_multiply(motion.rotations[index], quaternion_conjugate(skeleton.rest_rotations[index]))


@pytest.mark.parametrize("holding", [True, False])
@pytest.mark.parametrize("seed", [None, 5])
def test_the_root_turns_with_the_body_and_all_else_stays_in_space(seed: int | None, holding: bool) -> None:
    source, receiver = person(arm_drop=45.0), target(person(trunk=TRUNK_3, height=1.3, seed=seed))
    motion, facing = circling(source)
    skeleton = receiver.skeleton
    results = []
    for root_motion in ("CAPTURED", "ROOT_BONE"):
        options = Options(root_motion=root_motion, hold_contacts=holding)
        solution = solve(source, mapping(source), motion, receiver, mapping(skeleton), options)
        results.append(shown(receiver, solution))
        root_bone = skeleton.index["root"]  # where another motion left it
        receiver.rotations[root_bone] = quaternion_from_axis_angle(UP, np.array(1.0))
        receiver.locations[root_bone] = (1.0, 2.0, 0.0)
    free, rooted = results
    assert rooted.positions[1:] == pytest.approx(free.positions[1:], abs=1e-6)
    same = np.abs(np.sum(rooted.rotations[1:] * free.rotations[1:], axis=-1))
    assert same == pytest.approx(np.ones_like(same), abs=1e-9)
    root = turned(rooted, skeleton, "root")
    assert np.abs(root[:, 1:3]).max() < 1e-9  # upright
    angle = np.unwrap(2.0 * np.arctan2(root[:, 3], root[:, 0]))
    inner = slice(20, -20)  # at the ends there is less to average
    assert np.abs(angle - angle[30] - (facing - facing[30]))[inner].max() < np.radians(4.0)
    assert np.abs(np.diff(angle, 2)).max() < np.radians(0.5)  # the hips sway, the root does not


def test_in_place_the_body_still_turns() -> None:
    source, receiver = person(), target(person())
    motion, facing = circling(source)
    solution = solve(source, mapping(source), motion, receiver, mapping(source), Options(root_motion="IN_PLACE"))
    result = shown(receiver, solution)
    across = quaternion_rotate(turned(result, receiver.skeleton, "pelvis"), np.array((1.0, 0.0, 0.0)))
    apart = np.unwrap(np.arctan2(across[:, 1], across[:, 0])) - facing
    assert np.abs(apart).max() < 0.3


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0)])
def test_somersaults_and_cartwheels_do_not_turn_the_heading(axis: tuple) -> None:
    over = quaternion_from_axis_angle(np.array(axis), 2.0 * np.pi * TIMES / TIMES[-1])
    facing = quaternion_from_axis_angle(UP, np.full(FRAMES, 0.7))
    found = heading(quaternion_multiply(facing, over), UP, RATE)
    assert found == pytest.approx(np.full(FRAMES, 0.7), abs=1e-6)


def test_hips_that_hang_from_nothing_travel_and_turn_themselves() -> None:
    whole = person()
    kept = [i for i, name in enumerate(whole.names) if name != "root"]
    parents = np.array([kept.index(whole.parents[i]) if whole.parents[i] in kept else -1 for i in kept])
    receiver = target(Skeleton(tuple(whole.names[i] for i in kept), parents, whole.rest[kept]))
    motion, _ = circling(whole)
    results = [
        shown(
            receiver,
            solve(whole, mapping(whole), motion, receiver, mapping(receiver.skeleton), Options(root_motion=way)),
        )
        for way in ("CAPTURED", "ROOT_BONE")
    ]
    assert results[1].positions == pytest.approx(results[0].positions, abs=1e-9)
