# SPDX-License-Identifier: GPL-3.0-or-later
"""A skeleton seen as a body: its directions, and where its parts are at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .mapping import SIDES, Mapping
from .rotations import Array, normalize, quaternion_multiply, quaternion_rotate
from .skeleton import Skeleton

# Directions closer than this (degrees) to an axis of the armature are taken as that axis: rest poses are built along
# the axes, and a spine that leans or a shoulder that is a little off must not tilt the whole body.
SNAP_UP = 30.0
SNAP_LEFT = 15.0


@dataclass(frozen=True)
class RestBody:
    """Parts of a body at rest, by role: bone index, rotation (4) bone to space, head (3)."""

    bones: dict[str, int]
    rotations: dict[str, Array]
    positions: dict[str, Array]

    @classmethod
    def of(cls, skeleton: Skeleton, mapping: Mapping, turn: Array) -> RestBody:
        """Return the body of `skeleton`, with its armature space turned by the quaternion `turn`."""
        bones = {role: skeleton.index[name] for role, name in mapping.bones.items()}
        rotations = quaternion_multiply(turn, skeleton.rest_rotations)
        positions = quaternion_rotate(turn, skeleton.rest_positions)
        return cls(bones, {r: rotations[b] for r, b in bones.items()}, {r: positions[b] for r, b in bones.items()})

    def direction(self, start: str, end: str) -> Array:
        """Return the vector (3) from the head of one role's bone to that of another."""
        return self.positions[end] - self.positions[start]

    def leg_length(self) -> float:
        """Return the length of thigh and calf, mean of both sides."""
        steps = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (("thigh", "calf"), ("calf", "foot"))]
        return sum(float(np.linalg.norm(self.direction(a, b))) for a, b in steps) / 2.0

    def hip_midpoint(self) -> Array:
        """Return the point (3) between the hip joints."""
        return (self.positions["left_thigh"] + self.positions["right_thigh"]) / 2.0


def asymmetry(skeleton: Skeleton, mapping: Mapping) -> float:
    """Return how far a left joint at rest lies at most from the mirror image of the right one, in leg lengths.

    A rest pose that someone built is symmetric; one that an importer took from a frame of the motion is not.
    """
    body = RestBody.of(skeleton, mapping, np.array((1.0, 0.0, 0.0, 0.0)))
    left, middle = body_axes(skeleton, mapping)[0], body.hip_midpoint()
    others = {role: role.replace("left_", "right_", 1) for role in body.positions if role.startswith("left_")}
    pairs = [(body.positions[role], body.positions[other]) for role, other in others.items() if other in body.positions]
    here, there = np.array(pairs).transpose(1, 0, 2) - middle
    mirrored = here - 2.0 * (here @ left)[:, None] * left
    return float(np.linalg.norm(mirrored - there, axis=-1).max()) / body.leg_length()


def body_axes(skeleton: Skeleton, mapping: Mapping) -> Array:
    """Return (3, 3) rows left, back, up: unit directions of the body at rest in armature space.

    Raises ValueError when the joints lie on each other, so that the body has no direction.
    """
    at = {role: skeleton.rest_positions[skeleton.index[name]] for role, name in mapping.bones.items()}
    top = at["head"] if "head" in at else at[mapping.chain("spine")[-1]]
    upwards = top - (at["left_thigh"] + at["right_thigh"]) / 2.0
    up = _snapped(upwards, SNAP_UP)
    across = at["left_thigh"] - at["right_thigh"] + at["left_upper_arm"] - at["right_upper_arm"]
    across = across - up * np.dot(across, up)
    if np.linalg.norm(across) < 1e-6 or np.linalg.norm(upwards) < 1e-6:
        raise ValueError("the joints of the skeleton lie on each other")
    left = _snapped(across, SNAP_LEFT)
    return np.stack((left, np.cross(up, left), up))


def _snapped(direction: Array, degrees: float) -> Array:
    """Return the unit direction, or the signed axis of space nearest to it if that is within `degrees`."""
    direction = normalize(direction)
    nearest = int(np.argmax(np.abs(direction)))
    if abs(direction[nearest]) < np.cos(np.radians(degrees)):
        return direction
    axis = np.zeros(3)
    axis[nearest] = np.sign(direction[nearest])
    return axis
