# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
import rigs
from mathutils import Euler, Matrix

import characters
from aimocap_addon.scene import compat
from aimocap_addon.scene.binding import BindOptions, BindResult, bind_motion
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.fbx_import import import_fbx

FRAMES = 40
FREE_FEET = BindOptions(hold_contacts=False)
METARIG = {
    "hips": "spine",
    "spine": ["spine.001", "spine.002", "spine.003"],
    "neck": ["spine.004", "spine.005"],
    "head": "spine.006",
    "sides": (".L", ".R"),
    "arm": ("shoulder{}", "upper_arm{}", "forearm{}", "hand{}"),
    "leg": ("thigh{}", "shin{}", "foot{}", "toe{}"),
}
LIMBS = (("arm", 1, 2), ("arm", 2, 3), ("leg", 0, 1), ("leg", 1, 2))


def performer(**settings: float) -> bpy.types.Object:
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45, elbow=8, **settings)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    return source


def bind(
    source: bpy.types.Object, target: bpy.types.Object, options: BindOptions = FREE_FEET, **settings: Any
) -> BindResult:
    """Bind with limbs exactly as the performer's: holding feet on the ground bends the legs a little."""
    return bind_motion(source, target, options, **settings)


def mixamo() -> tuple[bpy.types.Object, dict]:
    return rigs.build("Hero", rigs.MIXAMO, height=1.5), rigs.MIXAMO


def unreal() -> tuple[bpy.types.Object, dict]:
    axes = Matrix(((0, 1, 0), (-1, 0, 0), (0, 0, 1)))  # the limb runs along X, as in Unreal
    return rigs.build("Hero", rigs.UNREAL, arm_drop=55, elbow=20, height=1.9, bone_axes=axes), rigs.UNREAL


def metarig() -> tuple[bpy.types.Object, dict]:
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.object.armature_human_metarig_add()
    target = bpy.context.view_layer.objects.active
    target.name = "Hero"
    return target, METARIG


TARGETS = [mixamo, unreal, metarig]
Maker = Callable[[], tuple[bpy.types.Object, dict]]


def limbs(names: dict) -> list[tuple[str, str]]:
    return [(names[k][a].format(s), names[k][b].format(s)) for s in names["sides"] for k, a, b in LIMBS]


