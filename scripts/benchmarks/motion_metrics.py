# SPDX-License-Identifier: GPL-3.0-or-later
"""How well one armature's motion follows another's, as both show in the scene.

Everything is sampled through Blender frame by frame, so whatever made the motion is measured alike. Directions go from
joint to joint; lengths are in centimetres of a body whose legs are 90 cm long.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from aimocap_addon.motion.contacts import planted, spans
from aimocap_addon.motion.rotations import (
    quaternion_between,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
)

Array = NDArray[np.float64]
SIDES = ("left", "right")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_LEG = 90.0
_UP = np.array((0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Body:
    """Joints of one armature by role: positions (F, 3) and rotations (F, 4) in the scene, and the same at rest."""

    positions: dict[str, Array]
    rotations: dict[str, Array]
    rest: dict[str, Array]
    rest_rotations: dict[str, Array]

    def direction(self, start: str, end: str) -> Array:
        """Return unit vectors (F, 3) from joint to joint."""
        vector = self.positions[end] - self.positions[start]
        return vector / np.linalg.norm(vector, axis=-1, keepdims=True)

    def leg(self) -> float:
        """Return the length of the left leg at rest."""
        steps = (("thigh", "calf"), ("calf", "foot"))
        return float(sum(np.linalg.norm(self.rest[f"left_{b}"] - self.rest[f"left_{a}"]) for a, b in steps))


def sample(armature: bpy.types.Object, bones: dict[str, str], frames: range) -> Body:
    """Return the body of the armature at whole frames; `bones` maps role to bone name."""
    assert armature.pose is not None
    assert isinstance(armature.data, bpy.types.Armature)
    scene = bpy.context.scene
    order = {bone.name: i for i, bone in enumerate(armature.pose.bones)}
    rows = [order[name] for name in bones.values()]
    buffer = np.empty(len(order) * 16, dtype=np.float32)
    matrices = np.empty((len(frames), len(rows), 4, 4))
    for i, frame in enumerate(frames):
        scene.frame_set(frame)
        armature.pose.bones.foreach_get("matrix", buffer)
        matrices[i] = np.array(armature.matrix_world) @ buffer.reshape(-1, 4, 4).transpose(0, 2, 1)[rows]
    world = np.array(armature.matrix_world, dtype=np.float64)
    rest: Array = np.stack(
        [world @ np.array(armature.data.bones[name].matrix_local, np.float64) for name in bones.values()]
    )

    def rotations(m: Array) -> Array:
        return quaternion_from_matrix(m[..., :3, :3] / np.linalg.norm(m[..., :3, :3], axis=-2, keepdims=True))

    turned, still = rotations(matrices), rotations(rest)
    return Body(
        {role: matrices[:, i, :3, 3] for i, role in enumerate(bones)},
        {role: turned[:, i] for i, role in enumerate(bones)},
        {role: rest[i, :3, 3] for i, role in enumerate(bones)},
        {role: still[i] for i, role in enumerate(bones)},
    )


def compare(source: Body, target: Body, rate: float) -> dict[str, float]:
    """Return the figures of one motion against the other's; means over frames unless the name says otherwise."""
    both = source.positions.keys() & target.positions.keys()

    def directions(parts: list[tuple[str, str]]) -> float:
        pairs = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in parts]
        errors = [_angle(source.direction(*p), target.direction(*p)) for p in pairs if both.issuperset(p)]
        return float(np.mean(errors)) if errors else float("nan")

    fingers = [(f"{finger}_{n}", f"{finger}_{n + 1}") for finger in FINGERS for n in (1, 2)]
    found = {
        "arms": directions([("upper_arm", "lower_arm"), ("lower_arm", "hand")]),
        "legs": directions([("thigh", "calf"), ("calf", "foot")]),
        "fingers": directions(fingers),
        "palms": float(np.mean([_angle(_palm(source, side), _palm(target, side)) for side in SIDES]))
        if both.issuperset(f"{side}_{finger}_1" for side in SIDES for finger in ("index", "pinky"))
        else float("nan"),
        "feet": float(np.mean([_soles(source, target, side) for side in SIDES]))
        if both.issuperset(f"{side}_toe" for side in SIDES)
        else float("nan"),
        "hips": float(np.mean(_turn(source, target, "hips", "hips"))),
        "spine": float(np.mean(_turn(source, target, _last(source, "spine"), _last(target, "spine")))),
        "head": float(np.mean(_turn(source, target, "head", "head"))) if "head" in both else float("nan"),
    }
    return found | _feet(source, target, rate) | _root(source, target) | {"pop (max)": _pop(source, target)}


def _angle(a: Array, b: Array) -> Array:
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def _palm(body: Body, side: str) -> Array:
    return np.cross(
        body.direction(f"{side}_hand", f"{side}_index_1"), body.direction(f"{side}_hand", f"{side}_pinky_1")
    )


