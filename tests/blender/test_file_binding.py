# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion bound straight from a file is what Blender's importer would have brought."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
import rigs
from snapshots import changes, snapshot
from test_retarget import mixamo

from aimocap_addon.local_service.fbx.writer import BlenderCommand, write_fbx
from aimocap_addon.motion.fbx_document import FbxFormatError
from aimocap_addon.motion.fbx_motion import read_fbx
from aimocap_addon.motion.rotations import normalize
from aimocap_addon.scene import compat, file_binding
from aimocap_addon.scene.binding import BindOptions, Character, bind_motion
from aimocap_addon.scene.fbx_import import import_fbx, remove_imported
from aimocap_addon.scene.performer import performer_in
from benchmarks import rig_pairs

FRAMES = 40


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as the local service makes it."""
    path = tmp_path_factory.mktemp("capture") / "capture.fbx"
    motion = rig_pairs.captured("wave_squat", seconds=FRAMES / rig_pairs.RATE)
    write_fbx(motion, path, BlenderCommand(Path(sys.executable), is_python=True))
    return path


def bind_file(path: Path, target: bpy.types.Object, options: BindOptions, start: float, step: float) -> None:
    characters = [Character(target, action_name="Take")]
    file_binding.bind_file(bpy.context, path, characters, options, name="Take", frame_start=start, frame_step=step)


def bind_imported(path: Path, target: bpy.types.Object, options: BindOptions, start: float, step: float) -> None:
    imported = import_fbx(bpy.context, path, name="Take", frame_start=start, frame_step=step)
    bind_motion(imported, target, options)
    remove_imported(imported)


def keys(target: bpy.types.Object) -> dict[str, np.ndarray]:
    """Frames and values (F, 1 + N) of each animated property."""
    found: dict[str, list[np.ndarray]] = {}
    for curve in compat.active_curves(target):
        co = np.empty((len(curve.keyframe_points), 2), dtype=np.float32)
        curve.keyframe_points.foreach_get("co", co.ravel())
        columns = found.setdefault(curve.data_path, [co[:, 0]])
        columns.append(co[:, 1])
    return {path: np.stack(columns, axis=-1).astype(np.float64) for path, columns in found.items()}


@pytest.mark.parametrize(("start", "step"), [(1.0, 1.0), (101.5, 0.8)])
@pytest.mark.parametrize("options", [BindOptions(), BindOptions(scale_mode="ONE_TO_ONE", root_motion="IN_PLACE")])
def test_a_file_of_the_local_service_binds_as_if_imported(
    capture: Path, start: float, step: float, options: BindOptions
) -> None:
    target, _ = mixamo()
    bind_imported(capture, target, options, start, step)
    there = keys(target)
    bind_file(capture, target, options, start, step)
    here = keys(target)
    assert here.keys() == there.keys()
    for path, values in here.items():
        assert values[:, 0] == pytest.approx(there[path][:, 0])
        if path.endswith("location"):
            assert np.abs(values[:, 1:] - there[path][:, 1:]).max() < 1e-3
        else:
            one, other = normalize(values[:, 1:]), normalize(there[path][:, 1:])
            assert np.degrees(2.0 * np.arccos(np.clip(np.abs(np.sum(one * other, axis=-1)), 0.0, 1.0))).max() < 0.1


def test_nothing_is_imported_and_nothing_else_changes(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, _ = mixamo()
    bind_imported(capture, target, BindOptions(), 1.0, 1.0)  # so that there is an action before and after
    bpy.context.scene.render.fps = 24
    monkeypatch.setattr(compat, "fbx_importer", lambda: None)
    bpy.context.view_layer.update()
    objects, before = set(bpy.data.objects), snapshot()
    bind_file(capture, target, BindOptions(), 1.0, 0.8)
    assert set(bpy.data.objects) == objects
    changed = {path for path in changes(before, snapshot()) if "actions" not in path and "pose.bones" not in path}
    assert not {path for path in changed if "animation_data" not in path}


def _move_the_armature(armature: bpy.types.Object) -> None:
    for frame, x in ((5, 0.0), (16, 1.0)):
        armature.location.x = x
        armature.keyframe_insert("location", frame=frame)


def _scale_a_bone(armature: bpy.types.Object) -> None:
    for frame, scale in ((5, 1.0), (16, 1.3)):
        armature.pose.bones["head"].scale = (scale,) * 3
        armature.keyframe_insert('pose.bones["head"].scale', frame=frame)


@pytest.mark.parametrize("change", [_move_the_armature, _scale_a_bone])
def test_what_is_not_plain_goes_through_the_importer(
    tmp_path: Path, change: Callable[[bpy.types.Object], None]
) -> None:
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.skin(source)
    rigs.animate(source, rigs.UNREAL, 12, first=5)
    change(source)
    path = rigs.export_fbx(source, tmp_path / "take.fbx", 30)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    target, _ = mixamo()
    assert performer_in(path, "Take", frame_start=1.0, frame_step=1.0) is None
    bind_imported(path, target, BindOptions(), 1.0, 1.0)
    there, objects = keys(target), set(bpy.data.objects)
    bind_file(path, target, BindOptions(), 1.0, 1.0)
    here = keys(target)
    assert all(values == pytest.approx(there[path], abs=1e-5) for path, values in here.items())
    assert set(bpy.data.objects) == objects


def test_damaged_files_are_told(capture: Path, tmp_path: Path) -> None:
    whole = capture.read_bytes()
    path = tmp_path / "damaged.fbx"
    random = np.random.default_rng(5)
    told = 0
    for cut in (0, 10, 27, 40, *random.integers(27, len(whole), 15)):
        path.write_bytes(whole[: int(cut)])
        with pytest.raises(FbxFormatError):
            read_fbx(path)
    for _ in range(60):
        data = bytearray(whole)
        for at in random.integers(0, len(whole), 40):
            data[int(at)] = int(random.integers(0, 256))
        path.write_bytes(data)
        try:
            motion = read_fbx(path)
            motion.motion(motion.skeleton.names, np.arange(3.0), 30.0)
        except FbxFormatError:
            told += 1
    assert told > 30