def joints(obj: bpy.types.Object, names: list[str], frames: list[float]) -> np.ndarray:
    """Heads (F, N, 3) in the object's own space."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(math.floor(frame), subframe=frame % 1)
        found.append([obj.pose.bones[name].head.copy() for name in names])
    return np.array(found)


def directions(obj: bpy.types.Object, names: dict, frames: list[float]) -> np.ndarray:
    pairs = limbs(names)
    vectors = joints(obj, [b for _, b in pairs], frames) - joints(obj, [a for a, _ in pairs], frames)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def degrees(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def limb_error(
    source: bpy.types.Object, target: bpy.types.Object, names: dict, frames: list[float] | None = None
) -> np.ndarray:
    frames = frames or [float(f) for f in range(1, FRAMES + 1, 3)]
    return degrees(directions(source, rigs.UNREAL, frames), directions(target, names, frames))


def hip_path(obj: bpy.types.Object, names: dict, frames: list[float]) -> np.ndarray:
    thighs = [names["leg"][0].format(side) for side in names["sides"]]
    return joints(obj, thighs, frames).mean(axis=1)


def leg(obj: bpy.types.Object, names: dict) -> float:
    thigh, calf, foot = (obj.data.bones[n.format(names["sides"][0])].head_local for n in names["leg"][:3])
    return (calf - thigh).length + (foot - calf).length


def state(obj: bpy.types.Object) -> dict:
    """Everything about a character that binding must not change."""
    return {
        "rest": [[list(row) for row in bone.matrix_local] for bone in obj.data.bones],
        "place": [list(row) for row in obj.matrix_world],
        "basis": [list(row) for row in obj.matrix_basis],
        "modes": [bone.rotation_mode for bone in obj.pose.bones],
        "constraints": [[c.name for c in bone.constraints] for bone in obj.pose.bones],
        "action": obj.animation_data.action if obj.animation_data else None,
        "mode": obj.mode,
        "selected": obj.select_get(),
    }


@pytest.mark.parametrize("make", TARGETS)
def test_limbs_point_where_the_performers_do(make: Maker) -> None:
    source, (target, names) = performer(), make()
    result = bind(source, target)
    assert limb_error(source, target, names).mean() < 0.1
    assert result.frame_range == (1, FRAMES)
    assert not result.missing


@pytest.mark.parametrize("make", TARGETS)
def test_limbs_point_right_after_a_round_trip_through_fbx(make: Maker, tmp_path: Path) -> None:
    source = performer(height=170.0)
    rigs.skin(source)
    path = rigs.export_fbx(source, tmp_path / "take.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 24
    take = import_fbx(bpy.context, path, name="Take", frame_start=10, frame_step=24 / 30)
    target, names = make()
    result = bind(take, target)
    last = 10 + (FRAMES - 1) * 0.8
    assert result.frame_range == (10, math.ceil(last))
    frames = [float(f) for f in range(10, math.floor(last) + 1, 3)]
    # directions are compared in the scene: the take's own space may have another up axis
    turn = np.array(take.matrix_world.to_3x3().normalized())
    there = directions(take, rigs.UNREAL, frames) @ turn.T
    assert degrees(there, directions(target, names, frames)).mean() < 0.1


@pytest.mark.parametrize("skinned", [True, False])
def test_a_rest_pose_taken_from_the_motion_is_told(tmp_path: Path, skinned: bool) -> None:
    source = performer()
    if skinned:
        rigs.skin(source)
    path = rigs.export_fbx(source, tmp_path / "take.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    take = import_fbx(bpy.context, path, name="Take", frame_start=1, frame_step=1)
    target, names = mixamo()
    assert bool(bind(take, target).warning) is not skinned
    assert degrees(directions(take, rigs.UNREAL, [9.0]), directions(target, names, [9.0])).mean() < 25.0


@pytest.mark.parametrize("make", TARGETS)
def test_path_is_scaled_by_leg_length(make: Maker) -> None:
    source, (target, names) = performer(), make()
    bind(source, target)
    frames = [1.0, FRAMES / 2, float(FRAMES)]
    there, here = (
        np.diff(hip_path(source, rigs.UNREAL, frames), axis=0),
        np.diff(hip_path(target, names, frames), axis=0),
    )
    assert here == pytest.approx(there * leg(target, names) / leg(source, rigs.UNREAL), rel=0.005, abs=1e-4)


def test_the_captured_offset_is_kept() -> None:
    source, (target, names) = performer(), mixamo()
    bind(source, target)
    offsets = []
    for obj, bones in ((source, rigs.UNREAL), (target, names)):
        rest = [obj.data.bones[bones["leg"][0].format(side)].head_local for side in bones["sides"]]
        offsets.append((hip_path(obj, bones, [1.0])[0] - np.mean(rest, axis=0))[:2])
    assert offsets[0][0] > 0.09
    assert offsets[1] == pytest.approx(offsets[0] * leg(target, names) / leg(source, rigs.UNREAL), abs=1e-4)


def test_in_place_keeps_the_hips_over_their_place() -> None:
    source, (target, names) = performer(), mixamo()
    bind(source, target, BindOptions(root_motion="IN_PLACE", hold_contacts=False))
    path = hip_path(target, names, [float(f) for f in range(1, FRAMES + 1)])
    assert np.ptp(path[:, :2], axis=0).max() < 1e-4
    assert np.ptp(path[:, 2]) > 0.01
    assert limb_error(source, target, names).mean() < 0.1


@pytest.mark.parametrize("make", TARGETS)
def test_a_standing_performer_stands_on_the_targets_ground(make: Maker) -> None:
    source, (target, names) = rigs.build("Performer", rigs.UNREAL, arm_drop=45), make()
    head = source.pose.bones["head"]
    source.location.z = 0.4  # a capture need not have its ground at zero
    for frame in (1, 20):
        head.keyframe_insert("rotation_quaternion", frame=frame)
    bind(source, target)
    toes = [names["leg"][3].format(side) for side in names["sides"]]
    rest = np.array([target.data.bones[name].head_local.z for name in toes])
    assert joints(target, toes, [10.0])[0, :, 2] == pytest.approx(rest, abs=1e-3)


@pytest.mark.parametrize("scale", [0.01, 2.0])
def test_the_motion_happens_where_the_character_stands(scale: float) -> None:
    source, (target, names) = performer(), mixamo()
    parent = bpy.data.objects.new("Stage", None)
    bpy.context.scene.collection.objects.link(parent)
    parent.location, parent.rotation_euler = (5, 6, 7), (0, 0, 1)
    target.parent = parent
    target.location, target.rotation_euler, target.scale = (1, 2, 3), (0.3, 0.2, 0.9), (scale,) * 3
    source.location, source.rotation_euler = (-4, 0, 0), (0, 0, 2)
    bpy.context.view_layer.update()
    before = state(target)
    bind(source, target)
    assert limb_error(source, target, names).mean() < 0.1
    assert state(target) | {"action": None} == before


def test_bones_of_y_up_armatures_move_the_same() -> None:
    """Rigs that come from an FBX often lie on their back in armature space and are turned up by the object."""
    source, (target, names) = performer(), mixamo()
    target.data.transform(Matrix.Rotation(math.radians(-90), 4, "X") @ Matrix.Scale(100, 4))
    target.matrix_world = Matrix.Rotation(math.radians(90), 4, "X") @ Matrix.Scale(0.01, 4)
    bpy.context.view_layer.update()
    bind(source, target)
    frames = [1.0, 20.0]
    turn = np.array(Matrix.Rotation(math.radians(90), 3, "X"))
    assert degrees(directions(source, rigs.UNREAL, frames), directions(target, names, frames) @ turn.T).mean() < 0.1


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "XYZ", "ZYX", "YXZ"])
def test_every_rotation_mode_is_respected_and_smooth(mode: str) -> None:
    source, (target, names) = performer(), mixamo()
    for bone in target.pose.bones:
        bone.rotation_mode = mode
    bind(source, target)
    assert {bone.rotation_mode for bone in target.pose.bones} == {mode}
    assert limb_error(source, target, names).mean() < 0.1
    # a jump between two keys would throw the limb about half-way
    halves = [f + 0.5 for f in range(1, FRAMES, 2)]
    assert limb_error(source, target, names, halves).max() < 3.0


@pytest.mark.parametrize("mode", ["QUATERNION", "AXIS_ANGLE", "XYZ", "ZXY"])
def test_motion_of_every_rotation_mode_is_read(mode: str) -> None:
    first, (middle, _) = performer(), mixamo()
    for bone in middle.pose.bones:
        bone.rotation_mode = mode
    bind(first, middle)
    last, names = unreal()
    bind(middle, last)
    assert limb_error(first, last, names).mean() < 0.1


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (characters.make_mixamo_character, rigs.MIXAMO),
        (characters.make_rigify_metarig_character, METARIG),
        (characters.make_unreal_character, rigs.UNREAL),
    ],
)
def test_skinned_characters_follow_and_keep_their_skin(make: Callable, names: dict) -> None:
    source, target = performer(), make()
    bpy.context.view_layer.update()
    before = state(target), [child.name for child in target.children]
    result = bind(source, target)
    assert (state(target) | {"action": None}, [child.name for child in target.children]) == before
    assert not result.missing
    frames = [1.0, 14.0, float(FRAMES)]
    turn = np.array(target.matrix_world.to_3x3().normalized())
    assert degrees(directions(source, rigs.UNREAL, frames), directions(target, names, frames) @ turn.T).mean() < 0.1


def test_keys_are_linear_on_whole_frames_of_mapped_bones_only() -> None:
    source, (target, _) = performer(), mixamo()
    result = bind(source, target, action_name="Walk", frame_start=100)
    assert result.action.name == "Walk"
    assert result.frame_range == (100, 100 + FRAMES - 1)
    curves = list(compat.active_curves(target))
    assert {k.co.x for c in curves for k in c.keyframe_points} == set(range(100, 100 + FRAMES))
    assert {k.interpolation for c in curves for k in c.keyframe_points} == {"LINEAR"}
    assert {c.data_path.rpartition(".")[2] for c in curves} == {"rotation_quaternion", "location"}
    assert len({c.data_path for c in curves if c.data_path.endswith("location")}) == 1
    assert all(target.path_resolve(c.data_path.rpartition(".")[0]) for c in curves)


def test_unmapped_bones_keep_their_pose_and_the_limbs_still_point_right() -> None:
    source, (target, names) = performer(), mixamo()
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    edit = target.data.edit_bones
    extra = edit.new("extra")
    extra.head, extra.tail = edit["mixamorig:LeftShoulder"].head, edit["mixamorig:LeftShoulder"].tail
    extra.parent = edit["mixamorig:Spine2"]
    edit["mixamorig:LeftShoulder"].parent = extra
    bpy.ops.object.mode_set(mode="OBJECT")
    target.pose.bones["extra"].rotation_quaternion = Euler((0.3, 0.5, 0.2)).to_quaternion()
    bind(source, target)
    assert limb_error(source, target, names).mean() < 0.1
    assert not any("extra" in curve.data_path for curve in compat.active_curves(target))


def test_locked_channels_stay_and_the_rest_of_the_arm_makes_up_for_it() -> None:
    source, (target, _) = performer(), mixamo()
    elbow = target.pose.bones["mixamorig:LeftForeArm"]
    elbow.rotation_mode = "XYZ"
    elbow.lock_rotation = (False, True, False)
    elbow.rotation_euler.y = 0.25
    hips = target.pose.bones["mixamorig:Hips"]
    hips.lock_location = (True, False, False)
    bind(source, target)
    curves = {(c.data_path, c.array_index) for c in compat.active_curves(target)}
    assert (elbow.path_from_id("rotation_euler"), 1) not in curves
    assert (elbow.path_from_id("rotation_euler"), 0) in curves
    assert (hips.path_from_id("location"), 0) not in curves
    bpy.context.scene.frame_set(20)
    assert elbow.rotation_euler.y == pytest.approx(0.25)
    fingers = [("mixamorig:LeftHandMiddle1", "mixamorig:LeftHandMiddle2"), ("middle_01_l", "middle_02_l")]
    (here, there) = (
        np.diff(joints(obj, list(pair), [20.0])[0], axis=0)[0]
        for obj, pair in zip((target, source), fingers, strict=True)
    )
    assert degrees(here / np.linalg.norm(here), there / np.linalg.norm(there)) < 0.1


def test_flipped_quaternion_signs_in_the_source_do_not_show() -> None:
    source, (target, names) = performer(), mixamo()
    smooth = directions(source, rigs.UNREAL, [f + 0.5 for f in range(1, 20)])
    for curve in compat.active_curves(source):
        if curve.data_path.endswith("rotation_quaternion"):
            for key in list(curve.keyframe_points)[::2]:
                key.co.y *= -1
        for key in curve.keyframe_points:
            key.co.x = key.co.x * 0.8  # the keys lie between the scene's frames
            key.interpolation = "LINEAR"
    bind(source, target)
    frames = list(range(1, 16))
    whole = directions(target, names, frames)
    assert degrees(whole[1:], whole[:-1]).max() < degrees(smooth[1:], smooth[:-1]).max() * 1.5


def test_constrained_sources_are_read_as_they_show() -> None:
    source, (target, names) = performer(), mixamo()
    source.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    mover = source.pose.bones["upperarm_l"].constraints.new("COPY_ROTATION")
    mover.target, mover.subtarget = source, "upperarm_r"
    bpy.context.scene.frame_set(17)
    bind(source, target)
    assert bpy.context.scene.frame_current == 17
    assert limb_error(source, target, names).mean() < 0.1


def test_motion_in_nla_strips_is_read() -> None:
    source, (target, names) = performer(), mixamo()
    action = source.animation_data.action
    slot = compat.active_slot(source)
    source.animation_data.action = None
    strip = source.animation_data.nla_tracks.new().strips.new("take", 31, action)
    if slot is not None:
        strip.action_slot = strip.action_slot or action.slots[0]
    result = bind(source, target)
    assert result.frame_range == (31, 30 + FRAMES)
    assert limb_error(source, target, names, [31.0, 45.0, 60.0]).mean() < 0.1


def test_motion_of_the_armature_object_counts() -> None:
    """Importers turn Unreal's root bone into the armature object."""
    source, (target, names) = performer(), mixamo()
    still = hip_path(source, rigs.UNREAL, [1.0, 40.0])
    source.scale = (0.01,) * 3
    source.data.transform(Matrix.Scale(100, 4))
    hips = source.pose.bones["pelvis"]
    for curve in compat.active_curves(source):
        if curve.data_path == hips.path_from_id("location"):
            for key in curve.keyframe_points:
                key.co.y *= 100
    for frame, x, yaw in ((1, 0.0, 0.0), (40, 2.0, 1.2)):
        source.location, source.rotation_euler = (x, 0, 0), (0, 0, yaw)
        source.keyframe_insert("location", frame=frame)
        source.keyframe_insert("rotation_euler", frame=frame)
    bind(source, target)
    ratio = leg(target, names) / (leg(source, rigs.UNREAL) * 0.01)
    turned = np.array(Matrix.Rotation(1.2, 3, "Z")) @ still[1] + (2.0, 0, 0)
    moved = np.diff(hip_path(target, names, [1.0, 40.0]), axis=0)[0]
    assert moved == pytest.approx((turned - still[0]) * ratio, rel=0.01, abs=2e-3)


