# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing and binding leave everything but the target's animation as it was, whatever happens half-way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import bpy
import pytest
import rigs
from family_rigs import FK_CONTROLS, build
from faults import FaultError, Place, fault_at, lines_run
from mathutils import Euler
from snapshots import changes, snapshot

from aimocap_addon.scene.binding import bind_motion
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.fbx_import import import_fbx, remove_imported

FRAMES = 5
# Faults between two looks at the whole file: what one of them leaves behind is still there at the end of its group.
_GROUP = 12

Stage = Callable[[], tuple[bpy.types.Object, bpy.types.Object]]


def performer() -> bpy.types.Object:
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    return source


def work_around(target: bpy.types.Object, *, mode: str) -> None:
    """Leave the scene as somebody does who is in the middle of something."""
    other = rigs.build("Other", rigs.MIXAMO)
    other.keyframe_insert("location", frame=4)
    other.animation_data.action.name = "Theirs"
    mesh = bpy.data.meshes.new("Cube")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    cube = bpy.data.objects.new("Cube", mesh)
    bpy.context.scene.collection.objects.link(cube)
    cube["note"] = {"text": "mine", "numbers": [1, 2, 3]}
    scene = bpy.context.scene
    scene["budget"] = 12.5
    scene.frame_start, scene.frame_end = 5, 77
    scene.render.fps, scene.render.fps_base = 24, 1.001
    scene.unit_settings.length_unit = "CENTIMETERS"
    scene.timeline_markers.new("Beat", frame=9)
    bpy.context.view_layer.update()
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in (cube, other))
    active = cube if mode == "EDIT" else target
    active.select_set(True)
    bpy.context.view_layer.objects.active = active
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode=mode)
    if mode == "POSE":
        chosen = target.pose.bones[3]
        (chosen if hasattr(chosen, "select") else chosen.bone).select = True
    scene.frame_set(6, subframe=0.25)
    bpy.context.view_layer.update()


