# SPDX-License-Identifier: GPL-3.0-or-later
"""The skeleton and its motion in an FBX file, straight into arrays.

Strict: of what the format allows, only skeletons with a bind pose are read whose bones have plain channels (no pivots,
no pre- or post-rotation, order XYZ, no scale) and keys at even times, which is what Blender's exporter writes. All
else raises FbxFormatError, and is for a full importer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .fbx_document import FbxFormatError, Node, read_document, text
from .rotations import Array, matrix_from_quaternion, quaternion_from_euler, quaternion_slerp
from .skeleton import Motion, Skeleton, forward_kinematics, stacked

_SECOND = 46186158000  # units of KeyTime
# Two keys closer than this share of a frame are on the same frame.
_SAME_FRAME = 0.02
_TOLERANCE = 1e-4
_ZERO = ("RotationOrder", "PreRotation", "PostRotation", "RotationOffset", "RotationPivot")
_ZERO += ("ScalingOffset", "ScalingPivot", "RotationSpaceForLimitOnly", "TranslationActive")
_DEFAULTS = {"Lcl Translation": 0.0, "Lcl Rotation": 0.0, "Lcl Scaling": 1.0}
_AXES = ("d|X", "d|Y", "d|Z")


@dataclass(frozen=True)
class FbxMotion:
    """A skeleton in the space of the object that holds it, and the curves that move it.

    `unit` is how many centimetres one unit of that space is long, `frames` the number of frames, `rate` how many there
    are in a second.
    """

    skeleton: Skeleton
    unit: float
    frames: int
    rate: float
    _curves: _Curves

    def motion(self, names: Sequence[str], at: Array, rate: float) -> Motion:
        """Return the motion of the bones `names` at frames `at` (F), counted from 0, which may lie between two.

        `rate` is how many of `at` there are in a second. Turns between two frames are even (slerp).
        """
        bones = tuple(self.skeleton.index[name] for name in names)
        needed = self.skeleton.with_ancestors(bones)
        turns: dict[int, Array] = {}
        places: dict[int, Array] = {}
        left = np.clip(np.floor(at + 1e-6).astype(np.intp), 0, self.frames - 1)
        right = np.minimum(left + 1, self.frames - 1)
        share = np.clip(at - left, 0.0, 1.0)
        between = bool((share > 1e-6).any())
        angles = stacked([self._curves.values(bone, "Lcl Rotation") for bone in needed], self.frames)
        keys = quaternion_from_euler(np.radians(angles), "XYZ")
        rotations = quaternion_slerp(keys[:, left], keys[:, right], share) if between else keys[:, left]
        for bone, rotation in zip(needed, rotations, strict=True):
            turns[bone] = rotation
            place = self._curves.values(bone, "Lcl Translation")
            if place.ndim > 1:
                place = place[left] + share[:, None] * (place[right] - place[left])
            places[bone] = place
        # the channels are whole, not relative to rest: of a skeleton whose bones all rest at the origin
        origin = np.tile(np.eye(4), (len(self.skeleton.names), 1, 1))
        channels = Skeleton(self.skeleton.names, self.skeleton.parents, origin)
        turned, placed = forward_kinematics(channels, needed, turns, places)
        count = len(at)
        return Motion(
            bones, stacked([turned[b] for b in bones], count), stacked([placed[b] for b in bones], count), rate
        )


class _Curves:
    """The channels of bones, by bone and property: from curves for X, Y and Z, or still."""

    def __init__(
        self, still: Mapping[tuple[int, str], Array], keyed: Mapping[tuple[int, str], Sequence[Node | None]]
    ) -> None:
        self._still, self._keyed = still, keyed
        self._times: dict[bytes, Array] = {}  # those of most curves are the same, down to the bytes

    @cached_property
    def times(self) -> Array:
        """Return the times (K), in seconds, of the curve with the most keys.

        Raises FbxFormatError if there is none, or if another has keys before or after.
        """
        found = [self._key_times(curve) for curves in self._keyed.values() for curve in curves if curve is not None]
        if not found:
            raise FbxFormatError("nothing moves")
        longest = max(found, key=len)
        if any(times[0] < longest[0] or times[-1] > longest[-1] for times in found):
            raise FbxFormatError("curves have keys at different times")
        return longest

    def values(self, bone: int, channel: str) -> Array:
        """Return a channel (K, 3) at `times`, or (3) where it does not change. Raises FbxFormatError."""
        value = self._still[bone, channel].copy()
        moving: dict[int, Array] = {}
        for axis, curve in enumerate(self._keyed.get((bone, channel), ())):
            if curve is None:
                continue
            times, keys = self._key_times(curve), curve.array("KeyValueFloat").unpacked().astype(np.float64)
            if len(keys) != len(times) or not np.isfinite(keys).all():
                raise FbxFormatError("a curve is not whole")
            value[axis] = keys[0]
            if np.ptp(keys) > 0.0:
                moving[axis] = keys
                if times is not self.times and not np.array_equal(times, self.times):
                    raise FbxFormatError("curves have keys at different times")
        if not moving:
            return value
        whole = np.tile(value, (len(self.times), 1))
        for axis, keys in moving.items():
            whole[:, axis] = keys
        return whole

    def _key_times(self, curve: Node) -> Array:
        packed = curve.array("KeyTime")
        if packed.data not in self._times:
            times = packed.unpacked().astype(np.float64) / _SECOND
            if not len(times):
                raise FbxFormatError("a curve has no keys")
            self._times[packed.data] = times
        return self._times[packed.data]


def read_fbx(path: Path) -> FbxMotion:
    """Return the skeleton in a file and its motion. Raises FbxFormatError, and OSError if the file cannot be read."""
    document = read_document(path.read_bytes(), ("GlobalSettings", "Objects", "Connections"))
    try:
        return _Scene(document).motion()
    except (KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, FbxFormatError):
            raise
        raise FbxFormatError("its parts do not fit together") from error


class _Scene:
    """The objects of a file and what connects them."""

    def __init__(self, document: Mapping[str, Node]) -> None:
        self._settings = document["GlobalSettings"].properties()
        self._objects = {node.values[0]: node for node in document["Objects"].children if node.values}
        self._above: dict[int, list[int]] = {}
        self._curves: dict[tuple[int, str], list[int]] = {}  # what moves a property, by object
        for link in document["Connections"].all("C"):
            kind, child, parent, *name = link.values
            if kind == b"OO":
                self._above.setdefault(child, []).append(parent)
            elif kind == b"OP":
                self._curves.setdefault((parent, text(name[0])), []).append(child)

    def motion(self) -> FbxMotion:
        """Return the skeleton and its motion. Raises FbxFormatError."""
        for kind in ("AnimationStack", "AnimationLayer"):
            if len(self._kind(kind)) != 1:
                raise FbxFormatError("it has not exactly one animation")
        holder, bones = self._skeleton()
        models = [holder, *bones]
        rows = {model: row for row, model in enumerate(models)}
        still: dict[tuple[int, str], Array] = {}
        keyed: dict[tuple[int, str], list[Node | None]] = {}
        for model, row in rows.items():
            properties = self._objects[model].properties()
            self._check_plain(properties)
            for channel, default in _DEFAULTS.items():
                still[row, channel] = np.array(properties.get(channel, (default,) * 3), dtype=np.float64)
                if still[row, channel].shape != (3,):
                    raise FbxFormatError("a channel has not three values")
                keyed[row, channel] = self._keys_of(model, channel)
        # the holder is row 0, the bones follow
        curves = _Curves(still, {key: found for key, found in keyed.items() if found})
        place, angles, scale = (curves.values(0, channel) for channel in _DEFAULTS)
        if place.ndim + angles.ndim + scale.ndim > 3 or np.ptp(scale) > _TOLERANCE or scale[0] <= 0.0:
            raise FbxFormatError("what holds the skeleton moves or is not scaled evenly")
        for row in range(1, len(models)):
            if np.abs(curves.values(row, "Lcl Scaling") - 1.0).max() > _TOLERANCE:
                raise FbxFormatError("a bone is scaled")
        basis = np.eye(4)
        basis[:3, :3] = matrix_from_quaternion(quaternion_from_euler(np.radians(angles), "XYZ")) * scale
        basis[:3, 3] = place
        rest = np.linalg.inv(basis) @ self._bind_pose(bones)
        if not np.isfinite(rest).all():
            raise FbxFormatError("a matrix holds values that are no numbers")
        names = tuple(_name(self._objects[bone]) for bone in bones)
        if len(set(names)) < len(names):
            raise FbxFormatError("two bones have the same name")
        parents = np.array([rows[self._model_above(bone)] - 1 for bone in bones], dtype=np.intp)
        bone_curves = _Curves(
            {(row - 1, channel): value for (row, channel), value in still.items() if row},
            {(row - 1, channel): value for (row, channel), value in keyed.items() if row and value},
        )
        frames, rate = _even(bone_curves.times)
        unit = float(self._settings.get("UnitScaleFactor", (1.0,))[0]) * float(scale[0])
        return FbxMotion(Skeleton(names, parents, rest), unit, frames, rate, bone_curves)

    def _kind(self, name: str, sort: bytes | None = None) -> list[int]:
        return [key for key, node in self._objects.items() if node.name == name and sort in (None, node.values[-1])]

    def _model_above(self, model: int) -> int:
        found = [above for above in self._above.get(model, ()) if above == 0 or self._objects[above].name == "Model"]
        if len(found) != 1:
            raise FbxFormatError("a bone hangs from several objects")
        return found[0]

    def _skeleton(self) -> tuple[int, list[int]]:
        """Return the object that holds the one skeleton, and its bones, parents first."""
        bones = self._kind("Model", b"LimbNode")
        above = {bone: self._model_above(bone) for bone in bones}
        holders = set(above.values()) - set(bones)
        if len(holders) != 1:
            raise FbxFormatError("it has not exactly one skeleton")
        (holder,) = holders
        if holder == 0 or self._objects[holder].values[-1] != b"Null" or self._model_above(holder) != 0:
            raise FbxFormatError("the skeleton hangs from more than one object")
        order = [bone for bone in bones if above[bone] == holder]
        for bone in order:
            order += [child for child in bones if above[child] == bone]
        if len(order) != len(bones):
            raise FbxFormatError("bones hang from each other in a circle")
        return holder, order

    def _check_plain(self, properties: Mapping[str, tuple[Any, ...]]) -> None:
        for name in _ZERO:
            if any(properties.get(name, ())):
                raise FbxFormatError(f"a bone has a {name}")

    def _keys_of(self, model: int, channel: str) -> list[Node | None]:
        """Return the curves for X, Y and Z of a channel, None where there is none; empty where nothing is keyed."""
        nodes = self._curves.get((model, channel), [])
        if not nodes:
            return []
        if len(nodes) > 1:
            raise FbxFormatError("a channel has several animations")
        found = [self._curves.get((nodes[0], axis), [None]) for axis in _AXES]
        return [None if each[0] is None else self._objects[each[0]] for each in found]

    def _bind_pose(self, bones: Sequence[int]) -> Array:
        """Return the matrices (B, 4, 4) of the bones at rest, in the file's space."""
        found: dict[int, Array] = {}
        poses = [self._objects[key] for key in self._kind("Pose", b"BindPose")]
        for entry in chain.from_iterable(pose.all("PoseNode") for pose in poses):
            (node,) = entry.all("Node")
            found[node.values[0]] = entry.array("Matrix").unpacked()
        clusters = {key: self._objects[key] for key in self._kind("Deformer", b"Cluster")}
        for bone in bones:
            for cluster in filter(clusters.__contains__, self._above[bone]):
                found[bone] = clusters[cluster].array("TransformLink").unpacked()
        if any(bone not in found for bone in bones):
            raise FbxFormatError("it has no bind pose")
        # written row by row for row vectors: the place comes last
        return np.stack([found[bone] for bone in bones]).reshape(-1, 4, 4).swapaxes(1, 2).astype(np.float64)


def _name(node: Node) -> str:
    """Return the name of an object without its class."""
    return text(node.values[1].partition(b"\x00\x01")[0])


def _even(times: Array) -> tuple[int, float]:
    """Return the number of frames and the rate of keys at `times` (K) in seconds. Raises FbxFormatError."""
    gaps = np.diff(times)
    if not len(gaps) or gaps.min() <= 0.0 or np.abs(gaps / np.median(gaps) - 1.0).max() > _SAME_FRAME:
        raise FbxFormatError("its keys are not at even times")
    return len(times), len(gaps) / float(times[-1] - times[0])
