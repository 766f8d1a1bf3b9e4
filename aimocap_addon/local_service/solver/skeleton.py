# SPDX-License-Identifier: GPL-3.0-or-later
"""The skeleton that the solver animates: MetaHuman-style body names, an adult of 175 cm in A-pose.

Z up, centimetres, facing -Y, the character's left at +X. Bone Y points from the joint towards the next
one. Segment lengths follow the usual shares of stature (hip joint at 0.53, knee at 0.285, shoulder at
0.82 of the height; R. Drillis and R. Contini, "Body Segment Parameters", 1966).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...motion.rotations import Array, normalize

_FORWARD = np.array((0.0, -1.0, 0.0))
_UP = np.array((0.0, 0.0, 1.0))

_TRUNK = (
    # name, parent, joint
    ("pelvis", "root", (0.0, 0.0, 95.0)),
    ("spine_01", "pelvis", (0.0, 0.0, 98.0)),
    ("spine_02", "spine_01", (0.0, 0.0, 104.5)),
    ("spine_03", "spine_02", (0.0, 0.0, 111.5)),
    ("spine_04", "spine_03", (0.0, 0.0, 119.5)),
    ("spine_05", "spine_04", (0.0, 0.0, 130.0)),
    ("neck_01", "spine_05", (0.0, 0.0, 147.0)),
    ("neck_02", "neck_01", (0.0, -0.8, 151.5)),
    ("head", "neck_02", (0.0, -1.5, 156.0)),
)
STATURE = 175.0  # cm
_HEAD_TOP = (0.0, -1.5, STATURE)

# The character's left limbs; the right ones are their mirror image.
_LIMBS = (
    ("clavicle", "spine_05", (1.5, -1.0, 143.0)),
    ("upperarm", "clavicle", (17.5, 0.0, 143.0)),
    ("lowerarm", "upperarm", (37.3, 0.8, 123.2)),
    ("hand", "lowerarm", (55.3, -2.6, 105.2)),
    ("thigh", "pelvis", (9.0, 0.0, 92.0)),
    ("calf", "thigh", (9.4, -0.8, 50.0)),
    ("foot", "calf", (9.8, 1.5, 8.0)),
    ("ball", "foot", (10.8, -12.0, 2.2)),
)
_TOE_TIP = (11.2, -18.5, 2.2)
# The sole under the heel and under the big toe's tip: what the landmarks "heel" and "foot index" mark.
_HEEL = (9.6, 5.5, 2.5)
_FOOT_INDEX = (9.8, -17.5, 2.0)

# Finger roots in the hand: cm along the hand, cm towards the thumb, and the phalanges' lengths.
_FINGERS = (
    ("index", (2.6, 2.0), 6.2, (4.2, 2.5, 2.1)),
    ("middle", (2.6, 0.4), 6.2, (4.6, 2.9, 2.2)),
    ("ring", (2.5, -1.1), 5.7, (4.2, 2.6, 2.2)),
    ("pinky", (2.3, -2.4), 5.3, (3.2, 1.9, 1.9)),
)
_FINGER_SPREAD = {"index": 0.10, "middle": 0.0, "ring": -0.08, "pinky": -0.17}
_FINGER_CURL = (0.22, 0.45, 0.62)  # radians of each phalanx against the hand, relaxed
_THUMB_LENGTHS = (4.2, 3.2, 2.8)


@dataclass(frozen=True)
class Skeleton:
    """Bones in depth-first order, as Blender keeps them.

    `joints` (B, 3) are heads and `lengths` (B,) bone lengths in centimetres; `rest` (B, 3, 3) are the
    rest orientations, bone to armature. `markers` are points of the rest pose that the solver aligns
    with landmarks but that are no bone's head, in centimetres: heel_l, toe_l, heel_r, toe_r.
    """

    names: tuple[str, ...]
    parents: np.ndarray
    joints: Array
    lengths: Array
    rest: Array
    markers: dict[str, Array]

    def index(self, name: str) -> int:
        return self.names.index(name)

    def joint(self, name: str) -> Array:
        """Return the rest position (3,) of a bone's head."""
        return self.joints[self.index(name)]

    def rest_matrices(self) -> Array:
        """Return the rest matrices (B, 4, 4), bone to armature."""
        matrices = np.tile(np.eye(4), (len(self.names), 1, 1))
        matrices[:, :3, :3] = self.rest
        matrices[:, :3, 3] = self.joints
        return matrices


def _mirror(point: tuple[float, float, float] | Array) -> Array:
    return np.array(point, dtype=np.float64) * np.array((-1.0, 1.0, 1.0))


