# SPDX-License-Identifier: GPL-3.0-or-later
"""The characters that the demo and the tests capture onto: whole, human-sized and skinned to their bones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import characters

MAKERS = (
    characters.make_mixamo_character,
    characters.make_rigify_metarig_character,
    characters.make_unreal_character,
)
FOREARMS = {"Mixamo": "mixamorig:LeftForeArm", "Rigify": "forearm.L", "Unreal": "lowerarm_l"}
HANDS = {"Mixamo": "mixamorig:LeftHand", "Rigify": "hand.L", "Unreal": "hand_l"}


def rest_bones(armature: bpy.types.Object) -> bpy.types.ArmatureBones:
    assert isinstance(armature.data, bpy.types.Armature)
    return armature.data.bones


def place(armature: bpy.types.Object, bone: str) -> np.ndarray:
    """Return where a bone's head is (3,) in the world, in the present pose."""
    assert armature.pose is not None
    return np.array(armature.matrix_world @ armature.pose.bones[bone].head)


def body_vertices(armature: bpy.types.Object) -> np.ndarray:
    """Return the posed body's vertices (V, 3) in world space."""
    body = armature.children[0].evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert isinstance(body.data, bpy.types.Mesh)
    matrix = np.array(body.matrix_world)
    local = np.array([vertex.co for vertex in body.data.vertices])
    return local @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("make", MAKERS)
def test_a_character_stands_on_the_ground_and_is_all_that_was_added(make: Callable[[], bpy.types.Object]) -> None:
    armature = make()
    assert set(bpy.data.objects) == {armature, armature.children[0]}
    vertices = body_vertices(armature)
    assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.01)
    assert 1.65 < vertices[:, 2].max() < 1.9
    # Toes reach further forward (-Y) than heels reach back.
    soles = vertices[vertices[:, 2] < 0.05]
    assert -soles[:, 1].min() > soles[:, 1].max()
    assert vertices[:, 0].min() == pytest.approx(-vertices[:, 0].max(), abs=0.02)


@pytest.mark.parametrize("make", MAKERS)
def test_the_body_follows_the_bones(make: Callable[[], bpy.types.Object]) -> None:
    armature = make()
    at_rest = body_vertices(armature)
    forearm, hand = FOREARMS[armature.name], HANDS[armature.name]
    elbow, wrist = place(armature, forearm), place(armature, hand)
    assert armature.pose is not None
    armature.pose.bones[forearm].rotation_mode = "XYZ"
    armature.pose.bones[forearm].rotation_euler = (0.9, 0.6, 0.9)
    bpy.context.view_layer.update()
    posed_wrist = place(armature, hand)
    moved = np.linalg.norm(body_vertices(armature) - at_rest, axis=1)
    near_hand = np.linalg.norm(at_rest - wrist, axis=1) < 0.04
    far_away = np.linalg.norm(at_rest - elbow, axis=1) > 0.45
    assert near_hand.any()
    assert far_away.any()
    assert np.median(moved[near_hand]) == pytest.approx(np.linalg.norm(posed_wrist - wrist), rel=0.25)
    assert moved[far_away & (at_rest[:, 0] < 0)].max() < 1e-5


def test_mixamo_in_metres_and_in_centimetres_are_the_same_size() -> None:
    small = characters.make_mixamo_character("A")
    large = characters.make_mixamo_character("B", centimetres=False)
    bpy.context.view_layer.update()
    assert tuple(small.scale) == pytest.approx((0.01,) * 3)
    assert tuple(large.scale) == pytest.approx((1.0,) * 3)
    for bone in rest_bones(small):
        centimetres = np.array(small.matrix_world @ bone.matrix_local)
        metres = np.array(rest_bones(large)[bone.name].matrix_local)
        assert 100.0 * centimetres[:3, :3] == pytest.approx(metres[:3, :3], abs=1e-4)
        assert centimetres[:3, 3] == pytest.approx(metres[:3, 3], abs=1e-5)


def test_unreal_bones_lie_across_their_limbs() -> None:
    bones = rest_bones(characters.make_unreal_character())
    for first, second, sign in (
        ("upperarm_l", "lowerarm_l", 1.0),
        ("upperarm_r", "lowerarm_r", -1.0),
        ("thigh_l", "calf_l", -1.0),
    ):
        limb = np.array((bones[second].head_local - bones[first].head_local).normalized())
        axes = np.array(bones[first].matrix_local)[:3, :3]
        assert limb @ axes == pytest.approx((sign, 0.0, 0.0), abs=1e-3)
