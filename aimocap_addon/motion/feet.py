# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet that stay where they stand: planted toes are pinned, swinging ones kept out of the floor, knees never snap.

Body proportions differ, so limbs that point exactly where the performer's do make the target's feet slide. Here each
toe gets a *correction*, a shift (F, 3) of where it is to where it should be. While planted, it holds the toe at one
place; before and after, it fades with the speed it has at the edge, so that the foot leaves without a jerk. What both
feet need in height the hips give; two-bone inverse kinematics does the rest. All lengths are in units of the target's
armature space, all arrays over all frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .contacts import spans
from .rotations import (
    Array,
    cross,
    normalize,
    quaternion_between,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)

# Seconds that a correction takes at most to fade away from a contact, and over which the hips' share is averaged.
FADE = 0.30
_HIPS_SIGMA = 0.10
# Radians: a knee is not stretched further than this by pinning a foot.
_MIN_BEND = np.radians(3.0)
# In leg lengths per radian: where bending the knee shortens the leg by less, the hips give instead. Near a straight
# knee one millimetre of length is five degrees of bend.
_KNEE_DAMPING = 0.03
_ROUNDS = 3


@dataclass(frozen=True)
class Leg:
    """One leg in motion: heads of thigh, calf and foot (F, 3), and the axis (F, 3) about which its knee should bend.

    Turning the calf about `hinge` by a positive angle bends the knee.
    """

    hip: Array
    knee: Array
    ankle: Array
    hinge: Array


@dataclass(frozen=True)
class Plan:
    """Where one foot has to be: corrections (F, 3) of its toe, frames (F) on which it is planted."""

    correction: Array
    on: NDArray[np.bool_]


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
    return Plan(correction, on)


def hips_share(plans: list[Plan], up: Array, rate: float) -> Array:
    """Return how far (F) the hips rise so that the planted feet need the least correction in height."""
    weights = _averaged(np.sum([each.on for each in plans], axis=0).astype(np.float64), rate)
    wanted = _averaged(np.sum([np.where(each.on, each.correction @ up, 0.0) for each in plans], axis=0), rate)
    return wanted / (weights + 0.05)  # far from all contacts the share fades to nothing


def reach(leg: Leg, wanted: Array) -> tuple[Array, Array, Array]:
    """Return turns (F, 4) of thigh and of calf in space that bring the ankle towards `wanted` (F, 3), and its place.

    The knee keeps its plane, bends the way it should, and is neither stretched straight nor bent in haste: where it is
    almost straight the ankle falls a little short. Source of the angle: law of cosines.
    """
    thigh, calf = leg.knee - leg.hip, leg.ankle - leg.knee
    a = np.linalg.norm(thigh, axis=-1)
    b = np.linalg.norm(calf, axis=-1)
    plane = cross(thigh, calf) / (a * b)[:, None]
    forwards = np.sign(np.sum(plane * leg.hinge, axis=-1))
    forwards = np.where(forwards == 0.0, 1.0, forwards)
    axis = normalize(plane * forwards[:, None] + 0.05 * leg.hinge)  # a straight leg has no plane of its own
    bend = forwards * np.arctan2(np.linalg.norm(plane, axis=-1), np.sum(thigh * calf, axis=-1) / (a * b))
    distance = np.linalg.norm(wanted - leg.hip, axis=-1)
    cosine = (distance**2 - a**2 - b**2) / (2.0 * a * b)
    exact = np.maximum(np.arccos(np.clip(cosine, -1.0, 1.0)), np.minimum(np.abs(bend), _MIN_BEND))
    shortening = a * b * np.sin(np.maximum(np.abs(bend), exact)) / np.maximum(distance, 1e-9)
    share = shortening**2 / (shortening**2 + (_KNEE_DAMPING * (a + b)) ** 2)
    at_knee = quaternion_from_axis_angle(axis, share * (exact - bend))
    bent = thigh + quaternion_rotate(at_knee, calf)
    swing = quaternion_between(bent, wanted - leg.hip)
    return swing, quaternion_multiply(swing, at_knee), leg.hip + quaternion_rotate(swing, bent)


def pin(legs: list[Leg], plans: list[Plan], up: Array, rate: float, *, move_hips: bool) -> tuple[list, Array]:
    """Return the turns (F, 4) of thigh and calf of each leg, and how far (F) the hips rise.

    What the legs leave undone the hips take over in the next round, as far as `move_hips` allows it.
    """
    rise = np.zeros(len(legs[0].hip))
    left = plans
    turns: list[tuple[Array, Array]] = []
    for _ in range(_ROUNDS):
        if move_hips:
            rise = rise + hips_share(left, up, rate)
        raised = rise[:, None] * up
        turns, left = [], []
        for leg, each in zip(legs, plans, strict=True):
            lifted = Leg(leg.hip + raised, leg.knee + raised, leg.ankle + raised, leg.hinge)
            wanted = leg.ankle + each.correction
            thigh, calf, ankle = reach(lifted, wanted)
            turns.append((thigh, calf))
            left.append(Plan(wanted - ankle, each.on))
    return turns, rise


def level_toe(pointing: Array, on: NDArray[np.bool_], up: Array, rate: float) -> Array:
    """Return turns (F, 4) in space that keep toes from pointing into the floor, for a foot that rolls over its ball.

    `pointing` (F, 3) is the toes' direction. Away from the contacts `on` (F) the toes may point anywhere.
    """
    down = np.arcsin(np.clip(-(normalize(pointing) @ up), 0.0, 1.0))
    frames = np.arange(len(on))
    apart = np.full(len(on), np.inf)
    for start, stop in spans(on):
        apart = np.minimum(apart, np.maximum(0, np.maximum(start - frames, frames - stop + 1)))
    near = np.clip(1.0 - apart / (FADE * rate), 0.0, 1.0)
    return quaternion_from_axis_angle(cross(pointing, up), down * near * near * (3.0 - 2.0 * near))


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
    start = values[left] if leaving else np.zeros(3)
    end = values[right] if arriving else np.zeros(3)
    speed_out = values[left] - values[left - 1] if leaving and left > 0 else np.zeros(3)
    speed_in = values[right + 1] - values[right] if arriving and right + 1 < frames else np.zeros(3)
    values[left + 1 : right] = (
        (1 + 2 * t) * (1 - t) ** 2 * start
        + t**2 * (3 - 2 * t) * end
        + count * (t * (1 - t) ** 2 * speed_out + t**2 * (t - 1) * speed_in)
    )


def _averaged(values: Array, rate: float) -> Array:
    """Return `values` (F) averaged over their neighbours with Gaussian weights."""
    sigma = _HIPS_SIGMA * rate
    half = int(np.ceil(3.0 * sigma))
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-6)) ** 2)
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")
