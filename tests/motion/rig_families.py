# SPDX-License-Identifier: GPL-3.0-or-later
"""Skeletons of rig families, written out bone by bone, with the part that each bone plays.

A row is `name < parent @ place = role`; the role is left out for helper bones. `{s}` stands for the side and doubles
the row. Places are of a person 1.7 m tall who faces -Y: see `place`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aimocap_addon.motion.rotations import Array, matrix_from_quaternion, normalize
from aimocap_addon.motion.skeleton import Skeleton

FINGERS = ("thumb", "index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Row:
    """One bone: head (3) and tail (3) in metres."""

    name: str
    parent: str | None
    role: str
    head: Array
    tail: Array


@dataclass(frozen=True)
class RigFamily:
    """How a family names its bones; `arm_drop` and `elbow` in degrees are its usual rest pose."""

    family: str
    text: str
    sides: tuple[str, str]
    arm_drop: float = 0.0
    elbow: float = 0.0
    fingers: str = ""
    finger_words: tuple[str, ...] = FINGERS
    metacarpals: tuple[str, ...] = ()
    hand: str = ""

    def rows(self, *, arm_drop: float | None = None, elbow: float | None = None) -> list[Row]:
        """Return the bones, parents first."""
        drop = self.arm_drop if arm_drop is None else arm_drop
        bend = self.elbow if elbow is None else elbow
        lines = [line for line in self.text.splitlines() if line.strip()]
        lines += self._finger_lines()
        raw: list[tuple[str, str | None, str, str, float]] = []
        for line in lines:
            head, _, role = line.partition("=")
            bone, _, where = head.partition("@")
            name, _, parent = (part.strip() for part in bone.partition("<"))
            for sign, side, text in zip((1.0, -1.0), ("left", "right"), self.sides, strict=True):
                part = role.strip()
                if "{s}" not in line and "{i}" not in line:
                    raw.append((name, parent or None, part, where.strip(), 0.0))
                    break
                texts = {"s": text, "i": text[:1]}
                sided = f"{side}_{part}" if part else ""
                raw.append((name.format(**texts), parent.format(**texts) or None, sided, where.strip(), sign))
        tips: dict[str | None, list[tuple[bool, Array]]] = {}
        for _, parent, role, where, sign in raw:
            tips.setdefault(parent, []).append((bool(role), place(where, sign, drop, bend)))
        rows = []
        for name, parent, role, where, sign in raw:
            start = place(where, sign, drop, bend)
            ends = [
                end
                for has, end in sorted(tips.get(name, []), key=lambda t: -t[0])
                if np.linalg.norm(end - start) > 0.01
            ]
            tail = ends[0] if ends else start + _end(where, sign, drop, bend)
            rows.append(Row(name, parent, role, start, tail))
        above = {row.name: row.parent for row in rows}

        def depth(row: Row) -> int:
            name, count = row.parent, 0
            while name is not None:
                name, count = above[name], count + 1
            return count

        return sorted(rows, key=depth)

    def roles(self) -> dict[str, str]:
        """Return role -> bone name."""
        return {row.role: row.name for row in self.rows() if row.role}

    def _finger_lines(self) -> list[str]:
        lines = []
        for order, (finger, word) in enumerate(zip(FINGERS, self.finger_words, strict=True)) if self.fingers else []:
            holder = self.hand
            if self.metacarpals and order:
                name = self.metacarpals[order - 1]
                lines.append(f"{name} < {holder} @ finger {order}.0 = {finger}_metacarpal")
                holder = name
            for n in (1, 2, 3):
                name = self.fingers.replace("{f}", word).replace("{n}", str(n)).replace("{o}", str(order))
                name = name.replace("{m}", "" if n == 1 else str(n - 1))  # Biped counts 0, 01, 02
                lines.append(f"{name} < {holder} @ finger {order}.{n} = {finger}_{n}")
                holder = name
        return lines


def place(text: str, sign: float, drop_degrees: float, elbow_degrees: float) -> Array:
    """Return a point (3) by its name: `spine 1/3`, `arm 1.5` (half-way from elbow to wrist), `leg 2`, `finger 1.3`.."""
    word, _, number = text.partition(" ")
    if word in ("arm", "finger"):
        return _on_arm(word, number, sign, math.radians(drop_degrees), math.radians(elbow_degrees))
    if word == "leg":
        part = float(number)
        low = min(int(part), 3)
        joints = np.array(_LEG) * (sign, 1.0, 1.0)
        return joints[low] + (joints[low + 1] - joints[low]) * (part - low)
    if word in ("spine", "neck"):
        a, b = (float(part) for part in number.split("/"))
        if word == "spine":
            return np.array((0.0, 0.01 + 0.03 * math.sin(math.pi * a / b), 1.0 + 0.42 * a / b))
        return np.array((0.0, 0.01 * (1 - a / b), 1.44 + 0.09 * a / b))
    return np.array(_FIXED[word]) * ((sign or 1.0), 1.0, 1.0)


_LEG = ((0.09, 0.01, 0.90), (0.10, -0.01, 0.49), (0.10, 0.03, 0.08), (0.11, -0.09, 0.02), (0.11, -0.16, 0.02))
_FIXED = {
    "ground": (0.0, 0.0, 0.0),
    "hips": (0.0, 0.01, 0.93),
    "belly": (0.0, 0.01, 0.97),
    "groin": (0.0, 0.01, 0.92),
    "head": (0.0, 0.0, 1.53),
    "top": (0.0, 0.0, 1.72),
    "eye": (0.03, -0.09, 1.60),
    "breast": (0.08, -0.08, 1.27),
    "chest": (0.0, 0.01, 1.42),
    "clavicle": (0.03, 0.0, 1.41),
    "heel": (0.08, 0.07, 0.0),
    "weapon": (-0.80, 0.0, 1.35),
}


def _on_arm(word: str, number: str, sign: float, drop: float, bend: float) -> Array:
    along = np.array((math.cos(drop) * sign, 0.0, -math.sin(drop)))
    turned = _turned(along, -sign * bend)
    shoulder = np.array((0.17 * sign, 0.02, 1.41))
    wrist = shoulder + along * 0.28 + turned * 0.25
    if word == "arm":
        part = float(number)
        return shoulder + along * 0.28 * min(part, 1.0) + turned * 0.25 * max(part - 1.0, 0.0)
    order, joint = (int(part) for part in number.split("."))
    forward = np.array((0.0, -1.0, 0.0))
    # the palm faces down in T-pose and turns towards the thigh as the arm sinks
    across = forward * math.cos(drop * 0.4) - np.cross(along, forward) * math.sin(drop * 0.4) * sign
    across = across - turned * np.dot(across, turned)
    offset = across / np.linalg.norm(across) * (0.045 - 0.02 * order)
    if joint == 0:
        return wrist + offset * 0.5 + turned * 0.02
    lean = normalize(turned + offset * (8.0 if order == 0 else 1.0))
    return wrist + offset + turned * (0.085 if order else 0.03) + lean * 0.03 * (joint - 1)


def _turned(vector: Array, angle: float) -> Array:
    c, s = math.cos(angle), math.sin(angle)
    return np.array((c * vector[0] - s * vector[1], s * vector[0] + c * vector[1], vector[2]))


def _end(text: str, sign: float, drop: float, bend: float) -> Array:
    """Return where a bone without children points to, from its head."""
    word, _, number = text.partition(" ")
    if word == "arm":
        return place("arm 1.3", sign, drop, bend) - place("arm 1", sign, drop, bend)
    if word == "finger":
        order = number.split(".")[0]
        return place(f"finger {order}.2", sign, drop, bend) - place(f"finger {order}.1", sign, drop, bend)
    return np.array((0.0, -0.07, 0.0) if word in ("leg", "eye", "breast") else (0.0, 0.0, 0.1))


def skeleton(
    family: RigFamily,
    *,
    scale: float = 1.0,
    turn: Array | None = None,
    anonymous: int | None = None,
    arm_drop: float | None = None,
) -> tuple[Skeleton, dict[str, str]]:
    """Return the family's skeleton with role -> bone name.

    `turn` (4) rotates the whole body in armature space. With a seed `anonymous` all bones are called Bone, Bone.001..
    and stand in another order, parents still first.
    """
    rows = family.rows(arm_drop=arm_drop)
    if anonymous is not None:
        rows = _shuffled(rows, np.random.default_rng(anonymous))
    names = [row.name for row in rows]
    rest = np.tile(np.eye(4), (len(rows), 1, 1))
    axes = np.eye(3) if turn is None else matrix_from_quaternion(normalize(turn))
    rest[:, :3, :3] = axes
    rest[:, :3, 3] = np.array([row.head for row in rows]) @ axes.T * scale
    parents = np.array([names.index(row.parent) if row.parent else -1 for row in rows], dtype=np.intp)
    shown = names if anonymous is None else ["Bone" + (f".{i:03d}" if i else "") for i in range(len(names))]
    roles = {row.role: name for row, name in zip(rows, shown, strict=True) if row.role}
    return Skeleton(tuple(shown), parents, rest), roles


def _shuffled(rows: list[Row], random: np.random.Generator) -> list[Row]:
    waiting, done, order = list(rows), set[str](), []
    while waiting:
        ready = [row for row in waiting if row.parent is None or row.parent in done]
        row = ready[int(random.integers(len(ready)))]
        waiting.remove(row)
        done.add(row.name)
        order.append(row)
    return order


FAMILIES: dict[str, RigFamily] = {
    "metahuman": RigFamily(
        "MetaHuman / Unreal",
        """
