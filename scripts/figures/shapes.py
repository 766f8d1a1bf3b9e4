# SPDX-License-Identifier: GPL-3.0-or-later
"""Rounded closed surfaces that follow a bone, and the pieces of one colour they make up. Metres, rest pose. No bpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Faces = list[tuple[int, ...]]
Colour = tuple[float, float, float]

_RINGS = 10
_SEGMENTS = 16


@dataclass(frozen=True)
class Shape:
    """A closed surface that follows `bone`: vertices (V, 3) in metres, rest pose, and faces."""

    bone: str
    vertices: Array
    faces: Faces


@dataclass
class Piece:
    """Shapes of one colour; `merged` pieces become one smooth surface, the others keep their shapes apart."""

    name: str
    colour: Colour
    merged: bool = True
    shapes: list[Shape] = field(default_factory=list)


def _grid_faces(rings: int, segments: int) -> Faces:
    """Faces of a closed surface of `rings` rings of `segments` vertices, then a first and a last pole vertex."""
    faces: Faces = []
    for ring in range(rings - 1):
        for i in range(segments):
            j = (i + 1) % segments
            a, b = ring * segments, (ring + 1) * segments
            faces.append((a + i, a + j, b + j, b + i))
    first, last, top = rings * segments, rings * segments + 1, (rings - 1) * segments
    for i in range(segments):
        j = (i + 1) % segments
        faces.append((j, i, first))
        faces.append((top + i, top + j, last))
    return faces


def _frame(axis: Array, depth: Array | None = None) -> tuple[Array, Array, Array]:
    """Return unit (width, depth, axis); depth is the part of `depth` (default world Y) perpendicular to the axis."""
    axis = axis / np.linalg.norm(axis)
    reference = np.array((0.0, 1.0, 0.0)) if depth is None else depth
    if abs(float(axis @ reference)) > 0.95 * float(np.linalg.norm(reference)):
        reference = np.array((0.0, 0.0, 1.0))
    deep = reference - (reference @ axis) * axis
    deep /= np.linalg.norm(deep)
    return np.cross(deep, axis), deep, axis


def capsule(
    bone: str,
    start: Array,
    end: Array,
    radius: float,
    end_radius: float | None = None,
    width: float = 1.0,
    depth: float = 1.0,
    depth_axis: Array | None = None,
    rings: int = _RINGS,
    segments: int = _SEGMENTS,
) -> Shape:
    """A rounded cone from `start` to `end`; `width` and `depth` flatten its cross-section.

    Each rounded end has `rings` rings of `segments` vertices.
    """
    end_radius = radius if end_radius is None else end_radius
    side, deep, axis = _frame(end - start, depth_axis)
    length = float(np.linalg.norm(end - start))
    half = np.linspace(np.pi / 2 / rings, np.pi / 2, rings)
    # Rings along the straight stretch let weights vary along the limb.
    inner = np.linspace(0.0, 1.0, rings)[1:-1]
    heights = np.concatenate((-radius * np.cos(half), inner * length, length + end_radius * np.cos(half[::-1])))
    straight = radius + inner * (end_radius - radius)
    radii = np.concatenate((radius * np.sin(half), straight, end_radius * np.sin(half[::-1])))
    turn = np.linspace(0.0, 2 * np.pi, segments, endpoint=False)
    circle = np.cos(turn)[:, None] * side * width + np.sin(turn)[:, None] * deep * depth
    points = start + heights[:, None, None] * axis + radii[:, None, None] * circle
    poles = np.stack((start - radius * axis, start + (length + end_radius) * axis))
    return Shape(bone, np.concatenate((points.reshape(-1, 3), poles)), _grid_faces(len(heights), segments))


def ellipsoid(bone: str, centre: Array, radii: Sequence[float], up: Array | None = None) -> Shape:
    """An ellipsoid with `radii` along (width, depth, up)."""
    side, deep, axis = _frame(np.array((0.0, 0.0, 1.0)) if up is None else up)
    basis = np.stack((side, deep, axis)) * np.asarray(radii)[:, None]
    polar = np.linspace(0.0, np.pi, 2 * _RINGS + 1)[1:-1]
    turn = np.linspace(0.0, 2 * np.pi, _SEGMENTS, endpoint=False)
    unit = np.stack(
        (
            np.sin(polar)[:, None] * np.cos(turn),
            np.sin(polar)[:, None] * np.sin(turn),
            np.repeat(-np.cos(polar)[:, None], _SEGMENTS, axis=1),
        ),
        axis=-1,
    ).reshape(-1, 3)
    unit = np.concatenate((unit, np.array(((0.0, 0.0, -1.0), (0.0, 0.0, 1.0)))))
    return Shape(bone, centre + unit @ basis, _grid_faces(len(polar), _SEGMENTS))