def _left_fingers() -> list[tuple[str, str, Array, Array]]:
    """Return (name, parent, head, tail) of the left hand's fingers in a relaxed pose."""
    joints = {name: np.array(joint) for name, _, joint in _LIMBS}
    along = normalize(joints["hand"] - joints["lowerarm"])
    thumbwards = normalize(_FORWARD - along * (_FORWARD @ along))
    palm = np.cross(along, thumbwards)  # out of the palm, towards the thigh
    if palm[0] > 0:
        palm = -palm
    bones = []
    thumb = joints["hand"] + 2.0 * along + 2.2 * thumbwards + 0.6 * palm
    parent = "hand"
    for number, length in enumerate(_THUMB_LENGTHS, start=1):
        direction = normalize((0.62 + 0.12 * number) * along + (0.80 - 0.2 * number) * thumbwards + 0.35 * palm)
        bones.append((f"thumb_0{number}", parent, thumb, thumb + length * direction))
        thumb, parent = thumb + length * direction, f"thumb_0{number}"
    for finger, (forth, side), metacarpal, phalanges in _FINGERS:
        head = joints["hand"] + forth * along + side * thumbwards
        spread = np.sin(_FINGER_SPREAD[finger]) * thumbwards
        tail = head + metacarpal * normalize(along + spread)
        name = f"{finger}_metacarpal"
        bones.append((name, "hand", head, tail))
        for number, (length, curl) in enumerate(zip(phalanges, _FINGER_CURL, strict=True), start=1):
            direction = normalize(np.cos(curl) * normalize(along + spread) + np.sin(curl) * palm)
            bones.append((f"{finger}_0{number}", name, tail, tail + length * direction))
            name, tail = f"{finger}_0{number}", tail + length * direction
    return bones


def _orientation(along: Array) -> Array:
    """Return a right-handed bone orientation (3, 3): Y along the bone, Z as far forward (or up) as it can."""
    y = normalize(along)
    towards = _UP if abs(y @ _FORWARD) > 0.9 else _FORWARD
    z = normalize(towards - y * (towards @ y))
    return np.stack((np.cross(y, z), y, z), axis=-1)


@cache
def body_skeleton() -> Skeleton:
    """Return the solver's skeleton."""
    bones: list[tuple[str, str, Array, Array]] = []
    trunk_tails = [np.array(joint) for _, _, joint in _TRUNK[1:]] + [np.array(_HEAD_TOP)]
    bones.append(("root", "", np.zeros(3), np.array((0.0, 20.0, 0.0))))
    for (name, parent, joint), tail in zip(_TRUNK, trunk_tails, strict=True):
        bones.append((name, parent, np.array(joint), tail))

    joints = {name: np.array(joint) for name, _, joint in _LIMBS}
    hand_tail = joints["hand"] + 8.0 * normalize(joints["hand"] - joints["lowerarm"])
    tails = {"hand": hand_tail, "ball": np.array(_TOE_TIP)}
    follower = {"clavicle": "upperarm", "upperarm": "lowerarm", "lowerarm": "hand", "thigh": "calf", "calf": "foot"}
    follower["foot"] = "ball"
    left = [
        (name, parent, np.array(joint), tails[name] if name in tails else joints[follower[name]])
        for name, parent, joint in _LIMBS
    ]
    trunk_names = {name for name, _, _ in _TRUNK}
    for limb in (left[:4] + _left_fingers(), left[4:]):
        for side in ("l", "r"):
            for name, parent, head, tail in limb:
                parent_name = parent if parent in trunk_names else f"{parent}_{side}"
                if side == "r":
                    head, tail = _mirror(head), _mirror(tail)  # noqa: PLW2901
                bones.append((f"{name}_{side}", parent_name, head, tail))

    names = tuple(bone[0] for bone in bones)
    heads = np.stack([bone[2] for bone in bones])
    spans = np.stack([bone[3] for bone in bones]) - heads
    rest = np.stack([_orientation(span) for span in spans])
    rest[0] = np.eye(3)
    return Skeleton(
        names=names,
        parents=np.array([names.index(bone[1]) if bone[1] else -1 for bone in bones], dtype=np.intp),
        joints=heads,
        lengths=np.linalg.norm(spans, axis=-1),
        rest=rest,
        markers={
            "heel_l": np.array(_HEEL),
            "toe_l": np.array(_FOOT_INDEX),
            "heel_r": _mirror(_HEEL),
            "toe_r": _mirror(_FOOT_INDEX),
        },
    )
