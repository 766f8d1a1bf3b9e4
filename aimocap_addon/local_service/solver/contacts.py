# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding when heels and toes stand on the floor."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, percentile_filter

from ...motion.rotations import Array
from .fit import POINTS, smooth

FOOT_POINTS = ("heel_l", "toe_l", "heel_r", "toe_r")
_INDEX = {name: i for i, name in enumerate(POINTS)}

_MAX_SPEED = 0.35  # m/s across the view; a swinging foot moves at 1 m/s and more
_MAX_HEIGHT = 0.07  # metres above the floor nearby
_FLOOR_WINDOW_SEC = 2.0
_MIN_DURATION_SEC = 0.1


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
    # Heels ride higher than toes in the landmarks; compare each with its own lowest places.
    height = height - np.quantile(height, 0.1, axis=0)
    # A tilted camera estimate makes the floor a slope, so the floor is the lowest foot of the last seconds.
    lowest = height.min(axis=1)
    window = 2 * round(0.5 * _FLOOR_WINDOW_SEC * rate) + 1
    floor = gaussian_filter1d(percentile_filter(lowest, 15, window, mode="nearest"), 0.25 * window, mode="nearest")
    standing = (speed < _MAX_SPEED) & (height - floor[:, None] < _MAX_HEIGHT)
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