root < @ ground
pelvis < root @ hips = hips
spine_01 < pelvis @ spine 0/5 = spine_1
spine_02 < spine_01 @ spine 1/5 = spine_2
spine_03 < spine_02 @ spine 2/5 = spine_3
spine_04 < spine_03 @ spine 3/5 = spine_4
spine_05 < spine_04 @ spine 4/5 = spine_5
neck_01 < spine_05 @ neck 0/2 = neck_1
neck_02 < neck_01 @ neck 1/2 = neck_2
head < neck_02 @ head = head
clavicle_{s} < spine_05 @ clavicle = clavicle
upperarm_{s} < clavicle_{s} @ arm 0 = upper_arm
upperarm_correctiveRoot_{s} < upperarm_{s} @ arm 0
upperarm_twist_01_{s} < upperarm_{s} @ arm 0.33 = upper_arm_twist_1
upperarm_twist_02_{s} < upperarm_{s} @ arm 0.66 = upper_arm_twist_2
lowerarm_{s} < upperarm_{s} @ arm 1 = lower_arm
lowerarm_twist_02_{s} < lowerarm_{s} @ arm 1.33 = lower_arm_twist_2
lowerarm_twist_01_{s} < lowerarm_{s} @ arm 1.66 = lower_arm_twist_1
hand_{s} < lowerarm_{s} @ arm 2 = hand
thigh_{s} < pelvis @ leg 0 = thigh
thigh_twist_01_{s} < thigh_{s} @ leg 0.33 = thigh_twist_1
thigh_twist_02_{s} < thigh_{s} @ leg 0.66 = thigh_twist_2
calf_{s} < thigh_{s} @ leg 1 = calf
calf_twist_02_{s} < calf_{s} @ leg 1.33 = calf_twist_2
calf_twist_01_{s} < calf_{s} @ leg 1.66 = calf_twist_1
foot_{s} < calf_{s} @ leg 2 = foot
ball_{s} < foot_{s} @ leg 3 = toe
weapon_r < hand_r @ weapon
""",
        ("l", "r"),
        arm_drop=45,
        elbow=15,
        fingers="{f}_0{n}_{s}",
        metacarpals=tuple(f"{f}_metacarpal_{{s}}" for f in FINGERS[1:]),
        hand="hand_{s}",
    ),
    "unreal_4": RigFamily(
        "MetaHuman / Unreal",
        """
root < @ ground
pelvis < root @ hips = hips
spine_01 < pelvis @ spine 0/3 = spine_1
spine_02 < spine_01 @ spine 1/3 = spine_2
spine_03 < spine_02 @ spine 2/3 = spine_3
neck_01 < spine_03 @ neck 0/1 = neck_1
head < neck_01 @ head = head
clavicle_{s} < spine_03 @ clavicle = clavicle
upperarm_{s} < clavicle_{s} @ arm 0 = upper_arm
lowerarm_{s} < upperarm_{s} @ arm 1 = lower_arm
hand_{s} < lowerarm_{s} @ arm 2 = hand
upperarm_twist_01_{s} < upperarm_{s} @ arm 0 = upper_arm_twist_1
lowerarm_twist_01_{s} < lowerarm_{s} @ arm 1.5 = lower_arm_twist_1
thigh_{s} < pelvis @ leg 0 = thigh
calf_{s} < thigh_{s} @ leg 1 = calf
foot_{s} < calf_{s} @ leg 2 = foot
ball_{s} < foot_{s} @ leg 3 = toe
ik_foot_root < root @ ground
ik_foot_{s} < ik_foot_root @ leg 2
""",
        ("l", "r"),
        arm_drop=55,
        elbow=20,
        fingers="{f}_0{n}_{s}",
        hand="hand_{s}",
    ),
    "mixamo": RigFamily(
        "Mixamo",
        """