@pytest.mark.parametrize("holding", [True, False])
@pytest.mark.parametrize("carrier", ["object", "far root"])
def test_the_path_over_the_ground_is_scaled_exactly_whatever_carries_it(carrier: str, holding: bool) -> None:
    source, (target, names) = performer(), mixamo()
    if carrier == "object":
        moving = source
        source.location = (3.0, -7.0, 0.5)
    else:  # hips and root have nothing to do with each other's place
        bpy.context.view_layer.objects.active = source
        bpy.ops.object.mode_set(mode="EDIT")
        source.data.edit_bones["root"].head = (4.0, 3.0, 0.0)
        source.data.edit_bones["root"].tail = (4.0, 3.5, 0.0)
        bpy.ops.object.mode_set(mode="OBJECT")
        moving = source.pose.bones["root"]
    moving.rotation_mode = "XYZ"
    for frame, x, yaw in ((1, 0.0, 0.0), (25, 1.5, 0.9), (FRAMES, 1.0, 2.0)):
        moving.location.x += x
        moving.rotation_euler[2] = yaw  # of a bone that lies along Y: about Z too
        moving.keyframe_insert("location", frame=frame)
        moving.keyframe_insert("rotation_euler", frame=frame)
    bind(source, target, BindOptions(hold_contacts=holding))
    lengths = []
    for obj, bones in ((source, rigs.UNREAL), (target, names)):
        path = []
        for frame in range(1, FRAMES + 1):
            bpy.context.scene.frame_set(frame)
            heads = [obj.pose.bones[bones["leg"][0].format(side)].head for side in bones["sides"]]
            path.append(np.array(obj.matrix_world @ ((heads[0] + heads[1]) / 2.0))[:2])
        lengths.append(np.linalg.norm(np.diff(path, axis=0), axis=-1).sum())
    assert lengths[0] > 2.0
    assert lengths[1] / lengths[0] / (leg(target, names) / leg(source, rigs.UNREAL)) == pytest.approx(1.0, abs=0.005)


