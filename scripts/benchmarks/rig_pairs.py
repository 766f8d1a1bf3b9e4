# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured motion bound to a rig of every family, in rest poses of every kind; runs in Blender's Python."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from aimocap_addon.local_service.fbx.writer import BlenderCommand, write_fbx
from aimocap_addon.local_service.solver.interface import SolvedMotion
from aimocap_addon.local_service.solver.skeleton import body_skeleton
from aimocap_addon.motion.rotations import (
    Array,
    make_continuous,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_slerp,
)
from aimocap_addon.scene.binding import BindOptions, bind_motion
from aimocap_addon.scene.fbx_import import import_fbx
from aimocap_addon.scene.rig_mapping import find_mapping
from sample_clips import motions, skeleton, walking
from tests.blender.family_rigs import FAMILIES, Rest, build

RATE = 30
FIRST = 1
# The motions of the sample clips, with their lengths in seconds.
CLIPS = {
    "wave_squat": (5.0, motions.wave_squat),
    "walk_turn": (4.9, walking.walk_turn),
    "punch_kick": (4.4, motions.punch_kick),
}
# Bones of the captured skeleton that the clips' person has none for: between which two they turn, and how far along.
_BETWEEN = {
    "spine_01": ("pelvis", "spine_02", 0.5),
    "spine_03": ("spine_02", "spine_03", 0.5),
    "spine_04": ("spine_03", "spine_03", 1.0),
    "spine_05": ("spine_03", "spine_03", 1.0),
    "neck_02": ("neck_01", "head", 0.5),
}


@dataclass(frozen=True)
class Character:
    """An armature to bind to: the roles of the bones that move its skin, and its matrix without the heading."""

    key: str
    rest: str
    armature: bpy.types.Object
    roles: Mapping[str, str]
    upright: Matrix


# --- the performer ----------------------------------------------------------------------------------------------


def captured(clip: str, *, seconds: float | None = None, rate: int = RATE) -> SolvedMotion:
    """Return the motion of a sample clip on the skeleton that captures have, with hands and fingers at work.

    For more `seconds` than the clip has it begins again and again.
    """
    length, describe = CLIPS[clip]
    times = np.arange(round((seconds or length) * rate)) / rate
    turns, heads = skeleton.solve(describe(np.mod(times, length)))
    body = body_skeleton()
    world = {name: quaternion_from_matrix(turns[:, i]) for i, name in enumerate(skeleton.BONE_NAMES)}
    world |= {name: quaternion_slerp(world[a], world[b], share) for name, (a, b, share) in _BETWEEN.items()}
    still = np.tile((1.0, 0.0, 0.0, 0.0), (len(heads), 1))
    rotations = np.empty((len(heads), len(body.names), 4))
    for i, name in enumerate(body.names):
        above = str(body.names[body.parents[i]]) if body.parents[i] >= 0 else ""
        if name not in world:
            world[name] = quaternion_multiply(world[above], _gesture(name, times)) if above else still
        elif name.startswith("hand"):
            world[name] = quaternion_multiply(world[name], _gesture(name, times))
        rest = quaternion_from_matrix(body.rest[i])
        turn = quaternion_multiply(quaternion_conjugate(world[above]), world[name]) if above else world[name]
        rotations[:, i] = make_continuous(
            quaternion_multiply(quaternion_conjugate(rest), quaternion_multiply(turn, rest))
        )
    locations = np.zeros((len(heads), len(body.names), 3))
    pelvis = body.index("pelvis")
    path = 100.0 * (heads[:, 0] - skeleton.REST_HEADS[0])
    locations[:, pelvis] = path @ body.rest[pelvis]
    return SolvedMotion(rate, body.names, body.parents, body.rest_matrices(), body.lengths, rotations, locations)


def _gesture(name: str, times: Array) -> Array:
    """Return a turn (F, 4) in the space of the bone above: fingers curl one after the other, wrists turn and bend."""
    sign = 1.0 if name.endswith("_l") else -1.0
    angles = np.zeros((len(times), 3))
    if name.startswith("hand"):
        angles[:, 0] = 0.35 * np.sin(2.1 * times)
        angles[:, 1] = 0.30 * sign * np.sin(1.7 * times + 1.0)
        angles[:, 2] = 0.25 * np.sin(1.3 * times)
    elif name[-4:-2] in ("01", "02", "03"):
        order = ("thumb", "index", "middle", "ring", "pinky").index(name.partition("_")[0])
        curl = 0.35 + 0.35 * np.sin(2.4 * times - 0.5 * order)
        # about the axis across the palm of a lowered hand, and a little aside
        angles[:, 1] = sign * curl * (0.4 if order == 0 else 1.0)
        angles[:, 2] = 0.1 * np.sin(1.9 * times + order)
    return quaternion_from_euler(angles, "XYZ")


def import_performer(motion: SolvedMotion | Path) -> bpy.types.Object:
    """Bring the motion, or that of an FBX file, into the scene as the add-on does with a finished capture."""
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = RATE, 1.0
    with tempfile.TemporaryDirectory() as folder:
        path = motion if isinstance(motion, Path) else Path(folder) / "capture.fbx"
        if isinstance(motion, SolvedMotion):
            write_fbx(motion, path, BlenderCommand(Path(sys.executable), is_python=True))
        return import_fbx(bpy.context, path, name="Performer", frame_start=FIRST, frame_step=1.0)


