# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirrored motion is what a mirror shows, whatever the skeleton."""

from __future__ import annotations

import numpy as np
import pytest
from people import TRUNK_3, perform, person, target, walk
from test_feet import drift
from test_retarget import dance, direction, mapping, retargeted, shown

from aimocap_addon.motion.mirroring import mirrored
from aimocap_addon.motion.retarget import Options, solve
from aimocap_addon.motion.rotations import matrix_from_quaternion, quaternion_from_euler

IMAGE = np.array((-1.0, 1.0, 1.0))  # the people of these tests face -Y


def other(name: str) -> str:
    return {"l": name[:-1] + "r", "r": name[:-1] + "l"}[name[-1]] if name[-2:] in ("_l", "_r") else name


@pytest.mark.parametrize("seed", [None, 3])
def test_twice_mirrored_is_the_original(seed: int | None) -> None:
    source = person(arm_drop=30.0, seed=seed)
    motion = dance(source)
    skeleton, roles, back = mirrored(*mirrored(source, mapping(source), motion))
    assert skeleton.rest == pytest.approx(source.rest, abs=1e-9)
    assert roles == mapping(source)
    assert back.positions == pytest.approx(motion.positions, abs=1e-9)
    assert matrix_from_quaternion(back.rotations) == pytest.approx(matrix_from_quaternion(motion.rotations), abs=1e-9)


@pytest.mark.parametrize("seed", [None, 3])
def test_the_character_moves_as_in_a_mirror(seed: int | None) -> None:
    """Each limb of the left goes the way its counterpart on the right would have gone."""
    source, receiver = person(arm_drop=30.0, seed=seed), target(person(trunk=TRUNK_3, height=0.8, seed=seed))
    motion, roles = dance(source), mapping(source)
    plain = retargeted(source, motion, receiver)
    skeleton, swapped, image = mirrored(source, roles, motion)
    solution = solve(skeleton, swapped, image, receiver, mapping(receiver.skeleton), Options(hold_contacts=False))
    result = shown(receiver, solution)
    names = receiver.skeleton.index
    limbs = [(f"{a}_{s}", f"{b}_{s}") for s in "lr" for a, b in (("upperarm", "lowerarm"), ("thigh", "calf"))]
    for start, end in [*limbs, ("hand_l", "index_01_l"), ("neck_01", "head")]:
        here = direction(receiver.skeleton, result, start, end)
        there = direction(receiver.skeleton, plain, other(start), other(end))
        assert here == pytest.approx(there * IMAGE, abs=1e-6), (start, end)
    path, before = (m.positions[names["pelvis"]] for m in (result, plain))
    assert path == pytest.approx(before * IMAGE, abs=1e-6)
    assert np.ptp(before[:, 0]) > 0.2


def test_a_wave_of_the_left_hand_becomes_one_of_the_right() -> None:
    source = person(arm_drop=60.0)
    frames = 30
    angles = np.zeros((frames, 3))
    angles[:, 1] = -1.5 * np.sin(np.linspace(0.0, np.pi, frames))
    motion = perform(source, {"upperarm_l": quaternion_from_euler(angles, "XYZ")}, {}, frames)
    receiver = target(person(height=1.2))
    skeleton, swapped, image = mirrored(source, mapping(source), motion)
    for performance, waving, still in (
        ((source, mapping(source), motion), "l", "r"),
        ((skeleton, swapped, image), "r", "l"),
    ):
        result = shown(receiver, solve(*performance, receiver, mapping(receiver.skeleton)))
        hands = {side: result.positions[receiver.skeleton.index[f"hand_{side}"]] for side in "lr"}
        assert np.ptp(hands[waving][:, 2]) > 0.4
        assert np.ptp(hands[still], axis=0).max() < 1e-6


def test_planted_feet_stay_where_they_are() -> None:
    source, receiver = person(arm_drop=45.0), target(person(trunk=TRUNK_3, height=1.3, knee=0.52))
    motion, stands = walk(source, 3.0, 30.0)
    result = shown(receiver, solve(*mirrored(source, mapping(source), motion), receiver, mapping(receiver.skeleton)))
    for side in "lr":
        toe = result.positions[receiver.skeleton.index[f"ball_{side}"]]
        assert drift(toe, stands[other(f"_{side}")[-1]]) < 0.006
