# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that become motion of a robot, alone or beside a character."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import truth
from bl_ext.user_default.aimocap.jobs.record import CaptureRecord, Stage
from bl_ext.user_default.aimocap.scene import video_source
from bl_ext.user_default.aimocap.ui import commands, delivery
from bl_ext.user_default.aimocap.ui.capture_flow import CaptureOptions, begin
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from conftest import CLIPS
from stub_service import FRAMES, KNEE_BEND, ROBOT_FPS, movements, running_stub_service, video

import characters
from service_process import ServiceProcess, run_command

WAVE = CLIPS / "wave_squat.mp4"


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "faults.json"
    path.write_text("[]")
    return path


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory, faults: Path) -> Iterator[ServiceProcess]:
    with running_stub_service(tmp_path_factory.mktemp("stub"), "--faults", str(faults)) as process:
        yield process


@pytest.fixture
def use_stub(stub: ServiceProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ServiceProcess:
    """A Blender that uses the stub service, with a store of its own."""
    monkeypatch.setenv("AIMOCAP_BASE_URL", stub.url)
    monkeypatch.setenv("AIMOCAP_KEY", stub.create_key(100))
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    return stub


def robots() -> list[bpy.types.Object]:
    return [each for each in bpy.data.objects if each.type == "ARMATURE" and "left_knee_joint" in each.data.bones]


def knee(robot: bpy.types.Object, frame: float) -> float:
    """How far the robot's left knee is bent, in radians, as Blender evaluates it."""
    bpy.context.scene.frame_set(int(frame), subframe=frame % 1.0)
    evaluated = robot.evaluated_get(bpy.context.evaluated_depsgraph_get())
    bone = evaluated.pose.bones["left_knee_joint"]
    above = bone.parent
    rest = above.bone.matrix_local.inverted() @ bone.bone.matrix_local
    return (rest.inverted() @ above.matrix.inverted() @ bone.matrix).to_quaternion().angle


def captured(clip: Path, targets: str, armature: str = "") -> CaptureRecord:
    """Return a finished capture whose motion was not brought in."""
    source = video_source.from_file(bpy.context.scene, clip)
    record, service = begin(bpy.context, source, CaptureOptions(armature=armature, targets=targets))
    return session().run_blocking(record, service)


def key_frames(armature: bpy.types.Object) -> tuple[float, float]:
    return tuple(armature.animation_data.action.frame_range)


def test_one_capture_moves_character_and_robot_in_time(use_stub, tmp_path) -> None:
    hero = characters.make_mixamo_character("Hero")
    scene = bpy.context.scene
    scene.render.fps = 24
    before = len(movements(use_stub.data))

    bpy.ops.aimocap.capture_file(
        "EXEC_DEFAULT", filepath=str(video(tmp_path, "quick")), armature="Hero", targets="BOTH",
        export_rate="30", trim_end=2.0, frame_start=101,
    )  # fmt: skip

    (robot,) = robots()
    last = 101 + (FRAMES - 1) * 24 / ROBOT_FPS  # by the file's own rate, not the one that was asked for
    assert key_frames(robot) == pytest.approx((101.0, last))
    assert key_frames(hero)[0] == 101.0
    assert knee(robot, 101.0) == pytest.approx(0.0, abs=1e-3)
    assert knee(robot, last) == pytest.approx(KNEE_BEND, abs=1e-3)
    assert [each.type for each in bpy.data.objects].count("ARMATURE") == 2  # no captured skeleton beside them
    assert movements(use_stub.data)[before:] == ["charge"]
    listed = run_command("keys", "list", "--data", str(use_stub.data)).stdout
    assert "98" in listed.splitlines()[-1]  # two seconds, as for the character alone


def test_robot_alone_leaves_the_character_be(use_stub, tmp_path) -> None:
    hero = characters.make_mixamo_character("Hero")
    clip = str(video(tmp_path, "quick"))
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Hero", targets="ROBOT")
    assert hero.animation_data is None or hero.animation_data.action is None
    assert len(robots()) == 1

    assert bpy.ops.aimocap.import_capture("EXEC_DEFAULT") == {"FINISHED"}
    assert len(robots()) == 2
    assert hero.animation_data is None or hero.animation_data.action is None


def test_a_character_that_is_no_body_does_not_hinder_the_robot(use_stub, tmp_path) -> None:
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Prop", bpy.data.armatures.new("Prop")))
    clip = str(video(tmp_path, "quick"))
    with pytest.raises(RuntimeError, match="“Prop”"):
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Prop", targets="BOTH")
    assert not robots()
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Prop", targets="ROBOT")
    assert len(robots()) == 1


def test_a_robot_that_was_not_delivered_is_told(use_stub, faults, tmp_path, capfd) -> None:
    hero = characters.make_mixamo_character("Hero")
    clip = video(tmp_path, "quick")
    faults.write_text(json.dumps([{"kind": "missing_output", "target": "unitree_g1"}]))
    try:
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=str(clip), armature="Hero", targets="BOTH")
        record = captured(clip, "BOTH")
    finally:
        faults.write_text("[]")
    missing = "The service delivered no file for unitree_g1."
    assert missing in capfd.readouterr().out
    assert hero.animation_data.action is not None
    assert not robots()

    assert delivery.conclude(record) == ({"WARNING"}, f"“quick” is captured. {missing}")  # as the watcher does


