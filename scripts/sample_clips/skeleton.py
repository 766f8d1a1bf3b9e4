# SPDX-License-Identifier: GPL-3.0-or-later
"""The skeleton of the person in the sample clips, and from a described motion to joint positions. No bpy.

Metres, Z up, facing -Y at rest, left is +X, arms half lowered. Bone names follow Unreal's mannequin. A bone's
rotation is given as a world rotation away from rest, so that bone rolls play no part here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aimocap_addon.motion.rotations import normalize

Array = NDArray[np.float64]

FORWARD = np.array((0.0, -1.0, 0.0))
_ARM = np.array((0.72, 0.0, -0.69))

# Positions of the joints of the left half; the right half is its mirror image.
_JOINTS: dict[str, tuple[str | None, tuple[float, float, float]]] = {
    "pelvis": (None, (0.0, 0.0, 0.95)),
    "spine_02": ("pelvis", (0.0, 0.0, 1.08)),
    "spine_03": ("spine_02", (0.0, 0.005, 1.22)),
    "neck_01": ("spine_03", (0.0, 0.01, 1.47)),
    "head": ("neck_01", (0.0, -0.005, 1.545)),
    "clavicle_l": ("spine_03", (0.025, 0.0, 1.43)),
    "upperarm_l": ("clavicle_l", (0.175, 0.01, 1.42)),
    "lowerarm_l": ("upperarm_l", (0.175 + 0.29 * 0.722, 0.01, 1.42 - 0.29 * 0.692)),
    "hand_l": ("lowerarm_l", (0.175 + 0.545 * 0.722, 0.01, 1.42 - 0.545 * 0.692)),
    "thigh_l": ("pelvis", (0.092, 0.0, 0.92)),
    "calf_l": ("thigh_l", (0.097, -0.012, 0.50)),
    "foot_l": ("calf_l", (0.10, 0.022, 0.085)),
    "ball_l": ("foot_l", (0.105, -0.105, 0.028)),
}
_ENDS = {"head": (0.0, -0.005, 1.76), "ball": (0.105, -0.175, 0.02)}
_HAND_LENGTH = 0.17
_HEEL = np.array((0.10, 0.06, 0.0))


def _mirror_name(name: str | None) -> str | None:
    return name[:-2] + "_r" if name and name.endswith("_l") else name


def _build() -> tuple[tuple[str, ...], tuple[int, ...], Array]:
    joints = dict(_JOINTS)
    for name, (parent, (x, y, z)) in _JOINTS.items():
        if name.endswith("_l"):
            joints[str(_mirror_name(name))] = (_mirror_name(parent), (-x, y, z))
    names = tuple(joints)
    parents = tuple(-1 if parent is None else names.index(parent) for parent, _ in joints.values())
    return names, parents, np.array([position for _, position in joints.values()])


BONE_NAMES, PARENTS, REST_HEADS = _build()

# The joints whose positions are kept as ground truth.
JOINT_NAMES = tuple(name for name in BONE_NAMES if not name.startswith("clavicle") and name != "spine_02")


def index(name: str) -> int:
    """Return the place of a bone in BONE_NAMES."""
    return BONE_NAMES.index(name)


def rest_tails() -> Array:
    """Return the rest tails (B, 3) of the bones."""
    following = {"pelvis": "spine_02", "spine_02": "spine_03", "spine_03": "neck_01", "neck_01": "head"}
    for side in "lr":
        for chain in (("clavicle", "upperarm", "lowerarm", "hand"), ("thigh", "calf", "foot", "ball")):
            following.update({f"{a}_{side}": f"{b}_{side}" for a, b in pairwise(chain)})
    tails = np.empty_like(REST_HEADS)
    for i, name in enumerate(BONE_NAMES):
        mirror = np.array((-1.0 if name.endswith("_r") else 1.0, 1.0, 1.0))
        if name in following:
            tails[i] = REST_HEADS[index(following[name])]
        elif name.startswith("hand"):
            tails[i] = REST_HEADS[i] + _HAND_LENGTH * normalize(_ARM) * mirror
        else:
            tails[i] = np.array(_ENDS[name.split("_")[0]]) * mirror
    return tails


@dataclass
class Arm:
    """Directions (F, 3) of the upper arm and the forearm in the chest's rest axes; they must never be parallel."""

    upper: Array
    fore: Array


