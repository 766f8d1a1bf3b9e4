# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand: planted toes are pinned, swinging ones kept out of the floor, knees never snap.

Body proportions differ, so limbs that point exactly where the performer's do make the target's feet slide. Here each
planted toe gets a *correction*, a shift (F, 3) of where it is to the one place where it should be. The hips take the
part of it that spares the legs most; two-bone inverse kinematics does the rest, see `legs`. Before and after a contact
the legs' part fades with the speed it has at the edge, so that the foot leaves without a jerk. All lengths are in units
of the target's armature space, all arrays over all frames at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .contacts import spans
from .legs import Leg, extra_step, reach, reached, steadied
from .rotations import Array, dot, inverse_symmetric, length
from .series import averaged, evened, raised

# Seconds that a correction takes at most to fade away from a contact, and over which the hips' move is averaged.
FADE = 0.30
_HIPS_SIGMA = 0.10
_ROUNDS = 2
# What a move of the hips costs, up and down and over the ground: radians per leg length, squared, of turning legs.
_RISING, _SWAYING = 0.05, 4.0
# By how much of its length the hips' way over the ground may change.
_WAY = 0.004
# Cosine: toes that are tilted further than 75 degrees are not about to stand on their sole.
_SOLE_UP = np.cos(np.radians(75.0))


@dataclass(frozen=True)
class Plan:
    """Where one foot has to be: corrections (F, 3) of its toe on the frames `on` (F) on which it is planted.

    `height` (F) is how high the toe is over where it is when it stands.
    """

    correction: Array
    on: NDArray[np.bool_]
    height: Array


def plan(toe: Array, source_height: Array, on: NDArray[np.bool_], up: Array, floor: float) -> Plan:
    """Return the corrections that hold a toe, now at `toe` (F, 3), during its contacts.

    `source_height` (F) is how high the performer's toe is over its ground, in the target's units; `on` (F) when it is
    planted; `floor` the height of the target's toe joint when it stands. The place of a contact is the mean of where
    the toe would have been.
    """
    correction = np.zeros_like(toe)
    for start, stop in spans(on):
        part = toe[start:stop]
        flat = part.mean(axis=0) - part
        rise = floor + np.maximum(source_height[start:stop], 0.0) - part @ up
        correction[start:stop] = flat + (rise - flat @ up)[:, None] * up
    return Plan(correction, on, toe @ up - floor)


def _hips_share(legs: Leg, on: NDArray[np.bool_], ways: Array, up: Array, rate: float) -> Callable[[Array], Array]:
    """Return what says, for corrections (L, F, 3) of feet, the smooth move (F, 3) of the hips that spares the legs.

    It goes along `ways` (W, 3). Least squares: the turns of the planted legs and a little for the move itself, all
    averaged over neighbouring frames. Far from all contacts the move fades to nothing.
    """
    costs = np.where(on[..., None, None], legs.cost, 0.0)
    sigma, allowed = _HIPS_SIGMA * rate, ways.T @ ways
    own = ways.T @ (np.where(np.abs(ways @ up) > 0.5, _RISING, _SWAYING)[:, None] * ways)
    held = averaged(costs.sum(axis=0).reshape(-1, 9), sigma).reshape(-1, 3, 3)
    inverse = inverse_symmetric(allowed @ held @ allowed + own + np.eye(3) - allowed)

    def share(corrections: Array) -> Array:
        wanted = np.einsum("lfij,lfj->lfi", costs, corrections).sum(axis=0)
        return np.einsum("fij,fj->fi", inverse, averaged(wanted, sigma) @ allowed)

    return share


def _same_way(move: Array, path: Array, up: Array) -> Array:
    """Return `move` (F, 3) with so much of it over the ground as leaves the way along `path` (F, 3) its length."""
    rise = (move @ up)[:, None] * up
    before, after = (length(np.diff(way - (way @ up)[:, None] * up, axis=0)).sum() for way in (path, path + move))
    return rise + min(1.0, _WAY * before / max(abs(after - before), 1e-12)) * (move - rise)


