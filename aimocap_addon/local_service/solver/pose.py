# SPDX-License-Identifier: GPL-3.0-or-later
"""From joint positions to rotations on the skeleton.

Every bone gets a world rotation `delta` (F, 3, 3) away from its rest orientation; local rotations follow
from a bone's and its parent's deltas. All positions here are in Blender's axes: Z up, metres, and a
character facing -Y has its left at +X.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from ...motion.rotations import (
    Array,
    make_continuous,
    matrix_from_quaternion,
    normalize,
    quaternion_between,
    quaternion_from_matrix,
    quaternion_slerp,
)
from .fit import POINT_NAMES
from .skeleton import Skeleton

_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}
# From the ear's tragus to the nose's tip: forward and slightly down (standard head proportions).
_EAR_TO_NOSE = np.array((0.0, -1.0, -0.2))
_SPINE = ("spine_01", "spine_02", "spine_03", "spine_04", "spine_05")
_PART = 1000  # frames
_HINGE_SMOOTHING_SEC = 0.08
# Below about this flexion (radians) a limb is too straight for its plane to be seen.
_STRAIGHT = 0.35


@dataclass(frozen=True)
class BonePoses:
    """Local rotations (F, B, 4) in rest frames and the pelvis joint's position (F, 3) in centimetres."""

    rotations: Array
    pelvis: Array


def rotations_from_positions(
    skeleton: Skeleton, positions: Array, rate: float, root_scale: float, upper_body: bool
) -> BonePoses:
    """Return the skeleton's motion that follows `positions` (F, J, 3).

    `root_scale` is centimetres of the skeleton per metre of the person. With `upper_body` the pelvis and
    the legs stay at rest.
    """
    frames = len(positions)
    deltas = np.tile(np.eye(3), (frames, len(skeleton.names), 1, 1))

    def at(name: str) -> Array:
        return positions[:, _INDEX[name]]

    def put(name: str, delta: Array) -> None:
        deltas[:, skeleton.index(name)] = delta

    hips = 0.5 * (at("hip_l") + at("hip_r"))
    shoulders = 0.5 * (at("shoulder_l") + at("shoulder_r"))
    ears = 0.5 * (at("ear_l") + at("ear_r"))
    torso = shoulders - hips
    left, up = np.array((1.0, 0.0, 0.0)), np.array((0.0, 0.0, 1.0))
    pelvis = turn_between(left, up, at("hip_l") - at("hip_r"), torso, second_first=True)
    chest = turn_between(left, up, at("shoulder_l") - at("shoulder_r"), torso, second_first=True)
    head = turn_between(_EAR_TO_NOSE, left, at("nose") - ears, at("ear_l") - at("ear_r"))
    if upper_body:
        facing = _median_heading(chest)
        chest, head = facing.T @ chest, facing.T @ head
        positions = positions @ facing
        pelvis = np.tile(np.eye(3), (frames, 1, 1))
    put("pelvis", pelvis)
    pelvis_turn, chest_turn, head_turn = (quaternion_from_matrix(m) for m in (pelvis, chest, head))
    for number, name in enumerate(_SPINE, start=1):
        share = np.full(frames, number / len(_SPINE))
        put(name, matrix_from_quaternion(quaternion_slerp(pelvis_turn, chest_turn, share)))
    for number, name in enumerate(("neck_01", "neck_02"), start=1):
        put(name, matrix_from_quaternion(quaternion_slerp(chest_turn, head_turn, np.full(frames, number / 3))))
    put("head", head)

    for side in ("l", "r"):
        put(f"clavicle_{side}", chest)
        bones = (f"upperarm_{side}", f"lowerarm_{side}", f"hand_{side}")
        points = (f"shoulder_{side}", f"elbow_{side}", f"wrist_{side}")
        upper, lower = _limb(skeleton, bones, [at(p) for p in points], chest, rate)
        put(bones[0], upper)
        put(bones[1], lower)
        put(bones[2], lower)
        if upper_body:
            continue
        bones = (f"thigh_{side}", f"calf_{side}", f"foot_{side}")
        points = (f"hip_{side}", f"knee_{side}", f"ankle_{side}")
        upper, lower = _limb(skeleton, bones, [at(p) for p in points], pelvis, rate)
        put(bones[0], upper)
        put(bones[1], lower)
        rest_foot = skeleton.markers[f"toe_{side}"] - skeleton.markers[f"heel_{side}"]
        foot = turn_between(rest_foot, left, at(f"toe_{side}") - at(f"heel_{side}"), lower @ left)
        put(bones[2], foot)
        put(f"ball_{side}", foot)
    _inherit(skeleton, deltas, ("thumb", "index", "middle", "ring", "pinky"))

    pelvis_rest = skeleton.joint("pelvis")
    if upper_body:
        path = np.tile(pelvis_rest, (frames, 1))
    else:
        middle_rest = 0.5 * (skeleton.joint("thigh_l") + skeleton.joint("thigh_r"))
        path = hips * root_scale + pelvis @ (pelvis_rest - middle_rest)
    return BonePoses(local_rotations(skeleton, deltas), path)


