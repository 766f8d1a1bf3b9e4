# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-bone inverse kinematics for legs, over all frames at once: knees never snap, limbs never whip.

All lengths are in units of the target's armature space. Arrays (..., F) hold one leg, or several at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .rotations import (
    Array,
    cross,
    dot,
    inverse_symmetric,
    length,
    normalize,
    quaternion_between,
    quaternion_from_axis_angle,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    quaternion_rotate,
    rotation_vector_from_quaternion,
)
from .series import evened

# Radians: a knee is not stretched further than this by pinning a foot.
_MIN_BEND = np.radians(3.0)
# In leg lengths per radian: where bending the knee shortens the leg by less, the hips give instead. Near a straight
# knee one millimetre of length is five degrees of bend.
_KNEE_DAMPING = 0.03
# Radians per frame and radians per second by which a bone may turn faster than the performer's.
_EXTRA_STEP = np.radians(0.85)
_EXTRA_SPEED = np.radians(51.0)


@dataclass(frozen=True)
class Leg:
    """Legs in motion: heads of thigh, calf and foot, and the axis about which knees should bend, all (..., F, 3).

    Turning the calf about `hinge` by a positive angle bends the knee.
    """

    hip: Array
    knee: Array
    ankle: Array
    hinge: Array

    @cached_property
    def thigh(self) -> Array:
        """The way (..., F, 3) from hip to knee."""
        return self.knee - self.hip

    @cached_property
    def calf(self) -> Array:
        """The way (..., F, 3) from knee to ankle."""
        return self.ankle - self.knee

    @cached_property
    def lengths(self) -> tuple[Array, Array]:
        """Lengths (..., F) of thigh and calf."""
        return length(self.thigh), length(self.calf)

    @cached_property
    def bend(self) -> tuple[Array, Array]:
        """The axis (..., F, 3) about which knees bend, and how far (..., F, radians), negative for the wrong way."""
        product = self.lengths[0] * self.lengths[1]
        plane = cross(self.thigh, self.calf) / product[..., None]
        forwards = np.where(dot(plane, self.hinge) < 0.0, -1.0, 1.0)
        axis = normalize(plane * forwards[..., None] + 0.05 * self.hinge)  # a straight leg has no plane of its own
        cosine = dot(self.thigh, self.calf) / product
        angle: Array = np.arctan2(length(plane), cosine)
        bend: Array = np.multiply(forwards, angle)
        return axis, bend

    @cached_property
    def cost(self) -> Array:
        """Matrices (..., F, 3, 3) that tell by how much the leg turns when its ankle is shifted.

        For a small shift v, in leg lengths, v' cost v is the sum of squares of the turns (radians) of thigh and calf in
        the leg's plane and of the whole leg out of it. Along an almost straight leg it is damped as in `reach`.
        """
        axis, whole = self.bend[0], (self.lengths[0] + self.lengths[1])[..., None]
        shifts = (cross(axis, self.thigh) / whole, cross(axis, self.calf) / whole, axis)
        jacobian = np.stack(shifts, axis=-1)  # the shift for each of the turns
        return inverse_symmetric(jacobian @ np.swapaxes(jacobian, -1, -2) + _KNEE_DAMPING**2 * np.eye(3))


@dataclass(frozen=True)
class Change:
    """How a leg is changed: the turn (..., F, 4) of all of it in space, after its knee was bent by `more` (..., F).

    `axis` (..., F, 3) is the knee's, before the turn.
    """

    swing: Array
    more: Array
    axis: Array

    def turns(self) -> tuple[Array, Array]:
        """Return the turns (..., F, 4) of thigh and of calf in space."""
        return self.swing, quaternion_multiply(self.swing, quaternion_from_axis_angle(self.axis, self.more))


def reach(leg: Leg, wanted: Array) -> Change:
    """Return the change that brings the ankle towards `wanted` (..., F, 3).

    The knee keeps its plane, bends the way it should, and is neither stretched straight nor bent in haste: where it is
    almost straight the ankle falls a little short.
    """
    more, bent, away = _bent(leg, wanted)
    return Change(quaternion_between(bent, away), more, leg.bend[0])


