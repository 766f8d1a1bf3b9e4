# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion bound to a rig of every family, in its usual rest pose and with bone axes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
import pytest
import rigs
from family_rigs import FAMILIES, Rest, build
from rig_families import skeleton

from aimocap_addon.motion.mapping import mapping_for
from aimocap_addon.motion.skeleton import Skeleton
from aimocap_addon.motion.structure import guess
from aimocap_addon.scene import compat
from aimocap_addon.scene.armature_motion import read_skeleton
from aimocap_addon.scene.binding import BindOptions, bind_motion
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.rig_mapping import change_mapping, describe, find_mapping, forget_mapping

FRAMES = 16
FREE_FEET = BindOptions(hold_contacts=False)
SHOWN = (1, 9, FRAMES)
LIMBS = (("upper_arm", "lower_arm"), ("lower_arm", "hand"), ("thigh", "calf"), ("calf", "foot"))
FEET = (("foot", "toe"),)
SOURCE, SOURCE_ROLES = "metahuman", FAMILIES["metahuman"].roles()


@pytest.fixture
def performer() -> bpy.types.Object:
    source = build("Performer", FAMILIES[SOURCE]).armature
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    return source


def directions(obj: bpy.types.Object, roles: dict[str, str], limbs: Sequence[tuple[str, str]] = LIMBS) -> np.ndarray:
    """Unit limb directions (F, N, 3) in the scene."""
    found = []
    for frame in SHOWN:
        bpy.context.scene.frame_set(frame)
        heads = {role: obj.matrix_world @ obj.pose.bones[bone].head for role, bone in roles.items()}
        found.append(
            [
                (heads[f"{side}_{b}"] - heads[f"{side}_{a}"]).normalized()
                for side in ("left", "right")
                for a, b in limbs
                if f"{side}_{b}" in heads
            ]
        )
    return np.array(found)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def limb_error(source: bpy.types.Object, target: bpy.types.Object, roles: dict[str, str]) -> float:
    return float(degrees(directions(source, SOURCE_ROLES), directions(target, roles)).max())


@pytest.mark.parametrize("key", FAMILIES)
def test_limbs_point_where_the_performers_do(performer: bpy.types.Object, key: str) -> None:
    number = list(FAMILIES).index(key)
    rest = Rest(
        crooked=number % 3 == 0,
        axes=("along", "across", "any")[number % 3 - 1],
        up="Y" if number % 2 else "Z",
        scale=(1.0, 100.0, 0.4)[number % 3],
        arms=(1.0, 1.3)[number % 2],
        legs=(0.8, 1.0, 1.2)[number % 3],
        hips=(1.0, 1.5)[number % 2],
        seed=number,
    )
    target, roles, _ = build("Hero", FAMILIES[key], rest)
    result = bind_motion(performer, target, FREE_FEET)
    assert result.family == FAMILIES[key].family
    assert limb_error(performer, target, roles) < 0.1
    assert result.mapped >= len([role for role in roles if role in SOURCE_ROLES and "_twist_" not in role])


@pytest.mark.parametrize("key", ["mixamo", "makehuman", "cmu"])
def test_a_rig_with_names_of_its_own_is_moved_by_its_shape(performer: bpy.types.Object, key: str) -> None:
    target, roles, _ = build("Hero", FAMILIES[key], Rest(seed=3, anonymous=True))
    result = bind_motion(performer, target, FREE_FEET)
    assert result.family == "Found by shape"
    assert limb_error(performer, target, roles) < 0.1


@pytest.mark.parametrize("key", ["humanik", "cmu", "source", "daz_genesis_8"])
def test_every_family_can_be_the_performer(performer: bpy.types.Object, key: str) -> None:
    middle = build("Middle", FAMILIES[key], Rest(seed=4)).armature
    bind_motion(performer, middle, FREE_FEET)
    target, roles, _ = build("Hero", FAMILIES["rigify_metarig"], Rest(seed=5))
    bind_motion(middle, target, FREE_FEET)
    assert limb_error(performer, target, roles) < 0.1


