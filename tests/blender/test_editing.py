# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be done with motion as it is bound: what was there kept below, layers, mirroring, fewer keys, several."""

from __future__ import annotations

import math
from collections.abc import Sequence

import bpy
import numpy as np
import pytest
import rigs
from mathutils import Euler, Matrix, Quaternion

from aimocap_addon.scene import compat
from aimocap_addon.scene.binding import BindOptions, Character, bind_motion, bind_motions
from aimocap_addon.scene.errors import SceneError

FRAMES = 24
SPAN = range(1, FRAMES + 1)
HIPS, ARM, ROOT = "pelvis", "upperarm_l", "root"


def performer() -> bpy.types.Object:
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    return source


def hero(name: str = "Hero") -> bpy.types.Object:
    return rigs.build(name, rigs.UNREAL, arm_drop=20, height=1.5)


def shown(armature: bpy.types.Object, frames: Sequence[int], names: Sequence[str] = ()) -> np.ndarray:
    """World matrices (F, N, 4, 4) of bones, of all by default."""
    scene = bpy.context.scene
    found = []
    for frame in frames:
        scene.frame_set(frame)
        names = names or [bone.name for bone in armature.pose.bones]
        found.append([armature.matrix_world @ armature.pose.bones[name].matrix for name in names])
    return np.array(found)


def channel(armature: bpy.types.Object, bone: str, frames: Sequence[int]) -> list[Quaternion]:
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        found.append(armature.pose.bones[bone].matrix_basis.to_quaternion())
    return found


def busy_before(armature: bpy.types.Object) -> bpy.types.Action:
    """An action of the animator's own: bones that motion moves, the bone above them, a bone of its own, the object."""
    bones = armature.pose.bones
    for frame, sign in ((2.5, 1.0), (9.5, -1.0), (40.0, 1.0)):
        for name in (ARM, ROOT, HIPS):
            bones[name].rotation_mode = "QUATERNION"
            bones[name].rotation_quaternion = Euler((0.3 * sign, 0.2, 0.1 * sign)).to_quaternion()
            bones[name].keyframe_insert("rotation_quaternion", frame=frame)
        bones[ROOT].location = bones[HIPS].location = (0.1 * sign, 0.2, 0.3)
        bones[ROOT].keyframe_insert("location", frame=frame)
        bones[HIPS].keyframe_insert("location", frame=frame)
        armature.location = (sign, 0.0, 0.0)
        armature.keyframe_insert("location", frame=frame)
    action = armature.animation_data.action
    action.name = "Mine"
    return action


def test_the_previous_action_goes_to_a_track_below_and_the_new_motion_is_what_shows() -> None:
    source, target, twin = performer(), hero(), hero("Twin")
    mine = busy_before(target)
    slot = compat.active_slot(target)
    bpy.context.scene.frame_set(9)
    before = shown(target, range(1, 50))
    bpy.context.scene.frame_set(9)
    for name in (ROOT, HIPS, ARM):  # what the twin, without animation, stands in
        twin.pose.bones[name].matrix_basis = target.pose.bones[name].matrix_basis
    twin.location = target.location

    result = bind_motion(source, target, BindOptions(existing="PUSH_DOWN"))
    bind_motion(source, twin)

    assert shown(target, SPAN) == pytest.approx(shown(twin, SPAN), abs=1e-5)
    assert target.animation_data.action == result.action
    (strip,) = (strip for track in target.animation_data.nla_tracks for strip in track.strips)
    assert (strip.action, getattr(strip, "action_slot", None)) == (mine, slot)
    assert (strip.frame_start, strip.frame_end, strip.scale) == (2.5, 40.0, 1.0)
    assert not mine.use_fake_user
    target.animation_data.action = None
    for bone in target.pose.bones:
        bone.matrix_basis = Matrix()
    assert shown(target, range(1, 50)) == pytest.approx(before, abs=1e-5)


