# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand: planted toes are pinned, swinging ones kept out of the floor, knees never snap.

Body proportions differ, so limbs that point exactly where the performer's do make the target's feet slide. Here each
toe gets a *correction*, a shift (F, 3) of where it is to where it should be. While planted, it holds the toe at one
place; before and after, it fades with the speed it has at the edge, so that the foot leaves without a jerk. What both
feet need in height the hips give; two-bone inverse kinematics does the rest, see `legs`. All lengths are in units of
the target's armature space, all arrays over all frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .contacts import spans
from .legs import Change, Leg, extra_step, limb_steps, reach, steadied
from .rotations import Array, cross
from .series import averaged, evened, raised

# Seconds that a correction takes at most to fade away from a contact, and over which the hips' share is averaged.
FADE = 0.30
_HIPS_SIGMA = 0.10
_ROUNDS = 3
# Cosine: toes that are tilted further than 75 degrees are not about to stand on their sole.
_SOLE_UP = np.cos(np.radians(75.0))


@dataclass(frozen=True)
class Plan:
    """Where one foot has to be: corrections (F, 3) of its toe, frames (F) on which it is planted.

    `height` (F) is how high the toe will be over where it is when it stands.
    """

    correction: Array
    on: NDArray[np.bool_]
    height: Array


def plan(toe: Array, source_height: Array, on: NDArray[np.bool_], up: Array, floor: float, rate: float) -> Plan:
    """Return the corrections that hold a toe, now at `toe` (F, 3), during its contacts.

    `source_height` (F) is how high the performer's toe is over its ground, in the target's units; `on` (F) when it is
    planted; `floor` the height of the target's toe joint when it stands; `rate` frames per second. The place of a
    contact is the mean of where the toe would have been.
    """
    correction = np.zeros_like(toe)
    held = spans(on)
    for start, stop in held:
        part = toe[start:stop]
        flat = part.mean(axis=0) - part
        rise = floor + np.maximum(source_height[start:stop], 0.0) - part @ up
        correction[start:stop] = flat + (rise - flat @ up)[:, None] * up
    if held:
        _fade(correction, held, rate)
    height = (toe + correction) @ up - floor
    correction += np.where(on, 0.0, np.maximum(-height, 0.0))[:, None] * up
    return Plan(correction, on, np.maximum(height, 0.0))


def hips_share(plans: list[Plan], up: Array, rate: float) -> Array:
    """Return how far (F) the hips rise so that the planted feet need the least correction in height."""
    weights = averaged(np.sum([each.on for each in plans], axis=0).astype(np.float64), _HIPS_SIGMA * rate)
    wanted = averaged(
        np.sum([np.where(each.on, each.correction @ up, 0.0) for each in plans], axis=0), _HIPS_SIGMA * rate
    )
    return wanted / (weights + 0.05)  # far from all contacts the share fades to nothing


def pin(
    legs: list[Leg], plans: list[Plan], up: Array, rate: float, *, move_hips: bool
) -> tuple[list[tuple[Array, Array]], Array]:
    """Return the turns (F, 4) of thigh and calf of each leg, and how far (F) the hips rise.

    What the legs leave undone the hips take over in the next round, as far as `move_hips` allows it. In the end the
    legs give up what would make them whip.
    """
    rise = np.zeros(len(legs[0].hip))
    left = plans
    changes: list[Change] = []
    for _ in range(_ROUNDS):
        if move_hips:
            rise = rise + hips_share(left, up, rate)
        changes, left = [], []
        for leg, each in zip(legs, plans, strict=True):  # raised hips are a lower place to reach
            place = leg.ankle + each.correction - rise[:, None] * up
            change, ankle = reach(leg, place)
            changes.append(change)
            left.append(replace(each, correction=place - ankle))
    steady = zip(legs, changes, plans, strict=True)
    return [steadied(leg, change, each.on, rate).turns() for leg, change, each in steady], rise


def roll(lever: Array, wanted: Array, on: NDArray[np.bool_], rate: float) -> Array:
    """Return by how much (F, radians) planted feet roll on over their balls, so that ankles are where they should be.

    `lever` and `wanted` (F, 2) lead from ball to ankle, backwards and up.
    """
    pitch = np.unwrap(np.arctan2(lever[:, 1], lever[:, 0]))
    product = wanted * lever[:, ::-1]
    angles = np.arctan2(product[:,0]-product[:,1], np.sum(wanted * lever, axis=-1))
    angles = -np.where(on, angles, 0.0)[:, None]
    held = spans(on)
    if not held:
        return angles[:, 0]
    _fade(angles, held, rate)
    return evened(pitch + angles[:, 0], np.abs(np.diff(pitch)) + extra_step(rate), on) - pitch


def bend_toe(forward: Array, sole_up: Array, height: Array, length: float, up: Array, rate: float) -> Array:
    """Return by how much (F, radians) toes bend up so that they do not go through the floor.

    `forward` and `sole_up` (F, 3) are the toes' unit directions along and away from the sole, `height` (F) how high
    their joint is over where it is when they stand, `length` theirs. The bend begins before and ends after it is
    needed, slowly enough for the toes to turn hardly faster than they did.
    """
    ahead, above = forward @ up, sole_up @ up
    steepest = np.maximum(np.hypot(ahead, above), 1e-6)
    pitch = np.unwrap(np.arctan2(ahead, above))
    turns = 2.0 * np.pi * np.round(pitch / (2.0 * np.pi))
    lowest = -np.arcsin(np.clip(np.maximum(height, 0.0) / (length * steepest), 0.0, 1.0))
    needed = np.where(above > _SOLE_UP, np.maximum(pitch, lowest + turns), pitch)
    return raised(needed, np.abs(np.diff(pitch)) + extra_step(rate)) - pitch


def _fade(correction: Array, held: list[tuple[int, int]], rate: float) -> None:
    """Fill the frames between contacts: cubic curves from edge to edge, or to zero where the next one is far."""
    reach_frames = max(2, round(FADE * rate))
    first, last = held[0][0], held[-1][1] - 1
    if first > 0:
        _curve(correction, max(-1, first - reach_frames), first, leaving=False)
    if last < len(correction) - 1:
        _curve(correction, last, min(len(correction), last + reach_frames), arriving=False)
    for (_, stop), (start, _) in pairwise(held):
        left = stop - 1
        if start - left <= 2 * reach_frames:
            _curve(correction, left, start)
        else:
            _curve(correction, left, left + reach_frames, arriving=False)
            _curve(correction, start - reach_frames, start, leaving=False)


def _curve(values: Array, left: int, right: int, *, leaving: bool = True, arriving: bool = True) -> None:
    """Fill the frames between `left` and `right` with a cubic Hermite curve, from or to zero where a contact is far."""
    count, frames = right - left, len(values)
    t = (np.arange(left + 1, right) - left)[:, None] / count
    start = values[left] if leaving else np.zeros_like(values[0])
    end = values[right] if arriving else np.zeros_like(values[0])
    speed_out = values[left] - values[left - 1] if leaving and left > 0 else np.zeros_like(values[0])
    speed_in = values[right + 1] - values[right] if arriving and right + 1 < frames else np.zeros_like(values[0])
    values[left + 1 : right] = (
        (1 + 2 * t) * (1 - t) ** 2 * start
        + t**2 * (3 - 2 * t) * end
        + count * (t * (1 - t) ** 2 * speed_out + t**2 * (t - 1) * speed_in)
    )
