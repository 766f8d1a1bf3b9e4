# SPDX-License-Identifier: GPL-3.0-or-later
"""A person maps the bones of a character, and every binding follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.ui import addon
from bl_ext.user_default.aimocap.ui.character import title
from bl_ext.user_default.aimocap.ui.mapping_table import table
from bl_ext.user_default.aimocap.ui.panels import obstacle_of
from bl_ext.user_default.aimocap.ui.session import session
from conftest import CLIPS
from test_bad_input import refused

import characters

LEFT_HAND = "mixamorig:LeftHand"


@pytest.fixture(autouse=True)
def no_mapping_before() -> Iterator[None]:
    def clean() -> None:
        for path in addon.mapping_folder().glob("*"):
            path.unlink()
        table(bpy.context).close()
        session().recognitions.forget()

    clean()
    yield
    clean()


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the armatures, which take long to be made with their bodies."""
    bpy.ops.wm.read_homefile(use_empty=True)
    made = {characters.make_mixamo_character("Hero"), characters.make_unreal_character("Performer")}
    path = tmp_path_factory.mktemp("cast") / "cast.blend"
    bpy.data.libraries.write(str(path), made)
    return path


def bring(cast: Path, name: str) -> bpy.types.Object:
    with bpy.data.libraries.load(str(cast)) as (_, wanted):
        wanted.objects = [name]
    (armature,) = wanted.objects
    bpy.context.scene.collection.objects.link(armature)
    return armature


@pytest.fixture
def hero(cast: Path) -> bpy.types.Object:
    return bring(cast, "Hero")


@pytest.fixture
def performer(cast: Path) -> bpy.types.Object:
    armature = bring(cast, "Performer")
    for frame, angle in ((1, 0.0), (10, 0.6)):
        for name in ("hand_l", "hand_r", "lowerarm_l"):
            bone = armature.pose.bones[name]
            bone.rotation_mode = "XYZ"
            bone.rotation_euler.z = angle
            bone.keyframe_insert("rotation_euler", frame=frame)
    return armature


def open_table(armature: bpy.types.Object):
    edited = table(bpy.context)
    edited.open(armature)
    return edited


def row(edited, role: str):
    return next(each for each in edited.rows if each.role == role)


def moved_bones(armature: bpy.types.Object) -> set[str]:
    """Bones whose rotation in the pose changes from the first to the last frame."""
    scene = bpy.context.scene
    poses = []
    for frame in (1, 10):
        scene.frame_set(frame)
        poses.append({bone.name: bone.matrix_basis.to_quaternion().copy() for bone in armature.pose.bones})
    return {name for name in poses[0] if poses[0][name].rotation_difference(poses[1][name]).angle > 0.05}


def bind() -> None:
    assert bpy.ops.aimocap.bind_motion("EXEC_DEFAULT", source="Performer", target="Hero") == {"FINISHED"}


def test_an_edited_table_is_used_by_the_next_binding(hero, performer) -> None:
    bind()
    assert LEFT_HAND in moved_bones(hero)
    edited = open_table(hero)
    row(edited, "left_hand").bone = ""
    assert bpy.ops.aimocap.edit_mapping("EXEC_DEFAULT", armature="Hero") == {"FINISHED"}
    assert not len(edited.rows)
    bind()
    assert LEFT_HAND not in moved_bones(hero)
    assert "mixamorig:RightHand" in moved_bones(hero)


def test_a_capture_uses_it(use_service, hero) -> None:
    bpy.ops.aimocap.map_bone(armature="Hero", role="left_upper_arm", bone="mixamorig:LeftShoulder")
    clip = str(CLIPS / "wave_squat.mp4")
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Hero", trim_start=1.0, trim_end=2.0)
    bag = hero.animation_data.action
    curves = bag.fcurves if hasattr(bag, "fcurves") else bag.layers[0].strips[0].channelbags[0].fcurves
    paths = {curve.data_path for curve in curves}
    assert any('"mixamorig:LeftShoulder"' in path for path in paths)
    assert not any('"mixamorig:LeftArm"' in path for path in paths)


