# SPDX-License-Identifier: GPL-3.0-or-later
"""When a foot stands on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rotations import Array, length

# In leg lengths per second and leg lengths: a planted toe moves slower and stays lower than this. Seconds: a shorter
# touch is no contact.
MAX_SPEED = 0.20
MAX_HEIGHT = 0.06
MIN_DURATION = 0.10
# Seconds over which speed is measured: from frame to frame, the noise of fast captures looks like speed.
_WINDOW = 1.0 / 15.0


def planted(positions: Array, up: Array, leg: float, rate: float) -> NDArray[np.bool_]:
    """Return (F) True where a toe at `positions` (F, 3) is planted.

    `up` (3) is the unit up direction, `leg` the leg's length in the units of `positions`, `rate` frames per second.
    Height counts from the toe's own low level, so the ground need not be at zero.
    """
    if len(positions) < 2:
        return np.ones(len(positions), dtype=bool)
    speed = _speed(positions, max(1, round(0.5 * _WINDOW * rate))) * rate / leg
    height = positions @ up
    low = level(height, 0.05)
    on = (speed < MAX_SPEED) & (height - low < MAX_HEIGHT * leg)
    for start, stop in spans(on):
        if stop - start < MIN_DURATION * rate:
            on[start:stop] = False
    return on


def level(heights: Array, share: float) -> float:
    """Return the height below which `share` of `heights` (F) are; np.percentile, but without its long preparations."""
    at = share * (len(heights) - 1)
    below = int(at)
    ordered = np.partition(heights, (below, min(below + 1, len(heights) - 1)))
    return float(ordered[below] + (at - below) * (ordered[min(below + 1, len(heights) - 1)] - ordered[below]))


def _speed(positions: Array, reach: int) -> Array:
    """Return speeds (F) per frame of `positions` (F, 3), each from `reach` frames before to as many after."""
    frames = np.arange(len(positions))
    before, after = np.maximum(frames - reach, 0), np.minimum(frames + reach, len(positions) - 1)
    return length(positions[after] - positions[before]) / (after - before)


def spans(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True in `on` (F), each as its first frame and the frame after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate(((0,), on.astype(np.int8), (0,)))))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
