# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from aimocap_addon.motion.contacts import planted

UP = np.array((0.0, 0.0, 1.0))


def stepping(rate: float, ground: float) -> tuple[np.ndarray, np.ndarray]:
    """A toe that stands for a second, steps for half a second, and so on; where it stands."""
    t = np.arange(0.0, 6.0, 1.0 / rate)
    phase, count = t % 1.5, np.floor(t / 1.5)
    swing = np.clip((phase - 1.0) / 0.5, 0.0, 1.0)
    smooth = swing * swing * (3 - 2 * swing)
    positions = np.stack((0.6 * (count + smooth), np.zeros_like(t), ground + 0.15 * np.sin(np.pi * swing)), axis=-1)
    return positions, (phase > 0.1) & (phase < 0.9)


@pytest.mark.parametrize("rate", [24.0, 30.0, 120.0])
@pytest.mark.parametrize("ground", [0.0, -3.0])
def test_standing_is_told_from_stepping(rate: float, ground: float) -> None:
    positions, stands = stepping(rate, ground)
    found = planted(positions, UP, 0.9, rate)
    assert found[stands].all()
    swings = positions[:, 2] > ground + 0.08
    assert not found[swings].any()


def test_a_foot_held_still_in_the_air_is_not_planted() -> None:
    positions, _ = stepping(30.0, 0.0)
    positions[90:120] = (0.0, 0.0, 0.5)
    assert not planted(positions, UP, 0.9, 30.0)[92:118].any()


@pytest.mark.parametrize("rate", [60.0, 120.0])
def test_noise_of_fast_captures_is_no_movement(rate: float) -> None:
    positions, stands = stepping(rate, 0.0)
    noise = np.random.default_rng(2).normal(size=positions.shape) * 0.0015
    found = planted(positions + noise, UP, 0.9, rate)
    assert found[stands].mean() > 0.95


def test_a_shorter_touch_is_no_contact() -> None:
    positions = np.zeros((60, 3))
    positions[:, 0] = np.arange(60) * 0.1
    positions[30:32, 0] = positions[30, 0]
    assert not planted(positions, UP, 0.9, 30.0).any()