def test_it_is_there_after_a_restart_and_for_every_character_with_these_bones(hero, cast) -> None:
    bpy.ops.aimocap.map_bone(armature="Hero", role="left_toe", bone="")
    bpy.ops.wm.read_homefile(use_empty=True)
    session().recognitions.forget()
    twin = bring(cast, "Hero")
    twin.name = "Twin"
    known = session().recognitions.look(twin)
    assert known.missing == ("left toe",)
    assert known.by_hand
    assert not row(open_table(twin), "left_toe").bone
    assert bpy.ops.aimocap.forget_mapping(armature="Twin") == {"FINISHED"}
    assert session().recognitions.look(twin).missing == ()
    assert "Nothing was mapped by hand" in refused(bpy.ops.aimocap.forget_mapping, armature="Twin")


def test_a_wrong_table_is_refused_and_stays_to_be_mended(hero) -> None:
    edited = open_table(hero)
    row(edited, "left_calf").bone = ""
    assert row(edited, "left_calf").state == "NEEDED"
    row(edited, "left_toe").bone = "Gone"
    assert row(edited, "left_toe").state == "WRONG"
    text = refused(bpy.ops.aimocap.edit_mapping, armature="Hero")
    assert text == "The bones of “Hero” cannot be mapped so: the skeleton has no bones of these names: Gone."
    row(edited, "left_toe").bone = "mixamorig:LeftToeBase"
    assert "left calf" in refused(bpy.ops.aimocap.edit_mapping, armature="Hero")
    row(edited, "left_calf").bone = "mixamorig:LeftFoot"
    assert "“mixamorig:LeftFoot” plays left calf and left foot" in refused(
        bpy.ops.aimocap.edit_mapping, armature="Hero"
    )
    assert session().recognitions.look(hero).by_hand is False
    assert row(open_table(hero), "left_calf").bone == "mixamorig:LeftFoot"


def test_an_operator_without_an_open_table_says_so(hero) -> None:
    assert "No mapping is open" in refused(bpy.ops.aimocap.edit_mapping, armature="Hero")
    assert "“tail” is not a part" in refused(bpy.ops.aimocap.map_bone, armature="Hero", role="tail", bone=LEFT_HAND)
    assert "no armature “Villain”" in refused(bpy.ops.aimocap.map_bone, armature="Villain", role="head", bone="")


def test_the_tools_of_the_table(hero) -> None:
    edited = open_table(hero)
    before = edited.bones()
    for each in edited.rows:
        if each.role.startswith("right_"):
            each.bone = ""
    assert bpy.ops.aimocap.fill_mapping(what="MIRROR") == {"FINISHED"}
    assert edited.bones() == before
    assert bpy.ops.aimocap.fill_mapping(what="CLEAR") == {"FINISHED"}
    assert edited.bones() == {}
    assert "hips" in edited.problem
    assert bpy.ops.aimocap.fill_mapping(what="AUTO") == {"FINISHED"}
    assert edited.bones() == before
    assert not edited.problem
    assert not any(addon.mapping_folder().glob("*.json"))


def test_a_preset_goes_from_one_character_to_another(hero, performer, tmp_path: Path) -> None:
    bpy.ops.aimocap.map_bone(armature="Hero", role="left_toe", bone="")
    path = tmp_path / "shared.json"
    assert bpy.ops.aimocap.save_mapping_preset(armature="Hero", filepath=str(path)) == {"FINISHED"}
    bpy.ops.aimocap.forget_mapping(armature="Hero")
    assert bpy.ops.aimocap.load_mapping_preset(armature="Hero", filepath=str(path)) == {"FINISHED"}
    assert session().recognitions.look(hero).missing == ("left toe",)

    bpy.ops.aimocap.forget_mapping(armature="Hero")
    edited = open_table(hero)
    assert bpy.ops.aimocap.load_mapping_preset(armature="Hero", filepath=str(path), in_table=True) == {"FINISHED"}
    assert not row(edited, "left_toe").bone
    assert not session().recognitions.look(hero).by_hand
    row(edited, "right_toe").bone = ""
    bpy.ops.aimocap.save_mapping_preset(armature="Hero", filepath=str(tmp_path / "toeless"), in_table=True)
    assert "right_toe" not in json.loads((tmp_path / "toeless.json").read_text(encoding="utf-8"))["bones"]
    edited.close()

    text = refused(bpy.ops.aimocap.load_mapping_preset, armature="Performer", filepath=str(path))
    assert text.startswith(
        "“shared.json” is no mapping for “Performer” because the skeleton has no bones of these names:"
    )
    assert session().recognitions.look(performer).by_hand is False
    path.write_text(json.dumps({"version": 99}))
    assert "no bone mapping of this version" in refused(
        bpy.ops.aimocap.load_mapping_preset, armature="Hero", filepath=str(path)
    )
    gone = refused(bpy.ops.aimocap.load_mapping_preset, armature="Hero", filepath=str(tmp_path / "gone.json"))
    assert "cannot be read" in gone


