# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of a motion its bones need, so that Blender shows it within a stated error.

Judged is what Blender makes of the channels: straight lines from key to key, quaternions brought to unit length
afterwards, angles turned into rotations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..motion.key_reduction import (
    Measure,
    distance_measure,
    joint_measure,
    kept_keys,
    quaternion_measure,
    rotation_measure,
)
from ..motion.rotations import Array, normalize, quaternion_from_axis_angle, quaternion_from_euler

Kept = dict[int, NDArray[np.intp]]
"""The rows of channels that become keys, by the index of the bone."""

Completion = Callable[[Kept, Mapping[int, bpy.types.PoseBone], Mapping[int, Mapping[str, Array]], float], Kept]
"""What gives rows back that bones need for each other: see `limb_keys`."""


class Tolerance(NamedTuple):
    """How far a bone may be from the full motion on any frame: radians, and units of the armature's space."""

    angle: float
    distance: float


def needed_rows(
    bones: Mapping[int, bpy.types.PoseBone], channels: Mapping[int, Mapping[str, Array]], tolerance: Tolerance
) -> Kept:
    """Return, by the index of each of `bones`, the rows of its channels that become keys.

    `channels` holds (F, C) values by the name of the property; all of one bone are keyed on the same rows.
    """
    alike: dict[tuple[str, ...], list[int]] = {}
    for index, properties in channels.items():
        alike.setdefault((bones[index].rotation_mode, *properties), []).append(index)
    found: Kept = {}
    for (mode, *properties), indices in alike.items():
        values = np.stack([np.concatenate([channels[i][name] for name in properties], axis=1) for i in indices])
        turning = [name for name in properties if name != "location"]
        measure = _measure(mode, len(properties) > len(turning), bool(turning), tolerance)
        found |= dict(zip(indices, kept_keys(values, measure), strict=True))
    return found


def _measure(mode: str, travels: bool, turns: bool, tolerance: Tolerance) -> Measure:
    """Return the measure of channels in the order rotation, location, for a rotation mode of Blender's."""
    place = distance_measure(tolerance.distance)
    if not turns:
        return place
    rotation = _rotation_measure(mode, tolerance.angle)
    return joint_measure(rotation, 4 if mode in ("QUATERNION", "AXIS_ANGLE") else 3, place) if travels else rotation


def _rotation_measure(mode: str, angle: float) -> Measure:
    if mode == "QUATERNION":
        return quaternion_measure(angle)
    return rotation_measure(angle, lambda values: as_quaternions(mode, values))


def as_quaternions(mode: str, values: Array) -> Array:
    """Return the rotations (F, 4) that Blender makes of rotation channels (F, C) for a rotation mode of its own."""
    if mode == "QUATERNION":
        return normalize(values)
    if mode == "AXIS_ANGLE":
        return quaternion_from_axis_angle(values[:, 1:], values[:, 0])
    return quaternion_from_euler(values, mode)
