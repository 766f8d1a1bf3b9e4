# SPDX-License-Identifier: GPL-3.0-or-later
"""Jitter taken out of captured motion, without delay.

Each value becomes a weighted mean of its neighbours, with the fourth-order Gaussian kernel

    K(t) = (3 - (t/s)^2) / 2 * exp(-(t/s)^2 / 2)

whose weights sum to one and whose second moment is zero: cubic curves come out as they went in, so that peaks keep
their height far better than under a plain Gaussian. A swing of frequency f keeps (1 + w/2) exp(-w/2) of its size, with
w = (2 pi f s)^2: at s = 0.05 s that is 98 % at 2 Hz, 81 % at 4 Hz and 4 % at 10 Hz.
Source of the kernel: M. P. Wand, W. R. Schucany, "Gaussian-based kernels", Canadian Journal of Statistics 18 (1990).
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .rotations import Array, make_continuous, normalize
from .skeleton import Motion

_REACH = 4.0  # in units of s: beyond it the weights are below a thousandth


def smoothed(motion: Motion, seconds: float) -> Motion:
    """Return `motion` with rotations and positions evened out over about `seconds`, the s of the kernel.

    The first and the last frame stay as they are: beyond them the motion is taken to go on point-symmetrically.
    """
    sigma = seconds * motion.rate
    if sigma < 0.1 or motion.rotations.shape[1] < 3:
        return motion  # no neighbour has any weight
    weights = _kernel(sigma, motion.rotations.shape[1])
    continuous = np.moveaxis(make_continuous(np.moveaxis(motion.rotations, 1, 0)), 0, 1)
    return dataclasses.replace(
        motion,
        rotations=normalize(_averaged(continuous, weights)),
        positions=_averaged(motion.positions, weights),
    )


def _kernel(sigma: float, frames: int) -> Array:
    """Return the weights (2 H + 1) of a frame and its neighbours, fewer in a short motion; `sigma` in frames."""
    half = min(int(np.ceil(_REACH * sigma)), frames - 1)
    t = np.arange(-half, half + 1) / sigma
    weights = (3.0 - t**2) * np.exp(-0.5 * t**2)
    return weights / weights.sum()


def _averaged(values: Array, weights: Array) -> Array:
    """Return `values` (N, F, C) averaged along F."""
    half, frames = len(weights) // 2, values.shape[1]
    before = 2.0 * values[:, :1] - values[:, half:0:-1]
    after = 2.0 * values[:, -1:] - values[:, ::-1][:, 1 : half + 1]
    padded = np.concatenate((before, values, after), axis=1)
    flat = padded.transpose(0, 2, 1).reshape(-1, padded.shape[1])
    found = np.stack([np.convolve(row, weights, mode="valid") for row in flat])
    return found.reshape(values.shape[0], values.shape[2], frames).transpose(0, 2, 1)
