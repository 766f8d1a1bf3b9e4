# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest

from aimocap_addon.motion.control_targets import joint, pole
from aimocap_addon.motion.rotations import Array, quaternion_from_axis_angle, quaternion_rotate

FORWARD = np.array((0.0, -1.0, 0.0))
SWING = np.radians(3.0)


def leg(bends: Array, yaw: Array | float = 0.0) -> tuple[tuple[Array, Array, Array], Array]:
    """Hip, knee and ankle (F, 3) of a leg of two metres that bends forwards by `bends` (F), and the thigh's turn.

    `yaw` (F) is by how much the knee points sideways; both in radians.
    """
    turned = quaternion_from_axis_angle(np.array((0.0, 0.0, 1.0)), np.broadcast_to(yaw, bends.shape))
    half = bends / 2.0
    hip = np.zeros((len(bends), 3))
    knee = quaternion_rotate(turned, np.stack((0.0 * half, -np.sin(half), -np.cos(half)), axis=-1))
    ankle = np.stack((0.0 * half, 0.0 * half, -2.0 * np.cos(half)), axis=-1)
    return (hip, knee, ankle), np.tile((1.0, 0.0, 0.0, 0.0), (len(bends), 1))


def sideways(points: Array) -> Array:
    """Degrees (F) by which points around a vertical leg are off the front."""
    return np.degrees(np.arctan2(points[:, 0], -points[:, 1]))


def off_by(limb: tuple[Array, Array, Array], found: Array) -> Array:
    """Degrees (F) by which the thigh of a limb with its pole at `found` points elsewhere."""
    knee = limb[1]
    across = knee * (1.0, 1.0, 0.0)
    turned = found * (1.0, 1.0, 0.0)
    size = np.linalg.norm(across, axis=-1) / np.linalg.norm(turned, axis=-1)
    there = knee - across + turned * size[:, None]
    return np.degrees(2.0 * np.arcsin(np.linalg.norm(there - knee, axis=-1) / 2.0))  # a thigh is a metre long


@pytest.mark.parametrize("yaw", [0.0, 0.4, -1.2])
def test_the_pole_is_in_the_plane_of_a_bent_limb(yaw: float) -> None:
    limb, thigh = leg(np.radians(np.linspace(15.0, 120.0, 40)), yaw)
    found = pole(limb, thigh, FORWARD, 0.8, SWING)
    assert off_by(limb, found).max() < 0.06
    assert np.linalg.norm(found[:, :2], axis=-1) == pytest.approx(0.8)


@pytest.mark.parametrize("distance", [0.0, 0.1])
def test_a_pole_close_to_the_limb_is_moved_away(distance: float) -> None:
    limb, thigh = leg(np.radians(np.linspace(15.0, 120.0, 40)))
    assert np.linalg.norm(pole(limb, thigh, FORWARD, distance, SWING)[:, :2], axis=-1).min() > 0.5


def test_a_limb_that_trembles_about_straight_keeps_its_pole() -> None:
    times = np.linspace(0.0, 6.0, 200)
    limb, thigh = leg(np.radians(3.0 * np.sin(40.0 * times) + 2.0), 0.3 * np.sin(7.0 * times))
    assert np.abs(sideways(pole(limb, thigh, FORWARD, 0.8, SWING))).max() < 30.0


def test_a_straight_limb_points_its_pole_as_at_rest() -> None:
    limb, thigh = leg(np.zeros(5))
    assert sideways(pole(limb, thigh, FORWARD, 0.8, SWING)) == pytest.approx(0.0, abs=1e-6)


def test_a_limb_that_turns_slowly_is_where_it_should_be() -> None:
    times = np.linspace(0.0, 6.0, 300)
    limb, thigh = leg(np.radians(21.0 + 20.0 * np.sin(3.0 * times)), 0.5 * np.sin(times))
    assert off_by(limb, pole(limb, thigh, FORWARD, 0.8, SWING)).max() < 0.06


def test_a_limb_that_is_almost_straight_does_not_roll_at_once() -> None:
    yaw = np.where(np.arange(80) < 40, 0.8, -0.2)  # from one frame to the next
    limb, thigh = leg(np.full(80, np.radians(8.0)), yaw)
    found = pole(limb, thigh, FORWARD, 0.8, SWING)
    assert np.abs(np.diff(sideways(found))).max() < 3.01
    assert off_by(limb, found)[[0, 20, 60, -1]].max() < 0.06
    assert off_by(limb, found).max() < 4.0 * 1.0 / 2.0 + 0.1  # by half the bend times half of the turn


def test_a_limb_that_is_bent_far_turns_as_fast_as_it_does() -> None:
    yaw = np.where(np.arange(80) < 40, 0.8, -0.2)
    limb, thigh = leg(np.full(80, np.radians(70.0)), yaw)
    assert off_by(limb, pole(limb, thigh, FORWARD, 0.8, SWING)).max() < 0.06


def test_a_limb_that_bends_far_the_other_way_takes_its_pole_along() -> None:
    limb, thigh = leg(np.radians(np.linspace(-90.0, 90.0, 400)))
    found = pole(limb, thigh, FORWARD, 0.8, SWING)
    off = np.abs(sideways(found))
    assert off[-1] == pytest.approx(0.0, abs=0.1)
    assert off[0] == pytest.approx(180.0, abs=0.1)


@pytest.mark.parametrize("yaw", [0.0, 1.2, -2.5])
def test_the_joint_is_where_the_pole_lets_the_limb_bend(yaw: float) -> None:
    (hip, knee, ankle), _ = leg(np.radians(np.linspace(5.0, 120.0, 40)), yaw)
    far = knee * 3.0  # anywhere in the plane of the three, on the knee's side
    assert joint(hip, ankle, far, (1.0, 1.0)) == pytest.approx(knee, abs=1e-9)


def test_the_joint_of_a_limb_that_does_not_reach_is_on_the_line() -> None:
    hip, ankle = np.zeros((1, 3)), np.array(((0.0, 0.0, -2.5),))
    found = joint(hip, ankle, np.array(((0.0, -1.0, -1.0),)), (1.0, 1.0))
    assert found == pytest.approx(np.array(((0.0, 0.0, -1.0),)))
