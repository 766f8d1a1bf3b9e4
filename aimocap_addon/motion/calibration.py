# SPDX-License-Identifier: GPL-3.0-or-later
"""How the rest poses of two bodies differ, limb by limb."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .body import RestBody
from .mapping import FINGERS, SIDES
from .rotations import (
    Array,
    cross,
    normalize,
    quaternion_between,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
)
from .skeleton import IDENTITY

# Limbs of a side, inner ones first, each with the joint its direction points to and the limb before it.
_LIMBS = (
    (("upper_arm", "lower_arm", ""), ("thigh", "calf", "")),
    (("lower_arm", "hand", "upper_arm"), ("calf", "foot", "thigh")),
)
# The least part of a foot's length, seen from above, that tells where it points.
_LYING = 0.3


def calibrations(source: RestBody, target: RestBody, up: Array) -> dict[str, Array]:
    """Return the turn C (4) from target's to source's rest, for each role of arms, legs, hands and feet that both have.

    C lays the target's limb along the source's. It starts from the C of the bone before and adds the smallest turn,
    so that neighbours are not twisted against each other. Feet turn about `up` (3) alone, to where the performer's
    point. Both bodies must be in the same space.
    """
    found: dict[str, Array] = {}
    for limbs in _LIMBS:
        parts = [(f"{s}_{limb}", f"{s}_{end}", f"{s}_{before}") for s in SIDES for limb, end, before in limbs]
        found |= _along(source, target, [(part, end, found.get(before, IDENTITY)) for part, end, before in parts])
    for side in SIDES:
        found[f"{side}_foot"] = found[f"{side}_toe"] = _heading(source, target, side, up)
    hands = [side for side in SIDES if _both(source, target, f"{side}_hand")]
    for side in hands:
        palm = _palm(source, target, side, found.get(f"{side}_lower_arm", IDENTITY))
        found[f"{side}_hand"] = palm
        found |= {f"{side}_{finger}_metacarpal": palm for finger in FINGERS}  # the palm keeps the character's own shape
    before = {f"{side}_{finger}": found[f"{side}_hand"] for side in hands for finger in FINGERS}
    for n in (1, 2):
        found |= _along(source, target, [(f"{finger}_{n}", f"{finger}_{n + 1}", c) for finger, c in before.items()])
        before = {finger: found.get(f"{finger}_{n}", c) for finger, c in before.items()}
    found |= {f"{finger}_3": c for finger, c in before.items()}
    return {role: c for role, c in found.items() if _both(source, target, role)}


def _both(source: RestBody, target: RestBody, *roles: str) -> bool:
    return all(role in source.bones and role in target.bones for role in roles)


def _along(source: RestBody, target: RestBody, limbs: Sequence[tuple[str, str, Array]]) -> dict[str, Array]:
    """Return the calibrations of limbs that both bodies have.

    Each is given by its bone, the bone to which it points and the C (4) of the limb before, which it takes where its
    direction is not known on both bodies.
    """
    found = {bone: before for bone, _, before in limbs if _both(source, target, bone)}
    limbs = [limb for limb in limbs if _both(source, target, *limb[:2])]
    if limbs:
        before = np.stack([c for _, _, c in limbs])
        there, here = (np.stack([body.direction(bone, end) for bone, end, _ in limbs]) for body in (source, target))
        turns = quaternion_multiply(quaternion_between(quaternion_rotate(before, here), there), before)
        found.update(zip((bone for bone, _, _ in limbs), turns, strict=True))
    return found


def _heading(source: RestBody, target: RestBody, side: str, up: Array) -> Array:
    """Return the turn (4) about `up` that points the target's foot where the source's points; a sole stays flat.

    No turn where a foot has no toes to tell, or where it hangs down.
    """
    foot, toe = f"{side}_foot", f"{side}_toe"
    if not _both(source, target, foot, toe):
        return IDENTITY
    there, here = (normalize(body.direction(foot, toe)) for body in (source, target))
    there, here = (direction - up * np.dot(direction, up) for direction in (there, here))
    if min(np.linalg.norm(there), np.linalg.norm(here)) < _LYING:
        return IDENTITY
    return quaternion_from_axis_angle(up, np.arctan2(np.dot(up, np.cross(here, there)), np.dot(here, there)))


def _palm(source: RestBody, target: RestBody, side: str, before: Array) -> Array:
    """Return the calibration of a hand; `before` without fingers on both.

    The palm's plane goes through wrist, first and last knuckle; in it the hand points to the middle knuckle.
    """
    knuckles = palm_knuckles(source, target, side)
    if not knuckles:
        return before
    hand = f"{side}_hand"
    frames = [palm_frame(*(body.direction(hand, knuckle) for knuckle in knuckles)) for body in (target, source)]
    if any(abs(np.linalg.det(frame)) < 0.5 for frame in frames):
        return _along(source, target, [(hand, knuckles[1], before)])[hand]
    return quaternion_from_matrix(frames[1] @ frames[0].T)


def palm_knuckles(source: RestBody, target: RestBody, side: str) -> tuple[str, ...]:
    """Return the roles of first, middle and last knuckle of the palm that both bodies have; empty without any."""
    found = [f"{side}_{finger}_1" for finger in FINGERS[1:] if _both(source, target, f"{side}_{finger}_1")]
    if not found:
        return ()
    middle = f"{side}_middle_1" if f"{side}_middle_1" in found else found[len(found) // 2]
    return found[0], middle, found[-1]


def palm_frame(first: Array, middle: Array, last: Array) -> Array:
    """Return axes (..., 3, 3) of a palm from its knuckles (..., 3), seen from the wrist; zero if they are in line."""
    normal = normalize(cross(first, last))
    across = normalize(cross(normal, middle))
    return np.stack((normal, across, cross(normal, across)), axis=-1)