def local_rotations(skeleton: Skeleton, deltas: Array) -> Array:
    """Return rotations (F, B, 4) in rest frames of world rotations away from rest (F, B, 3, 3)."""
    parents = np.where(skeleton.parents < 0, 0, skeleton.parents)
    rest = skeleton.rest
    rotations = np.empty((*deltas.shape[:2], 4))
    for part in _parts(len(deltas)):
        above = deltas[part, parents]
        above[:, skeleton.parents < 0] = np.eye(3)
        local = np.swapaxes(rest, -1, -2) @ np.swapaxes(above, -1, -2) @ deltas[part] @ rest
        rotations[part] = quaternion_from_matrix(local)
    return make_continuous(rotations)


def forward_kinematics(skeleton: Skeleton, rotations: Array, pelvis: Array) -> tuple[Array, Array]:
    """Return joint positions (F, B, 3) in centimetres and world rotations away from rest (F, B, 3, 3)."""
    deltas = np.empty((*rotations.shape[:2], 3, 3))
    joints = np.empty((*rotations.shape[:2], 3))
    pelvis_index = skeleton.index("pelvis")
    for part in _parts(len(rotations)):
        local = skeleton.rest @ matrix_from_quaternion(rotations[part]) @ np.swapaxes(skeleton.rest, -1, -2)
        for bone, parent in enumerate(skeleton.parents):
            if parent < 0:
                deltas[part, bone], joints[part, bone] = local[:, bone], skeleton.joints[bone]
                continue
            deltas[part, bone] = deltas[part, parent] @ local[:, bone]
            reach = deltas[part, parent] @ (skeleton.joints[bone] - skeleton.joints[parent])
            joints[part, bone] = pelvis[part] if bone == pelvis_index else joints[part, parent] + reach
    return joints, deltas


def _parts(frames: int) -> list[slice]:
    """Return stretches of frames that bound what is held in memory at once, however long the clip is."""
    return [slice(first, first + _PART) for first in range(0, frames, _PART)]


def _basis(first: Array, second: Array) -> Array:
    """Return right-handed frames (..., 3, 3): X along `first`, Y towards `second`."""
    x = normalize(first)
    z = normalize(np.cross(x, second))
    return np.stack((x, np.cross(z, x), z), axis=-1)


def turn_between(
    rest_first: Array, rest_second: Array, first: Array, second: Array, second_first: bool = False
) -> Array:
    """Return rotations (F, 3, 3) that take a pair of rest directions to the pair (F, 3) of now.

    The first direction is met exactly and the second as well as can be; `second_first` swaps their rank.
    """
    if second_first:
        rest_first, rest_second, first, second = rest_second, rest_first, second, first
    return _basis(first, second) @ np.swapaxes(_basis(rest_first, rest_second), -1, -2)


def _limb(
    skeleton: Skeleton, bones: tuple[str, str, str], points: list[Array], parent: Array, rate: float
) -> tuple[Array, Array]:
    """Return world rotations (F, 3, 3) of a limb's two bones whose middle joint is a hinge.

    A straight limb does not show its plane; there the twist is carried over from neighbouring frames and,
    failing that, from the smallest turn away from the parent bone.
    """
    a, b, c = (skeleton.joint(name) for name in bones)
    rest_upper, rest_lower = normalize(b - a), normalize(c - b)
    rest_hinge = normalize(np.cross(rest_upper, rest_lower))
    upper, lower = normalize(points[1] - points[0]), normalize(points[2] - points[1])

    carried = parent @ rest_upper
    swing = matrix_from_quaternion(quaternion_between(carried, upper))
    calm = (swing @ (parent @ rest_hinge)[..., None])[..., 0]
    across = np.cross(upper, calm)
    normal = np.cross(upper, lower)
    flexion = np.linalg.norm(normal, axis=-1)
    seen = np.stack((np.sum(normal * calm, axis=-1), np.sum(normal * across, axis=-1)), axis=-1)
    # Averaged as a vector of the angle's cosine and sine, long where the plane is well seen.
    trust = np.minimum(1.0, flexion / np.sin(_STRAIGHT)) ** 2
    vector: Array = normalize(seen) * trust[:, None]
    vector = gaussian_filter1d(vector, max(1e-3, _HINGE_SMOOTHING_SEC * rate), axis=0, mode="nearest")
    vector = normalize(vector + np.array((0.05, 0.0)))
    hinge = vector[:, :1] * calm + vector[:, 1:] * across
    return turn_between(rest_upper, rest_hinge, upper, hinge), turn_between(rest_lower, rest_hinge, lower, hinge)


def _median_heading(chest: Array) -> Array:
    """Return the rotation (3, 3) about the vertical that the chest (F, 3, 3) has in the middle of the clip."""
    forward = np.median(chest @ np.array((0.0, -1.0, 0.0)), axis=0)
    angle = np.arctan2(forward[0], -forward[1])
    c, s = np.cos(angle), np.sin(angle)
    return np.array(((c, -s, 0.0), (s, c, 0.0), (0.0, 0.0, 1.0)))


def _inherit(skeleton: Skeleton, deltas: Array, prefixes: tuple[str, ...]) -> None:
    for bone, name in enumerate(skeleton.names):
        if name.startswith(prefixes):
            deltas[:, bone] = deltas[:, skeleton.parents[bone]]