def reached(leg: Leg, wanted: Array) -> Array:
    """Return where the ankle comes (..., F, 3) by `reach`."""
    _, bent, away = _bent(leg, wanted)
    return leg.hip + length(bent)[..., None] * normalize(away)


def _bent(leg: Leg, wanted: Array) -> tuple[Array, Array, Array]:
    """Return by how much (..., F, radians) the knee bends more, and the ways to the ankle then and to `wanted`.

    Both (..., F, 3) begin at the hip. Source of the angle: law of cosines.
    """
    a, b = leg.lengths
    axis, bend = leg.bend
    away = wanted - leg.hip
    distance = length(away)
    cosine = (distance**2 - a**2 - b**2) / (2.0 * a * b)
    exact = np.maximum(np.arccos(np.clip(cosine, -1.0, 1.0)), np.minimum(np.abs(bend), _MIN_BEND))
    shortening = a * b * np.sin(np.maximum(np.abs(bend), exact)) / np.maximum(distance, 1e-9)
    share = shortening**2 / (shortening**2 + (_KNEE_DAMPING * (a + b)) ** 2)
    more = share * (exact - bend)
    return more, leg.thigh + quaternion_rotate(quaternion_from_axis_angle(axis, more), leg.calf), away


def steadied(leg: Leg, change: Change, firm: NDArray[np.bool_], rate: float) -> Change:
    """Return `change` altered so that neither thigh nor calf turns much faster than without it.

    Where that is possible, `firm` (..., F) frames stay as they are. No knee is stretched further than by `change`,
    unless it stays well bent. `rate` is in frames per second.
    """
    turn = rotation_vector_from_quaternion(change.swing)
    about = dot(turn, change.axis)
    aside = turn - about[..., None] * change.axis
    extra = extra_step(rate)
    aside = np.stack([_evened(part, extra, firm) for part in np.moveaxis(aside, -1, 0)], axis=-1)
    thigh = _limited(leg.thigh, about, change.axis, extra, firm)
    whole, bent = (
        quaternion_rotate(quaternion_from_axis_angle(change.axis, angle), limb)
        for limb, angle in ((leg.thigh, about), (leg.calf, about + change.more))
    )
    knee = quaternion_rotate(quaternion_from_axis_angle(change.axis, thigh), leg.thigh)
    aim = _angle(bent, whole + bent - knee, change.axis)  # the calf makes up for what the thigh gives up
    calf = _limited(leg.calf, about + change.more + aim, change.axis, extra, firm)
    bend = leg.bend[1]
    more = np.maximum(calf - thigh, np.minimum(change.more, np.minimum(bend, _MIN_BEND) - bend))
    return Change(quaternion_from_rotation_vector(aside + thigh[..., None] * change.axis), more, change.axis)


def extra_step(rate: float) -> float:
    """Return by how much (radians) a bone may turn more than the performer's from one frame to the next."""
    return min(_EXTRA_STEP, _EXTRA_SPEED / rate)


def _limited(limb: Array, angle: Array, axis: Array, extra: float, firm: NDArray[np.bool_]) -> Array:
    """Return `angle` (..., F), by which `limb` is turned about `axis`, changed so that no step is `extra` larger."""
    steps = _angle(limb[..., :-1, :], limb[..., 1:, :], axis[..., 1:, :])
    own = np.zeros_like(angle)
    np.cumsum(steps, axis=-1, out=own[..., 1:])
    return _evened(own + angle, np.abs(steps) + extra, firm) - own


def _evened(values: Array, steps: Array | float, firm: NDArray[np.bool_]) -> Array:
    """Return each of the series `values` (..., F), `evened` by `steps` (..., F-1)."""
    frames = values.shape[-1]
    each = np.broadcast_to(steps, (*values.shape[:-1], frames - 1)).reshape(-1, frames - 1)
    rows = zip(values.reshape(-1, frames), each, firm.reshape(-1, frames), strict=True)
    return np.stack([evened(*row) for row in rows]).reshape(values.shape)


def _angle(here: Array, there: Array, axis: Array) -> Array:
    """Return the angle (..., F, radians) from vectors `here` to `there`, as seen along unit `axis`, all (..., F, 3)."""
    return np.arctan2(dot(cross(here, there), axis), dot(here, there))
