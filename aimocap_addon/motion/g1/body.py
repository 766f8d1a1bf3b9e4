# SPDX-License-Identifier: GPL-3.0-or-later
"""A body of simple shapes for the robot: what it looks like without anyone's meshes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..rotations import Array, normalize
from .model import MeshBox, RobotModel

_SIDES, _RINGS = 16, 11  # of every shape
_BOXY = 0.42  # exponent e of the superellipsoid x^(2/e) + y^(2/e) + z^(2/e) = 1: 1 is a ball, 0 a box


class Tone(Enum):
    """How a part is coloured."""

    SHELL = "Shell"
    JOINT = "Joint"
    VISOR = "Visor"


@dataclass(frozen=True)
class BodyPart:
    """A closed surface on a link: `vertices` (V, 3) in the link's frame in metres, `faces` as indices of them."""

    link: str
    tone: Tone
    vertices: Array
    faces: list[tuple[int, ...]]


# The bounds of which meshes become rounded boxes, without the side of their names.
_BOXES = {
    "pelvis_contour_link": Tone.SHELL,
    "hip_pitch_link": Tone.JOINT,
    "hip_roll_link": Tone.SHELL,
    "ankle_roll_link": Tone.JOINT,
    "waist_yaw_link": Tone.JOINT,
    "torso_link": Tone.SHELL,
    "head_link": Tone.SHELL,
    "shoulder_pitch_link": Tone.JOINT,
    "shoulder_roll_link": Tone.SHELL,
    "wrist_roll_link": Tone.JOINT,
    "wrist_pitch_link": Tone.SHELL,
    "rubber_hand": Tone.JOINT,
}
# Limbs from the first to the second point in the frame of the left side's link, with their radii, in metres.
_LIMBS = (
    ("hip_yaw_link", Tone.SHELL, (-0.005, 0.0, -0.03), (-0.07, 0.0, -0.165), (0.056, 0.05)),
    ("knee_link", Tone.JOINT, (0.0, -0.034, 0.0), (0.0, 0.034, 0.0), (0.04, 0.04)),
    ("knee_link", Tone.SHELL, (0.012, 0.0, -0.05), (0.004, 0.0, -0.27), (0.044, 0.03)),
    ("shoulder_yaw_link", Tone.SHELL, (0.004, 0.0, 0.0), (0.012, 0.0, -0.075), (0.035, 0.035)),
    ("elbow_link", Tone.SHELL, (0.0, 0.0, -0.008), (0.09, 0.002, -0.01), (0.034, 0.03)),
)
_VISOR_DEPTH = 0.55  # how much of the head's depth, from its front, the dark face takes


def body_parts(model: RobotModel) -> list[BodyPart]:
    """Return the body of the robot: capsules for the limbs, rounded boxes for the rest."""
    parts = []
    for box in model.mesh_boxes:
        tone = _BOXES.get(box.mesh.removeprefix("left_").removeprefix("right_"))
        if tone is not None:
            parts.append(_part(box.link, tone, _rounded_box(box.low, box.high)))
        if box.mesh == "head_link":
            parts.append(_part(box.link, Tone.VISOR, _visor(box)))
    for side, mirror in (("left", 1.0), ("right", -1.0)):
        across: Array = np.array((1.0, mirror, 1.0))
        for name, tone, start, end, radii in _LIMBS:
            rings = _capsule(np.array(start) * across, np.array(end) * across, *radii)
            parts.append(_part(f"{side}_{name}", tone, rings))
    return parts


def _rounded_box(low: Array, high: Array) -> Array:
    """Return the rings (R, S, 3) of a superellipsoid that fills the bounds."""
    return 0.5 * (low + high) + 0.5 * (high - low) * _unit_rings(_BOXY)


def _visor(head: MeshBox) -> Array:
    """Return the rings (R, S, 3) of the dark face of a head."""
    low, high = head.low.copy(), head.high.copy()
    size = high - low
    low += size * (1.0 - _VISOR_DEPTH, 0.08, 0.3)
    high += size * (0.02, -0.08, -0.06)
    return _rounded_box(low, high)


def _capsule(start: Array, end: Array, start_radius: float, end_radius: float) -> Array:
    """Return the rings (R, S, 3) of a round limb that goes from one ball to another."""
    way = normalize(end - start)
    side = normalize(np.cross(way, (0.0, 1.0, 0.0) if abs(way[1]) < 0.9 else (1.0, 0.0, 0.0)))
    axes = np.stack((side, np.cross(way, side), way))
    ball = _unit_rings(1.0) @ axes
    middle = _RINGS // 2  # this ring is there twice, once around each end
    return np.concatenate((start + start_radius * ball[: middle + 1], end + end_radius * ball[middle:]))


def _unit_rings(exponent: float) -> Array:
    """Return the rings (R, S, 3) of the superellipsoid within -1..1, from the lowest point to the highest."""
    height = np.linspace(-0.5 * np.pi, 0.5 * np.pi, _RINGS)[:, None]
    round_ = np.linspace(0.0, 2.0 * np.pi, _SIDES, endpoint=False)[None]

    def power(values: Array) -> Array:
        return np.sign(values) * np.abs(values) ** exponent

    flat = power(np.maximum(np.cos(height), 0.0))
    return np.stack(
        (flat * power(np.cos(round_)), flat * power(np.sin(round_)), np.repeat(power(np.sin(height)), _SIDES, axis=1)),
        axis=-1,
    )


def _part(link: str, tone: Tone, rings: Array) -> BodyPart:
    """Return the surface over rings (R, S, 3), the first and the last of which are points."""
    count, sides = rings.shape[:2]
    vertices = np.concatenate((rings[0, :1], rings[1:-1].reshape(-1, 3), rings[-1, :1]))
    faces: list[tuple[int, ...]] = []
    top = len(vertices) - 1
    for side in range(sides):
        here, there = 1 + side, 1 + (side + 1) % sides
        faces.append((0, there, here))
        for below in range(0, (count - 3) * sides, sides):
            above = below + sides
            faces.append((below + here, below + there, above + there, above + here))
        faces.append((top - sides + side, top - sides + (side + 1) % sides, top))
    return BodyPart(link, tone, vertices, faces)
