# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing a skeleton for the preview video: over a picture, and on a floor of its own. Colours are BGR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from ...motion.rotations import Array
from .interface import SolvedMotion

# Points (..., 3) of the skeleton's space to pixels (..., 2) and depths (...).
Projection = Callable[[Array], tuple[Array, Array]]

# Left and right keep apart for people who tell colours badly, too: orange and blue.
_LEFT, _RIGHT, _MIDDLE = (60, 150, 255), (255, 165, 70), (235, 235, 235)
_OUTLINE = (25, 22, 20)
_STANDING = (110, 220, 120)
_BACKGROUND, _GRID, _SHADOW, _TRAIL = (48, 43, 40), (92, 84, 80), (30, 27, 25), (150, 190, 110)
_SHIFT = 4  # binary places of pixel coordinates
_SPLIT = 0.02  # of the body's height: nearer to its middle a bone is neither left nor right
_FINE = 0.041  # of the body's height: shorter bones off its middle (fingers) are drawn finer

_ASPECT = 0.72  # width of the second view by its height
_BODY_SHARE = 0.55  # of that view's height
_TURN, _RISE = np.radians(62.0), np.radians(14.0)  # of its camera from the front
_DISTANCE = 4.0  # body heights
_FOLLOW_SEC = 0.8
_TRAIL_SEC = 3.0
_TILE = 50.0  # cm, for a body of usual height
_TILES = 4  # to each side


@dataclass(frozen=True)
class Figure:
    """How a skeleton is drawn: lines from the heads of `starts` to the heads of `ends`, to their tails where `own`."""

    starts: np.ndarray
    ends: np.ndarray
    own: np.ndarray
    colors: tuple[tuple[int, int, int], ...]
    fine: np.ndarray

    @classmethod
    def of(cls, motion: SolvedMotion) -> Figure:
        """Return the figure of a motion's skeleton."""
        height = body_height(motion)
        # A root on the floor only carries the body and is no part of it.
        carriers = {
            i for i, parent in enumerate(motion.parents) if parent < 0 and motion.rest_matrices[i, 2, 3] < 0.2 * height
        }
        # Fingers that were not captured would only look as if they had been.
        off_middle = np.abs(motion.rest_matrices[:, 0, 3]) > _SPLIT * height
        fine = (motion.lengths < _FINE * height) & off_middle
        left_out = carriers if _any_moves(motion, fine) else carriers | set(np.flatnonzero(fine).tolist())
        parents = {i: int(parent) for i, parent in enumerate(motion.parents) if i not in left_out}
        links = [(parent, i, False) for i, parent in parents.items() if parent >= 0 and parent not in carriers]
        links += [(i, i, True) for i in parents if i not in set(parents.values())]
        across = [float(motion.rest_matrices[end, 0, 3]) / height for _, end, _ in links]
        return cls(
            np.array([start for start, _, _ in links]),
            np.array([end for _, end, _ in links]),
            np.array([own for _, _, own in links]),
            tuple(_MIDDLE if abs(x) < _SPLIT else _LEFT if x > 0 else _RIGHT for x in across),
            np.array([fine[end] for _, end, _ in links]),
        )

    def lines(self, heads: Array, tails: Array) -> Array:
        """Return the lines (L, 2, 3) of bones with heads and tails (B, 3)."""
        ends = np.where(self.own[:, None], tails[self.ends], heads[self.ends])
        return np.stack((heads[self.starts], ends), axis=1)


@dataclass(frozen=True)
class Body:
    """A figure at one moment: its `lines` (L, 2, 3) in the skeleton's space, and the nearest frame of the motion.

    `root` (3,) is where the body is, `feet` (N, 3) is what stands on the floor.
    """

    figure: Figure
    frame: int
    lines: Array
    root: Array
    feet: Array


def _any_moves(motion: SolvedMotion, bones: np.ndarray) -> bool:
    turns = motion.rotations[:, bones]
    return bool(np.ptp(turns, axis=0).max(initial=0.0) > 1e-4)


def body_height(motion: SolvedMotion) -> float:
    """Return how high the skeleton stands at rest."""
    return max(1e-6, float(np.ptp(motion.rest_matrices[:, 2, 3])))


def draw_segments(picture: np.ndarray, body: Body, project: Projection, size: float) -> None:
    """Draw the body's lines, far ones first; `size` is the width of a limb in pixels."""
    pixels, depth = project(body.lines)
    order = np.argsort(-depth.mean(axis=1), kind="stable")
    points = _fixed(pixels)
    edge = max(1.0, 0.45 * size)
    for number in order:
        a, b = points[number].tolist()
        if body.figure.fine[number]:
            _line(picture, a, b, body.figure.colors[number], 0.55 * size)
            continue
        _line(picture, a, b, _OUTLINE, 1.15 * size + edge)
        _line(picture, a, b, body.figure.colors[number], 1.15 * size)


def draw_standing(picture: np.ndarray, body: Body, project: Projection, size: float) -> None:
    """Mark what stands on the floor by flat rings around it."""
    if not len(body.feet):
        return
    turns = np.linspace(0.0, 2.0 * np.pi, 25)
    ring = np.stack((np.cos(turns), np.sin(turns), np.zeros(25)), axis=-1) * 9.0
    for foot in body.feet:
        pixels, _ = project(foot * (1.0, 1.0, 0.0) + ring)
        points = _fixed(pixels)[:, None]
        cv2.polylines(picture, [points], True, _STANDING, max(1, round(0.7 * size)), cv2.LINE_AA, _SHIFT)


