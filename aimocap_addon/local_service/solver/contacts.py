# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding when heels and toes stand on the floor."""

from __future__ import annotations

import numpy as np

from ...motion.rotations import Array
from .fit import FOOT_POINTS, POINTS, smooth

_INDEX = {name: i for i, name in enumerate(POINTS)}

_MAX_SPEED = 0.4  # m/s across the view; a swinging foot moves at 1 m/s and more
_MAX_HEIGHT = 0.12  # metres of a foot above the other one; a lifted foot, too, is slow at its highest point
# At the top of a jump, too, feet are slow: for 2 * _MAX_SPEED / g = 0.08 s.
_MIN_DURATION_SEC = 0.13


def find_contacts(camera: Array, world: Array, rate: float) -> dict[str, np.ndarray]:
    """Return for each foot point whether it stands, (F,) bool.

    `camera` and `world` (F, J, 3) are the same positions in camera space and with Z up, in metres. Speed
    counts across the view only: motion in depth is the least certain part of a fit.
    """
    points = [_INDEX[name] for name in FOOT_POINTS]
    rays = smooth(camera[:, points, :2] / camera[:, points, 2:], rate, 6.0)
    depth = smooth(camera[:, points, 2:], rate, 2.0)
    speed = np.linalg.norm(np.gradient(rays, axis=0) * rate * depth, axis=-1)
    height = world[:, points, 2]
    feet = np.repeat(np.stack((height[:, :2].min(axis=1), height[:, 2:].min(axis=1)), axis=-1), 2, axis=-1)
    standing = (speed < _MAX_SPEED) & (feet - feet.min(axis=1, keepdims=True) < _MAX_HEIGHT)
    shortest = max(2, round(_MIN_DURATION_SEC * rate))
    return {name: _tidy(standing[:, i], shortest) for i, name in enumerate(FOOT_POINTS)}


def runs(flags: np.ndarray) -> list[slice]:
    """Return the stretches of True in (F,) flags."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _tidy(flags: np.ndarray, shortest: int) -> np.ndarray:
    """Close gaps and drop contacts shorter than `shortest` frames."""
    tidy = flags.copy()
    for gap in runs(~flags):
        if gap.start > 0 and gap.stop < len(flags) and gap.stop - gap.start < shortest:
            tidy[gap] = True
    for run in runs(tidy):
        if run.stop - run.start < shortest:
            tidy[run] = False
    return tidy
