# SPDX-License-Identifier: GPL-3.0-or-later
"""Series over frames: averaged, and kept from changing by more than allowed from frame to frame.

Source of the latter: the extremal extensions of E. J. McShane, "Extension of range of functions", Bull. Amer. Math.
Soc. 40 (1934), with the sum of the allowed steps between two frames as their distance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .rotations import Array


def averaged(values: Array, sigma: float) -> Array:
    """Return `values` (F, ...) averaged over their neighbours, with Gaussian weights of `sigma` frames.

    The first and the last value are taken to go on for ever.
    """
    half = int(np.ceil(3.0 * sigma))
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-6)) ** 2)
    padded = np.concatenate((np.repeat(values[:1], half, axis=0), values, np.repeat(values[-1:], half, axis=0)))
    return np.lib.stride_tricks.sliding_window_view(padded, len(weights), axis=0) @ (weights / weights.sum())


def raised(values: Array, steps: Array) -> Array:
    """Return the lowest series (F) that is nowhere below `values` (F) and changes by at most `steps` (F-1).

    It begins to rise before `values` do.
    """
    if (np.abs(np.diff(values)) <= steps).all():
        return values
    return _extensions(values, steps, np.ones(len(values), dtype=bool))[0]


def evened(values: Array, steps: Array, firm: NDArray[np.bool_]) -> Array:
    """Return a series (F) near `values` (F) that changes by at most `steps` (F-1).

    Values of `firm` (F) frames stay if the steps allow it, whatever the others are; values that the steps allow anyway
    all stay.
    """
    if (np.abs(np.diff(values)) <= steps).all():
        return values
    if firm.any():
        middle = np.mean(_extensions(values, steps, firm), axis=0)
        lowest, highest = _extensions(middle, steps, firm)
        values = np.where(firm, middle, np.clip(values, lowest, highest))
    return np.mean(_extensions(values, steps, np.ones_like(firm)), axis=0)


def _extensions(values: Array, steps: Array, at: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the lowest and the highest series (F) with these steps that pass through `values` where `at` (F) says so.

    Where none passes through all of them, the lowest is above some, and the highest below some.
    """
    way = np.concatenate(((0.0,), np.cumsum(steps)))
    low, high = np.where(at, values, -np.inf), np.where(at, values, np.inf)
    lowest = np.maximum(np.maximum.accumulate(low + way) - way, np.maximum.accumulate((low - way)[::-1])[::-1] + way)
    highest = np.minimum(np.minimum.accumulate(high - way) + way, np.minimum.accumulate((high + way)[::-1])[::-1] - way)
    return lowest, highest
