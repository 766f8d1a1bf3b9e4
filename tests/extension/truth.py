# SPDX-License-Identifier: GPL-3.0-or-later
"""The true motion of the sample clips, to compare with what a character does on the timeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The joints of a knee and an elbow: the bone above, the bone below, the end.
CHAINS = {
    "knee_l": ("thigh_l", "calf_l", "foot_l"),
    "knee_r": ("thigh_r", "calf_r", "foot_r"),
    "elbow_l": ("upperarm_l", "lowerarm_l", "hand_l"),
    "elbow_r": ("upperarm_r", "lowerarm_r", "hand_r"),
}
MIXAMO = {
    "thigh": "UpLeg", "calf": "Leg", "foot": "Foot", "upperarm": "Arm", "lowerarm": "ForeArm", "hand": "Hand",
}  # fmt: skip
RIGIFY = {
    "thigh": "thigh", "calf": "shin", "foot": "foot", "upperarm": "upper_arm", "lowerarm": "forearm", "hand": "hand",
}  # fmt: skip


def mixamo_name(joint: str) -> str:
    part, side = joint.split("_")
    return f"mixamorig:{'Left' if side == 'l' else 'Right'}{MIXAMO[part]}"


def rigify_name(joint: str) -> str:
    part, side = joint.split("_")
    return f"{RIGIFY[part]}.{side.upper()}"


def metahuman_name(joint: str) -> str:
    return joint


@dataclass(frozen=True)
class Truth:
    """A clip's true joint positions (F, J, 3) in metres, Z up."""

    fps: float
    joints: dict[str, Array]

    def flexion(self, chain: str, seconds: Array) -> Array:
        """Return a knee's or elbow's bend in degrees at these seconds of the clip."""
        values = bend(*(self.joints[name] for name in CHAINS[chain]))
        return np.interp(seconds, np.arange(len(values)) / self.fps, values)

    def hand_height(self, side: str, seconds: Array) -> Array:
        """Return how far the wrist is above the shoulder, in lengths of the whole arm."""
        shoulder, elbow, hand = (self.joints[f"{part}_{side}"] for part in ("upperarm", "lowerarm", "hand"))
        values = height_in_arms(shoulder, elbow, hand)
        return np.interp(seconds, np.arange(len(values)) / self.fps, values)


def load(path: Path) -> Truth:
    data = np.load(path)
    joints = {str(name): data["joints"][:, index].astype(float) for index, name in enumerate(data["joint_names"])}
    return Truth(float(data["fps"]), joints)


def bend(upper: Array, middle: Array, lower: Array) -> Array:
    a, b = middle - upper, lower - middle
    cosine = np.sum(a * b, axis=-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))


def height_in_arms(shoulder: Array, elbow: Array, hand: Array) -> Array:
    arm = np.linalg.norm(elbow - shoulder, axis=-1) + np.linalg.norm(hand - elbow, axis=-1)
    return (hand - shoulder)[..., 2] / arm


def world_heads(armature: bpy.types.Object, bones: list[str], frames: range) -> dict[str, Array]:
    """Return the world positions (F, 3) of bone heads as Blender evaluates them, frame by frame."""
    scene = bpy.context.scene
    result: dict[str, list[Array]] = {bone: [] for bone in bones}
    for frame in frames:
        scene.frame_set(frame)
        evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for bone in bones:
            result[bone].append(np.array(evaluated.matrix_world @ evaluated.pose.bones[bone].head))
    return {bone: np.array(values) for bone, values in result.items()}


def correlation(a: Array, b: Array) -> float:
    return float(np.corrcoef(a, b)[0, 1])