mixamorig:Hips < @ hips = hips
mixamorig:Spine < mixamorig:Hips @ spine 0/3 = spine_1
mixamorig:Spine1 < mixamorig:Spine @ spine 1/3 = spine_2
mixamorig:Spine2 < mixamorig:Spine1 @ spine 2/3 = spine_3
mixamorig:Neck < mixamorig:Spine2 @ neck 0/1 = neck_1
mixamorig:Head < mixamorig:Neck @ head = head
mixamorig:HeadTop_End < mixamorig:Head @ top
mixamorig:{s}Eye < mixamorig:Head @ eye
mixamorig:{s}Shoulder < mixamorig:Spine2 @ clavicle = clavicle
mixamorig:{s}Arm < mixamorig:{s}Shoulder @ arm 0 = upper_arm
mixamorig:{s}ForeArm < mixamorig:{s}Arm @ arm 1 = lower_arm
mixamorig:{s}Hand < mixamorig:{s}ForeArm @ arm 2 = hand
mixamorig:{s}UpLeg < mixamorig:Hips @ leg 0 = thigh
mixamorig:{s}Leg < mixamorig:{s}UpLeg @ leg 1 = calf
mixamorig:{s}Foot < mixamorig:{s}Leg @ leg 2 = foot
mixamorig:{s}ToeBase < mixamorig:{s}Foot @ leg 3 = toe
mixamorig:{s}Toe_End < mixamorig:{s}ToeBase @ leg 4
mixamorig:{s}HandIndex4 < mixamorig:{s}HandIndex3 @ finger 1.4
mixamorig:{s}HandThumb4 < mixamorig:{s}HandThumb3 @ finger 0.4
""",
        ("Left", "Right"),
        fingers="mixamorig:{s}Hand{f}{n}",
        finger_words=("Thumb", "Index", "Middle", "Ring", "Pinky"),
        hand="mixamorig:{s}Hand",
    ),
    "humanik": RigFamily(
        "HumanIK",
        """
Character1_Reference < @ ground
Character1_Hips < Character1_Reference @ hips = hips
Character1_Spine < Character1_Hips @ spine 0/4 = spine_1
Character1_Spine1 < Character1_Spine @ spine 1/4 = spine_2
Character1_Spine2 < Character1_Spine1 @ spine 2/4 = spine_3
Character1_Spine3 < Character1_Spine2 @ spine 3/4 = spine_4
Character1_Neck < Character1_Spine3 @ neck 0/2 = neck_1
Character1_Neck1 < Character1_Neck @ neck 1/2 = neck_2
Character1_Head < Character1_Neck1 @ head = head
Character1_{s}Shoulder < Character1_Spine3 @ clavicle = clavicle
Character1_{s}Arm < Character1_{s}Shoulder @ arm 0 = upper_arm
Character1_{s}ForeArm < Character1_{s}Arm @ arm 1 = lower_arm
Character1_{s}ForeArmRoll < Character1_{s}ForeArm @ arm 1.5 = lower_arm_twist_1
Character1_{s}Hand < Character1_{s}ForeArm @ arm 2 = hand
Character1_{s}UpLeg < Character1_Hips @ leg 0 = thigh
Character1_{s}Leg < Character1_{s}UpLeg @ leg 1 = calf
Character1_{s}Foot < Character1_{s}Leg @ leg 2 = foot
Character1_{s}ToeBase < Character1_{s}Foot @ leg 3 = toe
""",
        ("Left", "Right"),
        fingers="Character1_{s}Hand{f}{n}",
        finger_words=("Thumb", "Index", "Middle", "Ring", "Pinky"),
        metacarpals=tuple(f"Character1_{{s}}InHand{f}" for f in ("Index", "Middle", "Ring", "Pinky")),
        hand="Character1_{s}Hand",
    ),
    "rigify_metarig": RigFamily(
        "Rigify metarig",
        """
spine < @ hips = hips
pelvis.{s} < spine @ hips
spine.001 < spine @ spine 0/3 = spine_1
spine.002 < spine.001 @ spine 1/3 = spine_2
spine.003 < spine.002 @ spine 2/3 = spine_3
spine.004 < spine.003 @ neck 0/2 = neck_1
spine.005 < spine.004 @ neck 1/2 = neck_2
spine.006 < spine.005 @ head = head
breast.{s} < spine.003 @ breast
shoulder.{s} < spine.003 @ clavicle = clavicle
upper_arm.{s} < shoulder.{s} @ arm 0 = upper_arm
forearm.{s} < upper_arm.{s} @ arm 1 = lower_arm
hand.{s} < forearm.{s} @ arm 2 = hand
palm.01.{s} < hand.{s} @ finger 1.0 = index_metacarpal
palm.02.{s} < hand.{s} @ finger 2.0 = middle_metacarpal
palm.03.{s} < hand.{s} @ finger 3.0 = ring_metacarpal
palm.04.{s} < hand.{s} @ finger 4.0 = pinky_metacarpal
thumb.01.{s} < palm.01.{s} @ finger 0.1 = thumb_1
thumb.02.{s} < thumb.01.{s} @ finger 0.2 = thumb_2
thumb.03.{s} < thumb.02.{s} @ finger 0.3 = thumb_3
f_index.01.{s} < palm.01.{s} @ finger 1.1 = index_1
f_index.02.{s} < f_index.01.{s} @ finger 1.2 = index_2
f_index.03.{s} < f_index.02.{s} @ finger 1.3 = index_3
f_middle.01.{s} < palm.02.{s} @ finger 2.1 = middle_1
f_middle.02.{s} < f_middle.01.{s} @ finger 2.2 = middle_2
f_middle.03.{s} < f_middle.02.{s} @ finger 2.3 = middle_3
f_ring.01.{s} < palm.03.{s} @ finger 3.1 = ring_1
f_ring.02.{s} < f_ring.01.{s} @ finger 3.2 = ring_2
f_ring.03.{s} < f_ring.02.{s} @ finger 3.3 = ring_3
f_pinky.01.{s} < palm.04.{s} @ finger 4.1 = pinky_1
f_pinky.02.{s} < f_pinky.01.{s} @ finger 4.2 = pinky_2
f_pinky.03.{s} < f_pinky.02.{s} @ finger 4.3 = pinky_3
thigh.{s} < spine @ leg 0 = thigh
shin.{s} < thigh.{s} @ leg 1 = calf
foot.{s} < shin.{s} @ leg 2 = foot
heel.02.{s} < foot.{s} @ heel
toe.{s} < foot.{s} @ leg 3 = toe
""",
        ("L", "R"),
        arm_drop=30,
        elbow=10,
    ),
    "rigify_basic": RigFamily(
        "Rigify metarig",
        """