def test_other_bones_go_on_with_what_lies_below() -> None:
    source, target = performer(), hero()
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    prop = target.data.edit_bones.new("hat")
    prop.head, prop.tail = (0, 0, 1.6), (0, 0, 1.7)
    prop.parent = target.data.edit_bones["head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    for frame in (1, 20):
        target.pose.bones["hat"].location.x = frame / 100.0
        target.pose.bones["hat"].keyframe_insert("location", frame=frame)
    bind_motion(source, target, BindOptions(existing="PUSH_DOWN"))
    bpy.context.scene.frame_set(20)
    assert target.pose.bones["hat"].location.x == pytest.approx(0.2)


def test_pushing_down_keeps_how_the_action_was_blended() -> None:
    source, target = performer(), hero()
    busy_before(target)
    animation = target.animation_data
    animation.action_blend_type, animation.action_influence, animation.action_extrapolation = "ADD", 0.5, "NOTHING"
    bind_motion(source, target, BindOptions(existing="PUSH_DOWN"))
    strip = animation.nla_tracks[0].strips[0]
    assert (strip.blend_type, strip.influence, strip.extrapolation) == ("ADD", 0.5, "NOTHING")
    assert (animation.action_blend_type, animation.action_influence) == ("REPLACE", 1.0)


def test_without_an_action_before_nothing_is_pushed_down() -> None:
    source, target = performer(), hero()
    result = bind_motion(source, target, BindOptions(existing="PUSH_DOWN"))
    assert target.animation_data.action == result.action
    assert not target.animation_data.nla_tracks


def test_a_layer_adds_how_far_the_motion_goes_from_its_first_frame() -> None:
    source, target, twin = performer(), hero(), hero("Twin")
    busy_before(target)
    before = shown(target, SPAN)
    own = channel(target, ARM, SPAN)
    bind_motion(source, twin)
    motion = channel(twin, ARM, SPAN)
    bpy.context.scene.frame_set(5)

    result = bind_motion(source, target, BindOptions(existing="LAYER"))

    animation = target.animation_data
    assert animation.action is None
    assert [[strip.action.name for strip in track.strips] for track in animation.nla_tracks] == [
        ["Mine"],
        [result.action.name],
    ]
    after = shown(target, SPAN)
    assert after[0] == pytest.approx(before[0], abs=1e-5)
    assert np.abs(after - before).max() > 0.1
    for mine, first, moved, now in zip(own, [motion[0]] * FRAMES, motion, channel(target, ARM, SPAN), strict=True):
        assert (mine @ (first.conjugated() @ moved)).rotation_difference(now).angle < 1e-3


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_a_layer_on_a_pose_without_animation_begins_in_that_pose(mode: str) -> None:
    source, target = performer(), hero()
    for bone in target.pose.bones:
        bone.rotation_mode = mode
    bones = target.pose.bones
    bones[ARM].matrix_basis = Euler((0.4, 0.3, 0.2)).to_matrix().to_4x4()
    bones[HIPS].location = (0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    before = np.array([bone.matrix for bone in bones])
    bind_motion(source, target, BindOptions(existing="LAYER"))
    bpy.context.scene.frame_set(1)
    assert np.array([bone.matrix for bone in bones]) == pytest.approx(before, abs=1e-5)
    bpy.context.scene.frame_set(12)
    assert np.abs(np.array([bone.matrix for bone in bones]) - before).max() > 0.1


def test_a_layer_that_would_not_show_is_refused() -> None:
    source, target = performer(), hero()
    busy_before(target)
    target.animation_data.use_nla = False
    with pytest.raises(SceneError, match="switched off"):
        bind_motion(source, target, BindOptions(existing="LAYER"))
    target.animation_data.use_nla = True
    target.animation_data.nla_tracks.new().is_solo = True
    with pytest.raises(SceneError, match="solo"):
        bind_motion(source, target, BindOptions(existing="LAYER"))
    assert target.animation_data.action.name == "Mine"


@pytest.mark.parametrize("mode", ["QUATERNION", "ZXY", "AXIS_ANGLE"])
@pytest.mark.parametrize("degrees", [0.25, 1.0])
def test_fewer_keys_stay_within_the_error_on_every_frame(mode: str, degrees: float) -> None:
    source, full, thin = performer(), hero("Full"), hero("Thin")
    for bone in (*full.pose.bones, *thin.pose.bones):
        bone.rotation_mode = mode
    whole = bind_motion(source, full).action
    thinned = bind_motion(source, thin, BindOptions(max_error=math.radians(degrees))).action
    leg = sum((full.data.bones[name].length for name in ("thigh_l", "calf_l")), start=0.0)
    for frame in SPAN:
        bpy.context.scene.frame_set(frame)
        for bone in full.pose.bones:
            other = thin.pose.bones[bone.name]
            apart = bone.matrix_basis.to_quaternion().rotation_difference(other.matrix_basis.to_quaternion()).angle
            assert math.degrees(min(apart, 2.0 * math.pi - apart)) <= degrees + 0.03, (frame, bone.name)
            assert (bone.location - other.location).length <= leg * math.tan(math.radians(degrees)) + 1e-5
    keys, fewer = ([len(c.keyframe_points) for c in compat.slot_curves(action)] for action in (whole, thinned))
    assert sum(fewer) < {0.25: 0.95, 1.0: 0.6}[degrees] * sum(keys)
    frames: dict[str, set[tuple[float, ...]]] = {}
    for curve in compat.slot_curves(thinned):
        frames.setdefault(curve.data_path.split('"')[1], set()).add(tuple(k.co.x for k in curve.keyframe_points))
    assert {len(each) for each in frames.values()} == {1}  # all channels of a bone on the same frames
    assert tuple(thinned.frame_range) == tuple(whole.frame_range)


def test_mirrored_motion_is_what_a_mirror_shows() -> None:
    source, plain, image = performer(), hero("Plain"), hero("Image")
    bind_motion(source, plain)
    bind_motion(source, image, BindOptions(mirror=True))
    for side, other in ("lr", "rl"):
        names = [f"{part}_{{}}" for part in ("hand", "lowerarm", "foot", "calf", "index_03")]
        here = shown(image, SPAN, [name.format(side) for name in names])[..., :3, 3]
        there = shown(plain, SPAN, [name.format(other) for name in names])[..., :3, 3]
        assert here == pytest.approx(there * (-1.0, 1.0, 1.0), abs=1e-4)
    assert np.ptp(shown(plain, SPAN, ["pelvis"])[..., 0, 3]) > 0.05


def test_smoothing_takes_jitter_out() -> None:
    source, rough, smooth = performer(), hero("Rough"), hero("Smooth")
    random = np.random.default_rng(0)
    for curve in compat.active_curves(source):
        for key in curve.keyframe_points:
            key.co.y += random.normal(scale=0.01)
        curve.update()
    bind_motion(source, rough)
    bind_motion(source, smooth, BindOptions(smoothing=0.05))

    def shake(armature: bpy.types.Object) -> float:
        return float(np.abs(np.diff(shown(armature, SPAN, ["hand_l", "hand_r"])[..., :3, 3], n=3, axis=0)).mean())

    assert shake(smooth) < 0.4 * shake(rough)
    apart = shown(smooth, SPAN)[..., :3, 3] - shown(rough, SPAN)[..., :3, 3]
    assert np.linalg.norm(apart, axis=-1).mean() < 0.02


def test_several_characters_get_the_same_motion_each_as_alone() -> None:
    source, alone = performer(), hero("Alone")
    mixamo = rigs.build("Mixamo", rigs.MIXAMO)
    bind_motion(source, alone)
    results = bind_motions(source, [Character(hero()), Character(mixamo)])
    assert len(results) == 2
    assert shown(bpy.data.objects["Hero"], SPAN) == pytest.approx(shown(alone, SPAN), abs=1e-6)
    assert mixamo.animation_data.action == results[1].action


@pytest.mark.parametrize("existing", ["KEEP", "PUSH_DOWN", "LAYER"])
def test_all_of_several_characters_or_none(existing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, first, second = performer(), hero("First"), hero("Second")
    mine = busy_before(first)
    mine.use_fake_user = False
    options = BindOptions(existing=existing)
    second.scale = (1.0, 2.0, 1.0)
    characters = [Character(first), Character(second)]
    with pytest.raises(SceneError, match="not scaled evenly"):
        bind_motions(source, characters, options)

    second.scale = (1.0, 1.0, 1.0)
    actions = set(bpy.data.actions)

    def refuse(owner: bpy.types.Object, *arguments: object) -> None:
        if owner == second:
            raise RuntimeError("no")
        return assign(owner, *arguments)

    def full(owner: bpy.types.Object, *arguments: object) -> bpy.types.NlaStrip:
        if owner == second:
            raise RuntimeError("no")
        return strip(owner, *arguments)

    from aimocap_addon.scene import nla

    assign, strip = compat.assign_action, nla._new_strip
    monkeypatch.setattr(compat, "assign_action", refuse)
    monkeypatch.setattr(nla, "_new_strip", full)
    with pytest.raises((SceneError, RuntimeError)):
        bind_motions(source, characters, options)
    assert set(bpy.data.actions) == actions
    assert first.animation_data.action == mine
    assert not first.animation_data.nla_tracks
    assert not mine.use_fake_user
    assert second.animation_data is None
