# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding to the control rig that Rigify generates; measured on the bones that deform the skin."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import bpy
import control_rigs
import numpy as np
import pytest
import rigs
from mathutils import Euler, Matrix
from snapshots import changes, snapshot
from test_retarget import FRAMES, degrees, hip_path, joints, leg, limb_error, metarig, mixamo, performer

from aimocap_addon.motion.contacts import planted, spans
from aimocap_addon.motion.roles import Mapping
from aimocap_addon.scene import compat, probing
from aimocap_addon.scene.binding import BindOptions, bind_motion
from aimocap_addon.scene.errors import SceneError
from aimocap_addon.scene.mapping_editing import recognise
from aimocap_addon.scene.robot_armature import is_robot
from aimocap_addon.scene.robot_retarget import retarget_to_g1
from benchmarks.retarget import RATE, make_performer

FREE_FEET = BindOptions(hold_contacts=False)
ON_IK = BindOptions(hold_contacts=False, controls="IK")
DEFORM = {
    "sides": (".L", ".R"),
    "arm": ("DEF-shoulder{}", "DEF-upper_arm{}", "DEF-forearm{}", "DEF-hand{}"),
    "leg": ("DEF-thigh{}", "DEF-shin{}", "DEF-foot{}", "DEF-toe{}"),
}


@pytest.fixture(scope="module")
def rig_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the generated rig; generating takes seconds."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    metarig()
    bpy.context.view_layer.objects.active.select_set(True)
    bpy.ops.pose.rigify_generate()
    bpy.context.view_layer.objects.active.name = "Puppet"
    path = tmp_path_factory.mktemp("rig") / "puppet.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture
def puppet(rig_file: Path) -> bpy.types.Object:
    bpy.ops.wm.open_mainfile(filepath=str(rig_file))
    return bpy.data.objects["Puppet"]


def test_deform_bones_follow_the_performer(puppet: bpy.types.Object) -> None:
    source = performer()
    bones = puppet.pose.bones
    bones["upper_arm_fk.L"].rotation_mode = "XYZ"
    result = bind_motion(source, puppet, FREE_FEET)
    assert limb_error(source, puppet, DEFORM).max() < 0.01
    assert result.family == "Rigify control rig"
    assert not result.missing
    assert bones["upper_arm_fk.L"].rotation_mode == "XYZ"
    fingers = [("DEF-f_index.01.L", "DEF-f_index.02.L"), ("index_01_l", "index_02_l")]
    here, there = (
        np.diff(joints(obj, list(pair), [9.0, 30.0]), axis=1)
        for obj, pair in zip((puppet, source), fingers, strict=True)
    )
    assert degrees(*(v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (here, there))).max() < 0.01


def test_the_torso_carries_the_path(puppet: bpy.types.Object) -> None:
    source = performer()
    bind_motion(source, puppet, FREE_FEET)
    frames = [1.0, 20.0, 40.0]
    here, there = (np.diff(hip_path(o, n, frames), axis=0) for o, n in ((puppet, DEFORM), (source, rigs.UNREAL)))
    assert here == pytest.approx(there * leg(puppet, DEFORM) / leg(source, rigs.UNREAL), rel=0.005, abs=1e-4)
    moved = {c.data_path for c in compat.active_curves(puppet) if c.data_path.endswith("location")}
    assert moved == {puppet.pose.bones["torso"].path_from_id("location")}


def test_fk_is_switched_on_by_the_action_itself(puppet: bpy.types.Object) -> None:
    bind_motion(performer(), puppet)
    switched = {c.data_path: c.evaluate(20.0) for c in compat.active_curves(puppet) if c.data_path.endswith('"IK_FK"]')}
    assert len(switched) == 4
    assert set(switched.values()) == {1.0}
    bpy.context.scene.frame_set(20)
    assert puppet.pose.bones["thigh_parent.L"]["IK_FK"] == 1.0