def test_the_root_bone_travels_and_turns_and_the_picture_stays() -> None:
    source, (target, names) = performer(), unreal()
    source.rotation_mode = "XYZ"
    for frame, yaw in ((1, 0.0), (FRAMES, 4.0)):
        source.rotation_euler.z = yaw
        source.keyframe_insert("rotation_euler", frame=frame)
    bones = [bone.name for bone in target.pose.bones if bone.name != "root"]
    frames = [1.0, 20.0, 41.0, float(FRAMES)]
    bind(source, target)
    expected = joints(target, bones, frames)
    bind(source, target, BindOptions(root_motion="ROOT_BONE", hold_contacts=False))
    assert joints(target, bones, frames) == pytest.approx(expected, abs=1e-5)
    root = target.pose.bones["root"]
    turns, places = [], []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        turns.append((root.matrix @ root.bone.matrix_local.inverted()).to_euler().z)
        places.append(np.array(root.head)[:2])
    assert np.ptp(np.unwrap(turns)) == pytest.approx(4.0, abs=0.7)  # the hips swing by as much in themselves
    assert places - hip_path(target, names, frames)[:, :2] == pytest.approx(
        np.tile((places[0] - hip_path(target, names, [1.0])[0, :2]), (4, 1)), abs=1e-4
    )


