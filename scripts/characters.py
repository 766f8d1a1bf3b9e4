# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters to capture onto: a Mixamo, a Rigify metarig and an Unreal skeleton, each with a skinned body.

Runs in Blender's Python (4.2 to 5.2). Every function adds one armature with one mesh child to the current scene,
standing on the ground at the origin and facing -Y, and nothing else. Left is +X.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from figures.body import Bones, Look, dressed_body
from figures.mesh import build_mesh

Array = NDArray[np.float64]

_VOXEL = 0.014  # metres: fine enough for clothes, coarse enough for a quick demo

_FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")
# Of the finger's own length from knuckle to tip, in metres, and how the knuckles spread across the palm.
_FINGER_LENGTHS = {"Thumb": 0.075, "Index": 0.078, "Middle": 0.086, "Ring": 0.080, "Pinky": 0.063}
_PHALANGES = (0.46, 0.29, 0.25)

MIXAMO_LOOK = Look(
    skin=(0.52, 0.27, 0.17),
    hair=(0.08, 0.03, 0.015),
    shirt=(0.05, 0.30, 0.42),
    trousers=(0.06, 0.065, 0.085),
    shoes=(0.70, 0.28, 0.05),
)
RIGIFY_LOOK = Look(
    skin=(0.62, 0.37, 0.25),
    hair=(0.30, 0.16, 0.05),
    shirt=(0.52, 0.13, 0.22),
    trousers=(0.32, 0.27, 0.20),
    shoes=(0.05, 0.05, 0.06),
    girth=0.94,
    sleeves=1.0,
)
UNREAL_LOOK = Look(
    skin=(0.20, 0.095, 0.055),
    hair=(0.012, 0.010, 0.010),
    shirt=(0.62, 0.60, 0.54),
    trousers=(0.08, 0.15, 0.12),
    shoes=(0.45, 0.44, 0.42),
    girth=1.06,
    sleeves=0.5,
    chest=1.05,
)


@dataclass(frozen=True)
class _Joint:
    """A bone to make: head and tail (3,) in metres, and the direction that its local Z axis should take."""

    name: str
    parent: str | None
    head: Array
    tail: Array
    z_axis: Array | None = None


def _vector(*values: float) -> Array:
    return np.array(values, dtype=np.float64)