spine < @ hips = hips
pelvis.{s} < spine @ hips
spine.001 < spine @ spine 0/3 = spine_1
spine.002 < spine.001 @ spine 1/3 = spine_2
spine.003 < spine.002 @ spine 2/3 = spine_3
spine.004 < spine.003 @ neck 0/2 = neck_1
spine.005 < spine.004 @ neck 1/2 = neck_2
spine.006 < spine.005 @ head = head
shoulder.{s} < spine.003 @ clavicle = clavicle
upper_arm.{s} < shoulder.{s} @ arm 0 = upper_arm
forearm.{s} < upper_arm.{s} @ arm 1 = lower_arm
hand.{s} < forearm.{s} @ arm 2 = hand
thigh.{s} < spine @ leg 0 = thigh
shin.{s} < thigh.{s} @ leg 1 = calf
foot.{s} < shin.{s} @ leg 2 = foot
heel.02.{s} < foot.{s} @ heel
toe.{s} < foot.{s} @ leg 3 = toe
""",
        ("L", "R"),
        arm_drop=10,
        elbow=10,
    ),
    "vroid": RigFamily(
        "VRM / VRoid",
        """
Root < @ ground
J_Bip_C_Hips < Root @ hips = hips
J_Bip_C_Spine < J_Bip_C_Hips @ spine 0/3 = spine_1
J_Bip_C_Chest < J_Bip_C_Spine @ spine 1/3 = spine_2
J_Bip_C_UpperChest < J_Bip_C_Chest @ spine 2/3 = spine_3
J_Bip_C_Neck < J_Bip_C_UpperChest @ neck 0/1 = neck_1
J_Bip_C_Head < J_Bip_C_Neck @ head = head
J_Adj_{s}_FaceEye < J_Bip_C_Head @ eye
J_Sec_{s}_Bust1 < J_Bip_C_UpperChest @ breast
J_Bip_{s}_Shoulder < J_Bip_C_UpperChest @ clavicle = clavicle
J_Bip_{s}_UpperArm < J_Bip_{s}_Shoulder @ arm 0 = upper_arm
J_Bip_{s}_LowerArm < J_Bip_{s}_UpperArm @ arm 1 = lower_arm
J_Bip_{s}_Hand < J_Bip_{s}_LowerArm @ arm 2 = hand
J_Bip_{s}_UpperLeg < J_Bip_C_Hips @ leg 0 = thigh
J_Bip_{s}_LowerLeg < J_Bip_{s}_UpperLeg @ leg 1 = calf
J_Bip_{s}_Foot < J_Bip_{s}_LowerLeg @ leg 2 = foot
J_Bip_{s}_ToeBase < J_Bip_{s}_Foot @ leg 3 = toe
""",
        ("L", "R"),
        fingers="J_Bip_{s}_{f}{n}",
        finger_words=("Thumb", "Index", "Middle", "Ring", "Little"),
        hand="J_Bip_{s}_Hand",
    ),
    "vrm_1": RigFamily(
        "VRM / VRoid",
        """
hips < @ hips = hips
spine < hips @ spine 0/3 = spine_1
chest < spine @ spine 1/3 = spine_2
upperChest < chest @ spine 2/3 = spine_3
neck < upperChest @ neck 0/1 = neck_1
head < neck @ head = head
{s}Eye < head @ eye
{s}Shoulder < upperChest @ clavicle = clavicle
{s}UpperArm < {s}Shoulder @ arm 0 = upper_arm
{s}LowerArm < {s}UpperArm @ arm 1 = lower_arm
{s}Hand < {s}LowerArm @ arm 2 = hand
{s}ThumbMetacarpal < {s}Hand @ finger 0.1 = thumb_1
{s}ThumbProximal < {s}ThumbMetacarpal @ finger 0.2 = thumb_2
{s}ThumbDistal < {s}ThumbProximal @ finger 0.3 = thumb_3
{s}IndexProximal < {s}Hand @ finger 1.1 = index_1
{s}IndexIntermediate < {s}IndexProximal @ finger 1.2 = index_2
{s}IndexDistal < {s}IndexIntermediate @ finger 1.3 = index_3
{s}LittleProximal < {s}Hand @ finger 4.1 = pinky_1
{s}LittleIntermediate < {s}LittleProximal @ finger 4.2 = pinky_2
{s}LittleDistal < {s}LittleIntermediate @ finger 4.3 = pinky_3
{s}MiddleProximal < {s}Hand @ finger 2.1 = middle_1
{s}MiddleIntermediate < {s}MiddleProximal @ finger 2.2 = middle_2
{s}MiddleDistal < {s}MiddleIntermediate @ finger 2.3 = middle_3
{s}RingProximal < {s}Hand @ finger 3.1 = ring_1
{s}RingIntermediate < {s}RingProximal @ finger 3.2 = ring_2
{s}RingDistal < {s}RingIntermediate @ finger 3.3 = ring_3
{s}UpperLeg < hips @ leg 0 = thigh
{s}LowerLeg < {s}UpperLeg @ leg 1 = calf
{s}Foot < {s}LowerLeg @ leg 2 = foot
{s}Toes < {s}Foot @ leg 3 = toe
""",
        ("left", "right"),
    ),
    "vrm_add_on": RigFamily(
        "VRM / VRoid",
        """
root < @ ground
hips < root @ hips = hips
spine < hips @ spine 0/2 = spine_1
chest < spine @ spine 1/2 = spine_2
neck < chest @ neck 0/1 = neck_1
head < neck @ head = head
shoulder.{s} < chest @ clavicle = clavicle
upper_arm.{s} < shoulder.{s} @ arm 0 = upper_arm
lower_arm.{s} < upper_arm.{s} @ arm 1 = lower_arm
hand.{s} < lower_arm.{s} @ arm 2 = hand
upper_leg.{s} < hips @ leg 0 = thigh
lower_leg.{s} < upper_leg.{s} @ leg 1 = calf
foot.{s} < lower_leg.{s} @ leg 2 = foot
toes.{s} < foot.{s} @ leg 3 = toe
""",
        ("L", "R"),
    ),
    "vrchat": RigFamily(
        "VRChat",
        """