def bare() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A character that was never animated, being posed."""
    source, target = performer(), rigs.build("Hero", rigs.MIXAMO, height=1.5)
    target.pose.bones["mixamorig:LeftArm"].rotation_quaternion = Euler((0.3, 0.2, 0.1)).to_quaternion()
    work_around(target, mode="POSE")
    return source, target


def furnished() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A character with all that may be lost, while something else is in edit mode; the performer has a constraint."""
    source = performer()
    source.pose.bones["head"].constraints.new("LIMIT_ROTATION")  # makes binding step through the scene's frames
    target = rigs.build("Hero", rigs.MIXAMO, height=1.5)
    target.location, target.rotation_euler, target.scale = (1, 2, 3), (0.1, 0.2, 0.3), (0.5,) * 3
    target["owner"] = "somebody"
    bones = target.pose.bones
    bones["mixamorig:Hips"]["weight"] = 0.5
    bones["mixamorig:RightArm"].rotation_mode = "ZYX"
    bones["mixamorig:Neck"].lock_rotation = (True, False, False)
    constraint = bones["mixamorig:Head"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget, constraint.mute = target, "mixamorig:Hips", True
    target.driver_add("color", 0).driver.expression = "0.5"
    bones["mixamorig:Hips"].keyframe_insert("location", frame=3)
    action = target.animation_data.action
    action.name = "Mine"
    track = target.animation_data.nla_tracks.new()
    track.strips.new("Strip", 40, action)
    work_around(target, mode="EDIT")
    return source, target


def controlled() -> tuple[bpy.types.Object, bpy.types.Object]:
    """A control rig, which is posed to find out what moves with what."""
    source = performer()
    target = build("Hero", FK_CONTROLS).armature
    for name in ("thigh_parent.L", "thigh_parent.R", "upper_arm_parent.L", "upper_arm_parent.R"):
        target.pose.bones[name]["IK_FK"] = 0.25
    bone = target.pose.bones["shin_fk.L"]
    bone.rotation_mode, bone.rotation_euler, bone.location = "ZXY", (0.1, 0.2, 0.3), (0.01, 0.0, 0.0)
    work_around(target, mode="OBJECT")
    return source, target


def overridden(folder: Path) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A character that lives in another file, in a library override."""
    library = folder / "library.blend"
    hero = rigs.build("Hero", rigs.MIXAMO, height=1.6)
    bpy.data.libraries.write(str(library), {hero})
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Hero"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    target = linked.override_create(remap_local_usages=True)
    source = performer()
    work_around(target, mode="OBJECT")
    return source, target


@pytest.fixture(params=["bare", "furnished", "controlled", "overridden"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    makers: dict[str, Stage] = {
        "bare": bare,
        "furnished": furnished,
        "controlled": controlled,
        "overridden": partial(overridden, tmp_path),
    }
    return makers[request.param]


def check_faults(places: Sequence[Place], action: Callable[[], object]) -> None:
    """Do `action` with a fault at each of `places`; nothing in the file may differ afterwards."""
    before = snapshot()
    for start in range(0, len(places), _GROUP):
        group = places[start : start + _GROUP]
        for place in group:
            with pytest.raises((FaultError, SceneError)), fault_at(place):
                action()
        changed = changes(before, snapshot())
        assert not changed, (group, sorted(changed)[:10])


def test_a_fault_at_any_line_of_binding_leaves_everything_as_it_was(stage: Stage) -> None:
    bind = partial(bind_motion, *stage())
    rehearsed = lines_run(bind)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    source, target = stage()
    places = [place for place in rehearsed if not place[0].endswith("errors.py")]
    assert len(places) > 150
    check_faults(places, partial(bind_motion, source, target))


def test_only_the_animation_of_the_target_changes(stage: Stage) -> None:
    source, target = stage()
    animation = r"(action|action_slot\S*|last_slot_identifier)" if target.animation_data else ""
    before = snapshot()
    result = bind_motion(source, target)
    bpy.context.view_layer.update()
    made = re.escape(result.action.name)
    allowed = re.compile(
        # where the character is on the present frame
        r"objects\[Hero\]\.(bound_box|dimensions)$"
        r"|objects\[Hero\]\.pose\.bones\[[^]]+\]\.(rotation_\w+|location|matrix\w*|head|tail|length|[xyz]_axis|vector)$"
        r'|objects\[Hero\]\.pose\.bones\[[^]]+\]\["IK_FK"\]$'
        # what was asked for
        rf"|objects\[Hero\]\.animation_data($|\.{animation})"
        rf"|actions$|actions\[{made}\]|actions\[Mine\]\.use_fake_user$"
    )
    assert not [path for path in changes(before, snapshot()) if not allowed.match(path)]


def test_a_fault_at_any_line_of_an_import_leaves_everything_as_it_was(tmp_path: Path) -> None:
    source = performer()
    rigs.skin(source)
    take = rigs.export_fbx(source, tmp_path / "take.fbx", 30)

    def bring() -> bpy.types.Object:
        return import_fbx(bpy.context, take, name="Take", frame_start=11.0, frame_step=0.8)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    places = lines_run(bring)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    furnished()
    assert len(places) > 80
    check_faults(places[:: 1 if bpy.app.version >= (4, 5, 0) else 4], bring)


def test_an_import_taken_back_leaves_nothing(tmp_path: Path) -> None:
    source = performer()
    rigs.skin(source)
    take = rigs.export_fbx(source, tmp_path / "take.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    furnished()
    before = snapshot()
    armature = import_fbx(bpy.context, take, name="Take", frame_start=11.0, frame_step=0.8)
    lists = ("context.", "scenes[", "window_managers[WinMan].windows[0 ].view_layer.objects")  # what is in the scene
    made = {path for path in changes(before, snapshot()) if not path.startswith(lists)}
    assert {path.partition("[")[0] for path in made} == {"objects", "armatures", "actions"}
    assert all("Take" in path or path in ("objects", "armatures", "actions") for path in made)
    remove_imported(armature)
    assert not changes(before, snapshot())