def test_the_pose_of_the_present_frame_shows_at_once() -> None:
    source, (target, _) = performer(), mixamo()
    bpy.context.scene.frame_set(20)
    bind(source, target)
    bpy.context.view_layer.update()
    hand = target.pose.bones["mixamorig:LeftHand"]
    shown = hand.head.copy()
    bpy.context.scene.frame_set(20)
    assert (hand.head - shown).length < 1e-6
    assert (hand.head - hand.bone.head_local).length > 0.05


def test_the_previous_action_is_kept_and_nothing_else_changes() -> None:
    source, (target, _) = performer(), mixamo()
    mine = target.pose.bones["mixamorig:Hips"]
    mine.keyframe_insert("location", frame=1)
    previous = target.animation_data.action
    constraint = target.pose.bones["mixamorig:Head"].constraints.new("TRACK_TO")
    constraint.mute = True
    bpy.context.view_layer.objects.active = target
    target.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    bpy.context.scene.frame_set(7)
    before = state(target)
    result = bind(source, target)
    assert state(target) | {"action": previous} == before
    assert result.action == target.animation_data.action
    assert previous.use_fake_user
    assert bpy.context.scene.frame_current == 7
    assert bpy.context.view_layer.objects.active == target


def other_armature() -> bpy.types.Object:
    data = bpy.data.armatures.new("Fan")
    fan = bpy.data.objects.new("Fan", data)
    bpy.context.scene.collection.objects.link(fan)
    bpy.context.view_layer.objects.active = fan
    bpy.ops.object.mode_set(mode="EDIT")
    bone = data.edit_bones.new("blade")
    bone.tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    return fan


