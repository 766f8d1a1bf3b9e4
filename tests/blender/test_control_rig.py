# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding to the control rig that Rigify generates; measured on the bones that deform the skin."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
import rigs
from snapshots import changes, snapshot
from test_retarget import degrees, hip_path, joints, leg, limb_error, metarig, performer

from aimocap_addon.scene import compat, probing
from aimocap_addon.scene.binding import BindOptions, bind_motion

FREE_FEET = BindOptions(hold_contacts=False)
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