def test_a_mapping_by_hand_goes_before_the_names(performer: bpy.types.Object, tmp_path: Path) -> None:
    target, roles, _ = build("Hero", FAMILIES["mixamo"], Rest(seed=6))
    for side in ("left", "right"):
        change_mapping(target, tmp_path, f"{side}_hand", None)
    own = find_mapping(target, tmp_path)
    assert describe(own) == "Mixamo, 91 %; without left hand, right hand"
    result = bind_motion(performer, target, FREE_FEET, mapping=own)
    moved = {curve.data_path for curve in compat.active_curves(target)}
    assert not any(f'"{roles["left_hand"]}"' in path for path in moved)
    assert any(f'"{roles["left_lower_arm"]}"' in path for path in moved)
    assert "left hand" in result.missing
    assert forget_mapping(target, tmp_path)
    assert describe(find_mapping(target, tmp_path)) == "Mixamo, 100 %"


@pytest.mark.parametrize(
    ("role", "bone", "said"),
    [("left_calf", None, "left calf"), ("tail", "mixamorig:Head", "“tail”"), ("head", "Gone", "no bones .*Gone")],
)
def test_a_change_that_cannot_be_is_refused(tmp_path: Path, role: str, bone: str | None, said: str) -> None:
    target = build("Hero", FAMILIES["mixamo"], Rest(seed=6)).armature
    before = find_mapping(target, tmp_path)
    with pytest.raises(SceneError, match=said):
        change_mapping(target, tmp_path, role, bone)
    assert find_mapping(target, tmp_path) == before


def test_a_mapping_of_another_rig_is_refused(performer: bpy.types.Object) -> None:
    target = build("Hero", FAMILIES["mixamo"], Rest(seed=7)).armature
    other, _ = skeleton(FAMILIES["humanik"])
    before = set(bpy.data.actions)
    with pytest.raises(SceneError, match=r"has no bones .*Character1_Hips.*map the bones"):
        bind_motion(performer, target, mapping=mapping_for(other))
    assert set(bpy.data.actions) == before


@pytest.mark.parametrize("operator", ["armature_human_metarig_add", "armature_basic_human_metarig_add"])
def test_blenders_own_metarigs_are_found_whole(performer: bpy.types.Object, operator: str) -> None:
    bpy.ops.preferences.addon_enable(module="rigify")
    getattr(bpy.ops.object, operator)()
    target = bpy.context.view_layer.objects.active
    found = mapping_for(read_skeleton(target))
    assert found.family == "Rigify metarig"
    assert [role for role in found.missing if "_1" not in role or role == "neck_1"] == []
    body = read_skeleton(target)
    by_shape, _ = guess(Skeleton(tuple(f"{n}" for n in range(len(body.names))), body.parents, body.rest))
    assert by_shape is not None
    told = {role: body.names[int(bone)] for role, bone in by_shape.bones.items()}
    assert {role for role in told if found.bones.get(role) != told[role]} == set()
    assert set(by_shape.missing) == set(found.missing)
    bind_motion(performer, target, FREE_FEET)
    assert limb_error(performer, target, found.bones) < 0.1


@pytest.mark.parametrize("animal", ["basic_quadruped", "horse", "wolf", "bird", "shark"])
def test_blenders_animals_are_refused(performer: bpy.types.Object, animal: str) -> None:
    bpy.ops.preferences.addon_enable(module="rigify")
    getattr(bpy.ops.object, f"armature_{animal}_metarig_add")()
    target = bpy.context.view_layer.objects.active
    with pytest.raises(SceneError, match="named like those of a known rig"):
        bind_motion(performer, target)
    assert target.animation_data is None


def test_the_controls_of_a_generated_rig_are_found() -> None:
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.view_layer.objects.active
    found = mapping_for(read_skeleton(rig))
    assert (found.family, found.controls, found.travel) == ("Rigify control rig", True, "torso")
    assert found.missing == ()
    assert found.bones["left_upper_arm"] == "upper_arm_fk.L"
    assert found.bones["hips"] == "spine_fk"
    assert len(found.chain("spine")) == 3


def test_a_persons_mapping_counts_for_both_armatures(performer: bpy.types.Object, tmp_path: Path) -> None:
    target, roles, _ = build("Hero", FAMILIES["mixamo"], Rest(seed=6))
    change_mapping(target, tmp_path, "left_hand", None)
    change_mapping(performer, tmp_path, "right_hand", None)
    result = bind_motion(performer, target, BindOptions(hold_contacts=False), mapping_folder=tmp_path)
    moved = {curve.data_path for curve in compat.active_curves(target)}
    assert not any(f'"{roles[f"{side}_hand"]}"' in path for path in moved for side in ("left", "right"))
    assert any(f'"{roles["left_lower_arm"]}"' in path for path in moved)
    assert "left hand" in result.missing
    assert "right hand" not in result.missing
