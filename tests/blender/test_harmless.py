# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing and binding leave everything but the target's animation as it was, whatever happens half-way."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import bpy
import pytest
import rigs
from family_rigs import FK_CONTROLS, build
from faults import FaultError, Place, fault_at, lines_run
from mathutils import Euler
from snapshots import changes, snapshot

from aimocap_addon.scene.binding import BindOptions, BindResult, Character, bind_motions
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.fbx_import import import_fbx, remove_imported

FRAMES = 5
# Faults between two looks at the whole file: what one of them leaves behind is still there at the end of its group.
_GROUP = 24
# Of the lines that every binding runs, each so many-th is tried on the other stages too.
_SAMPLED = 8


class Case(NamedTuple):
    """A binding to try: who performs, who receives, and how."""

    source: bpy.types.Object
    targets: Sequence[bpy.types.Object]
    options: BindOptions = BindOptions()

    def bind(self) -> list[BindResult]:
        return bind_motions(self.source, [Character(target) for target in self.targets], self.options)


Stage = Callable[[], Case]


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


def bare() -> Case:
    """A character that was never animated, being posed."""
    source, target = performer(), rigs.build("Hero", rigs.MIXAMO, height=1.5)
    target.pose.bones["mixamorig:LeftArm"].rotation_quaternion = Euler((0.3, 0.2, 0.1)).to_quaternion()
    work_around(target, mode="POSE")
    return Case(source, [target])


def furnished() -> Case:
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
    return Case(source, [target])


def pushed_down() -> Case:
    """Two characters at once with all that can be done to a motion; what they did before goes to NLA tracks."""
    source, (target,), _ = furnished()
    bpy.ops.object.mode_set(mode="OBJECT")
    other = bpy.data.objects["Other"]
    return Case(
        source,
        [other, target],
        BindOptions(mirror=True, smoothing=1.5, max_error=0.2, existing="PUSH_DOWN"),
    )


def layered() -> Case:
    """A character that gets a layer above what it does."""
    source, (target,), _ = furnished()
    return Case(source, [target], BindOptions(existing="LAYER"))


def controlled() -> Case:
    """A control rig, which is posed to find out what moves with what."""
    source = performer()
    target = build("Hero", FK_CONTROLS).armature
    for name in ("thigh_parent.L", "thigh_parent.R", "upper_arm_parent.L", "upper_arm_parent.R"):
        target.pose.bones[name]["IK_FK"] = 0.25
    bone = target.pose.bones["shin_fk.L"]
    bone.rotation_mode, bone.rotation_euler, bone.location = "ZXY", (0.1, 0.2, 0.3), (0.01, 0.0, 0.0)
    work_around(target, mode="OBJECT")
    return Case(source, [target])


def overridden(folder: Path) -> Case:
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
    return Case(source, [target])


@pytest.fixture(params=["bare", "furnished", "pushed_down", "layered", "controlled", "overridden"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    makers: dict[str, Stage] = {
        "bare": bare,
        "furnished": furnished,
        "pushed_down": pushed_down,
        "layered": layered,
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
    usual = lines_run(bare().bind)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    places = lines_run(stage().bind)
    assert len(places) > 150
    if stage is not bare:
        places = [place for i, place in enumerate(places) if place not in usual or i % _SAMPLED == 0]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    check_faults(places, stage().bind)


def test_only_the_animation_of_the_targets_changes(stage: Stage) -> None:
    case = stage()
    names = "|".join(re.escape(target.name) for target in case.targets)
    # a character without animation gets some; of others only what was asked for changes
    parts = (
        "(action|action_slot\\S*|action_suitable_slots|last_slot_identifier)($|\\.)"
        if case.targets[0].animation_data
        else ""
    )
    if case.options.existing != "KEEP":
        parts += "|nla_tracks($|\\[)"
    before = snapshot()
    results = case.bind()
    bpy.context.view_layer.update()
    made = "|".join(re.escape(result.action.name) for result in results)
    allowed = re.compile(
        # where the character is on the present frame
        rf"objects\[({names})\]\.(bound_box|dimensions|location|rotation_euler|matrix_(basis|local|world))$"
        rf"|objects\[({names})\]\.pose\.bones\[[^]]+\]\.(rotation_\w+|location|matrix\w*|head|tail|length|[xyz]_axis|vector)$"
        rf'|objects\[({names})\]\.pose\.bones\[[^]]+\]\["IK_FK"\]$'
        # what was asked for
        rf"|objects\[({names})\]\.animation_data($|\.({parts}))"
        rf"|actions$|actions\[({made})\]|actions\[(Mine|Theirs)\]\.use_fake_user$"
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
