# SPDX-License-Identifier: GPL-3.0-or-later
"""Fewer keys for the same motion, within a stated error.

Blender moves each channel straight from key to key. A set of keys is good when the motion so made is, on every frame,
no further from the full one than allowed. From each key the next one is as far away as that permits (the "opening
window" way of simplifying lines), in many stretches of the motion at once; then every key goes that its neighbours can
do without.

In here a row is one frame of one bone; the rows of all bones stand behind each other. The last frame of a bone and the
first of the next are keys and neighbours, so no stretch ever reaches from one bone into another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .rotations import Array, normalize

Measure = Callable[[Array, Array], Array]
"""How far apart full (R, C) and reduced (R, C) values of channels are: (R), where 1 is just allowed."""

_Rows = NDArray[np.intp]
_STRETCH = 128  # frames; of each stretch the first is a key to begin with


def quaternion_measure(radians: float) -> Measure:
    """Return the measure of unit quaternions, which may differ by this angle; the reduced ones are of any length."""
    allowed = np.sin(radians / 2.0) ** 2

    def measure(full: Array, reduced: Array) -> Array:
        # the sine of half the angle, by what is perpendicular: its cosine would lose the digits that matter
        away = normalize(reduced)
        dots = np.einsum("ri,ri->r", full, away)
        apart = away - dots[:, None] * full
        return np.einsum("ri,ri->r", apart, apart) / allowed

    return measure


def rotation_measure(radians: float, to_quaternion: Callable[[Array], Array]) -> Measure:
    """Return the measure of other rotation channels, which `to_quaternion` turns into quaternions (R, 4)."""
    measure = quaternion_measure(radians)
    return lambda full, reduced: measure(to_quaternion(full), to_quaternion(reduced))


def distance_measure(distance: float) -> Measure:
    """Return the measure of places, which may lie this far apart."""
    return lambda full, reduced: np.einsum("ri,ri->r", full - reduced, full - reduced) / distance**2


def joint_measure(first: Measure, count: int, second: Measure) -> Measure:
    """Return the measure of channels of which the first `count` have one measure and the rest another."""
    return lambda full, reduced: np.maximum(
        first(full[:, :count], reduced[:, :count]), second(full[:, count:], reduced[:, count:])
    )


def kept_keys(values: Array, measure: Measure) -> list[_Rows]:
    """Return for each bone the frames on which its channels `values` (N, F, C) need keys: always the first and last."""
    bones, frames, channels = values.shape
    rows = values.reshape(-1, channels)
    fixed = np.zeros((bones, frames), dtype=bool)
    fixed[:, [0, -1]] = True
    keyed = fixed.copy()
    keyed[:, ::_STRETCH] = True
    _stride(rows, measure, keyed.ravel())
    _thin(rows, measure, keyed.ravel(), fixed.ravel())
    return [np.flatnonzero(each) for each in keyed]


def _stride(rows: Array, measure: Measure, keyed: NDArray[np.bool_]) -> None:
    """Set more keys in `keyed` (R), until nothing in between is off.

    Each stretch between two keys walks from its start to its end, all side by side: `good` is the furthest row known
    to be within reach of `start`, `bad` the nearest known not to be, or behind the end.
    """
    keys = np.flatnonzero(keyed)
    start, end = keys[:-1], keys[1:]
    good, bad, tried = start + 1, end + 1, end
    while True:
        # what is reached becomes a key, from which the next one is looked for, at first as far away as this one
        there = bad - good == 1
        keyed[good[there]] = True
        tried = np.where(there, 2 * good - start, tried)
        start, good, bad = np.where(there, good, start), np.where(there, good + 1, good), np.where(there, end + 1, bad)
        left = good < end
        start, end, good, bad, tried = start[left], end[left], good[left], bad[left], tried[left]
        if not len(start):
            return
        tried = np.clip(tried, good + 1, bad - 1)
        errors, _ = _worst(rows, measure, start, tried)
        good, bad = np.where(errors <= 1.0, tried, good), np.where(errors <= 1.0, bad, tried)
        tried = np.where(bad <= end, (good + bad) // 2, 2 * good - start)


def _thin(rows: Array, measure: Measure, keyed: NDArray[np.bool_], needed: NDArray[np.bool_]) -> None:
    """Take keys out of `keyed` (R) that the motion can do without, but for those `needed` (R)."""
    odd = 0
    while True:
        keys = np.flatnonzero(keyed)
        open_ = np.flatnonzero(~needed[keys])
        if not len(open_):
            return
        # no two neighbours at once: each is tried between two that stay
        tried = open_[open_ % 2 == odd]
        odd = 1 - odd
        errors, _ = _worst(rows, measure, keys[tried - 1], keys[tried + 1])
        keyed[keys[tried[errors <= 1.0]]] = False
        needed[keys[tried[errors > 1.0]]] = True


def _worst(rows: Array, measure: Measure, starts: _Rows, ends: _Rows) -> tuple[Array, _Rows]:
    """Return the largest error between keys on `starts` (S) and `ends` (S), at least two rows apart, and its row."""
    if not len(starts):
        return np.empty(0), starts
    counts = ends - starts - 1
    first = np.cumsum(counts) - counts
    between = np.arange(counts.sum()) + np.repeat(starts + 1 - first, counts)
    share = (between - np.repeat(starts, counts)) / np.repeat(ends - starts, counts)
    at_start = np.repeat(rows[starts], counts, axis=0)
    straight = at_start + share[:, None] * np.repeat(rows[ends] - rows[starts], counts, axis=0)
    errors = measure(rows[between], straight)
    largest = np.maximum.reduceat(errors, first)
    hits = np.flatnonzero(errors == np.repeat(largest, counts))
    _, once = np.unique(np.searchsorted(first, hits, side="right"), return_index=True)
    return largest, between[hits[once]]