# --- the characters ---------------------------------------------------------------------------------------------

_OTHER_RESTS = {
    "metahuman": ("A-pose, bones across the limbs", Rest(axes="across")),
    "unreal_4": ("A-pose, bones across, centimetres", Rest(axes="across", scale=100.0)),
    "mixamo": ("T-pose, Y up, centimetres", Rest(up="Y", scale=100.0)),
    "humanik": ("crooked", Rest(crooked=True)),
    "rigify_basic": ("T-pose, long legs", Rest(legs=1.25, arms=1.1)),
    "vroid": ("T-pose, short limbs, Y up", Rest(legs=0.7, arms=0.8, height=1.4, up="Y")),
    "vrm_add_on": ("T-pose, wide hips", Rest(hips=1.6, legs=0.9)),
    "auto_rig_pro_universal": ("A-pose, long arms", Rest(arms=1.3)),
    "bvh_toe": ("T-pose, short legs", Rest(legs=0.75)),
    "bvh_joints": ("T-pose, narrow hips", Rest(hips=0.6, legs=1.1)),
    "poser": ("T-pose, long limbs", Rest(legs=1.3, arms=1.3)),
    "vrm_1": ("T-pose, turned by 130°", Rest(heading=130.0)),
    "vrchat": ("A-pose of 60°", Rest(arm_drop=60.0, elbow=10.0)),
    "auto_rig_pro": ("crooked, any bone axes", Rest(crooked=True, axes="any")),
    "character_creator": ("A-pose, Y up, centimetres", Rest(up="Y", scale=100.0)),
    "daz_genesis_8": ("A-pose, 2.1 m", Rest(height=2.1)),
    "daz_genesis_9": ("arms hang down", Rest(arm_drop=80.0, elbow=10.0)),
    "smplx": ("T-pose, any bone axes", Rest(axes="any")),
    "smpl": ("crooked, Y up", Rest(crooked=True, up="Y")),
    "cmu": ("arms hang down, turned by -75°", Rest(arm_drop=75.0, heading=-75.0)),
    "xsens": ("crooked, bones across", Rest(crooked=True, axes="across")),
    "rokoko": ("A-pose of 45°", Rest(arm_drop=45.0)),
    "makehuman": ("A-pose, any bone axes", Rest(axes="any")),
    "source": ("A-pose, bones across, 40 units a metre", Rest(axes="across", scale=40.0)),
    "biped": ("crooked, 1.9 m", Rest(crooked=True, height=1.9)),
}
_SHAPE_ALONE = {
    "mixamo": ("A-pose of 30°", Rest(anonymous=True, arm_drop=30.0)),
    "cmu": ("T-pose", Rest(anonymous=True)),
}
GENERATED = "rigify_generated"


def character_makers() -> dict[str, Callable[[], Character]]:
    """Return what adds each character to the scene, by key."""
    makers: dict[str, Callable[[], Character]] = {}
    for number, (key, family) in enumerate(FAMILIES.items()):
        usual = "T-pose" if family.arm_drop < 15 else "A-pose"
        words, rest = _OTHER_RESTS.get(key, (usual, Rest()))
        makers[key] = _maker(key, key, words, rest, number)
    for key, (words, rest) in _SHAPE_ALONE.items():
        makers[f"{key}_by_shape"] = _maker(f"{key}_by_shape", key, f"{words}, names that say nothing", rest, 50)
    makers[GENERATED] = _generated_rig
    return makers


def _maker(key: str, family: str, words: str, rest: Rest, seed: int) -> Callable[[], Character]:
    def make() -> Character:
        rig = build(key, FAMILIES[family], Rest(**{**rest.__dict__, "seed": seed}))
        return Character(key, words, rig.armature, rig.roles, rig.upright)

    return make


def _generated_rig() -> Character:
    """Add the rig that Rigify generates from its human metarig; its skin hangs on the bones named DEF-."""
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()  # pyright: ignore[reportAttributeAccessIssue]
    metarig = bpy.context.view_layer.objects.active
    assert metarig is not None
    roles = {role: f"DEF-{bone}" for role, bone in find_mapping(metarig).bones.items()}
    bpy.ops.pose.rigify_generate()  # pyright: ignore[reportAttributeAccessIssue]
    rig = bpy.context.view_layer.objects.active
    assert rig is not None
    bpy.data.objects.remove(metarig)
    kept = {role: bone for role, bone in roles.items() if bone in rig.pose.bones}
    return Character(GENERATED, "A-pose, FK controls", rig, kept, Matrix())


def bind(performer: bpy.types.Object, character: Character, *, hold_contacts: bool) -> None:
    """Bind the motion where the character stands in the scene, then turn it to face as the performer does."""
    bpy.context.scene.frame_set(FIRST)
    bind_motion(performer, character.armature, BindOptions(hold_contacts=hold_contacts))
    character.armature.matrix_world = character.upright
    bpy.context.view_layer.update()
