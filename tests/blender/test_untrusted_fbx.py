# SPDX-License-Identifier: GPL-3.0-or-later
"""A file from a service takes nothing of the person's: not by the names in it, not by what it carries beside motion."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest
import rigs
import snapshots

from aimocap_addon.api.fbx_check import check_fbx
from aimocap_addon.scene.fbx_import import import_fbx, remove_imported

NAMES = ("Hero", "Body", "Skin", "Walk", "Sun", "Eye")


def build_scene(colour: float, travel: float) -> bpy.types.Object:
    """A scene whose data blocks have the names that a file and its reader's scene both use."""
    hero = rigs.build("Hero", rigs.UNREAL, arm_drop=45)
    hero.data.name = "Hero"
    rigs.skin(hero)
    rigs.animate(hero, rigs.UNREAL, 6, first=1)
    action = hero.animation_data.action
    action.name = "Walk"
    body = next(each for each in bpy.data.objects if each.type == "MESH")
    body.name = body.data.name = "Body"
    body.location.x = travel
    skin = bpy.data.materials.new("Skin")
    skin.diffuse_color = (colour, 0.5, 0.5, 1.0)
    body.data.materials.append(skin)
    scene = bpy.context.scene
    for name, data in (("Sun", bpy.data.lights.new("Sun", "SUN")), ("Eye", bpy.data.cameras.new("Eye"))):
        scene.collection.objects.link(bpy.data.objects.new(name, data))
    hero["note"] = f"of {colour}"
    return hero


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """An FBX that brings the same names with other content, and properties and empties that say code."""
    hero = build_scene(colour=0.9, travel=7.0)
    hero["__import__('os').system"] = "touch /tmp/never"
    path = tmp_path / "take.fbx"
    bpy.context.scene.frame_end = 6
    bpy.ops.export_scene.fbx(filepath=str(path), use_custom_props=True, bake_anim=True, add_leaf_bones=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


def test_whole_files_of_blender_s_exporter_pass_the_check(hostile: Path) -> None:
    check_fbx(hostile)
    data = hostile.read_bytes()
    cut = hostile.with_name("cut.fbx")
    for share in (0.1, 0.5, 0.9, 0.99):
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(ValueError, match=r"\w"):
            check_fbx(cut)


def test_what_has_the_same_names_stays_as_it_was(hostile: Path) -> None:
    build_scene(colour=0.1, travel=1.0)
    bpy.context.scene.frame_set(3)
    before = snapshots.snapshot()
    armature = import_fbx(bpy.context, hostile, name="Hero", frame_start=1, frame_step=1)
    assert armature.name not in NAMES
    assert armature.animation_data.action is not bpy.data.actions["Walk"]
    assert not set(armature.keys())  # properties of the file are left out
    remove_imported(armature)
    bpy.context.scene.frame_set(3)
    assert snapshots.changes(before, snapshots.snapshot()) == set()


def test_nothing_that_runs_comes_in(hostile: Path) -> None:
    armature = import_fbx(bpy.context, hostile, name="Take", frame_start=1, frame_step=1)
    assert not bpy.data.texts
    for block in (armature, armature.data):
        assert block.animation_data is None or not block.animation_data.drivers
    assert not armature.constraints
    assert not any(bone.constraints for bone in armature.pose.bones)
    assert {each.type for each in bpy.data.objects} == {"ARMATURE"}
    assert not bpy.data.libraries