def test_a_robot_that_cannot_be_read_costs_the_character_nothing(use_stub, snapshot, tmp_path, capfd) -> None:
    hero = characters.make_mixamo_character("Hero")
    clip = str(video(tmp_path, "23_joints"))
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Hero", targets="BOTH")
    assert hero.animation_data.action is not None
    assert "The robot is missing" in (said := capfd.readouterr().out)
    assert "23 joints" in said

    before = snapshot()
    with pytest.raises(RuntimeError, match="23 joints"):
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, targets="ROBOT")
    assert snapshot() == before


def test_a_character_that_fails_leaves_no_robot(use_stub, snapshot, tmp_path) -> None:
    hero = characters.make_mixamo_character("Hero")
    record = captured(video(tmp_path, "quick"), "BOTH", "Hero")
    hero.name = "Gone"
    bpy.data.objects.remove(hero)
    before = snapshot()
    with pytest.raises(RuntimeError, match="There is no armature “Hero”"):
        bpy.ops.aimocap.import_capture("EXEC_DEFAULT", capture_id=record.capture_id)
    assert snapshot() == before
    # onto another character both arrive
    characters.make_mixamo_character("Other")
    bpy.ops.aimocap.import_capture("EXEC_DEFAULT", capture_id=record.capture_id, use_armature=True, armature="Other")
    assert len(robots()) == 1
    assert bpy.data.objects["Other"].animation_data.action is not None


def test_robot_outlives_a_restart(use_stub, tmp_path, monkeypatch) -> None:
    """Blender is closed while the service solves; the next one goes on and brings the robot into its file."""
    path = tmp_path / "scene.blend"
    stage = bpy.data.scenes.new("Stage")
    bpy.context.window.scene = stage
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    source = video_source.from_file(bpy.context.scene, video(tmp_path, "held"))
    record, service = begin(bpy.context, source, CaptureOptions(targets="ROBOT"))
    session().start(record, service)
    _until(record, lambda latest: latest.stage is Stage.PROCESSING)

    session().shutdown()
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    bpy.ops.wm.read_homefile(use_empty=True)
    session().load()
    assert delivery.resume_found(bpy.context) == 1
    (use_stub.data / "go").touch()
    _until(record, lambda latest: latest.stage is Stage.READY)
    assert not robots()

    bpy.ops.wm.open_mainfile(filepath=str(path))
    bpy.context.window.scene = next(each for each in bpy.data.scenes if each.name != "Stage")
    [waiting] = delivery.deliverable()
    assert delivery.conclude(waiting)[0] == {"INFO"}
    (robot,) = robots()
    assert {each.name for each in robot.users_scene} == {"Stage"}
    assert {each.name for body in robot.children_recursive for each in body.users_scene} == {"Stage"}
    assert delivery.deliverable() == []


def test_command_line_makes_both(use_stub, tmp_path, capfd) -> None:
    out = tmp_path / "out.blend"
    manifest = tmp_path / "jobs.csv"
    manifest.write_text(f"video,save,target\n{video(tmp_path, 'quick')},out.blend,both\n")
    assert commands.run(["batch", str(manifest)]) == 0, capfd.readouterr()
    bpy.ops.wm.open_mainfile(filepath=str(out))
    (robot,) = robots()
    (captured,) = (each for each in bpy.data.objects if each.type == "ARMATURE" and each != robot)
    assert captured.animation_data.action is not None


def test_robot_moves_as_the_person_in_the_video(use_service) -> None:
    scene = bpy.context.scene
    scene.render.fps = 30
    bpy.ops.aimocap.capture_file(
        "EXEC_DEFAULT", filepath=str(WAVE), targets="ROBOT", trim_start=2.5, trim_end=4.5, frame_start=11
    )
    (robot,) = robots()
    frames = range(11, 71)
    assert key_frames(robot) == (11, 70)
    bends = np.degrees([knee(robot, frame) for frame in frames])
    true = truth.load(WAVE.with_suffix(".npz")).flexion("knee_l", 2.5 + np.arange(60) / 30)
    assert truth.correlation(bends, true) > 0.95
    assert np.abs(bends - true).mean() < 20.0


def _until(record: CaptureRecord, true: Callable[[CaptureRecord], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not true(latest := session().records[record.capture_id]):
        assert latest.failure is None, latest.failure
        assert time.monotonic() < deadline, latest
        session().pump()
        time.sleep(0.02)