Hips < @ hips = hips
Spine < Hips @ spine 0/2 = spine_1
Chest < Spine @ spine 1/2 = spine_2
Neck < Chest @ neck 0/1 = neck_1
Head < Neck @ head = head
{s} shoulder < Chest @ clavicle = clavicle
{s} arm < {s} shoulder @ arm 0 = upper_arm
{s} elbow < {s} arm @ arm 1 = lower_arm
{s} wrist < {s} elbow @ arm 2 = hand
{s} leg < Hips @ leg 0 = thigh
{s} knee < {s} leg @ leg 1 = calf
{s} ankle < {s} knee @ leg 2 = foot
{s} toe < {s} ankle @ leg 3 = toe
Thumb0_{s} < {s} wrist @ finger 0.1 = thumb_1
Thumb1_{s} < Thumb0_{s} @ finger 0.2 = thumb_2
Thumb2_{s} < Thumb1_{s} @ finger 0.3 = thumb_3
IndexFinger1_{s} < {s} wrist @ finger 1.1 = index_1
IndexFinger2_{s} < IndexFinger1_{s} @ finger 1.2 = index_2
IndexFinger3_{s} < IndexFinger2_{s} @ finger 1.3 = index_3
MiddleFinger1_{s} < {s} wrist @ finger 2.1 = middle_1
MiddleFinger2_{s} < MiddleFinger1_{s} @ finger 2.2 = middle_2
MiddleFinger3_{s} < MiddleFinger2_{s} @ finger 2.3 = middle_3
""",
        ("Left", "Right"),
    ),
    "auto_rig_pro": RigFamily(
        "Auto-Rig Pro",
        """
root.x < @ hips = hips
spine_01.x < root.x @ spine 0/3 = spine_1
spine_02.x < spine_01.x @ spine 1/3 = spine_2
spine_03.x < spine_02.x @ spine 2/3 = spine_3
neck.x < spine_03.x @ neck 0/1 = neck_1
head.x < neck.x @ head = head
shoulder.{s} < spine_03.x @ clavicle = clavicle
arm_stretch.{s} < shoulder.{s} @ arm 0 = upper_arm
arm_twist.{s} < arm_stretch.{s} @ arm 0 = upper_arm_twist_1
forearm_stretch.{s} < arm_stretch.{s} @ arm 1 = lower_arm
forearm_twist.{s} < forearm_stretch.{s} @ arm 1.5 = lower_arm_twist_1
hand.{s} < forearm_stretch.{s} @ arm 2 = hand
thigh_stretch.{s} < root.x @ leg 0 = thigh
thigh_twist.{s} < thigh_stretch.{s} @ leg 0 = thigh_twist_1
leg_stretch.{s} < thigh_stretch.{s} @ leg 1 = calf
leg_twist.{s} < leg_stretch.{s} @ leg 1.5 = calf_twist_1
foot.{s} < leg_stretch.{s} @ leg 2 = foot
toes_01.{s} < foot.{s} @ leg 3 = toe
""",
        ("l", "r"),
        arm_drop=40,
        elbow=10,
        fingers="{f}{n}.{s}",
        metacarpals=tuple(f"{f}1_base.{{s}}" for f in FINGERS[1:]),
        hand="hand.{s}",
    ),
    "auto_rig_pro_universal": RigFamily(
        "Auto-Rig Pro",
        """
root.x < @ hips = hips
spine_01.x < root.x @ spine 0/3 = spine_1
spine_02.x < spine_01.x @ spine 1/3 = spine_2
spine_03.x < spine_02.x @ spine 2/3 = spine_3
neck.x < spine_03.x @ neck 0/1 = neck_1
head.x < neck.x @ head = head
shoulder.{s} < spine_03.x @ clavicle = clavicle
c_arm_twist_offset.{s} < shoulder.{s} @ arm 0 = upper_arm
arm_stretch.{s} < c_arm_twist_offset.{s} @ arm 0.5 = upper_arm_twist_1
forearm_stretch.{s} < arm_stretch.{s} @ arm 1 = lower_arm
forearm_twist.{s} < forearm_stretch.{s} @ arm 1.5 = lower_arm_twist_1
hand.{s} < forearm_twist.{s} @ arm 2 = hand
thigh_twist.{s} < root.x @ leg 0 = thigh
thigh_stretch.{s} < thigh_twist.{s} @ leg 0.5 = thigh_twist_1
leg_stretch.{s} < thigh_stretch.{s} @ leg 1 = calf
leg_twist.{s} < leg_stretch.{s} @ leg 1.5 = calf_twist_1
foot.{s} < leg_twist.{s} @ leg 2 = foot
toes_01.{s} < foot.{s} @ leg 3 = toe
""",
        ("l", "r"),
        arm_drop=40,
        elbow=10,
        fingers="c_{f}{n}.{s}",
        metacarpals=tuple(f"c_{f}1_base.{{s}}" for f in FINGERS[1:]),
        hand="hand.{s}",
    ),
    "character_creator": RigFamily(
        "Character Creator / ActorCore",
        """
RL_BoneRoot < @ ground
CC_Base_Hip < RL_BoneRoot @ hips = hips
CC_Base_Pelvis < CC_Base_Hip @ hips
CC_Base_Waist < CC_Base_Hip @ spine 0/3 = spine_1
CC_Base_Spine01 < CC_Base_Waist @ spine 1/3 = spine_2
CC_Base_Spine02 < CC_Base_Spine01 @ spine 2/3 = spine_3
CC_Base_NeckTwist01 < CC_Base_Spine02 @ neck 0/2 = neck_1
CC_Base_NeckTwist02 < CC_Base_NeckTwist01 @ neck 1/2 = neck_2
CC_Base_Head < CC_Base_NeckTwist02 @ head = head
CC_Base_FacialBone < CC_Base_Head @ head
CC_Base_{s}_Eye < CC_Base_FacialBone @ eye
CC_Base_{s}_Breast < CC_Base_Spine02 @ breast
CC_Base_{s}_Clavicle < CC_Base_Spine02 @ clavicle = clavicle
CC_Base_{s}_Upperarm < CC_Base_{s}_Clavicle @ arm 0 = upper_arm
CC_Base_{s}_UpperarmTwist01 < CC_Base_{s}_Upperarm @ arm 0 = upper_arm_twist_1
CC_Base_{s}_UpperarmTwist02 < CC_Base_{s}_UpperarmTwist01 @ arm 0.5 = upper_arm_twist_2
CC_Base_{s}_Forearm < CC_Base_{s}_Upperarm @ arm 1 = lower_arm
CC_Base_{s}_ElbowShareBone < CC_Base_{s}_Forearm @ arm 1
CC_Base_{s}_ForearmTwist01 < CC_Base_{s}_Forearm @ arm 1 = lower_arm_twist_1
CC_Base_{s}_ForearmTwist02 < CC_Base_{s}_ForearmTwist01 @ arm 1.5 = lower_arm_twist_2
CC_Base_{s}_Hand < CC_Base_{s}_Forearm @ arm 2 = hand
CC_Base_{s}_Thigh < CC_Base_Pelvis @ leg 0 = thigh
CC_Base_{s}_ThighTwist01 < CC_Base_{s}_Thigh @ leg 0 = thigh_twist_1
CC_Base_{s}_ThighTwist02 < CC_Base_{s}_ThighTwist01 @ leg 0.5 = thigh_twist_2
CC_Base_{s}_Calf < CC_Base_{s}_Thigh @ leg 1 = calf
CC_Base_{s}_CalfTwist01 < CC_Base_{s}_Calf @ leg 1 = calf_twist_1
CC_Base_{s}_CalfTwist02 < CC_Base_{s}_CalfTwist01 @ leg 1.5 = calf_twist_2
CC_Base_{s}_Foot < CC_Base_{s}_Calf @ leg 2 = foot
CC_Base_{s}_ToeBase < CC_Base_{s}_Foot @ leg 3 = toe
""",
        ("L", "R"),
        arm_drop=20,
        elbow=5,
        fingers="CC_Base_{s}_{f}{n}",
        finger_words=("Thumb", "Index", "Mid", "Ring", "Pinky"),
        hand="CC_Base_{s}_Hand",
    ),
    "daz_genesis_8": RigFamily(
        "Daz Genesis 8",
        """
