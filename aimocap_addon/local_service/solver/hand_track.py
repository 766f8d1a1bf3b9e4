# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand landmarks as they are found, brought onto the frames of a pose track."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...motion.rotations import Array

_WRIST = 0
_FADE_SEC = 0.3  # over which a hand is trusted less, from where it was seen


@dataclass(frozen=True)
class HandTrack:
    """Hand landmarks on the frames of a pose track: `points` (F, 2, 21, 3), left and right, in a common but unknown
    unit, x right, y down, z away from the camera; `trust` (F, 2) in 0..1, 0 where no hand is seen near."""

    points: Array
    trust: Array
    rate: float


@dataclass
class HandObservations:
    """Hands as they are found, frame by frame."""

    _times: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))
    _points: tuple[list[Array], list[Array]] = field(default_factory=lambda: ([], []))

    def add(self, seconds: float, result: Any, size: tuple[int, int]) -> None:
        """Take the hands of one result of the model; `size` is the picture's (width, height)."""
        for side, found in enumerate((result.left_hand_landmarks, result.right_hand_landmarks)):
            if found is not None:
                points = np.array([(p.x, p.y, p.z) for p in found.landmark]) * (size[0], size[1], size[0])
                self._times[side].append(seconds)
                self._points[side].append(points - points[_WRIST])

    def on_grid(self, start: float, rate: float, frames: int) -> HandTrack:
        """Return the hands on the frames of a track."""
        at = start + np.arange(frames) / rate
        points, trust = np.zeros((frames, 2, 21, 3)), np.zeros((frames, 2))
        for side in range(2):
            times = np.array(self._times[side])
            if len(times) < 2:
                continue
            seen = np.stack(self._points[side]).reshape(len(times), -1)
            columns = [np.interp(at, times, column) for column in seen.T]
            points[:, side] = np.stack(columns, axis=-1).reshape(frames, 21, 3)
            right = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
            away = np.minimum(np.abs(at - times[right - 1]), np.abs(at - times[right]))
            trust[:, side] = np.clip(1.0 - (away - 1.0 / rate) / _FADE_SEC, 0.0, 1.0)
        return HandTrack(points, trust, rate)
