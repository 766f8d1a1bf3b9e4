# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as numpy arrays: unit quaternions in (w, x, y, z) order and 3x3 matrices.

All functions work on any number of leading axes. Matrices act on column vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EPSILON = 1e-12


def dot(a: Array, b: Array) -> Array:
    """Return the scalar products (...) of vectors (..., N)."""
    return np.einsum("...i,...i->...", a, b)


def length(vectors: Array) -> Array:
    """Return the lengths (...) of vectors (..., N); np.linalg.norm takes several times as long."""
    return np.sqrt(np.einsum("...i,...i->...", vectors, vectors))


def normalize(vectors: Array) -> Array:
    """Return `vectors` (..., N) at unit length; zero vectors stay zero."""
    sizes = np.maximum(length(vectors), _EPSILON)
    unit = np.empty(vectors.shape)
    for i in range(vectors.shape[-1]):  # numpy is slow where the last axis, a short one, is divided by one number each
        np.divide(vectors[..., i], sizes, out=unit[..., i])
    return unit


def inverse_symmetric(matrices: Array) -> Array:
    """Return the inverses of regular symmetric `matrices` (..., 3, 3).

    By cofactors: LAPACK takes several times as long for many small matrices.
    """
    a, b, c = matrices[..., 0, :], matrices[..., 1, :], matrices[..., 2, :]
    cofactors = np.stack((cross(b, c), cross(c, a), cross(a, b)), axis=-2)
    return cofactors / np.einsum("...i,...i->...", a, cofactors[..., 0, :])[..., None, None]


def quaternion_multiply(a: Array, b: Array) -> Array:
    """Return the Hamilton product a*b (first b, then a) of (..., 4) quaternions."""
    # (w + x i) + (y + z i) j, and j c = conj(c) j: four complex products take a third of the time of sixteen real ones
    (a1, a2), (b1, b2) = _complex(a), _complex(b)
    first = a1 * b1 - a2 * np.conj(b2)
    product = np.empty((*first.shape, 4))
    parts = product.view(np.complex128)
    parts[..., 0] = first
    parts[..., 1] = a1 * b2 + a2 * np.conj(b1)
    return product


def quaternion_conjugate(q: Array) -> Array:
    """Return the inverse of unit quaternions (..., 4)."""
    inverse = np.negative(q)
    inverse[..., 0] = q[..., 0]
    return inverse


def quaternion_rotate(q: Array, vectors: Array) -> Array:
    """Rotate `vectors` (..., 3) by unit quaternions (..., 4)."""
    # q v q^-1 in the same complex numbers, with v = x i + (y + z i) j
    (a, b), (along,) = _complex(q), _complex(vectors[..., 1:])
    across = 1j * vectors[..., 0]
    first, second = across * a - b * np.conj(along), a * along - across * b
    rotated = np.empty((*first.shape, 3))
    rotated[..., 0] = (first * np.conj(a) + second * np.conj(b)).imag
    rotated[..., 1:].view(np.complex128)[..., 0] = second * a - first * b
    return rotated


def _complex(numbers: Array) -> tuple[NDArray[np.complex128], ...]:
    """Return complex numbers (...) whose parts stand side by side in `numbers` (..., 2 N), one after the other."""
    if numbers.strides[-1] != 8 or numbers.dtype != np.float64:
        numbers = np.ascontiguousarray(numbers, dtype=np.float64)
    parts = numbers.view(np.complex128)
    return tuple(parts[..., i] for i in range(parts.shape[-1]))