Genesis8Female < @ ground
hip < Genesis8Female @ hips = hips
pelvis < hip @ belly
abdomenLower < hip @ spine 0/4 = spine_1
abdomenUpper < abdomenLower @ spine 1/4 = spine_2
chestLower < abdomenUpper @ spine 2/4 = spine_3
chestUpper < chestLower @ spine 3/4 = spine_4
neckLower < chestUpper @ neck 0/2 = neck_1
neckUpper < neckLower @ neck 1/2 = neck_2
head < neckUpper @ head = head
{s}Eye < head @ eye
{s}Pectoral < chestLower @ breast
{s}Collar < chestUpper @ clavicle = clavicle
{s}ShldrBend < {s}Collar @ arm 0 = upper_arm
{s}ShldrTwist < {s}ShldrBend @ arm 0.5 = upper_arm_twist_1
{s}ForearmBend < {s}ShldrTwist @ arm 1 = lower_arm
{s}ForearmTwist < {s}ForearmBend @ arm 1.5 = lower_arm_twist_1
{s}Hand < {s}ForearmTwist @ arm 2 = hand
{s}ThighBend < pelvis @ leg 0 = thigh
{s}ThighTwist < {s}ThighBend @ leg 0.5 = thigh_twist_1
{s}Shin < {s}ThighTwist @ leg 1 = calf
{s}Foot < {s}Shin @ leg 2 = foot
{s}Metatarsals < {s}Foot @ leg 2.3
{s}Toe < {s}Metatarsals @ leg 3 = toe
""",
        ("l", "r"),
        arm_drop=40,
        elbow=5,
        fingers="{s}{f}{n}",
        finger_words=("Thumb", "Index", "Mid", "Ring", "Pinky"),
        metacarpals=tuple(f"{{s}}Carpal{n}" for n in (1, 2, 3, 4)),
        hand="{s}Hand",
    ),
    "daz_genesis_9": RigFamily(
        "Daz Genesis 9",
        """
hip < @ hips = hips
pelvis < hip @ belly
spine1 < hip @ spine 0/4 = spine_1
spine2 < spine1 @ spine 1/4 = spine_2
spine3 < spine2 @ spine 2/4 = spine_3
spine4 < spine3 @ spine 3/4 = spine_4
neck1 < spine4 @ neck 0/2 = neck_1
neck2 < neck1 @ neck 1/2 = neck_2
head < neck2 @ head = head
{s}_eye < head @ eye
{s}_shoulder < spine4 @ clavicle = clavicle
{s}_upperarm < {s}_shoulder @ arm 0 = upper_arm
{s}_upperarmtwist1 < {s}_upperarm @ arm 0.3 = upper_arm_twist_1
{s}_upperarmtwist2 < {s}_upperarm @ arm 0.6 = upper_arm_twist_2
{s}_forearm < {s}_upperarm @ arm 1 = lower_arm
{s}_forearmtwist1 < {s}_forearm @ arm 1.3 = lower_arm_twist_1
{s}_forearmtwist2 < {s}_forearm @ arm 1.6 = lower_arm_twist_2
{s}_hand < {s}_forearm @ arm 2 = hand
{s}_thigh < pelvis @ leg 0 = thigh
{s}_thightwist1 < {s}_thigh @ leg 0.3 = thigh_twist_1
{s}_thightwist2 < {s}_thigh @ leg 0.6 = thigh_twist_2
{s}_shin < {s}_thigh @ leg 1 = calf
{s}_foot < {s}_shin @ leg 2 = foot
{s}_metatarsal < {s}_foot @ leg 2.3
{s}_toes < {s}_foot @ leg 3 = toe
""",
        ("l", "r"),
        arm_drop=40,
        elbow=5,
        fingers="{s}_{f}{n}",
        finger_words=("thumb", "index", "mid", "ring", "pinky"),
        metacarpals=tuple(f"{{s}}_{f}metacarpal" for f in ("index", "mid", "ring", "pinky")),
        hand="{s}_hand",
    ),
    "smplx": RigFamily(
        "SMPL-X",
        """
root < @ ground
pelvis < root @ hips = hips
spine1 < pelvis @ spine 0/3 = spine_1
spine2 < spine1 @ spine 1/3 = spine_2
spine3 < spine2 @ spine 2/3 = spine_3
neck < spine3 @ neck 0/1 = neck_1
head < neck @ head = head
jaw < head @ head
{s}_eye_smplhf < head @ eye
{s}_collar < spine3 @ clavicle = clavicle
{s}_shoulder < {s}_collar @ arm 0 = upper_arm
{s}_elbow < {s}_shoulder @ arm 1 = lower_arm
{s}_wrist < {s}_elbow @ arm 2 = hand
{s}_hip < pelvis @ leg 0 = thigh
{s}_knee < {s}_hip @ leg 1 = calf
{s}_ankle < {s}_knee @ leg 2 = foot
{s}_foot < {s}_ankle @ leg 3 = toe
""",
        ("left", "right"),
        fingers="{s}_{f}{n}",
        hand="{s}_wrist",
    ),
    "smpl": RigFamily(
        "SMPL-X",
        """