def pin(
    legs: list[Leg], plans: list[Plan], ways: Array, up: Array, rate: float
) -> tuple[list[tuple[Array, Array]], list[Array], Array]:
    """Return the turns (F, 4) of thigh and calf of each leg, how high (F) its toe comes, and the hips' move (F, 3).

    What the legs leave undone the hips take over in the next round, along `ways` (W, 3). Between contacts legs go back
    to what they were. In the end they give up what would make them whip.
    """
    both = Leg(*(np.stack(parts) for parts in zip(*((e.hip, e.knee, e.ankle, e.hinge) for e in legs), strict=True)))
    on, corrections = np.stack([each.on for each in plans]), np.stack([each.correction for each in plans])
    middle = both.hip.mean(axis=0)
    move = np.zeros_like(middle)
    share = _hips_share(both, on, ways, up, rate)
    left = corrections
    for _ in range(_ROUNDS):
        move = _same_way(move + share(left), middle, up)
        places = both.ankle + corrections - move
        left = places - reached(both, places)
    shifts = np.stack([faded(each.correction - move, each.on, rate) for each in plans])
    heights = np.stack([each.height for each in plans]) + (shifts + move) @ up
    shifts += np.where(on, 0.0, np.maximum(-heights, 0.0))[..., None] * up
    thighs, calves = steadied(both, reach(both, both.ankle + shifts), on, rate).turns()
    return list(zip(thighs, calves, strict=True)), list(np.maximum(heights, 0.0)), move


def roll(lever: Array, wanted: Array, on: NDArray[np.bool_], rate: float) -> Array:
    """Return by how much (F, radians) feet roll further over their balls, planted ones so that `lever` is as `wanted`.

    Both (F, 2) lead from ball to ankle, backwards and up. A foot hardly turns faster than it did.
    """
    pitch = np.unwrap(np.arctan2(lever[:, 1], lever[:, 0]))
    across = lever[:, 0] * wanted[:, 1] - lever[:, 1] * wanted[:, 0]
    turn = np.arctan2(across, dot(lever, wanted))[:, None]
    return evened(pitch + faded(turn, on, rate)[:, 0], np.abs(np.diff(pitch)) + extra_step(rate), on) - pitch


def bend_toe(forward: Array, sole_up: Array, steps: Array, height: Array, size: float, up: Array, rate: float) -> Array:
    """Return by how much (F, radians) toes bend up so that they do not go through the floor.

    `forward` and `sole_up` (F, 3) are the toes' unit directions along and away from the sole, `steps` (F-1) by how much
    they bend up from frame to frame as it is, about their own axis; `height` (F) is how high their joint is over where
    it is when they stand, `size` their length. The bend begins before and ends after it is
    needed, slowly enough for the toes to turn hardly faster than they did.
    """
    ahead, above = forward @ up, sole_up @ up
    steepest = np.maximum(np.hypot(ahead, above), 1e-6)
    pitch = np.unwrap(np.arctan2(ahead, above))
    turns = 2.0 * np.pi * np.round(pitch / (2.0 * np.pi))
    lowest = -np.arcsin(np.clip(np.maximum(height, 0.0) / (size * steepest), 0.0, 1.0))
    needed = np.where(above > _SOLE_UP, np.maximum(pitch, lowest + turns), pitch)
    own = np.concatenate(((0.0,), np.cumsum(steps)))
    return raised(own + needed - pitch, np.abs(steps) + extra_step(rate)) - own


def faded(correction: Array, on: NDArray[np.bool_], rate: float) -> Array:
    """Return `correction` (F, D) as it is on the frames `on` (F), and faded between them.

    Cubic curves lead from edge to edge of contacts, or to zero where the next one is far.
    """
    correction = np.where(on[:, None], correction, 0.0)
    held = spans(on)
    if not held:
        return correction
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
    return correction


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
