# SPDX-License-Identifier: GPL-3.0-or-later
"""A jointed dummy around the joints of any humanoid rest pose, to see which way every part of a body faces. No bpy.

The left half is blue and the right half orange; palms and the soles of the feet are light, and a nose, a stripe down
the chest and a buckle point forward.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .shapes import Array, Colour, Faces, Shape, capsule, ellipsoid

SIDES = {"left": (0.035, 0.16, 0.55), "right": (0.80, 0.23, 0.02)}
TRUNK: Colour = (0.22, 0.23, 0.26)
FRONT: Colour = (0.95, 0.72, 0.05)
PALE: Colour = (0.78, 0.66, 0.50)
_FINGERS = ("index", "middle", "ring", "pinky")
_UP = np.array((0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Part:
    """A closed surface (in metres, rest pose, scene axes) of one colour that follows the bone of a role."""

    role: str
    colour: Colour
    vertices: Array
    faces: Faces


def mannequin(joints: Mapping[str, Array], forward: Array) -> list[Part]:
    """Return the parts of a dummy; `joints` (3,) by role in metres, `forward` the way the body faces at rest."""
    size = float(np.linalg.norm(joints["left_thigh"] - joints["left_foot"])) / 0.82
    parts: list[Part] = []
    _trunk(parts, joints, forward, size)
    for side, colour in SIDES.items():
        _arm(parts, joints, side, colour, size)
        _leg(parts, joints, side, colour, forward, size)
    return parts


def _add(parts: list[Part], shape: Shape, colour: Colour) -> None:
    parts.append(Part(shape.bone, colour, shape.vertices, shape.faces))


def _slab(role: str, centre: Array, axes: Sequence[Array], half: Sequence[float]) -> Shape:
    """A box around `centre` with half sizes along three axes (each (3,))."""
    corners = [
        centre + sum(s * h * a for s, h, a in zip(signs, half, axes, strict=True))
        for signs in ((x, y, z) for z in (-1, 1) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1)))
    ]
    faces: Faces = [(3, 2, 1, 0), (4, 5, 6, 7), *((i, (i + 1) % 4, 4 + (i + 1) % 4, 4 + i) for i in range(4))]
    return Shape(role, np.array(corners), faces)


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def _trunk(parts: list[Part], joints: Mapping[str, Array], forward: Array, size: float) -> None:
    left = _unit(np.cross(_UP, -forward))
    hips = 0.5 * (joints["left_thigh"] + joints["right_thigh"])
    wide = 0.5 * float(np.linalg.norm(joints["left_thigh"] - joints["right_thigh"])) + 0.06 * size
    _add(parts, _slab("hips", hips + 0.04 * size * _UP, (left, forward, _UP), (wide, 0.10 * size, 0.075 * size)), TRUNK)
    buckle = hips + 0.07 * size * _UP + 0.10 * size * forward
    _add(parts, _slab("hips", buckle, (left, forward, _UP), (0.03 * size, 0.015 * size, 0.02 * size)), FRONT)
    chain = [role for role in (f"spine_{n}" for n in range(1, 10)) if role in joints]
    neck = next((joints[role] for role in ("neck_1", "head") if role in joints), joints[chain[-1]] + 0.2 * size * _UP)
    ends = [*(joints[role] for role in chain[1:]), neck]
    shoulders = 0.5 * float(np.linalg.norm(joints["left_upper_arm"] - joints["right_upper_arm"]))
    for i, (role, end) in enumerate(zip(chain, ends, strict=True)):
        start = joints[role]
        share = (i + 1) / len(chain)
        half = max(0.5 * float(np.linalg.norm(end - start)), 0.01 * size)
        width = (1 - share) * 0.12 * size + share * (shoulders - 0.055 * size)
        axes = (left, _unit(np.cross(left, end - start)), _unit(end - start))
        deep = 0.085 * size
        middle = 0.5 * (start + end)
        _add(parts, _slab(role, middle, axes, (width, deep, 0.92 * half)), TRUNK)
        ahead = axes[1] if axes[1] @ forward > 0 else -axes[1]
        stripe = middle + deep * ahead
        _add(parts, _slab(role, stripe, (axes[0], ahead, axes[2]), (0.02 * size, 0.012 * size, 0.9 * half)), FRONT)
    links = [role for role in ("neck_1", "neck_2", "neck_3", "neck_4") if role in joints]
    if "head" not in joints:
        return
    head = joints["head"]
    for role, end in zip(links, [*(joints[r] for r in links[1:]), head], strict=True):
        _add(parts, capsule(role, joints[role], end, 0.045 * size, rings=4), TRUNK)
    skull = head + 0.105 * size * _UP
    _add(parts, ellipsoid("head", skull, (0.078 * size, 0.092 * size, 0.115 * size)), PALE)
    nose = head + 0.09 * size * _UP + 0.085 * size * forward
    _add(parts, capsule("head", nose, nose + 0.05 * size * forward, 0.024 * size, 0.01 * size, rings=4), FRONT)
    for sign, colour in zip((1.0, -1.0), SIDES.values(), strict=True):
        ear = head + 0.10 * size * _UP + sign * 0.078 * size * left
        _add(parts, ellipsoid("head", ear, (0.022 * size, 0.03 * size, 0.04 * size)), colour)


def _arm(parts: list[Part], joints: Mapping[str, Array], side: str, colour: Colour, size: float) -> None:
    shoulder, elbow = joints[f"{side}_upper_arm"], joints[f"{side}_lower_arm"]
    wrist = joints.get(f"{side}_hand", elbow + 0.9 * (elbow - shoulder))
    if f"{side}_clavicle" in joints:
        collar = joints[f"{side}_clavicle"]
        _add(parts, capsule(f"{side}_clavicle", collar, shoulder, 0.045 * size, 0.05 * size, rings=4), colour)
    _add(parts, capsule(f"{side}_upper_arm", shoulder, elbow, 0.05 * size, 0.04 * size, rings=6), colour)
    _add(parts, capsule(f"{side}_lower_arm", elbow, wrist, 0.04 * size, 0.028 * size, rings=6), colour)
    hand = f"{side}_hand"
    if hand not in joints:
        return
    knuckles = [joints[f"{side}_{finger}_1"] for finger in _FINGERS if f"{side}_{finger}_1" in joints]
    along = _unit(wrist - elbow)
    across = np.array((0.0, -1.0, 0.0))
    reach = 0.085 * size
    if len(knuckles) > 1:
        middle = np.mean(knuckles, axis=0)
        reach = float(np.linalg.norm(middle - wrist))
        along, across = _unit(middle - wrist), knuckles[0] - knuckles[-1]
    across = _unit(across - (across @ along) * along)
    # the palm lies where the thumb's side, the fingers and the side of the body say
    normal = np.cross(along, across) * (1.0 if side == "right" else -1.0)
    middle = wrist + 0.55 * reach * along
    _add(parts, _slab(hand, middle, (along, across, normal), (0.5 * reach, 0.042 * size, 0.014 * size)), colour)
    inner = middle - 0.014 * size * normal
    _add(parts, _slab(hand, inner, (along, across, normal), (0.42 * reach, 0.036 * size, 0.008 * size)), PALE)
    if len(knuckles) <= 1:  # a mitten shows where the thumb is
        tip = wrist + 1.2 * reach * along
        _add(parts, _slab(hand, tip, (along, across, normal), (0.35 * reach, 0.038 * size, 0.012 * size)), colour)
        thumb = wrist + 0.4 * reach * along + 0.05 * size * across
        end = thumb + 0.4 * reach * (along + across)
        _add(parts, capsule(hand, thumb, end, 0.012 * size, rings=4), colour)
    for finger in ("thumb", *_FINGERS):
        bones = [f"{side}_{finger}_{n}" for n in (1, 2, 3) if f"{side}_{finger}_{n}" in joints]
        ends = [joints[b] for b in bones]
        if ends:
            ends.append(ends[-1] + (ends[-1] - ends[-2] if len(ends) > 1 else 0.03 * size * along))
        for bone, end in zip(bones, ends[1:], strict=True):
            _add(parts, capsule(bone, joints[bone], end, 0.011 * size, rings=3, segments=8), colour)


def _leg(
    parts: list[Part], joints: Mapping[str, Array], side: str, colour: Colour, forward: Array, size: float
) -> None:
    hip, knee, ankle = (joints[f"{side}_{part}"] for part in ("thigh", "calf", "foot"))
    _add(parts, capsule(f"{side}_thigh", hip, knee, 0.075 * size, 0.052 * size, rings=6), colour)
    _add(parts, capsule(f"{side}_calf", knee, ankle, 0.052 * size, 0.036 * size, rings=6), colour)
    toe = joints.get(f"{side}_toe", ankle + 0.13 * size * forward - 0.06 * size * _UP)
    ahead = toe - ankle
    ahead = _unit(ahead - (ahead @ _UP) * _UP)
    aside = np.cross(ahead, _UP)
    sole = toe[2] - 0.02 * size
    heel = ankle - 0.05 * size * ahead
    ball = toe
    length = float((ball - heel) @ ahead)
    centre = 0.5 * (heel + ball) * (1.0, 1.0, 0.0) + _UP * (sole + 0.03 * size)
    box = (0.5 * length, 0.042 * size, 0.03 * size)
    _add(parts, _slab(f"{side}_foot", centre, (ahead, aside, _UP), box), colour)
    under = centre - 0.03 * size * _UP
    _add(parts, _slab(f"{side}_foot", under, (ahead, aside, _UP), (0.5 * length, 0.04 * size, 0.006 * size)), PALE)
    role = f"{side}_toe" if f"{side}_toe" in joints else f"{side}_foot"
    front = ball * (1.0, 1.0, 0.0) + 0.035 * size * ahead + _UP * (sole + 0.02 * size)
    _add(parts, _slab(role, front, (ahead, aside, _UP), (0.033 * size, 0.042 * size, 0.02 * size)), FRONT)
