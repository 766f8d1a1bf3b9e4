# SPDX-License-Identifier: GPL-3.0-or-later
"""What an FBX of the service holds when Blender opens it again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from measure import pose_matrices

from aimocap_addon.local_service.fbx.writer import (
    BLENDER_VARIABLE,
    BlenderCommand,
    BlenderNotFoundError,
    FbxWriteError,
    find_blender,
    write_fbx,
)
from aimocap_addon.local_service.solver.interface import SolvedMotion
from aimocap_addon.local_service.solver.skeleton import body_skeleton
from aimocap_addon.motion.rotations import normalize

ROOT = Path(__file__).resolve().parents[2]
REIMPORT = Path(__file__).with_name("reimport_fbx.py")
FRAMES = 12


def bpy_python(version: str) -> Path:
    python = ROOT / ".venv" / f"bpy-{version}" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.is_file():
        pytest.skip(f"needs the environment bpy-{version}")
    return python


@pytest.fixture(scope="module")
def motion() -> SolvedMotion:
    """Every bone turns and the pelvis travels; already the first frame is far from the rest pose."""
    skeleton = body_skeleton()
    random = np.random.default_rng(3)
    count = len(skeleton.names)
    start, end = (random.normal((1.0, 0.0, 0.0, 0.0), 0.25, (count, 4)) for _ in range(2))
    share = np.linspace(0.0, 1.0, FRAMES)[:, None, None]
    rotations = normalize(start * (1 - share) + end * share)
    root = skeleton.index("root")
    rotations[:, root] = (1.0, 0.0, 0.0, 0.0)
    locations = np.zeros((FRAMES, count, 3))
    locations[:, skeleton.index("pelvis")] = np.linspace((5.0, -3.0, 8.0), (60.0, 10.0, -120.0), FRAMES)
    return SolvedMotion(
        60,
        skeleton.names,
        skeleton.parents,
        skeleton.rest_matrices(),
        skeleton.lengths,
        rotations,
        locations,
    )


def directions(matrices: np.ndarray) -> np.ndarray:
    return matrices[..., :3, :3] / np.linalg.norm(matrices[..., :3, :3], axis=-2, keepdims=True)


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # By the chord, which stays exact for small angles where the trace's arc cosine does not.
    return 2 * np.degrees(np.arcsin(np.clip(np.linalg.norm(a - b, axis=(-2, -1)) / np.sqrt(8), 0, 1)))


@pytest.mark.parametrize(
    ("version", "importer"),
    [("4.2", "import_scene.fbx"), ("4.5", "import_scene.fbx"), ("4.5", "wm.fbx_import"), ("5.2", "wm.fbx_import")],
)
def test_motion_survives_the_file(version: str, importer: str, motion: SolvedMotion, tmp_path: Path) -> None:
    python = bpy_python(version)
    fbx, back = tmp_path / "motion.fbx", tmp_path / "back.npz"
    write_fbx(motion, fbx, BlenderCommand(python, is_python=True))
    assert [path.name for path in tmp_path.iterdir()] == ["motion.fbx"]
    command = [str(python), str(REIMPORT), str(fbx), importer, str(back)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    arrived = np.load(back)

    assert tuple(arrived["names"]) == motion.names
    assert [motion.names.index(name) if name else -1 for name in arrived["parents"]] == motion.parents.tolist()
    assert arrived["actions"] == 1
    assert arrived["fps"] == motion.fps
    # The importers put the file's time 0 on frame 1.
    assert arrived["frames"].tolist() == [1.0, float(FRAMES)]

    rest, poses = arrived["rest"], arrived["poses"]
    head_top = rest[motion.names.index("head"), 2, 3] + 0.19
    assert 1.70 < head_top < 1.80
    assert np.abs(rest[:, :3, 3] * 1000 - motion.rest_matrices[:, :3, 3] * 10).max() < 1.0
    assert angle_deg(directions(rest), motion.rest_matrices[:, :3, :3]).max() < 0.1
    expected = pose_matrices(motion)
    assert np.abs(poses[..., :3, 3] * 1000 - expected[..., :3, 3] * 10).max() < 1.0
    assert angle_deg(directions(poses), expected[..., :3, :3]).max() < 0.1


def test_failing_blender_leaves_the_old_file(motion: SolvedMotion, tmp_path: Path) -> None:
    fbx = tmp_path / "motion.fbx"
    fbx.write_text("old")
    liar = tmp_path / "python_without_bpy.py"
    liar.write_text("#!" + sys.executable + "\nimport sys\nsys.exit('Error: no bpy here')\n")
    liar.chmod(0o755)
    with pytest.raises(FbxWriteError, match="no bpy here"):
        write_fbx(motion, fbx, BlenderCommand(liar, is_python=True))
    assert fbx.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["motion.fbx", liar.name]


def test_blender_named_but_missing_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "blender-9.9" / "blender")
    with pytest.raises(BlenderNotFoundError, match="not a program"):
        find_blender(missing)


def test_no_blender_anywhere_tells_the_variable_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(BLENDER_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "service"))
    with pytest.raises(BlenderNotFoundError, match=BLENDER_VARIABLE):
        find_blender()


def test_blender_is_found_in_order_of_preference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def program(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    monkeypatch.delenv(BLENDER_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "service"))
    python = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    name = "blender.exe" if os.name == "nt" else "blender"
    on_path = program(tmp_path / "programs" / name)
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_blender() == BlenderCommand(on_path, is_python=False)
    program(tmp_path / "bpy-4.2" / python)
    newest = program(tmp_path / "bpy-5.2" / python)
    assert find_blender().program == newest
    preferred = program(tmp_path / "bpy-4.5" / python)
    assert find_blender() == BlenderCommand(preferred, is_python=True)
    variable = program(tmp_path / "mine" / name)
    monkeypatch.setenv(BLENDER_VARIABLE, str(variable))
    assert find_blender() == BlenderCommand(variable, is_python=False)
    explicit = program(tmp_path / "other" / name)
    assert find_blender(str(explicit)).program == explicit
