# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
import rigs

from aimocap_addon.scene import compat
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.fbx_import import import_fbx

FRAMES = 12


def census() -> dict[str, list[str]]:
    """Names of everything in the file."""
    skipped = ("window_managers", "screens", "workspaces", "libraries", "all_ids")
    collections = [p.identifier for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"]
    return {c: sorted(item.name_full for item in getattr(bpy.data, c)) for c in collections if c not in skipped}


@pytest.fixture
def captured(tmp_path: Path) -> Path:
    """A file with 12 frames at 30 fps, from a scene that is gone."""
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.skin(source)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=5)
    path = rigs.export_fbx(source, tmp_path / "take.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


@pytest.fixture
def cube() -> bpy.types.Object:
    mesh = bpy.data.meshes.new("Cube")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    obj = bpy.data.objects.new("Cube", mesh)
    bpy.context.scene.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = obj
    obj.select_set(True)
    return obj


def key_times(armature: bpy.types.Object) -> set[float]:
    return {round(k.co.x, 4) for curve in compat.active_curves(armature) for k in curve.keyframe_points}


@pytest.mark.parametrize("scene_fps", [24, 25, 30, 60])
@pytest.mark.parametrize("stretch", [1.0, 2.0])
def test_frames_lie_where_they_were_asked_for(captured: Path, scene_fps: int, stretch: float) -> None:
    bpy.context.scene.render.fps = scene_fps
    step = scene_fps / 30 * stretch
    armature = import_fbx(bpy.context, captured, name="Take", frame_start=101.5, frame_step=step)
    expected = {round(float(np.float32(101.5 + i * step)), 4) for i in range(FRAMES)}
    assert key_times(armature) == expected
    kinds = {k.interpolation for curve in compat.active_curves(armature) for k in curve.keyframe_points}
    assert kinds == {"LINEAR"}


def test_motion_survives(captured: Path) -> None:
    original = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.animate(original, rigs.UNREAL, FRAMES, first=5)
    armature = import_fbx(bpy.context, captured, name="Take", frame_start=5, frame_step=1)
    for frame in (5, 9, 16):
        bpy.context.scene.frame_set(frame)
        for name in ("hand_l", "ball_r", "head", "index_03_l"):
            there = armature.matrix_world @ armature.pose.bones[name].head
            assert list(there) == pytest.approx(list(original.pose.bones[name].head), abs=1e-3)


def test_only_the_armature_and_its_motion_come_in(captured: Path, cube: bpy.types.Object) -> None:
    before = census()
    armature = import_fbx(bpy.context, captured, name="Take", frame_start=1, frame_step=1)
    expected = {kind: list(names) for kind, names in before.items()}
    for kind in ("objects", "armatures", "actions"):
        expected[kind] = sorted([*before[kind], "Take"])
    assert census() == expected
    assert armature.name in bpy.context.scene.collection.objects


def test_a_skinned_body_is_left_out(tmp_path: Path) -> None:
    source = rigs.build("Performer", rigs.UNREAL)
    rigs.animate(source, rigs.UNREAL, 3)
    rigs.skin(source).data.materials.append(bpy.data.materials.new("Skin"))
    path = rigs.export_fbx(source, tmp_path / "body.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    import_fbx(bpy.context, path, name="Take", frame_start=1, frame_step=1)
    assert [obj.name for obj in bpy.data.objects] == ["Take"]
    assert not bpy.data.meshes
    assert not bpy.data.materials


def test_the_scene_stays_as_it_was(captured: Path, cube: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.001
    scene.frame_start, scene.frame_end = 7, 77
    scene.frame_set(33)
    scene.unit_settings.length_unit = "CENTIMETERS"
    other = rigs.build("Take", rigs.MIXAMO)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.mode_set(mode="EDIT")
    import_fbx(bpy.context, captured, name="Take", frame_start=1, frame_step=0.8)
    assert (scene.render.fps, scene.render.fps_base) == (24, pytest.approx(1.001))
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (7, 77, 33)
    assert scene.unit_settings.length_unit == "CENTIMETERS"
    assert bpy.context.view_layer.objects.active == cube
    assert cube.mode == "EDIT"
    assert [obj.name for obj in bpy.context.view_layer.objects if obj.select_get()] == ["Cube"]
    assert other.name == "Take"


def test_pose_mode_is_kept(captured: Path) -> None:
    mine, other = rigs.build("Mine", rigs.MIXAMO), rigs.build("Other", rigs.UNREAL)
    for obj in (mine, other):
        obj.select_set(True)
    bpy.context.view_layer.objects.active = mine
    bpy.ops.object.mode_set(mode="POSE")
    import_fbx(bpy.context, captured, name="Take", frame_start=1, frame_step=1)
    assert bpy.context.view_layer.objects.active == mine
    assert (mine.mode, other.mode) == ("POSE", "POSE")
    assert {obj.name for obj in bpy.context.view_layer.objects if obj.select_get()} == {"Mine", "Other"}


def test_the_armature_lands_in_the_active_collection(captured: Path) -> None:
    layer = bpy.context.view_layer
    collection = bpy.data.collections.new("Captures")
    bpy.context.scene.collection.children.link(collection)
    layer.active_layer_collection = layer.layer_collection.children["Captures"]
    armature = import_fbx(bpy.context, captured, name="Take", frame_start=1, frame_step=1)
    assert armature.name in collection.objects
    assert layer.active_layer_collection.name == "Captures"


@pytest.mark.parametrize("unit", [1.0, 0.01])
@pytest.mark.parametrize("height", [1.7, 170.0])
def test_a_person_has_a_persons_size(tmp_path: Path, unit: float, height: float) -> None:
    source = rigs.build("Performer", rigs.UNREAL, height=height)
    rigs.skin(source)
    rigs.animate(source, rigs.UNREAL, 3)
    path = rigs.export_fbx(source, tmp_path / "size.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.unit_settings.scale_length = unit
    armature = import_fbx(bpy.context, path, name="Take", frame_start=1, frame_step=1)
    bpy.context.view_layer.update()
    head = armature.matrix_world @ armature.data.bones["head"].head_local
    foot = armature.matrix_world @ armature.data.bones["ball_l"].head_local
    assert (head.z - foot.z) * unit == pytest.approx(1.51, abs=0.01)
    assert bpy.context.scene.unit_settings.scale_length == pytest.approx(unit)


def spoiled(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.fbx"
    if kind == "text":
        path.write_text("this is not an FBX file")
    elif kind == "cut":
        source = rigs.build("Performer", rigs.UNREAL)
        rigs.animate(source, rigs.UNREAL, 3)
        rigs.export_fbx(source, path, 30)
        path.write_bytes(path.read_bytes()[:4000])
    elif kind == "still":
        source = rigs.build("Performer", rigs.UNREAL)
        bpy.context.view_layer.objects.active = source
        bpy.ops.export_scene.fbx(filepath=str(path), bake_anim=False)
    elif kind == "mesh":
        mesh = bpy.data.meshes.new("Prop")
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        mesh.materials.append(bpy.data.materials.new("Prop"))
        bpy.context.scene.collection.objects.link(bpy.data.objects.new("Prop", mesh))
        bpy.ops.export_scene.fbx(filepath=str(path), bake_anim=False)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return path


@pytest.mark.parametrize("kind", ["absent", "text", "cut", "still", "mesh"])
def test_useless_files_are_refused_and_leave_nothing(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    path = spoiled(tmp_path, kind)
    cube = request.getfixturevalue("cube")
    before = census()
    with pytest.raises(SceneError, match=path.name):
        import_fbx(bpy.context, path, name="Take", frame_start=1, frame_step=1)
    assert census() == before
    assert bpy.context.view_layer.objects.active == cube