def matrix_from_quaternion(q: Array) -> Array:
    """Return the rotation matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    return np.stack(
        (
            np.stack((1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)), axis=-1),
            np.stack((2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)), axis=-1),
            np.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), axis=-1),
        ),
        axis=-2,
    )


def cross(a: Array, b: Array) -> Array:
    """Return the cross products (..., 3) of vectors; np.cross is several times slower on small arrays."""
    first = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    product = np.empty((*first.shape, 3))
    product[..., 0] = first
    product[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    product[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product


def quaternion_from_matrix(m: Array) -> Array:
    """Return unit quaternions (..., 4) with w >= 0 of rotation matrices (..., 3, 3).

    Takes the largest of the four squared components as pivot, so it is stable for every angle.
    Source: S. W. Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1 (1978).
    """
    d0, d1, d2 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack((1 + d0 + d1 + d2, 1 + d0 - d1 - d2, 1 - d0 + d1 - d2, 1 - d0 - d1 + d2), axis=-1)
    s01, s02, s12 = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    a12, a20, a01 = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    candidates = np.stack(
        (
            np.stack((squares[..., 0], a12, a20, a01), axis=-1),
            np.stack((a12, squares[..., 1], s01, s02), axis=-1),
            np.stack((a20, s01, squares[..., 2], s12), axis=-1),
            np.stack((a01, s02, s12, squares[..., 3]), axis=-1),
        ),
        axis=-2,
    )
    pivot = np.argmax(squares, axis=-1)
    q = np.take_along_axis(candidates, pivot[..., None, None], axis=-2)[..., 0, :]
    q = normalize(q)
    return np.where(q[..., :1] < 0, -q, q)


def quaternion_between(a: Array, b: Array) -> Array:
    """Return the smallest rotation (..., 4) that turns directions `a` (..., 3) into `b` (..., 3).

    For opposite directions the axis is any one perpendicular to `a`.
    """
    a, b = np.broadcast_arrays(normalize(a), normalize(b))
    w = 1.0 + dot(a, b)[..., None]
    helper = np.where(np.abs(a[..., :1]) < 0.9, np.array((1.0, 0.0, 0.0)), np.array((0.0, 1.0, 0.0)))
    opposite = w < 1e-9
    xyz = np.where(opposite, cross(a, helper), cross(a, b)) if opposite.any() else cross(a, b)
    return normalize(np.concatenate((np.where(opposite, 0.0, w), xyz), axis=-1))


def quaternion_slerp(a: Array, b: Array, t: Array | float) -> Array:
    """Interpolate from `a` to `b` (..., 4) by `t` (scalar or (...)) along the shorter arc."""
    t = np.asarray(t, dtype=np.float64)[..., None]
    cosine = dot(a, b)[..., None]
    b = np.where(cosine < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(cosine), 0.0, 1.0))
    sine = np.sin(angle)
    small = sine < 1e-6
    safe = np.where(small, 1.0, sine)
    weight_a = np.where(small, 1.0 - t, np.sin((1.0 - t) * angle) / safe)
    weight_b = np.where(small, t, np.sin(t * angle) / safe)
    return normalize(weight_a * a + weight_b * b)


def quaternion_from_axis_angle(axis: Array, angle: Array) -> Array:
    """Return rotations (..., 4) by `angle` (...) radians about `axis` (..., 3)."""
    half = 0.5 * np.asarray(angle, dtype=np.float64)[..., None]
    turned = np.sin(half) * normalize(axis)
    q = np.empty((*turned.shape[:-1], 4))
    q[..., :1] = np.cos(half)
    q[..., 1:] = turned
    return q


def make_continuous(q: Array) -> Array:
    """Flip signs along the first axis of (F, ..., 4) so that neighbours are never more than 180 degrees apart."""
    flips = dot(q[1:], q[:-1]) < 0.0
    if not flips.any():
        return q
    odd = np.zeros(q.shape[:-1], dtype=bool)
    np.logical_xor.accumulate(flips, axis=0, out=odd[1:])
    return np.where(odd[..., None], -q, q)


def quaternion_from_rotation_vector(vectors: Array) -> Array:
    """Return unit quaternions (..., 4) of turns about `vectors` (..., 3) by their length in radians."""
    half = 0.5 * length(vectors)[..., None]
    return np.concatenate((np.cos(half), 0.5 * np.sinc(half / np.pi) * vectors), axis=-1)


def rotation_vector_from_quaternion(q: Array) -> Array:
    """Return rotation vectors (..., 3), at most pi long, of unit quaternions (..., 4)."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = length(q[..., 1:])[..., None]
    angle = 2.0 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine < _EPSILON, 2.0, angle / np.maximum(sine, _EPSILON))