def refused(source: bpy.types.Object, target: bpy.types.Object, match: str) -> None:
    before, actions = state(target) if target.type == "ARMATURE" else None, set(bpy.data.actions)
    with pytest.raises(SceneError, match=match) as caught:
        bind(source, target)
    assert str(caught.value).endswith(".")
    assert set(bpy.data.actions) == actions
    assert before is None or state(target) == before


def test_what_cannot_be_bound_is_refused_in_a_sentence() -> None:
    source, (target, _) = performer(), mixamo()
    still = rigs.build("Still", rigs.UNREAL)
    empty = bpy.data.objects.new("Empty", None)
    bpy.context.scene.collection.objects.link(empty)
    refused(still, target, "“Still” has no motion")
    refused(source, empty, "“Empty” is not an armature")
    refused(source, source, "its own motion")
    refused(source, other_armature(), "“Fan” are not named.*Mixamo.*Rigify")
    target.scale = (1, 1, 2)
    bpy.context.view_layer.update()
    refused(source, target, "not scaled evenly")


def test_a_character_in_edit_mode_is_refused() -> None:
    source, (target, _) = performer(), mixamo()
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    refused(source, target, "Edit Mode")


def test_a_linked_character_is_refused(tmp_path: Path) -> None:
    library = tmp_path / "hero.blend"
    rigs.build("Hero", rigs.MIXAMO)
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_, into):
        into.objects = ["Hero"]
    source = performer()
    bpy.context.scene.collection.objects.link(into.objects[0])
    bpy.context.view_layer.update()
    refused(source, into.objects[0], "linked from another file")


def test_a_control_rig_is_refused() -> None:
    source, (target, _) = performer(), mixamo()
    for bone in target.pose.bones:
        bone.constraints.new("COPY_TRANSFORMS")
    refused(source, target, "control rig")


def test_a_failed_write_leaves_no_action(monkeypatch: pytest.MonkeyPatch) -> None:
    source, (target, _) = performer(), mixamo()
    before, actions = state(target), set(bpy.data.actions)

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(compat, "create_curves", full)
    with pytest.raises(MemoryError):
        bind(source, target)
    assert state(target) == before
    assert set(bpy.data.actions) == actions


def test_missing_parts_are_named() -> None:
    source, (target, names) = performer(), mixamo()
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    for name in ("mixamorig:LeftToeBase", "mixamorig:RightHandIndex3"):
        target.data.edit_bones.remove(target.data.edit_bones[name])
    bpy.ops.object.mode_set(mode="OBJECT")
    result: BindResult = bind(source, target)
    assert set(result.missing) == {"left toe", "right index 3"}
    assert result.family == "Mixamo"
    assert limb_error(source, target, names).mean() < 0.1


def test_binding_survives_saving_and_loading(tmp_path: Path) -> None:
    source, (target, names) = performer(), mixamo()
    target.pose.bones["mixamorig:Hips"].keyframe_insert("location", frame=1)
    target.animation_data.action.name = "Mine"
    bind(source, target, action_name="Take")
    before = directions(target, names, [12.0])
    path = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert {"Mine", "Take"} <= {action.name for action in bpy.data.actions}
    assert directions(bpy.data.objects["Hero"], names, [12.0]) == pytest.approx(before, abs=1e-5)