def _make_armature(name: str, joints: Iterable[_Joint], to_world: Matrix) -> bpy.types.Object:
    """Make an armature object with the transform `to_world`, its bones where the joints are in the world."""
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    armature.matrix_basis = to_world
    to_local = to_world.inverted()
    _select_only(armature)
    bpy.ops.object.mode_set(mode="EDIT")
    for joint in joints:
        bone = data.edit_bones.new(joint.name)
        bone.head, bone.tail = (to_local @ Vector(end.tolist()) for end in (joint.head, joint.tail))
        if joint.z_axis is not None:
            # align_roll expects a unit vector: with a longer one the roll is wrong (4.5).
            bone.align_roll((to_local.to_3x3() @ Vector(joint.z_axis.tolist())).normalized())
        if joint.parent is not None:
            bone.parent = data.edit_bones[joint.parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def _select_only(thing: bpy.types.Object) -> None:
    # Edit mode opens every selected armature. Without the update 5.2 lists objects that were removed, as None.
    bpy.context.view_layer.update()
    for other in bpy.context.view_layer.objects:
        other.select_set(other == thing)
    bpy.context.view_layer.objects.active = thing


def _dress(armature: bpy.types.Object, bones: Bones, look: Look) -> None:
    """Give the armature a body around its bones, for skeletons whose bones run from joint to joint."""
    assert isinstance(armature.data, bpy.types.Armature)
    to_world = armature.matrix_basis
    heads = {bone.name: np.array(to_world @ bone.head_local) for bone in armature.data.bones}
    tails = {bone.name: np.array(to_world @ bone.tail_local) for bone in armature.data.bones}
    build_mesh(armature, dressed_body(bones, heads, tails, look), f"{armature.name} body", voxel=_VOXEL)


def _finger_joints(wrist: Array, along: Array, across: Array, down: Array) -> dict[str, list[Array]]:
    """Return four points per finger, knuckle to tip. `across` points to the thumb's side, `down` out of the palm."""
    points = {}
    for i, finger in enumerate(_FINGERS):
        if finger == "Thumb":
            start = wrist + 0.022 * along + 0.022 * across + 0.008 * down
            direction = 0.72 * along + 0.66 * across + 0.22 * down
        else:
            start = wrist + (0.092, 0.095, 0.090, 0.082)[i - 1] * along + (0.030 - 0.020 * (i - 1)) * across
            direction = along + (0.09, 0.02, -0.05, -0.12)[i - 1] * across
        direction = direction / np.linalg.norm(direction)
        reach = np.concatenate(([0.0], np.cumsum(_PHALANGES))) * _FINGER_LENGTHS[finger]
        points[finger] = [start + r * direction for r in reach]
    return points


# --- Mixamo -----------------------------------------------------------------------------------------------------


def make_mixamo_character(name: str = "Mixamo", *, centimetres: bool = True) -> bpy.types.Object:
    """Return an armature with Mixamo's bone names and T-pose, 1.80 m tall.

    With `centimetres` the bones are in centimetres, Y up, under an object scale of 0.01 and a quarter turn about X,
    as Mixamo's FBX files arrive in Blender; without it they are in metres, Z up, under no transform.
    """
    to_world = Matrix.Rotation(np.pi / 2, 4, "X") @ Matrix.Scale(0.01, 4) if centimetres else Matrix.Identity(4)
    armature = _make_armature(name, _mixamo_joints(), to_world)
    sides = {
        side: {
            part: f"mixamorig:{word}{bone}"
            for part, bone in (
                ("thigh", "UpLeg"),
                ("calf", "Leg"),
                ("foot", "Foot"),
                ("ball", "ToeBase"),
                ("clavicle", "Shoulder"),
                ("upperarm", "Arm"),
                ("lowerarm", "ForeArm"),
                ("hand", "Hand"),
            )
        }
        for side, word in (("l", "Left"), ("r", "Right"))
    }
    fingers = {
        side: tuple(f"mixamorig:{word}Hand{finger}{k}" for finger in _FINGERS for k in (1, 2, 3))
        for side, word in (("l", "Left"), ("r", "Right"))
    }
    spine = tuple(f"mixamorig:{bone}" for bone in ("Hips", "Spine", "Spine1", "Spine2"))
    _dress(armature, Bones(spine, "mixamorig:Neck", "mixamorig:Head", sides, fingers), MIXAMO_LOOK)
    return armature


def _mixamo_joints() -> list[_Joint]:
    up, back, forward = _vector(0, 0, 1), _vector(0, 1, 0), _vector(0, -1, 0)
    chain = [
        ("Hips", None, (0, 0.0, 1.00)),
        ("Spine", "Hips", (0, 0.010, 1.10)),
        ("Spine1", "Spine", (0, 0.014, 1.215)),
        ("Spine2", "Spine1", (0, 0.016, 1.345)),
        ("Neck", "Spine2", (0, 0.018, 1.49)),
        ("Head", "Neck", (0, -0.004, 1.565)),
        ("HeadTop_End", "Head", (0, -0.004, 1.78)),
    ]
    at = {bone: _vector(*position) for bone, _, position in chain}
    joints = []
    for i, (bone, parent, _) in enumerate(chain):
        tail = at[chain[i + 1][0]] if i + 1 < len(chain) else at[bone] + 0.06 * up
        joints.append(_Joint(bone, parent, at[bone], tail, forward))
    for word, sign in (("Left", 1.0), ("Right", -1.0)):
        out = _vector(sign, 0, 0)
        arm = {
            "Shoulder": _vector(0.055 * sign, 0.012, 1.455),
            "Arm": _vector(0.185 * sign, 0.022, 1.450),
            "ForeArm": _vector(0.470 * sign, 0.022, 1.450),
            "Hand": _vector(0.740 * sign, 0.020, 1.450),
        }
        hand = _finger_joints(arm["Hand"], out, forward, -up)
        ends = [arm["Arm"], arm["ForeArm"], arm["Hand"], hand["Middle"][0]]
        for (bone, head), tail, parent in zip(
            arm.items(), ends, ("Spine2", *[word + b for b in list(arm)[:3]]), strict=True
        ):
            joints.append(_Joint(word + bone, parent, head, tail, back if bone == "Shoulder" else forward))
        for finger, points in hand.items():
            above = word + "Hand"
            for k in range(4):
                tail = points[k + 1] if k < 3 else 2.0 * points[3] - points[2]
                joints.append(_Joint(f"{word}Hand{finger}{k + 1}", above, points[k], tail, -up))
                above = f"{word}Hand{finger}{k + 1}"
        leg = [
            ("UpLeg", "Hips", (0.095, 0.0, 0.955)),
            ("Leg", f"{word}UpLeg", (0.095, -0.004, 0.520)),
            ("Foot", f"{word}Leg", (0.095, 0.024, 0.095)),
            ("ToeBase", f"{word}Foot", (0.098, -0.112, 0.026)),
            ("Toe_End", f"{word}ToeBase", (0.098, -0.185, 0.022)),
        ]
        points = [_vector(x * sign, y, z) for _, _, (x, y, z) in leg]
        points.append(points[-1] + 0.05 * forward)
        for (bone, parent, _), head, tail in zip(leg, points[:-1], points[1:], strict=True):
            joints.append(_Joint(word + bone, parent, head, tail, up if "Toe" in bone else forward))
    return [
        _Joint(f"mixamorig:{j.name}", j.parent and f"mixamorig:{j.parent}", j.head, j.tail, j.z_axis) for j in joints
    ]


# --- Rigify -----------------------------------------------------------------------------------------------------


def make_rigify_metarig_character(name: str = "Rigify") -> bpy.types.Object:
    """Return Rigify's own human metarig with a body. Turns the Rigify add-on on, which ships with Blender."""
    # addon_utils.enable leaves no preferences entry, on which Rigify's register() fails.
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()  # pyright: ignore[reportAttributeAccessIssue]
    armature = bpy.context.view_layer.objects.active
    assert armature is not None
    armature.location = (0.0, 0.0, 0.0)
    assert isinstance(armature.data, bpy.types.Armature)
    armature.name = armature.data.name = name
    # The metarig is two metres tall; this makes 1.74 m with the hair.
    armature.data.transform(Matrix.Scale(1.68 / armature.data.bones["spine.006"].tail_local.z, 4))
    bpy.context.view_layer.update()
    parts = {
        "thigh": "thigh",
        "calf": "shin",
        "foot": "foot",
        "ball": "toe",
        "clavicle": "shoulder",
        "upperarm": "upper_arm",
        "lowerarm": "forearm",
        "hand": "hand",
    }
    digits = ("thumb", "f_index", "f_middle", "f_ring", "f_pinky")
    sides = {side: {part: f"{bone}.{side.upper()}" for part, bone in parts.items()} for side in "lr"}
    fingers = {side: tuple(f"{digit}.0{k}.{side.upper()}" for digit in digits for k in (1, 2, 3)) for side in "lr"}
    spine = ("spine", "spine.001", "spine.002", "spine.003")
    _dress(armature, Bones(spine, "spine.004", "spine.006", sides, fingers), RIGIFY_LOOK)
    return armature


# --- Unreal -----------------------------------------------------------------------------------------------------


def make_unreal_character(name: str = "Unreal") -> bpy.types.Object:
    """Return an armature with the bone names and the A-pose of Unreal's mannequins and MetaHumans, 1.84 m tall.

    Unreal's bones run along their X axis (backwards in the right arm and the left leg), so in Blender, whose bones
    run along Y, they lie across the limb: a bone's tail is not at the next joint. Bones are in metres; the root
    stands on the ground.
    """
    limbs = _unreal_limbs()
    joints = []
    for bone, limb in limbs.items():
        along = limb.axis / np.linalg.norm(limb.axis)
        across = limb.across - (limb.across @ along) * along
        across /= np.linalg.norm(across)
        length = max(0.35 * float(np.linalg.norm(limb.end - limb.head)), 0.01)
        joints.append(_Joint(bone, limb.parent, limb.head, limb.head + length * across, np.cross(along, across)))
    armature = _make_armature(name, joints, Matrix.Identity(4))
    parts = ("thigh", "calf", "foot", "ball", "clavicle", "upperarm", "lowerarm", "hand")
    bones = Bones(
        spine=("pelvis", *[f"spine_0{k}" for k in range(1, 6)]),
        neck="neck_01",
        head="head",
        sides={side: {part: f"{part}_{side}" for part in parts} for side in "lr"},
        fingers={
            side: tuple(f"{finger.lower()}_0{k}_{side}" for finger in _FINGERS for k in (1, 2, 3)) for side in "lr"
        },
    )
    heads, ends = {b: limb.head for b, limb in limbs.items()}, {b: limb.end for b, limb in limbs.items()}
    build_mesh(armature, dressed_body(bones, heads, ends, UNREAL_LOOK), f"{name} body", voxel=_VOXEL)
    return armature


@dataclass(frozen=True)
class _Limb:
    """A bone of Unreal's skeleton: where it starts and ends (3,), its local X axis and roughly its local Y axis."""

    parent: str | None
    head: Array
    end: Array
    axis: Array
    across: Array


def _unreal_limbs() -> dict[str, _Limb]:
    up, forward = _vector(0, 0, 1), _vector(0, -1, 0)
    trunk = [
        ("pelvis", (0, 0.0, 0.965)),
        ("spine_01", (0, 0.004, 1.000)),
        ("spine_02", (0, 0.012, 1.065)),
        ("spine_03", (0, 0.018, 1.145)),
        ("spine_04", (0, 0.020, 1.235)),
        ("spine_05", (0, 0.020, 1.375)),
        ("neck_01", (0, 0.020, 1.515)),
        ("neck_02", (0, 0.008, 1.560)),
        ("head", (0, -0.002, 1.600)),
        ("", (0, -0.002, 1.800)),
    ]
    limbs = {"root": _Limb(None, _vector(0, 0, 0), _vector(0, 0, 0.1), _vector(1, 0, 0), forward)}
    above = "root"
    for (bone, head), (_, end) in pairwise(trunk):
        start, stop = _vector(*head), _vector(*end)
        limbs[bone] = _Limb(above, start, stop, stop - start, forward)
        above = bone
    for side, sign in (("l", 1.0), ("r", -1.0)):
        limbs.update(_unreal_arm(side, sign))
        limbs.update(_unreal_leg(side, sign))
    limbs["ik_foot_root"] = _Limb("root", _vector(0, 0, 0), 0.1 * up, _vector(1, 0, 0), forward)
    limbs["ik_hand_root"] = _Limb("root", _vector(0, 0, 0), 0.1 * up, _vector(1, 0, 0), forward)
    limbs["ik_hand_gun"] = replace(limbs["hand_r"], parent="ik_hand_root")
    for side in "lr":
        limbs[f"ik_foot_{side}"] = replace(limbs[f"foot_{side}"], parent="ik_foot_root")
        limbs[f"ik_hand_{side}"] = replace(limbs[f"hand_{side}"], parent="ik_hand_gun")
    return limbs


def _unreal_arm(side: str, sign: float) -> dict[str, _Limb]:
    forward = _vector(0, -1, 0)
    upper, fore = _vector(0.695 * sign, 0.03, -0.718), _vector(0.640 * sign, -0.235, -0.732)
    collar, shoulder = _vector(0.022 * sign, 0.010, 1.478), _vector(0.188 * sign, 0.022, 1.468)
    elbow = shoulder + 0.285 * upper
    wrist = elbow + 0.270 * fore
    across = forward - (forward @ fore) * fore
    across /= np.linalg.norm(across)
    palm = sign * np.cross(fore, across)
    fingers = _finger_joints(wrist, fore, across, palm)
    limbs = {}

    def add(bone: str, parent: str, head: Array, end: Array) -> None:
        name = parent if parent == "spine_05" else f"{parent}_{side}"
        limbs[f"{bone}_{side}"] = _Limb(name, head, end, sign * (end - head), forward)

    add("clavicle", "spine_05", collar, shoulder)
    add("upperarm", "clavicle", shoulder, elbow)
    add("lowerarm", "upperarm", elbow, wrist)
    add("hand", "lowerarm", wrist, fingers["Middle"][0])
    for k, share in ((1, 0.0), (2, 0.5)):
        add(f"upperarm_twist_0{k}", "upperarm", shoulder + share * (elbow - shoulder), elbow)
        add(f"lowerarm_twist_0{k}", "lowerarm", wrist - share * (wrist - elbow), wrist + 0.05 * fore)
    for finger, points in fingers.items():
        word, above = finger.lower(), "hand"
        if finger != "Thumb":
            add(f"{word}_metacarpal", "hand", wrist + 0.3 * (points[0] - wrist), points[0])
            above = f"{word}_metacarpal"
        for k in range(3):
            add(f"{word}_0{k + 1}", above, points[k], points[k + 1])
            above = f"{word}_0{k + 1}"
    return limbs


def _unreal_leg(side: str, sign: float) -> dict[str, _Limb]:
    up, forward = _vector(0, 0, 1), _vector(0, -1, 0)
    hip, knee = _vector(0.102 * sign, 0.004, 0.945), _vector(0.118 * sign, -0.006, 0.515)
    ankle, ball = _vector(0.132 * sign, 0.030, 0.092), _vector(0.150 * sign, -0.108, 0.026)
    toe = ball + 0.075 * forward
    limbs = {
        f"thigh_{side}": _Limb("pelvis", hip, knee, sign * (hip - knee), forward),
        f"calf_{side}": _Limb(f"thigh_{side}", knee, ankle, sign * (knee - ankle), forward),
        # Unreal's foot bone points up the shin and the ball bone forward.
        f"foot_{side}": _Limb(f"calf_{side}", ankle, ball, sign * up, forward),
        f"ball_{side}": _Limb(f"foot_{side}", ball, toe, sign * (ball - toe), up),
    }
    for k, share in ((1, 0.33), (2, 0.67)):
        limbs[f"thigh_twist_0{k}_{side}"] = replace(
            limbs[f"thigh_{side}"], parent=f"thigh_{side}", head=hip + share * (knee - hip)
        )
        limbs[f"calf_twist_0{k}_{side}"] = replace(
            limbs[f"calf_{side}"], parent=f"calf_{side}", head=ankle - share * (ankle - knee)
        )
    return limbs
