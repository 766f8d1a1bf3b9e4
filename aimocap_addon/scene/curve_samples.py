# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of f-curves as arrays, of all curves with keys on the same frames at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..motion.rotations import Array, normalize, quaternion_slerp
from . import compat

_BONE_PATH = re.compile(r'pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(\w+)$')
_Keys = NDArray[np.float32]
_LINEAR = 1  # bpy.types.Keyframe.interpolation, as a number for foreach_get


def bone_of(data_path: str) -> tuple[str, str] | None:
    """Return the names of the bone and of its property that a data path leads to; None if it leads elsewhere."""
    match = _BONE_PATH.match(data_path)
    return (match[1].replace('\\"', '"').replace("\\\\", "\\"), match[2]) if match else None


Keyed = tuple[str, str, bpy.types.FCurve]
"""Bone name ("" for the object itself), property and curve."""


def keyed(armature: bpy.types.Object) -> Iterator[Keyed]:
    """Yield the curves with keys that move the armature."""
    last, found = "", None
    for curve in compat.active_curves(armature):
        if curve.mute or not len(curve.keyframe_points):
            continue
        path = curve.data_path
        if path != last:  # the curves of a property follow each other
            last, found = path, bone_of(path)
        if found:
            yield *found, curve
        elif "." not in path and "[" not in path:
            yield "", path, curve


class Channels:
    """The keyed channels, of all `curves`, of some bones and of the object itself, at certain scene frames (F).

    A channel is named by its bone ("" for the object) and its property.
    """

    def __init__(self, curves: Iterable[Keyed], names: Collection[str], frames: Array) -> None:
        self._frames = frames
        self._bundles: list[_Bundle] = []
        self._at: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}  # array index -> bundle and row in it
        by_times: dict[bytes, int] = {}
        for name, channel, curve in curves:
            if name and name not in names:
                continue
            points = np.empty((len(curve.keyframe_points), 2), dtype=np.float32)
            curve.keyframe_points.foreach_get("co", points.ravel())
            number = by_times.setdefault(points[:, 0].tobytes(), len(self._bundles))
            if number == len(self._bundles):
                self._bundles.append(_Bundle(points[:, 0].astype(np.float64), frames))
            row = self._bundles[number].add(curve, points[:, 1])
            self._at.setdefault((name, channel), {})[curve.array_index] = number, row

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._at

    def keys(self, name: str, channel: str) -> Iterator[_Keys]:
        """Yield the values (K) of the keys of each curve of a channel."""
        for number, row in self._at.get((name, channel), {}).values():
            yield self._bundles[number].values[row]

    def vector(self, name: str, channel: str, present: Any) -> Array:
        """Return a channel (F, N), or (N) where nothing is keyed; indices without a curve keep the present value."""
        found = self._at.get((name, channel))
        if not found:
            return np.array(present, dtype=np.float64)
        sampled = np.empty((len(self._frames), len(present)))
        for i, value in enumerate(present):
            number, row = found.get(i, (-1, 0))
            sampled[:, i] = self._bundles[number].sampled(row) if number >= 0 else value
        return sampled

    def quaternions(self, present: Mapping[str, Any]) -> dict[str, Array]:
        """Return unit quaternions (F, 4) of the bones in `present` with a keyed quaternion channel.

        `present` holds the values of components without a curve. Between linear keys the turn is even (slerp along the
        shorter arc); Blender itself blends the four numbers, which jumps where an exporter let the sign flip.
        """
        whole: dict[int, tuple[list[str], list[list[int]]]] = {}
        found: dict[str, Array] = {}
        for name, values in present.items():
            curves = self._at.get((name, "rotation_quaternion"))
            if not curves:
                continue
            number = curves[min(curves)][0]
            if len(curves) == 4 and all(at == number for at, _ in curves.values()):
                names, rows = whole.setdefault(number, ([], []))
                names.append(name)
                rows.append([curves[i][1] for i in range(4)])
            else:
                found[name] = normalize(self.vector(name, "rotation_quaternion", values))
        for number, (names, rows) in whole.items():
            found.update(zip(names, self._bundles[number].turned(rows), strict=True))
        return found


class _Bundle:
    """Curves with keys at the same `times` (K)."""

    def __init__(self, times: Array, frames: Array) -> None:
        self.values: list[_Keys] = []
        self._curves: list[bpy.types.FCurve] = []
        self._times, self._frames = times, frames
        inside = np.clip(frames, times[0], times[-1])
        at = np.searchsorted(times, inside)
        on_keys = np.array_equal(times[at], inside)
        if on_keys and len(at) == len(times) and at[0] == 0 and at[-1] == len(times) - 1:
            self._at: Any = slice(None)
        else:
            self._at = at if on_keys else None

    def add(self, curve: bpy.types.FCurve, values: _Keys) -> int:
        """Add a curve with its values (K); return its row."""
        self._curves.append(curve)
        self.values.append(values)
        return len(self.values) - 1

    def sampled(self, row: int) -> Array:
        """Return the values (F) of a curve."""
        curve = self._curves[row]
        if not self._is_readable(curve):
            return np.array([curve.evaluate(frame) for frame in self._frames])
        if self._at is not None:
            return self.values[row][self._at].astype(np.float64)
        return np.interp(self._frames, self._times, self.values[row])

    def turned(self, rows: Sequence[Sequence[int]]) -> Array:
        """Return unit quaternions (N, F, 4) whose components are the curves of each of the `rows` (N, 4)."""
        if all(self._is_readable(self._curves[row]) for each in rows for row in each):
            keys = np.empty((len(rows), len(self._times), 4))
            for i, each in enumerate(rows):
                for j, row in enumerate(each):
                    keys[i, :, j] = self.values[row]
            return self._slerped(normalize(keys))
        return normalize(np.stack([np.stack([self.sampled(row) for row in each], axis=-1) for each in rows]))

    def _slerped(self, keys: Array) -> Array:
        """Return rotations (N, F, 4) between keys (N, K, 4)."""
        if self._at is not None:
            return keys[:, self._at]
        times, frames = self._times, self._frames
        right = np.clip(np.searchsorted(times, frames), 1, len(times) - 1)
        share = np.clip((frames - times[right - 1]) / (times[right] - times[right - 1]), 0.0, 1.0)
        return quaternion_slerp(keys[:, right - 1], keys[:, right], share)

    def _is_readable(self, curve: bpy.types.FCurve) -> bool:
        """Tell whether the keys alone say the values at the frames: linear in between, or a key on each of them."""
        if len(curve.modifiers) or curve.extrapolation != "CONSTANT":
            return False
        if self._at is not None:
            return True
        interpolation = np.empty(len(self._times), dtype=np.uint8)  # as Blender has it, which is copied faster
        curve.keyframe_points.foreach_get("interpolation", interpolation)
        return bool((interpolation == _LINEAR).all())