@dataclass
class Foot:
    """Where the ball of the foot would be with the sole flat (F, 3), and angles (F,) in radians.

    `pitch` above 0 lifts the heel about the ball; below 0 it lifts the toes about the heel.
    """

    ball: Array
    yaw: Array
    pitch: Array


@dataclass
class Motion:
    """A described motion of F frames; turns are (F, 3) angles in radians: yaw, pitch (lean forward), roll.

    `chest` is relative to the pelvis, `head` to the chest.
    """

    pelvis: Array
    pelvis_turn: Array
    chest: Array
    head: Array
    arms: dict[str, Arm]
    feet: dict[str, Foot]


def rotation(axis: int, angle: Array) -> Array:
    """Return rotation matrices (F, 3, 3) about a coordinate axis by `angle` (F,) radians."""
    m = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    m[:, axis, axis] = 1.0
    m[:, i, i] = m[:, j, j] = np.cos(angle)
    m[:, i, j], m[:, j, i] = -np.sin(angle), np.sin(angle)
    return m


def _turn(angles: Array) -> Array:
    return rotation(2, angles[:, 0]) @ rotation(0, angles[:, 1]) @ rotation(1, angles[:, 2])


def _apply(rotations: Array, vectors: Array) -> Array:
    return (rotations @ vectors[..., None])[..., 0]


def _limb_frames(direction: Array, hinge: Array) -> Array:
    """Return (..., 3, 3) whose columns are the direction, the hinge axis and their cross product."""
    direction = normalize(direction)
    hinge = normalize(hinge - np.sum(hinge * direction, axis=-1, keepdims=True) * direction)
    return np.stack((direction, hinge, np.cross(direction, hinge)), axis=-1)


def foot_rotation(foot: Foot) -> Array:
    """Return the foot's world rotation (F, 3, 3) away from rest."""
    return rotation(2, foot.yaw) @ rotation(0, foot.pitch)


def ankle_position(foot: Foot, side: str) -> Array:
    """Return where the ankle must be (F, 3) for the foot to stand as described."""
    mirror = np.array((-1.0 if side == "r" else 1.0, 1.0, 1.0))
    ball, ankle = REST_HEADS[index(f"ball_{side}")], REST_HEADS[index(f"foot_{side}")]
    turned, flat = foot_rotation(foot), rotation(2, foot.yaw)
    heel = _HEEL * mirror
    about_ball = foot.ball + _apply(turned, ankle - ball)
    about_heel = foot.ball + _apply(flat, heel - ball) + _apply(turned, ankle - heel)
    return np.where(foot.pitch[:, None] >= 0.0, about_ball, about_heel)


def _knee(hip: Array, ankle: Array, thigh: float, shin: float, forward: Array) -> Array:
    """Two-bone chain by the law of cosines; the knee bends towards `forward`."""
    reach = np.linalg.norm(ankle - hip, axis=-1, keepdims=True)
    along = normalize(ankle - hip)
    reach = np.minimum(reach, 0.999 * (thigh + shin))
    near = (reach**2 + thigh**2 - shin**2) / (2 * reach)
    out = np.sqrt(np.maximum(thigh**2 - near**2, 0.0))
    ahead = normalize(forward - np.sum(forward * along, axis=-1, keepdims=True) * along)
    return hip + near * along + out * ahead


def _pose_arm(turns: Array, chest: Array, arm: Arm, side: str) -> None:
    shoulder, hand = REST_HEADS[index(f"upperarm_{side}")], REST_HEADS[index(f"hand_{side}")]
    upper, fore = normalize(arm.upper), normalize(arm.fore)
    # The collarbone follows an arm that is raised above the shoulder.
    raised = np.clip((upper[:, 2] + 0.3) / 1.3, 0.0, 1.0)
    sign = 1.0 if side == "l" else -1.0
    turns[:, index(f"clavicle_{side}")] = chest @ rotation(1, -sign * np.radians(28.0) * raised**2)
    hinge = np.cross(upper, fore)
    rest_frame = _limb_frames(hand - shoulder, np.cross(hand - shoulder, FORWARD))
    turns[:, index(f"upperarm_{side}")] = chest @ _limb_frames(upper, hinge) @ rest_frame.T
    forearm = chest @ _limb_frames(fore, hinge) @ rest_frame.T
    turns[:, index(f"lowerarm_{side}")] = turns[:, index(f"hand_{side}")] = forearm