def test_a_fault_while_the_rig_is_probed_leaves_it_as_it_was(
    puppet: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = performer()
    bone = puppet.pose.bones["shin_fk.L"]
    bone.rotation_mode, bone.rotation_euler, bone.location = "ZXY", (0.1, 0.2, 0.3), (0.01, 0.0, 0.0)
    puppet.pose.bones["torso"]["head_follow"] = 0.25
    bpy.context.view_layer.update()

    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(probing, "_holders", full)
    before = snapshot()
    with pytest.raises(MemoryError):
        bind_motion(source, puppet)
    changed = [path for path in changes(before, snapshot()) if not path.endswith((".matrix", ".head", ".tail"))]
    assert not changed
    assert tuple(bone.rotation_euler) == pytest.approx((0.1, 0.2, 0.3))
    assert puppet.pose.bones["torso"]["head_follow"] == 0.25


def squatting() -> bpy.types.Object:
    """A performer whose knees bend as knees do, to nearly straight and far."""
    source = performer()
    for sign, side in zip((1.0, -1.0), rigs.UNREAL["sides"], strict=True):
        bone = source.pose.bones[f"calf{side}"]
        axes = bone.bone.matrix_local.to_3x3()
        for frame in range(FRAMES):
            turn = Euler((0.6 + 0.5 * sign * math.sin(0.2 * frame), 0.0, 0.0)).to_matrix()
            bone.rotation_quaternion = (axes.inverted() @ turn @ axes).to_quaternion()
            bone.keyframe_insert("rotation_quaternion", frame=1 + frame)
    return source


def turned(obj: bpy.types.Object, names: list[str]) -> np.ndarray:
    """Axes (F, N, 3, 3) of bones in the object's own space."""
    found = []
    for frame in range(1, FRAMES + 1):
        bpy.context.scene.frame_set(frame)
        found.append([obj.pose.bones[name].matrix.to_3x3().normalized() for name in names])
    return np.array(found)


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Degrees (...) between rotations (..., 3, 3)."""
    apart = np.linalg.norm(a - b, axis=(-2, -1)) / math.sqrt(8.0)
    return np.degrees(2.0 * np.arcsin(np.clip(apart, 0.0, 1.0)))


def keyed(obj: bpy.types.Object) -> set[str]:
    return {curve.data_path for curve in compat.active_curves(obj)}


ENDS = ["DEF-hand.L", "DEF-hand.R", "DEF-foot.L", "DEF-foot.R", "DEF-toe.L", "DEF-toe.R", "DEF-f_ring.02.L"]


def test_on_ik_controls_the_body_is_where_fk_has_it(puppet: bpy.types.Object) -> None:
    source = squatting()
    bind_motion(source, puppet, FREE_FEET)
    frames = [float(frame) for frame in range(1, FRAMES + 1)]
    limbs = [f"DEF-{part}{side}" for side in DEFORM["sides"] for part in ("upper_arm", "forearm", "thigh", "shin")]
    places, ends, rolls = joints(puppet, ENDS, frames), turned(puppet, ENDS), turned(puppet, limbs)
    result = bind_motion(source, puppet, ON_IK)
    assert not result.warning
    assert limb_error(source, puppet, DEFORM, frames).max() < 0.1
    assert np.abs(joints(puppet, ENDS, frames) - places).max() < 1e-3
    assert angles(turned(puppet, ENDS), ends).max() < 0.1
    # neither turned about itself, as by a pole on the wrong side, nor from one frame to the next
    now = turned(puppet, limbs)
    assert angles(now, rolls).max() < 60.0
    assert angles(now[1:], now[:-1]).max() < angles(rolls[1:], rolls[:-1]).max() + 5.0


def test_ik_controls_are_keyed_in_place_of_fk_ones(puppet: bpy.types.Object) -> None:
    bind_motion(performer(), puppet, ON_IK)
    bones = puppet.pose.bones
    moved = {path.split('"')[1] for path in keyed(puppet)}
    assert moved >= {f"{name}{side}" for name in ("hand_ik", "foot_ik", "toe_ik") for side in DEFORM["sides"]}
    assert moved >= {"torso", "head", "spine_fk.003", "thigh_ik_target.L", "upper_arm_ik_target.R", "f_index.01.L"}
    assert not [name for name in moved if name.startswith(("thigh_fk", "shin_fk", "forearm_fk", "hand_fk", "foot_fk"))]
    bpy.context.scene.frame_set(20)
    limbs = [bones[f"{limb}_parent{side}"] for limb in ("thigh", "upper_arm") for side in DEFORM["sides"]]
    assert {(limb["IK_FK"], bool(limb["pole_vector"]), limb["IK_parent"]) for limb in limbs} == {(0.0, True, 1)}


LIMBS = [(part, end) for chain in ("arm", "leg") for part, end in pairwise(DEFORM[chain][1:4])]


def limbs(obj: bpy.types.Object, frames: list[float]) -> np.ndarray:
    """Unit directions (F, 8, 3) of upper and lower arms and legs, of the bones that deform the skin."""
    ends = [pair for side in DEFORM["sides"] for limb in LIMBS for pair in (part.format(side) for part in limb)]
    heads = joints(obj, ends, frames)
    steps = heads[:, 1::2] - heads[:, ::2]
    return steps / np.linalg.norm(steps, axis=-1, keepdims=True)


@pytest.mark.parametrize("error", [0.5, 2.0])
def test_fewer_keys_on_ik_controls_keep_limbs_within_the_stated_error(puppet: bpy.types.Object, error: float) -> None:
    bpy.context.scene.render.fps = RATE
    source, frames = make_performer(RATE), [float(frame) for frame in range(1, RATE + 1)]
    bind_motion(source, puppet, replace(ON_IK, hold_contacts=True))
    full, count = limbs(puppet, frames), keys(puppet)
    bind_motion(source, puppet, replace(ON_IK, hold_contacts=True, max_error=math.radians(error)))
    assert keys(puppet) < 0.5 * count
    assert degrees(limbs(puppet, frames), full).max() < error + 0.02


def keys(obj: bpy.types.Object) -> int:
    return sum(len(curve.keyframe_points) for curve in compat.active_curves(obj))


def test_elbows_that_tremble_are_where_fk_has_them_and_poles_do_not_go_round(puppet: bpy.types.Object) -> None:
    bpy.context.scene.render.fps = RATE
    source, frames = make_performer(RATE), [float(frame) for frame in range(1, RATE + 1)]
    bind_motion(source, puppet, FREE_FEET)
    full = limbs(puppet, frames)
    bind_motion(source, puppet, ON_IK)
    assert "forearm_tweak.R" in {path.split('"')[1] for path in keyed(puppet)}
    assert "shin_tweak.L" not in {path.split('"')[1] for path in keyed(puppet)}  # knees bend enough for their poles
    assert degrees(limbs(puppet, frames), full).max() < 0.1
    upper = turned(puppet, ["DEF-upper_arm.R"])[:RATE]
    assert angles(upper[1:], upper[:-1]).max() < 12.0
    bind_motion(source, puppet, FREE_FEET)  # which takes the shift of the elbows back
    assert degrees(limbs(puppet, frames), full).max() < 0.01


def test_fk_again_after_ik(puppet: bpy.types.Object) -> None:
    source = squatting()
    bind_motion(source, puppet, ON_IK)
    bpy.context.scene.frame_set(12)
    bind_motion(source, puppet, FREE_FEET)
    assert limb_error(source, puppet, DEFORM).max() < 0.01


@pytest.mark.parametrize("options", [FREE_FEET, ON_IK])
def test_other_parents_and_a_moved_root_make_no_difference(puppet: bpy.types.Object, options: BindOptions) -> None:
    source = squatting()
    bones = puppet.pose.bones
    bones["root"].location, bones["root"].rotation_quaternion = (0.5, 1.0, 0.25), Euler((0.2, 0.1, 1.0)).to_quaternion()
    bones["upper_arm_parent.L"]["pole_parent"], bones["thigh_parent.L"]["pole_parent"] = 2, 1
    bones["upper_arm_parent.R"]["FK_limb_follow"] = 1.0
    bones["torso"]["head_follow"] = 0.5
    bind_motion(source, puppet, options)
    assert limb_error(source, puppet, DEFORM).max() < 0.1
    assert tuple(bones["root"].location) == pytest.approx((0.5, 1.0, 0.25))
    path = hip_path(puppet, DEFORM, [1.0, 20.0])
    bones["root"].matrix_basis = Matrix()
    bind_motion(source, puppet, options)
    assert path == pytest.approx(hip_path(puppet, DEFORM, [1.0, 20.0]), abs=1e-3)


def test_the_root_control_can_take_the_travel(puppet: bpy.types.Object) -> None:
    source = squatting()
    frames = [1.0, 20.0, 40.0]
    for kind in ("FK", "IK"):
        bind_motion(source, puppet, BindOptions(root_motion="ROOT_BONE", hold_contacts=False, controls=kind))
        here, there = (np.diff(hip_path(o, n, frames), axis=0) for o, n in ((puppet, DEFORM), (source, rigs.UNREAL)))
        assert here == pytest.approx(there * leg(puppet, DEFORM) / leg(source, rigs.UNREAL), rel=0.01, abs=1e-3)
        root = np.diff(joints(puppet, ["root"], frames)[:, 0], axis=0)
        assert np.linalg.norm(root[:, :2], axis=-1).min() > 0.5 * np.linalg.norm(here[:, :2], axis=-1).min()
        assert limb_error(source, puppet, DEFORM).max() < 0.1


def test_the_root_control_turns_with_the_body(puppet: bpy.types.Object) -> None:
    source = squatting()
    source.rotation_mode = "XYZ"
    for frame, yaw in ((1, 0.0), (FRAMES, 2.5)):
        source.rotation_euler.z = yaw
        source.keyframe_insert("rotation_euler", frame=frame)
    frames = [1.0, 20.0, float(FRAMES)]
    bones = ["DEF-thigh.L", "DEF-hand.R", "DEF-spine.006", "DEF-foot.L", "DEF-toe.L"]
    bind_motion(source, puppet, FREE_FEET)
    expected = joints(puppet, bones, frames)
    for kind in ("FK", "IK"):
        bind_motion(source, puppet, BindOptions(root_motion="ROOT_BONE", hold_contacts=False, controls=kind))
        assert joints(puppet, bones, frames) == pytest.approx(expected, abs=2e-3)
        assert puppet.pose.bones["root"].matrix.to_euler().z == pytest.approx(2.5, abs=0.3)


@pytest.mark.parametrize("controls", ["FK", "IK"])
def test_planted_feet_stay_where_they_stand(puppet: bpy.types.Object, controls: str) -> None:
    count = 2 * RATE
    bpy.context.scene.render.fps = RATE
    source = make_performer(count)
    bind_motion(source, puppet, BindOptions(controls=controls))
    frames = [float(frame) for frame in range(1, count + 1)]
    control = "foot_ik" if controls == "IK" else "foot_fk"
    size = leg(puppet, DEFORM) / 90.0  # one centimetre of a body with legs of 90
    for side, mark in zip(("_l", "_r"), DEFORM["sides"], strict=True):
        toe = joints(source, [f"ball{side}"], frames)[:, 0]
        foot, held = np.moveaxis(joints(puppet, [f"DEF-toe{mark}", f"{control}{mark}"], frames), 1, 0)
        stands = spans(planted(toe, np.array((0.0, 0.0, 1.0)), leg(source, rigs.UNREAL), float(RATE)))
        assert stands
        for start, stop in stands:
            assert np.ptp(foot[start:stop], axis=0).max() < 0.5 * size
            assert np.ptp(held[start:stop], axis=0).max() < 0.5 * size


def test_a_fault_while_ik_controls_are_probed_leaves_the_rig_as_it_was(
    puppet: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = performer()
    bones = puppet.pose.bones
    bones["hand_ik.L"].location, bones["thigh_ik.R"].ik_stretch = (0.1, 0.2, 0.3), 0.25
    bones["thigh_parent.L"]["IK_parent"] = 3
    bpy.context.view_layer.update()
    found = probing._holders
    calls = []

    def second(*arguments: np.ndarray) -> list[probing.Holder]:
        calls.append(arguments)
        if len(calls) > 1:
            raise MemoryError
        return found(*arguments)

    monkeypatch.setattr(probing, "_holders", second)
    before = snapshot()
    with pytest.raises(MemoryError):
        bind_motion(source, puppet, ON_IK)
    assert len(calls) == 2
    changed = [path for path in changes(before, snapshot()) if not path.endswith((".matrix", ".head", ".tail"))]
    assert not changed
    assert bones["thigh_parent.L"]["IK_parent"] == 3
    assert not bones["thigh_parent.L"]["pole_vector"]


def test_a_plain_skeleton_has_no_controls_to_choose_from() -> None:
    target, names = mixamo()
    assert not recognise(target, None).has_ik
    result = bind_motion(performer(), target, ON_IK)
    assert not result.warning
    assert limb_error(bpy.data.objects["Performer"], target, names).max() < 0.1


@pytest.mark.parametrize("controls", ["FK", "IK"])
def test_a_rig_with_auto_rig_pro_s_controls(controls: str) -> None:
    source, (target, names) = squatting(), control_rigs.auto_rig_pro()
    assert recognise(target, None).has_ik
    target.pose.bones["c_leg_pole.l"]["pole_parent"] = 0
    result = bind_motion(source, target, BindOptions(hold_contacts=False, controls=controls))
    assert result.family == "Auto-Rig Pro control rig"
    assert (result.missing, result.warning) == ((), "")
    frames = [float(frame) for frame in range(1, FRAMES + 1, 2)]
    assert limb_error(source, target, names, frames).max() < 0.1
    for pair in (("foot.l", "toes_01.l"), ("hand.r", "index1.r")):
        there = [part.replace("index1", "index_01").replace("toes_01", "ball").replace(".", "_") for part in pair]
        steps = [np.diff(joints(o, n, frames), axis=1) for o, n in ((target, list(pair)), (source, there))]
        turns = [step / np.linalg.norm(step, axis=-1, keepdims=True) for step in steps]
        assert np.ptp(degrees(*turns)) < 1.0  # apart by what they are at rest, and by nothing more
    here, there = (np.diff(hip_path(o, n, frames), axis=0) for o, n in ((target, names), (source, rigs.UNREAL)))
    assert here == pytest.approx(there * leg(target, names) / leg(source, rigs.UNREAL), rel=0.01, abs=1e-3)
    moved = {path.split('"')[1] for path in keyed(target) if "ik_stretch" not in path}
    assert ("c_thigh_fk.l" in moved, "c_leg_pole.r" in moved) == (controls == "FK", controls == "IK")
    assert target.pose.bones["c_hand_ik.l"]["ik_fk_switch"] == (controls == "FK")


@pytest.mark.parametrize("controls", ["FK", "IK"])
def test_a_person_s_mapping_to_the_controls_of_another_rig(controls: str) -> None:
    source = squatting()
    target, names, roles = control_rigs.studio()
    options = BindOptions(hold_contacts=False, controls=controls)
    result = bind_motion(source, target, options, mapping=Mapping("Custom", roles, 1.0, ()))
    assert limb_error(source, target, names).max() < 0.01
    assert {path.split('"')[1] for path in keyed(target)} == set(roles.values())
    assert ("no IK controls" in result.warning) is (controls == "IK")


def test_constraints_on_mapped_bones_are_told() -> None:
    target, _ = mixamo()
    for name in ("mixamorig:LeftArm", "mixamorig:Head"):
        target.pose.bones[name].constraints.new("LIMIT_ROTATION")
    target.pose.bones["mixamorig:Hips"].constraints.new("LIMIT_LOCATION").mute = True
    warning = bind_motion(performer(), target).warning
    assert "mixamorig:LeftArm" in warning
    assert "mixamorig:Head" in warning
    assert "mixamorig:Hips" not in warning


@pytest.mark.parametrize("options", [FREE_FEET, ON_IK], ids=["FK", "IK"])
def test_a_control_rig_performs_with_its_deform_bones(puppet: bpy.types.Object, options: BindOptions) -> None:
    source = squatting()
    bind_motion(source, puppet, options)
    double, _ = mixamo()
    result = bind_motion(puppet, double, FREE_FEET)
    assert not result.warning
    assert limb_error(source, double, rigs.MIXAMO).max() < 0.1
    robot, motion, _ = retarget_to_g1(bpy.context, puppet)
    assert is_robot(robot)
    knees = motion.dof_pos[:, [3, 9]]
    assert np.degrees(np.ptp(knees, axis=0)).min() > 20.0  # it squats, as the performer does


def test_a_control_rig_whose_deform_bones_say_nothing_is_no_performer(puppet: bpy.types.Object) -> None:
    bind_motion(performer(), puppet)
    for bone in puppet.data.bones:
        bone.use_deform = False
    with pytest.raises(SceneError, match="choose the skeleton that it exports"):
        bind_motion(puppet, mixamo()[0])


def test_a_control_in_between_that_is_posed_is_asked_to_be_cleared(puppet: bpy.types.Object) -> None:
    puppet.pose.bones["chest"].rotation_quaternion = Euler((0.5, 0.0, 0.0)).to_quaternion()
    bpy.context.view_layer.update()
    with pytest.raises(SceneError, match="clear the pose of chest"):
        bind_motion(performer(), puppet)


def test_a_layer_on_controls_that_do_not_rule_is_told(puppet: bpy.types.Object) -> None:
    source = squatting()
    bind_motion(source, puppet, ON_IK)
    bpy.context.scene.frame_set(5)
    on_ik, on_fk = (
        bind_motion(source, puppet, BindOptions(existing="LAYER", controls=kind)).warning for kind in ("IK", "FK")
    )
    assert not on_ik
    assert "not switched to its FK controls" in on_fk
