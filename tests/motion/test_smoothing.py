# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing takes out jitter and leaves the motion: its timing, its ends and its slow swings."""

from __future__ import annotations

import numpy as np
import pytest
from people import TRUNK_3, person, target, walk
from test_feet import drift
from test_retarget import mapping, shown

from aimocap_addon.motion.retarget import solve
from aimocap_addon.motion.rotations import quaternion_conjugate, quaternion_from_axis_angle, quaternion_multiply
from aimocap_addon.motion.skeleton import Motion
from aimocap_addon.motion.smoothing import smoothed

RATE = 60.0
X = np.array((1.0, 0.0, 0.0))


def swinging(frequency: float, degrees: float = 30.0, seconds: float = 6.0) -> Motion:
    times = np.arange(0.0, seconds, 1.0 / RATE)
    angle = np.radians(degrees) * np.sin(2.0 * np.pi * frequency * times)
    rotations = quaternion_from_axis_angle(X, angle)[None]
    return Motion((0,), rotations, np.stack((angle, 0.0 * angle, 0.0 * angle), axis=-1)[None], RATE)


def angles(motion: Motion) -> np.ndarray:
    return np.degrees(2.0 * np.arctan2(motion.rotations[0, :, 1], motion.rotations[0, :, 0]))


@pytest.mark.parametrize("seconds", [0.03, 0.05, 0.1])
@pytest.mark.parametrize("frequency", [0.5, 2.0, 4.0, 10.0])
def test_a_swing_keeps_its_time_and_the_stated_share_of_its_size(frequency: float, seconds: float) -> None:
    before, after = swinging(frequency), smoothed(swinging(frequency), seconds)
    w = (2.0 * np.pi * frequency * seconds) ** 2
    share = (1.0 + w / 2.0) * np.exp(-w / 2.0)
    inside = slice(60, -60)
    assert angles(after)[inside] == pytest.approx(share * angles(before)[inside], abs=0.2)
    assert after.positions[0, inside] == pytest.approx(share * before.positions[0, inside], abs=0.01)


def test_jitter_goes_and_the_motion_stays() -> None:
    clean = swinging(1.0)
    random = np.random.default_rng(1)
    count = len(angles(clean))
    noise = quaternion_from_axis_angle(random.normal(size=(1, count, 3)), np.full((1, count), np.radians(1.0)))
    shaky = Motion((0,), quaternion_multiply(clean.rotations, noise), clean.positions, RATE)

    def away(motion: Motion) -> float:
        apart = quaternion_multiply(quaternion_conjugate(clean.rotations), motion.rotations)
        return float(np.degrees(2.0 * np.arcsin(np.linalg.norm(apart[..., 1:], axis=-1))).mean())

    assert away(shaky) == pytest.approx(1.0)
    assert away(smoothed(shaky, 0.05)) < 0.45


def test_the_ends_stay_and_signs_do_not_matter() -> None:
    motion = swinging(1.3)
    flipped = Motion((0,), motion.rotations * np.where(np.arange(360) % 7, 1.0, -1.0)[:, None], motion.positions, RATE)
    after, same = smoothed(motion, 0.1), smoothed(flipped, 0.1)
    assert after.positions[:, [0, -1]] == pytest.approx(motion.positions[:, [0, -1]], abs=1e-9)
    assert angles(after)[[0, -1]] == pytest.approx(angles(motion)[[0, -1]], abs=1e-6)
    assert np.abs(np.sum(after.rotations * same.rotations, axis=-1)) == pytest.approx(np.ones((1, 360)))


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_a_motion_shorter_than_the_kernel(frames: int) -> None:
    whole = swinging(1.0)
    motion = Motion((0,), whole.rotations[:, :frames], whole.positions[:, :frames], RATE)
    after = smoothed(motion, 0.5)
    assert after.rotations.shape == motion.rotations.shape
    assert angles(after)[[0, -1]] == pytest.approx(angles(motion)[[0, -1]], abs=1e-6)


def test_planted_feet_stay_planted() -> None:
    source, receiver = person(arm_drop=45.0), target(person(trunk=TRUNK_3, height=1.3, knee=0.52))
    motion, stands = walk(source, 3.0, RATE)
    solution = solve(source, mapping(source), smoothed(motion, 0.05), receiver, mapping(receiver.skeleton))
    result = shown(receiver, solution)
    for side in "lr":
        assert drift(result.positions[receiver.skeleton.index[f"ball_{side}"]], stands[side]) < 0.003
