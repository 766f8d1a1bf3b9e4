# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys stay within the stated error on every frame, and no key is there for nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from aimocap_addon.motion.key_reduction import (
    Measure,
    distance_measure,
    joint_measure,
    kept_keys,
    quaternion_measure,
    rotation_measure,
)
from aimocap_addon.motion.rotations import (
    Array,
    euler_from_quaternion,
    make_continuous,
    normalize,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
)

RATE = 60.0


def busy(bones: int, frames: int, jitter: float = 0.0) -> Array:
    """Rotations (N, F, 4) that swing up to some dozen degrees, with up to `jitter` radians of noise."""
    random = np.random.default_rng(bones)
    times = np.arange(frames)[None, :, None] / RATE
    angles = np.zeros((bones, frames, 3)) + sum(
        random.uniform(0.05, 0.4, (bones, 1, 3)) * np.sin(2 * np.pi * f * times + random.uniform(0, 6, (bones, 1, 3)))
        for f in (0.2, 0.5, 1.1)
    )
    q = quaternion_from_euler(angles + jitter * random.normal(size=angles.shape), "XYZ")
    return np.moveaxis(make_continuous(np.moveaxis(q, 1, 0)), 0, 1)


def straight(values: Array, keys: NDArray[np.intp]) -> Array:
    """Channels (F, C) moved straight from key to key."""
    frames = np.arange(len(values))
    return np.stack([np.interp(frames, keys, values[keys, i]) for i in range(values.shape[1])], axis=-1)


def apart(a: Array, b: Array) -> Array:
    """Angles in degrees between rotations (F, 4)."""
    away = quaternion_multiply(quaternion_conjugate(normalize(a)), normalize(b))
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(away[..., 1:], axis=-1), np.abs(away[..., 0])))


@pytest.mark.parametrize("jitter", [0.0, 0.002])
@pytest.mark.parametrize(("degrees", "share"), [(0.1, 1.0), (0.5, 0.55), (2.0, 0.25)])
def test_the_error_holds_on_every_frame_and_keys_get_few(degrees: float, share: float, jitter: float) -> None:
    rotations = busy(6, 700, jitter)
    kept = kept_keys(rotations, quaternion_measure(np.radians(degrees)))
    for full, keys in zip(rotations, kept, strict=True):
        assert keys[0] == 0 and keys[-1] == 699
        assert apart(full, straight(full, keys)).max() <= degrees
    assert sum(map(len, kept)) < share * 6 * 700


def test_no_key_is_there_that_its_neighbours_could_do_without() -> None:
    rotations = busy(3, 400)
    for full, keys in zip(rotations, kept_keys(rotations, quaternion_measure(np.radians(0.5))), strict=True):
        for i in range(1, len(keys) - 1):
            assert apart(full, straight(full, np.delete(keys, i))).max() > 0.5


def test_a_jump_of_one_frame_keeps_its_keys() -> None:
    full = np.tile((1.0, 0.0, 0.0, 0.0), (300, 1))
    full[150] = quaternion_from_euler(np.array((0.2, 0.0, 0.0)), "XYZ")
    (keys,) = kept_keys(full[None], quaternion_measure(np.radians(1.0)))
    assert keys.tolist() == [0, 149, 150, 151, 299]


@pytest.mark.parametrize("frames", [1, 2, 3, 129])
def test_what_stands_still_keeps_its_ends_alone(frames: int) -> None:
    (keys,) = kept_keys(np.ones((1, frames, 3)), distance_measure(0.01))
    assert keys.tolist() == sorted({0, frames - 1})


def test_angles_are_judged_as_the_rotation_they_make() -> None:
    (rotations,) = busy(1, 500)
    angles = euler_from_quaternion(rotations, "ZXY")
    measure = rotation_measure(np.radians(0.5), lambda each: quaternion_from_euler(each, "ZXY"))
    (keys,) = kept_keys(angles[None], measure)
    assert apart(rotations, quaternion_from_euler(straight(angles, keys), "ZXY")).max() <= 0.5
    assert len(keys) < 300


def test_a_bone_that_turns_and_travels_is_keyed_on_the_same_frames() -> None:
    (rotations,) = busy(1, 500)
    places = np.cumsum(0.02 * np.random.default_rng(2).normal(size=(500, 3)), axis=0)
    measure: Measure = joint_measure(quaternion_measure(np.radians(0.5)), 4, distance_measure(0.03))
    (keys,) = kept_keys(np.concatenate((rotations, places), axis=1)[None], measure)
    assert apart(rotations, straight(rotations, keys)).max() <= 0.5
    assert np.linalg.norm(straight(places, keys) - places, axis=-1).max() <= 0.03
    assert len(keys) < 450