def _pose_leg(turns: Array, pelvis_at: Array, pelvis: Array, foot: Foot, side: str) -> None:
    thigh, calf, foot_bone, toes = (index(f"{name}_{side}") for name in ("thigh", "calf", "foot", "ball"))
    hip = pelvis_at + _apply(pelvis, REST_HEADS[thigh] - REST_HEADS[0])
    ankle = ankle_position(foot, side)
    u0, f0 = REST_HEADS[calf] - REST_HEADS[thigh], REST_HEADS[foot_bone] - REST_HEADS[calf]
    # Knees point where hips and toes point, a little outwards, and upwards once the thigh is level.
    outwards = 0.25 if side == "l" else -0.25
    ahead = normalize(_apply(pelvis, FORWARD)) + normalize(_apply(rotation(2, foot.yaw), FORWARD))
    ahead = ahead + _apply(pelvis, np.array((outwards, 0.0, 1.0)))
    knee = _knee(hip, ankle, float(np.linalg.norm(u0)), float(np.linalg.norm(f0)), ahead)
    axis, rest_axis = np.cross(knee - hip, ankle - knee), np.cross(u0, f0)
    turns[:, thigh] = _limb_frames(knee - hip, axis) @ _limb_frames(u0, rest_axis).T
    turns[:, calf] = _limb_frames(ankle - knee, axis) @ _limb_frames(f0, rest_axis).T
    turns[:, foot_bone] = foot_rotation(foot)
    # Toes stay on the ground while the heel is up.
    grounded = np.clip(1.0 - (foot.ball[:, 2] - REST_HEADS[toes, 2]) / 0.05, 0.0, 1.0)
    toe_pitch = np.where(foot.pitch > 0.0, (1.0 - grounded) * foot.pitch, foot.pitch)
    turns[:, toes] = rotation(2, foot.yaw) @ rotation(0, toe_pitch)


def solve(motion: Motion) -> tuple[Array, Array]:
    """Return world rotations away from rest (F, B, 3, 3) and joint positions (F, B, 3) of a motion."""
    frames = len(motion.pelvis)
    turns = np.empty((frames, len(BONE_NAMES), 3, 3))
    turns[:, index("pelvis")] = pelvis = _turn(motion.pelvis_turn)
    turns[:, index("spine_02")] = pelvis @ _turn(0.5 * motion.chest)
    turns[:, index("spine_03")] = chest = pelvis @ _turn(motion.chest)
    turns[:, index("neck_01")] = chest @ _turn(0.4 * motion.head)
    turns[:, index("head")] = chest @ _turn(motion.head)
    for side in "lr":
        _pose_arm(turns, chest, motion.arms[side], side)
        _pose_leg(turns, motion.pelvis, pelvis, motion.feet[side], side)
    heads = np.empty((frames, len(BONE_NAMES), 3))
    heads[:, 0] = motion.pelvis
    for bone, parent in list(enumerate(PARENTS))[1:]:
        heads[:, bone] = heads[:, parent] + _apply(turns[:, parent], REST_HEADS[bone] - REST_HEADS[parent])
    return turns, heads


def contacts(heads: Array, fps: float) -> NDArray[np.bool_]:
    """Return (F, 2) for the left and the right foot: the ball of the foot rests on the ground.

    True where the ball is within 1.5 cm of its height on the ground and slower than 5 cm/s.
    """
    flags = []
    for side in "lr":
        ball = heads[:, index(f"ball_{side}")]
        speed = np.linalg.norm(np.gradient(ball, axis=0), axis=-1) * fps
        flags.append((speed < 0.05) & (ball[:, 2] < REST_HEADS[index(f"ball_{side}"), 2] + 0.015))
    return np.stack(flags, axis=-1)
