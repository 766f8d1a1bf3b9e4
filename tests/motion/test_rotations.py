# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimocap_addon.motion.rotations import (
    axis_angle_from_quaternion,
    euler_from_quaternion,
    matrix_from_quaternion,
    normalize,
    quaternion_from_axis_angle,
    quaternion_from_euler,
    quaternion_multiply,
    quaternion_rotate,
)

ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
angle = st.floats(-10.0, 10.0)
rotation = st.tuples(*[st.floats(-1.0, 1.0)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


def about(axis: str, radians: float) -> np.ndarray:
    c, s = np.cos(radians), np.sin(radians)
    return {
        "X": np.array(((1, 0, 0), (0, c, -s), (0, s, c))),
        "Y": np.array(((c, 0, s), (0, 1, 0), (-s, 0, c))),
        "Z": np.array(((c, -s, 0), (s, c, 0), (0, 0, 1))),
    }[axis]


@given(st.sampled_from(ORDERS), st.tuples(angle, angle, angle))
def test_euler_angles_turn_about_fixed_axes_in_their_order(order: str, angles: tuple[float, float, float]) -> None:
    expected = np.eye(3)
    for axis in order:
        expected = about(axis, angles["XYZ".index(axis)]) @ expected
    assert matrix_from_quaternion(quaternion_from_euler(np.array(angles), order)) == pytest.approx(expected, abs=1e-9)


@given(st.sampled_from(ORDERS), rotation)
def test_euler_angles_give_the_rotation_back(order: str, q: tuple[float, ...]) -> None:
    q_unit = normalize(np.array(q))
    back = quaternion_from_euler(euler_from_quaternion(q_unit[None], order)[0], order)
    assert abs(np.dot(back, q_unit)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("quarter", [-1.0, 1.0])
def test_euler_angles_hold_at_the_poles(order: str, quarter: float) -> None:
    angles = np.zeros(3)
    angles["XYZ".index(order[0])] = 0.7
    angles["XYZ".index(order[1])] = quarter * np.pi / 2
    q = quaternion_from_euler(angles, order)
    back = quaternion_from_euler(euler_from_quaternion(q[None], order)[0], order)
    assert abs(np.dot(back, q)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_of_a_smooth_motion_are_smooth(order: str) -> None:
    t = np.linspace(0.0, 4.0, 400)
    angles = np.stack((3.0 * t, 1.2 * np.sin(3 * t), -4.0 * t), axis=-1)
    # the middle angle stays clear of the poles for the orders where it is y only; elsewhere any smooth triple will do
    ordered = angles[:, [order.index(axis) for axis in "XYZ"]]
    found = euler_from_quaternion(quaternion_from_euler(ordered, order), order)
    assert np.abs(np.diff(found, axis=0)).max() < 0.1


def test_axis_and_angle_of_a_swing_through_rest_are_smooth() -> None:
    angles = np.linspace(-2.5 * np.pi, 2.5 * np.pi, 201)
    q = quaternion_from_axis_angle(normalize(np.array((1.0, 2.0, -1.0))), angles)
    axes, found = axis_angle_from_quaternion(q)
    assert np.abs(np.diff(axes, axis=0)).max() < 1e-6
    assert np.abs(np.diff(found)).max() < 0.1
    back = quaternion_from_axis_angle(axes, found)
    assert np.abs(np.sum(back * q, axis=-1)) == pytest.approx(np.ones(201))


def test_axis_of_no_rotation_is_a_unit_vector() -> None:
    axes, angles = axis_angle_from_quaternion(np.tile((1.0, 0.0, 0.0, 0.0), (3, 1)))
    assert np.linalg.norm(axes, axis=-1) == pytest.approx(np.ones(3))
    assert not angles.any()


@given(rotation, rotation, st.tuples(angle, angle, angle))
def test_products_rotate_one_after_the_other(a: tuple, b: tuple, vector: tuple) -> None:
    qa, qb, v = normalize(np.array(a)), normalize(np.array(b)), np.array(vector)
    assert quaternion_rotate(quaternion_multiply(qa, qb), v) == pytest.approx(
        matrix_from_quaternion(qa) @ matrix_from_quaternion(qb) @ v, abs=1e-9
    )
