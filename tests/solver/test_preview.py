# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview video: as long as the motion, with the skeleton where the person is."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_fbx import bpy_python
from test_solved_clips import Clip, load, silent

from aimocap_addon.local_service.fbx.writer import BlenderCommand
from aimocap_addon.local_service.solver.files import solve_to_files
from aimocap_addon.local_service.solver.interface import (
    ProgressCallback,
    SolveCanceledError,
    SolvedMotion,
    SolveRequest,
)
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack, find_landmarks
from aimocap_addon.local_service.solver.preview import write_preview
from aimocap_addon.local_service.solver.run import solve_track
from aimocap_addon.motion.skeleton import Skeleton, forward_kinematics

_SHOWN_BY_BLENDER = """
import bpy, json, os, sys
clip = bpy.data.movieclips.load(sys.argv[-1])
print("SHOWN", json.dumps([*clip.size, clip.frame_duration, clip.fps]))
sys.stdout.flush()
os._exit(0)
"""
# Landmarks of the pose model, and the bones that begin there.
_JOINTS = {11: "upperarm_l", 12: "upperarm_r", 13: "lowerarm_l", 14: "lowerarm_r", 25: "calf_l", 26: "calf_r"}


@pytest.fixture(scope="module")
def clip() -> Clip:
    return load("walk_turn")


@pytest.fixture(scope="module")
def track(clip: Clip) -> LandmarkTrack:
    return find_landmarks(clip.request(1.0, 3.0), silent)


@pytest.fixture(scope="module")
def motion(clip: Clip, track: LandmarkTrack) -> SolvedMotion:
    return solve_track(track, clip.request(1.0, 3.0))


def pictures(video: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    found = []
    while (read := capture.read())[0]:
        found.append(read[1])
    capture.release()
    return found


def drawn(motion: SolvedMotion, frame: int) -> dict[str, np.ndarray]:
    """Return where the camera sees the bones' heads, in the unit of landmarks: longer sides from the middle."""
    assert motion.camera is not None
    skeleton = Skeleton(motion.names, motion.parents, motion.rest_matrices)
    bones = range(len(motion.names))
    at = slice(frame, frame + 1)
    rotations = {bone: motion.rotations[at, bone] for bone in bones}
    _, placed = forward_kinematics(skeleton, bones, rotations, {bone: motion.locations[at, bone] for bone in bones})
    matrix = motion.camera.matrices[frame]
    seen = {name: matrix[:, :3] @ np.ravel(placed[bone]) + matrix[:, 3] for bone, name in enumerate(motion.names)}
    return {name: motion.camera.focal * point[:2] / point[2] for name, point in seen.items()}


@pytest.mark.parametrize("mocap_type", ["full_body", "upper_body"])
def test_the_skeleton_is_drawn_where_the_person_is(mocap_type: str, clip: Clip, track: LandmarkTrack) -> None:
    solved = solve_track(track, clip.request(1.0, 3.0, mocap_type=mocap_type))
    joints = {mark: bone for mark, bone in _JOINTS.items() if mocap_type == "full_body" or "arm" in bone}
    height = np.ptp(track.image[:, :, 1], axis=1).mean()
    off = [
        np.linalg.norm(drawn(solved, frame)[bone] - track.image[frame, mark])
        for frame in range(0, 60, 10)
        for mark, bone in joints.items()
    ]
    assert np.mean(off) < 0.05 * height


def test_it_is_as_long_as_the_motion(clip: Clip, motion: SolvedMotion, tmp_path: Path) -> None:
    made = tmp_path / "preview.mp4"
    shares: list[float] = []
    write_preview(clip.request(1.0, 3.0), motion, made, lambda share, _text: shares.append(share))
    shown = pictures(made)
    assert len(shown) == 60
    assert shown[0].shape[0] <= 720
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    source = pictures(clip.video)[30:90]
    # What is not drawn over is the source, at the same moment.
    side = shown[0].shape[0]
    for number in (0, 30, 59):
        bare = cv2.resize(source[number], (side, side), interpolation=cv2.INTER_LINEAR)
        changed = np.abs(shown[number][:, :side].astype(int) - bare).max(axis=-1) > 40
        assert 0.002 < changed.mean() < 0.05
    # The body beside it moves, and so does the floor under it.
    assert np.abs(shown[0][:, side:].astype(int) - shown[40][:, side:]).max(axis=-1).mean() > 1.0


def test_blender_shows_it_at_the_rate_of_the_source(clip: Clip, motion: SolvedMotion, tmp_path: Path) -> None:
    source, made = tmp_path / "film.mp4", tmp_path / "preview.mp4"
    frames = pictures(clip.video)[:24]
    writer = cv2.VideoWriter(str(source), cv2.VideoWriter.fourcc(*"mp4v"), 24000 / 1001, frames[0].shape[1::-1])
    for frame in frames:
        writer.write(frame)
    writer.release()
    short = replace(motion, rotations=motion.rotations[:30], locations=motion.locations[:30])
    write_preview(SolveRequest(source, 0.0, 1.0, 30, "full_body"), short, made, silent)
    command = [str(bpy_python("4.5")), "-c", _SHOWN_BY_BLENDER, str(made)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    line = next(line for line in output.splitlines() if line.startswith("SHOWN"))
    width, height, count, rate = json.loads(line.removeprefix("SHOWN "))
    assert (width, height) == pictures(made)[0].shape[1::-1]
    assert count == 24
    assert rate == pytest.approx(24000 / 1001, abs=0.001)


def test_a_canceled_preview_leaves_no_file(clip: Clip, motion: SolvedMotion, tmp_path: Path) -> None:
    def cancel(share: float, _text: str) -> None:
        if share > 0.3:
            raise SolveCanceledError

    made = tmp_path / "preview.mp4"
    with pytest.raises(SolveCanceledError):
        write_preview(clip.request(1.0, 3.0), motion, made, cancel)
    assert not list(tmp_path.iterdir())


def test_motion_comes_without_a_preview_that_cannot_be_made(clip: Clip, motion: SolvedMotion, tmp_path: Path) -> None:
    class Done:
        def solve(self, request: SolveRequest, progress: ProgressCallback) -> SolvedMotion:
            return motion

    robot = tmp_path / "robot.json"
    request, blender = clip.request(1.0, 3.0), BlenderCommand(Path("unused"), is_python=True)
    nowhere = tmp_path / "missing" / "preview.mp4"
    told = solve_to_files(request, blender, silent, solver=Done(), robot_path=robot, preview_path=nowhere)
    assert robot.is_file()
    assert ["preview video" in warning for warning in told.warnings] == [True]
