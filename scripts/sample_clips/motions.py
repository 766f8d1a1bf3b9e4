# SPDX-License-Identifier: GPL-3.0-or-later
"""The motions of the sample clips, written down as a few keys per body part. No bpy.

Angles are in degrees here, positions in metres; arm directions read (outwards, back, up) for both arms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aimocap_addon.motion.rotations import normalize

from .skeleton import REST_HEADS, Arm, Foot, Motion, index

Array = NDArray[np.float64]
Keys = Sequence[tuple[float, Sequence[float]]]

STANDING = 0.935  # height of the pelvis with knees hardly bent
_BALL = REST_HEADS[index("ball_l")]


def track(keys: Keys, times: Array) -> Array:
    """Interpolate keys (time, values) at `times` (F,) -> (F, K): monotone cubic, flat before and after.

    Tangents by F. N. Fritsch and J. Butland, "A method for constructing local monotone piecewise cubic
    interpolants", SIAM J. Sci. Stat. Comput. 5 (1984): extremes are held without overshoot.
    """
    at = np.array([time for time, _ in keys], dtype=np.float64)
    values = np.array([value for _, value in keys], dtype=np.float64)
    if len(at) == 1:
        return np.repeat(values, len(times), axis=0)
    step = np.diff(at)[:, None]
    slope = np.diff(values, axis=0) / step
    tangent = np.zeros_like(values)
    if len(at) > 2:
        before, after = slope[:-1], slope[1:]
        w1, w2 = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        same = before * after > 0.0
        safe_before, safe_after = np.where(same, before, 1.0), np.where(same, after, 1.0)
        tangent[1:-1] = np.where(same, (w1 + w2) / (w1 / safe_before + w2 / safe_after), 0.0)
    times = np.clip(times, at[0], at[-1])
    k = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    h = step[k]
    s = ((times - at[k]) / h[:, 0])[:, None]
    return (
        (1 + 2 * s) * (1 - s) ** 2 * values[k]
        + s * (1 - s) ** 2 * h * tangent[k]
        + s**2 * (3 - 2 * s) * values[k + 1]
        + s**2 * (s - 1) * h * tangent[k + 1]
    )


def arm(side: str, keys: Sequence[tuple[float, Sequence[float], Sequence[float]]], times: Array) -> Arm:
    mirror = np.array((-1.0 if side == "r" else 1.0, 1.0, 1.0))

    def directions(which: int) -> Array:
        unit: Keys = [(key[0], normalize(np.array(key[1 + which], dtype=np.float64)).tolist()) for key in keys]
        return normalize(track(unit, times)) * mirror

    return Arm(directions(0), directions(1))


def turns(keys: Keys, times: Array) -> Array:
    return np.radians(track(keys, times))


def foot(times: Array, ball: Keys, yaw: Keys, pitch: Keys = ((0.0, (0.0,)),)) -> Foot:
    return Foot(track(ball, times), turns(yaw, times)[:, 0], turns(pitch, times)[:, 0])


def standing_feet(times: Array, apart: float = 0.14, yaw: float = 12.0) -> dict[str, Foot]:
    return {
        side: foot(times, ((0.0, (sign * apart, _BALL[1], _BALL[2])),), ((0.0, (sign * yaw,)),))
        for side, sign in (("l", 1.0), ("r", -1.0))
    }


def wave_squat(times: Array) -> Motion:
    """Wave the right arm overhead, then one deep squat with both arms stretched forward."""
    idle = ((0.22, 0.02, -1.0), (0.12, -0.25, -1.0))
    up, out, inward = (0.55, -0.15, 0.9), (0.55, -0.25, 0.9), (-0.45, -0.2, 0.9)
    forward = ((0.12, -1.0, -0.05), (-0.02, -1.0, 0.12))
    right = [
        (0.3, *idle),
        (0.7, (1.0, -0.25, 0.1), (0.7, -0.4, 0.8)),
        (1.0, up, out),
        (1.25, up, inward),
        (1.5, up, out),
        (1.75, up, inward),
        (2.0, up, out),
        (2.2, up, (0.0, -0.25, 1.0)),
        (2.5, (1.0, -0.2, 0.0), (0.6, -0.55, 0.3)),
        (2.85, *idle),
        (3.0, *idle),
        (3.65, *forward),
        (3.95, *forward),
        (4.65, *idle),
    ]
    left = [(0.0, *idle), (3.0, *idle), (3.65, *forward), (3.95, *forward), (4.65, *idle)]
    return Motion(
        pelvis=track(
            [
                (0.3, (0.0, 0.0, STANDING)),
                (0.9, (0.035, 0.0, STANDING - 0.005)),
                (2.1, (0.035, 0.0, STANDING - 0.005)),
                (2.7, (0.0, 0.0, STANDING)),
                (2.95, (0.0, 0.0, STANDING)),
                (3.7, (0.0, 0.20, 0.56)),
                (3.9, (0.0, 0.20, 0.56)),
                (4.65, (0.0, 0.0, STANDING)),
            ],
            times,
        ),
        pelvis_turn=turns(
            [(2.95, (0, 0, 0)), (3.7, (0, 24, 0)), (3.9, (0, 24, 0)), (4.65, (0, 0, 0))],
            times,
        ),
        chest=turns(
            [
                (0.3, (0, 0, 0)),
                (0.9, (0, -2, 7)),
                (2.1, (0, -2, 7)),
                (2.7, (0, 0, 0)),
                (3.0, (0, 0, 0)),
                (3.7, (0, 8, 0)),
                (3.9, (0, 8, 0)),
                (4.65, (0, 0, 0)),
            ],
            times,
        ),
        head=turns(
            [
                (0.3, (0, 0, 0)),
                (0.9, (-6, 0, -9)),
                (2.1, (-6, 0, -9)),
                (2.7, (0, 0, 0)),
                (3.0, (0, 0, 0)),
                (3.7, (0, -22, 0)),
                (3.9, (0, -22, 0)),
                (4.65, (0, 0, 0)),
            ],
            times,
        ),
        arms={"l": arm("l", left, times), "r": arm("r", right, times)},
        feet=standing_feet(times),
    )


def punch_kick(times: Array) -> Motion:
    """Jab, cross, jab from a boxing guard, then a front kick of the rear leg by way of a raised knee."""
    guard = ((0.35, -0.45, -0.85), (-0.25, -0.45, 0.85))
    cocked = ((0.45, -0.2, -0.9), (-0.2, -0.5, 0.85))
    jab = ((-0.05, -1.0, 0.02), (-0.20, -1.0, 0.10))
    left = [
        (0.35, *guard),
        (0.50, *jab),
        (0.60, *jab),
        (0.85, *guard),
        (1.55, *guard),
        (1.70, *jab),
        (1.80, *jab),
        (2.05, *guard),
        (3.1, *guard),
        (3.3, (0.5, -0.2, -0.8), (0.0, -0.8, 0.5)),
        (3.8, *guard),
    ]
    right = [
        (0.80, *guard),
        (0.90, *cocked),
        (1.08, *jab),
        (1.18, *jab),
        (1.45, *guard),
        (2.7, *guard),
        (3.2, (0.5, 0.15, -0.9), (0.15, -0.6, 0.4)),
        (3.9, *guard),
    ]
    low = 0.87
    home, raised = (0.0, -0.02, low), (0.06, -0.16, low + 0.015)
    rear = (-0.17, 0.16, _BALL[2])
    return Motion(
        pelvis=track(
            [
                (0.3, home),
                (0.52, (0.02, -0.06, low)),
                (0.85, home),
                (1.1, (0.02, -0.09, low - 0.005)),
                (1.45, home),
                (1.72, (0.02, -0.06, low)),
                (2.1, home),
                (2.55, raised),
                (3.45, raised),
                (4.0, home),
            ],
            times,
        ),
        pelvis_turn=turns(
            [
                (0.3, (-25, 3, 0)),
                (0.5, (-34, 4, 0)),
                (0.85, (-25, 3, 0)),
                (1.1, (22, 5, 0)),
                (1.45, (-22, 3, 0)),
                (1.7, (-34, 4, 0)),
                (2.1, (-25, 3, 0)),
                (2.6, (-4, -3, 0)),
                (3.2, (6, -10, 0)),
                (3.45, (0, -3, 0)),
                (4.0, (-25, 3, 0)),
            ],
            times,
        ),
        chest=turns(
            [
                (0.3, (-6, 8, 0)),
                (0.5, (-16, 8, 0)),
                (0.85, (-6, 8, 0)),
                (1.1, (20, 10, 0)),
                (1.45, (-4, 8, 0)),
                (1.7, (-16, 8, 0)),
                (2.1, (-6, 8, 0)),
                (2.6, (2, 6, 0)),
                (3.2, (0, 4, 0)),
                (4.0, (-6, 8, 0)),
            ],
            times,
        ),
        head=turns(
            [
                (0.3, (25, -4, 0)),
                (0.5, (38, -4, 0)),
                (0.85, (25, -4, 0)),
                (1.1, (-30, -6, 0)),
                (1.45, (22, -4, 0)),
                (1.7, (38, -4, 0)),
                (2.1, (25, -4, 0)),
                (2.6, (2, 0, 0)),
                (3.4, (-4, 4, 0)),
                (4.0, (25, -4, 0)),
            ],
            times,
        ),
        arms={"l": arm("l", left, times), "r": arm("r", right, times)},
        feet={
            "l": foot(times, [(0.0, (0.12, -0.30, _BALL[2]))], [(0.0, (4,))]),
            "r": foot(
                times,
                [
                    (2.2, rear),
                    (2.42, (-0.14, 0.06, 0.25)),
                    (2.75, (-0.06, -0.42, 0.52)),
                    (2.92, (-0.06, -0.44, 0.56)),
                    (3.14, (0.0, -0.95, 0.99)),
                    (3.24, (0.0, -0.95, 0.99)),
                    (3.45, (-0.06, -0.42, 0.52)),
                    (3.75, (-0.14, 0.04, 0.2)),
                    (3.98, rear),
                ],
                [
                    (0.85, (-40,)),
                    (1.08, (-12,)),
                    (1.2, (-12,)),
                    (1.45, (-40,)),
                    (2.2, (-40,)),
                    (2.7, (0,)),
                    (3.45, (0,)),
                    (3.98, (-40,)),
                ],
                [
                    (0.85, (10,)),
                    (1.08, (38,)),
                    (1.2, (36,)),
                    (1.45, (10,)),
                    (2.0, (10,)),
                    (2.2, (42,)),
                    (2.5, (40,)),
                    (2.9, (5,)),
                    (3.16, (-30,)),
                    (3.22, (-30,)),
                    (3.5, (10,)),
                    (3.8, (34,)),
                    (3.98, (26,)),
                    (4.15, (10,)),
                ],
            ),
        },
    )