def quaternion_from_euler(angles: Array, order: str) -> Array:
    """Return rotations (..., 4) of `angles` (..., 3) = (x, y, z) in radians.

    `order` names the axes in the order in which they are applied, each about the fixed axes: "XYZ" is the matrix
    product Z*Y*X, as in Blender's rotation modes.
    """
    q = np.zeros((*angles.shape[:-1], 4))
    q[..., 0] = 1.0
    for letter in order:
        axis = "XYZ".index(letter)
        q = quaternion_multiply(quaternion_from_axis_angle(np.eye(3)[axis], angles[..., axis]), q)
    return q


def euler_from_quaternion(q: Array, order: str, near: Array | None = None) -> Array:
    """Return (F, ..., 3) angles (x, y, z) in radians of rotations `q` (F, ..., 4), continuous along the first axis.

    Of the two triples that give the same rotation, and their whole turns, each frame takes the one closest to the
    frame before; the first frame takes the one closest to `near` (..., 3), zero if not given. `order` as in
    quaternion_from_euler. Source of the formulas: K. Shoemake, "Euler angle conversion", Graphics Gems IV (1994).
    """
    i, j, k = ("XYZ".index(letter) for letter in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = matrix_from_quaternion(q)
    cosine = np.hypot(m[..., i, i], m[..., j, i])
    free = cosine > 1e-7  # at the poles the first and the last axis coincide: the last is left at zero
    first = np.where(
        free,
        np.arctan2(sign * m[..., k, j], m[..., k, k]),
        np.arctan2(-sign * m[..., j, k], m[..., j, j]),
    )
    middle = np.arctan2(-sign * m[..., k, i], cosine)
    last = np.where(free, np.arctan2(sign * m[..., j, i], m[..., i, i]), 0.0)
    angles = np.empty((*q.shape[:-1], 3))
    angles[..., i], angles[..., j], angles[..., k] = first, middle, last
    other = angles + np.pi
    other[..., j] = np.pi - middle
    start = np.zeros((1, *angles.shape[1:])) if near is None else near[None]
    before = np.concatenate((start, angles[:-1]))
    # the triples mirror each other, so whether to change over does not depend on which one the frame before took
    changes = _apart(other, before) < _apart(angles, before)
    taken = np.where((np.cumsum(changes, axis=0) % 2 == 1)[..., None], other, angles)
    return np.unwrap(np.concatenate((start, taken)), axis=0)[1:]


def _apart(a: Array, b: Array) -> Array:
    """Return how far (...) triples of angles (..., 3) are apart, whole turns left out."""
    difference = a - b
    return np.abs(difference - 2.0 * np.pi * np.round(difference / (2.0 * np.pi))).sum(axis=-1)


def axis_angle_from_quaternion(q: Array) -> tuple[Array, Array]:
    """Return axes (F, 3) and angles (F) in radians of rotations (F, 4), both continuous from frame to frame.

    A frame without rotation keeps the axis of its neighbour (Y if there is none), so that interpolating between
    frames never swings the axis round.
    """
    q = make_continuous(q)
    turning = length(q[:, 1:]) > 1e-6
    if not turning.any():
        return np.tile((0.0, 1.0, 0.0), (len(q), 1)), np.zeros(len(q))
    source = np.maximum.accumulate(np.where(turning, np.arange(len(q)), -1))
    source = np.where(source < 0, int(np.argmax(turning)), source)
    axes = normalize(q[source, 1:])
    flips = np.where(dot(axes[1:], axes[:-1]) < 0, -1.0, 1.0)
    signs = np.concatenate(((1.0,), np.cumprod(flips)))
    angles = 2.0 * np.arctan2(signs * dot(q[:, 1:], axes), q[:, 0])
    return axes * signs[:, None], np.unwrap(angles, period=4.0 * np.pi)