m_avg_root < @ ground
m_avg_Pelvis < m_avg_root @ hips = hips
m_avg_Spine1 < m_avg_Pelvis @ spine 0/3 = spine_1
m_avg_Spine2 < m_avg_Spine1 @ spine 1/3 = spine_2
m_avg_Spine3 < m_avg_Spine2 @ spine 2/3 = spine_3
m_avg_Neck < m_avg_Spine3 @ neck 0/1 = neck_1
m_avg_Head < m_avg_Neck @ head = head
m_avg_{s}_Collar < m_avg_Spine3 @ clavicle = clavicle
m_avg_{s}_Shoulder < m_avg_{s}_Collar @ arm 0 = upper_arm
m_avg_{s}_Elbow < m_avg_{s}_Shoulder @ arm 1 = lower_arm
m_avg_{s}_Wrist < m_avg_{s}_Elbow @ arm 2 = hand
m_avg_{s}_Hand < m_avg_{s}_Wrist @ finger 2.1
m_avg_{s}_Hip < m_avg_Pelvis @ leg 0 = thigh
m_avg_{s}_Knee < m_avg_{s}_Hip @ leg 1 = calf
m_avg_{s}_Ankle < m_avg_{s}_Knee @ leg 2 = foot
m_avg_{s}_Foot < m_avg_{s}_Ankle @ leg 3 = toe
""",
        ("L", "R"),
    ),
    "cmu": RigFamily(
        "CMU BVH",
        """
Hips < @ hips = hips
{i}HipJoint < Hips @ hips
{s}UpLeg < {i}HipJoint @ leg 0 = thigh
{s}Leg < {s}UpLeg @ leg 1 = calf
{s}Foot < {s}Leg @ leg 2 = foot
{s}ToeBase < {s}Foot @ leg 3 = toe
LowerBack < Hips @ spine 0/3 = spine_1
Spine < LowerBack @ spine 1/3 = spine_2
Spine1 < Spine @ spine 2/3 = spine_3
Neck < Spine1 @ neck 0/2 = neck_1
Neck1 < Neck @ neck 1/2 = neck_2
Head < Neck1 @ head = head
{s}Shoulder < Spine1 @ chest = clavicle
{s}Arm < {s}Shoulder @ arm 0 = upper_arm
{s}ForeArm < {s}Arm @ arm 1 = lower_arm
{s}Hand < {s}ForeArm @ arm 2 = hand
{s}FingerBase < {s}Hand @ arm 2
{s}HandIndex1 < {s}FingerBase @ finger 1.1 = index_1
{i}Thumb < {s}Hand @ arm 2 = thumb_1
""",
        ("Left", "Right"),
    ),
    "bvh_toe": RigFamily(
        "BVH",
        """
Hips < @ hips = hips
{s}UpLeg < Hips @ leg 0 = thigh
{s}Leg < {s}UpLeg @ leg 1 = calf
{s}Foot < {s}Leg @ leg 2 = foot
{s}Toe < {s}Foot @ leg 3 = toe
Spine < Hips @ spine 0/3 = spine_1
Spine1 < Spine @ spine 1/3 = spine_2
Spine2 < Spine1 @ spine 2/3 = spine_3
Neck < Spine2 @ neck 0/1 = neck_1
Head < Neck @ head = head
{s}Shoulder < Spine2 @ clavicle = clavicle
{s}Arm < {s}Shoulder @ arm 0 = upper_arm
{s}ForeArm < {s}Arm @ arm 1 = lower_arm
{s}Hand < {s}ForeArm @ arm 2 = hand
""",
        ("Left", "Right"),
    ),
    "bvh_joints": RigFamily(
        "BVH",
        """
Hips < @ hips = hips
Chest < Hips @ spine 0/4 = spine_1
Chest2 < Chest @ spine 1/4 = spine_2
Chest3 < Chest2 @ spine 2/4 = spine_3
Chest4 < Chest3 @ spine 3/4 = spine_4
Neck < Chest4 @ neck 0/1 = neck_1
Head < Neck @ head = head
{s}Collar < Chest4 @ clavicle = clavicle
{s}Shoulder < {s}Collar @ arm 0 = upper_arm
{s}Elbow < {s}Shoulder @ arm 1 = lower_arm
{s}Wrist < {s}Elbow @ arm 2 = hand
{s}Hip < Hips @ leg 0 = thigh
{s}Knee < {s}Hip @ leg 1 = calf
{s}Ankle < {s}Knee @ leg 2 = foot
{s}Toe < {s}Ankle @ leg 3 = toe
""",
        ("Left", "Right"),
    ),
    "poser": RigFamily(
        "Poser BVH",
        """
hip < @ hips = hips
abdomen < hip @ spine 0/2 = spine_1
chest < abdomen @ spine 1/2 = spine_2
neck < chest @ neck 0/1 = neck_1
head < neck @ head = head
{s}Eye < head @ eye
{s}Collar < chest @ clavicle = clavicle
{s}Shldr < {s}Collar @ arm 0 = upper_arm
{s}ForeArm < {s}Shldr @ arm 1 = lower_arm
{s}Hand < {s}ForeArm @ arm 2 = hand
{s}Thigh < hip @ leg 0 = thigh
{s}Shin < {s}Thigh @ leg 1 = calf
{s}Foot < {s}Shin @ leg 2 = foot
{s}Toe < {s}Foot @ leg 3 = toe
""",
        ("l", "r"),
        fingers="{s}{f}{n}",
        finger_words=("Thumb", "Index", "Mid", "Ring", "Pinky"),
        hand="{s}Hand",
    ),
    "xsens": RigFamily(
        "Xsens",
        """
Pelvis < @ hips = hips
L5 < Pelvis @ spine 0/4 = spine_1
L3 < L5 @ spine 1/4 = spine_2
T12 < L3 @ spine 2/4 = spine_3
T8 < T12 @ spine 3/4 = spine_4
Neck < T8 @ neck 0/1 = neck_1
Head < Neck @ head = head
{s}Shoulder < T8 @ clavicle = clavicle
{s}UpperArm < {s}Shoulder @ arm 0 = upper_arm
{s}ForeArm < {s}UpperArm @ arm 1 = lower_arm
{s}Hand < {s}ForeArm @ arm 2 = hand
{s}UpperLeg < Pelvis @ leg 0 = thigh
{s}LowerLeg < {s}UpperLeg @ leg 1 = calf
{s}Foot < {s}LowerLeg @ leg 2 = foot
{s}Toe < {s}Foot @ leg 3 = toe
""",
        ("Left", "Right"),
    ),
    "rokoko": RigFamily(
        "Rokoko",
        """