class AngledView:
    """The body from the side and above, on a floor with a grid; its camera follows the body."""

    def __init__(self, height: float, path: Array) -> None:
        self._height = height
        self._path = path  # (F, 3), where the body is over the floor, followed slowly
        self._trail: list[Array] = []
        self._grid = _grid_lines()
        self._background: np.ndarray | None = None

    @classmethod
    def of(cls, motion: SolvedMotion) -> AngledView:
        """Return the view of a motion."""
        moved = np.zeros((len(motion.rotations), 3))
        for bone in np.flatnonzero(motion.locations.any(axis=(0, 2))):
            moved += motion.locations[:, bone] @ motion.rest_matrices[bone, :3, :3].T
        moved[:, 2] = 0.0
        reach = max(1, round(_FOLLOW_SEC * motion.fps))
        padded = np.concatenate((np.repeat(moved[:1], reach, axis=0), moved, np.repeat(moved[-1:], reach, axis=0)))
        total = np.cumsum(np.concatenate((np.zeros((1, 3)), padded)), axis=0)
        return cls(body_height(motion), (total[2 * reach + 1 :] - total[: -2 * reach - 1]) / (2 * reach + 1))

    @staticmethod
    def width(height: int) -> int:
        """Return the width in pixels of a view of this height."""
        return round(height * _ASPECT / 2) * 2

    def draw(self, picture: np.ndarray, body: Body, rate: float) -> None:
        """Draw the next of `rate` frames a second over the whole of `picture` (H, W, 3)."""
        height, width = picture.shape[:2]
        if self._background is None or self._background.shape != picture.shape:
            self._background = np.full(picture.shape, _BACKGROUND, np.uint8)
        np.copyto(picture, self._background)
        center = self._path[body.frame]
        project = self._projection(center, width, height)
        size = height / 200.0
        self._draw_floor(picture, center, project)
        self._trail = [*self._trail, body.root * (1.0, 1.0, 0.0)][-round(_TRAIL_SEC * rate) :]
        if len(self._trail) > 1:
            points = _fixed(project(np.stack(self._trail))[0])[:, None]
            cv2.polylines(picture, [points], False, _TRAIL, max(1, round(0.6 * size)), cv2.LINE_AA, _SHIFT)
        shadow = body.lines[~body.figure.fine] * (1.0, 1.0, 0.0)
        for a, b in _fixed(project(shadow)[0]).tolist():
            _line(picture, a, b, _SHADOW, 1.3 * size)
        draw_standing(picture, body, project, size)
        draw_segments(picture, body, project, size)

    def _projection(self, center: Array, width: int, height: int) -> Projection:
        turn = np.array(((np.cos(_TURN), np.sin(_TURN), 0.0), (-np.sin(_TURN), np.cos(_TURN), 0.0), (0.0, 0.0, 1.0)))
        # x right, y down, z away, of a camera that looks along +Y and down.
        tilt = np.array(((1.0, 0.0, 0.0), (0.0, -np.sin(_RISE), -np.cos(_RISE)), (0.0, np.cos(_RISE), -np.sin(_RISE))))
        view = tilt @ turn
        distance = _DISTANCE * self._height
        focal = _BODY_SHARE * height * _DISTANCE
        middle = center + np.array((0.0, 0.0, 0.58 * self._height))

        def project(points: Array) -> tuple[Array, Array]:
            seen = (points - middle) @ view.T
            depth = np.maximum(seen[..., 2] + distance, 0.1 * distance)
            return seen[..., :2] / depth[..., None] * focal + (0.5 * width, 0.5 * height), depth

        return project

    def _draw_floor(self, picture: np.ndarray, center: Array, project: Projection) -> None:
        tile = _TILE * self._height / 170.0
        lines = self._grid * tile + np.round(center / tile) * tile
        near = 1.0 - np.linalg.norm(lines.mean(axis=1) - center, axis=-1) / (_TILES * tile)
        seen = near > 0.0
        shades = np.array(_BACKGROUND) + near[seen, None] * np.subtract(_GRID, _BACKGROUND)
        for (a, b), color in zip(_fixed(project(lines[seen])[0]).tolist(), shades.tolist(), strict=True):
            cv2.line(picture, a, b, color, 1, cv2.LINE_AA, _SHIFT)


def _grid_lines() -> Array:
    """Return the lines (L, 2, 3) between neighbouring points of a square grid, _TILES to each side."""
    steps = np.arange(-_TILES, _TILES + 1.0)
    lines = [
        [(x, y, 0.0), (x + dx, y + dy, 0.0)]
        for x in steps
        for y in steps
        for dx, dy in ((1.0, 0.0), (0.0, 1.0))
        if max(x + dx, y + dy) <= _TILES
    ]
    return np.array(lines)


def _fixed(pixels: Array) -> np.ndarray:
    """Return pixel coordinates as OpenCV takes fractions, within what its integers hold."""
    return np.round(np.clip(pixels, -4000.0, 8000.0) * (1 << _SHIFT)).astype(np.int32)


def _line(picture: np.ndarray, a: list[int], b: list[int], color: tuple[int, int, int], width: float) -> None:
    cv2.line(picture, a, b, color, max(1, round(width)), cv2.LINE_AA, _SHIFT)