def _soles(source: Body, target: Body, side: str) -> Array:
    """Degrees (F) between the soles, flat at rest and pointing from ankle to toes."""
    flat = np.array((1.0, 1.0, 0.0))
    soles = []
    for body in (source, target):
        ahead = (body.rest[f"{side}_toe"] - body.rest[f"{side}_foot"]) * flat
        heading = quaternion_between(np.array((0.0, -1.0, 0.0)), ahead)
        still = quaternion_conjugate(body.rest_rotations[f"{side}_foot"])
        soles.append(quaternion_multiply(body.rotations[f"{side}_foot"], quaternion_multiply(still, heading)))
    return _between(*soles)


def _last(body: Body, chain: str) -> str:
    return max((role for role in body.positions if role.startswith(f"{chain}_")), key=lambda role: int(role[-1]))


def _turn(source: Body, target: Body, source_role: str, target_role: str) -> Array:
    """Degrees (F) between the turns away from rest of a bone of each body."""
    here, there = (
        quaternion_multiply(body.rotations[role], quaternion_conjugate(body.rest_rotations[role]))
        for body, role in ((target, target_role), (source, source_role))
    )
    return _between(here, there)


def _between(here: Array, there: Array) -> Array:
    """Degrees (F) between rotations (F, 4)."""
    difference = quaternion_multiply(here, quaternion_conjugate(there))
    # the arc cosine of the scalar part cannot tell angles below 0.03 degrees in single precision
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(difference[..., 1:], axis=-1), np.abs(difference[..., 0])))


def _feet(source: Body, target: Body, rate: float) -> dict[str, float]:
    drifts: dict[str, list[float]] = {"drift": [], "source's drift": []}
    floats, sinks, deepest = [], [], []
    if not target.positions.keys() >= {f"{side}_toe" for side in SIDES}:
        return dict.fromkeys((*drifts, "float", "sink", "deepest (max)"), float("nan"))
    for side in SIDES:
        toe = f"{side}_toe"
        on = planted(source.positions[toe], _UP, source.leg(), rate)
        for name, body in (("drift", target), ("source's drift", source)):
            path = body.positions[toe][:, :2] * _LEG / body.leg()
            drifts[name] += [2.0 * _widest(path[a:b]) for a, b in spans(on)]
        height = (target.positions[toe] - target.rest[toe])[:, 2] * _LEG / target.leg()
        own = source.positions[toe][:, 2] * _LEG / source.leg()
        own = own - np.percentile(own[on], 20.0)
        floats.append(np.maximum(height - np.maximum(own, 0.0), 0.0)[on])
        sinks.append(np.maximum(-height, 0.0)[on])
        deepest.append(max(0.0, float(-height.min())))
    return {
        **{name: float(np.mean(values)) for name, values in drifts.items()},
        "drift (max)": max(drifts["drift"]),
        "float": float(np.mean(np.concatenate(floats))),
        "sink": float(np.mean(np.concatenate(sinks))),
        "deepest (max)": max(deepest),
    }


def _widest(path: Array) -> float:
    return float(np.linalg.norm(path - path.mean(axis=0), axis=-1).max())


def _root(source: Body, target: Body) -> dict[str, float]:
    lengths = []
    for body in (source, target):
        middle = (body.positions["left_thigh"] + body.positions["right_thigh"])[:, :2] / 2.0
        lengths.append(float(np.linalg.norm(np.diff(middle, axis=0), axis=-1).sum()) / body.leg())
    return {"path scale": lengths[1] / lengths[0]}


def _pop(source: Body, target: Body) -> float:
    """Most degrees by which a limb, or a bone from the thigh down, turns more per frame than the performer's."""
    limbs = [("upper_arm", "lower_arm"), ("lower_arm", "hand"), ("thigh", "calf"), ("calf", "foot"), ("foot", "toe")]
    worst = 0.0
    for side in SIDES:
        for a, b in limbs:
            here, there = (body.direction(f"{side}_{a}", f"{side}_{b}") for body in (target, source))
            worst = max(worst, float((_angle(here[1:], here[:-1]) - _angle(there[1:], there[:-1])).max()))
        for part in ("thigh", "calf", "foot", "toe"):
            here, there = (_steps(body.rotations[f"{side}_{part}"]) for body in (target, source))
            worst = max(worst, float((here - there).max()))
    return worst


def _steps(rotations: Array) -> Array:
    """Degrees (F-1) by which rotations (F, 4) turn from frame to frame."""
    turns = quaternion_multiply(rotations[1:], rotations[:-1] * np.array((1, -1, -1, -1)))
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(turns[:, 1:], axis=-1), np.abs(turns[:, 0])))