Hips < @ hips = hips
Spine1 < Hips @ spine 0/4 = spine_1
Spine2 < Spine1 @ spine 1/4 = spine_2
Spine3 < Spine2 @ spine 2/4 = spine_3
Spine4 < Spine3 @ spine 3/4 = spine_4
Neck < Spine4 @ neck 0/1 = neck_1
Head < Neck @ head = head
{s}Shoulder < Spine4 @ clavicle = clavicle
{s}Arm < {s}Shoulder @ arm 0 = upper_arm
{s}ForeArm < {s}Arm @ arm 1 = lower_arm
{s}Hand < {s}ForeArm @ arm 2 = hand
{s}Thigh < Hips @ leg 0 = thigh
{s}Shin < {s}Thigh @ leg 1 = calf
{s}Foot < {s}Shin @ leg 2 = foot
{s}Toe < {s}Foot @ leg 3 = toe
""",
        ("Left", "Right"),
    ),
    "makehuman": RigFamily(
        "MakeHuman / MPFB",
        """
root < @ hips = hips
spine05 < root @ spine 0/5 = spine_1
spine04 < spine05 @ spine 1/5 = spine_2
spine03 < spine04 @ spine 2/5 = spine_3
spine02 < spine03 @ spine 3/5 = spine_4
spine01 < spine02 @ spine 4/5 = spine_5
neck01 < spine01 @ neck 0/3 = neck_1
neck02 < neck01 @ neck 1/3 = neck_2
neck03 < neck02 @ neck 2/3 = neck_3
head < neck03 @ head = head
eye.{s} < head @ eye
breast.{s} < spine02 @ breast
clavicle.{s} < spine01 @ clavicle = clavicle
shoulder01.{s} < clavicle.{s} @ arm -0.2
upperarm01.{s} < shoulder01.{s} @ arm 0 = upper_arm
upperarm02.{s} < upperarm01.{s} @ arm 0.5 = upper_arm_twist_1
lowerarm01.{s} < upperarm02.{s} @ arm 1 = lower_arm
lowerarm02.{s} < lowerarm01.{s} @ arm 1.5 = lower_arm_twist_1
wrist.{s} < lowerarm02.{s} @ arm 2 = hand
pelvis.{s} < root @ groin
upperleg01.{s} < pelvis.{s} @ leg 0 = thigh
upperleg02.{s} < upperleg01.{s} @ leg 0.5 = thigh_twist_1
lowerleg01.{s} < upperleg02.{s} @ leg 1 = calf
lowerleg02.{s} < lowerleg01.{s} @ leg 1.5 = calf_twist_1
foot.{s} < lowerleg02.{s} @ leg 2 = foot
toe1-1.{s} < foot.{s} @ leg 3 = toe
toe1-2.{s} < toe1-1.{s} @ leg 3.5
""",
        ("L", "R"),
        arm_drop=45,
        elbow=5,
        fingers="finger{f}-{n}.{s}",
        finger_words=("1", "2", "3", "4", "5"),
        metacarpals=tuple(f"metacarpal{n}.{{s}}" for n in (1, 2, 3, 4)),
        hand="wrist.{s}",
    ),
    "source": RigFamily(
        "Source / Biped",
        """
ValveBiped.Bip01_Pelvis < @ hips = hips
ValveBiped.Bip01_Spine < ValveBiped.Bip01_Pelvis @ spine 0/4 = spine_1
ValveBiped.Bip01_Spine1 < ValveBiped.Bip01_Spine @ spine 1/4 = spine_2
ValveBiped.Bip01_Spine2 < ValveBiped.Bip01_Spine1 @ spine 2/4 = spine_3
ValveBiped.Bip01_Spine4 < ValveBiped.Bip01_Spine2 @ spine 3/4 = spine_4
ValveBiped.Bip01_Neck1 < ValveBiped.Bip01_Spine4 @ neck 0/1 = neck_1
ValveBiped.Bip01_Head1 < ValveBiped.Bip01_Neck1 @ head = head
ValveBiped.Bip01_{s}_Clavicle < ValveBiped.Bip01_Spine4 @ clavicle = clavicle
ValveBiped.Bip01_{s}_UpperArm < ValveBiped.Bip01_{s}_Clavicle @ arm 0 = upper_arm
ValveBiped.Bip01_{s}_Forearm < ValveBiped.Bip01_{s}_UpperArm @ arm 1 = lower_arm
ValveBiped.Bip01_{s}_Hand < ValveBiped.Bip01_{s}_Forearm @ arm 2 = hand
ValveBiped.Bip01_{s}_Thigh < ValveBiped.Bip01_Pelvis @ leg 0 = thigh
ValveBiped.Bip01_{s}_Calf < ValveBiped.Bip01_{s}_Thigh @ leg 1 = calf
ValveBiped.Bip01_{s}_Foot < ValveBiped.Bip01_{s}_Calf @ leg 2 = foot
ValveBiped.Bip01_{s}_Toe0 < ValveBiped.Bip01_{s}_Foot @ leg 3 = toe
""",
        ("L", "R"),
        arm_drop=35,
        elbow=10,
        fingers="ValveBiped.Bip01_{s}_Finger{o}{m}",
        hand="ValveBiped.Bip01_{s}_Hand",
    ),
    "biped": RigFamily(
        "Source / Biped",
        """
Bip01 < @ ground
Bip01 Pelvis < Bip01 @ hips = hips
Bip01 Spine < Bip01 Pelvis @ spine 0/2 = spine_1
Bip01 Spine1 < Bip01 Spine @ spine 1/2 = spine_2
Bip01 Neck < Bip01 Spine1 @ neck 0/1 = neck_1
Bip01 Head < Bip01 Neck @ head = head
Bip01 {s} Clavicle < Bip01 Neck @ clavicle = clavicle
Bip01 {s} UpperArm < Bip01 {s} Clavicle @ arm 0 = upper_arm
Bip01 {s} Forearm < Bip01 {s} UpperArm @ arm 1 = lower_arm
Bip01 {s} Hand < Bip01 {s} Forearm @ arm 2 = hand
Bip01 {s} Thigh < Bip01 Spine @ leg 0 = thigh
Bip01 {s} Calf < Bip01 {s} Thigh @ leg 1 = calf
Bip01 {s} Foot < Bip01 {s} Calf @ leg 2 = foot
Bip01 {s} Toe0 < Bip01 {s} Foot @ leg 3 = toe
""",
        ("L", "R"),
        arm_drop=35,
        fingers="Bip01 {s} Finger{o}{m}",
        hand="Bip01 {s} Hand",
    ),
}
