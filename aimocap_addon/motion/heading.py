# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a body faces over the ground."""

from __future__ import annotations

import numpy as np

from .rotations import Array
from .series import averaged

# Seconds: standard deviation of the weights over which the heading is averaged, so that hips may sway in it.
_SIGMA = 0.25


def heading(delta: Array, up: Array, rate: float) -> Array:
    """Return the angle (F, radians) about `up` (3) of turns `delta` (F, 4) away from rest, smooth and without jumps.

    It is the twist of the swing-twist decomposition. Its half as a complex number, squared, does not depend on the sign
    of the quaternion; and it is short where the body is upside down and has no heading, so that it hardly counts there
    when frames are averaged.
    """
    half = delta[:, 0] + 1j * (delta[:, 1:] @ up)
    turn = half * half
    smooth = averaged(turn.real, _SIGMA * rate) + 1j * averaged(turn.imag, _SIGMA * rate)
    return np.unwrap(np.angle(smooth))