def test_a_rig_that_nothing_recognises_is_mapped_by_hand(hero, performer) -> None:
    roles = {row.role: row.bone for row in open_table(hero).rows if row.bone and row.role not in ("head", "neck_1")}
    bpy.context.view_layer.objects.active = hero
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in [each for each in hero.data.edit_bones if "Head" in each.name or "Neck" in each.name]:
        hero.data.edit_bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    names = {bone.name: f"joint {number}" for number, bone in enumerate(hero.data.bones)}
    for bone in hero.data.bones:
        bone.name = names[bone.name]
    known = session().recognitions.look(hero)
    assert not known.family
    assert "Edit Mapping" in known.sentences[0]
    assert "not named like" in refused(bpy.ops.aimocap.bind_motion, source="Performer", target="Hero")

    edited = open_table(hero)
    assert edited.bones() == {}
    for role, bone in roles.items():
        row(edited, role).bone = names[bone]
    assert not edited.problem
    assert bpy.ops.aimocap.edit_mapping("EXEC_DEFAULT", armature="Hero") == {"FINISHED"}
    assert session().recognitions.look(hero).family == "Custom"
    bind()
    assert names[LEFT_HAND] in moved_bones(hero)


def test_the_panel_notices_that_bones_were_renamed(hero) -> None:
    known = session().recognitions
    known.look(hero)
    assert known.known(hero).family == "Mixamo"
    hero.data.bones["mixamorig:Head"].name = "Top"
    assert known.known(hero) is None
    assert known.look(hero).missing == ("head",)


def test_the_panel_says_what_was_recognised_and_what_stands_in_the_way(hero, monkeypatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", "http://127.0.0.1:9")
    known = session().recognitions.look(hero)
    assert title(known) == "Mixamo, 100 %"
    assert not known.sentences
    assert "local service" in obstacle_of(addon.service(bpy.context), known)
    monkeypatch.setenv("AIMOCAP_KEY", "sk-some")
    assert obstacle_of(addon.service(bpy.context), known) == ""
    assert obstacle_of(addon.service(bpy.context), None) == ""

    bpy.ops.aimocap.map_bone(armature="Hero", role="left_hand", bone="")
    assert title(session().recognitions.look(hero)) == "Mixamo, 95 %, by hand"

    bpy.ops.aimocap.forget_mapping(armature="Hero")
    data = bpy.data.armatures.new("Crane")
    crane = bpy.data.objects.new("Crane", data)
    unknown = session().recognitions.look(crane)
    assert title(unknown) == "Not recognised"
    assert "not mapped" in obstacle_of(addon.service(bpy.context), unknown)
    monkeypatch.setenv("AIMOCAP_BASE_URL", "https://cloud.invalid")
    assert "Online access is off" in obstacle_of(addon.service(bpy.context), known)


def test_controls_may_hang_from_helpers(hero) -> None:
    edited = open_table(hero)
    row(edited, "left_hand").bone = "mixamorig:HeadTop_End"
    assert row(edited, "left_hand").state == "DOUBTFUL"
    edited.controls = True
    edited.travel = "mixamorig:Hips"
    assert row(edited, "left_hand").state == "EDITED"
    bpy.ops.aimocap.edit_mapping("EXEC_DEFAULT", armature="Hero")
    edited = open_table(hero)
    assert (edited.controls, edited.travel) == (True, "mixamorig:Hips")
    assert not session().recognitions.look(hero).sentences
