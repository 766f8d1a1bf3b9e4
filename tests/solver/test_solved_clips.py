# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole solver on rendered clips of a person whose joints are known.

Limits are what was measured when they were set plus about a quarter.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from measure import (
    BONES,
    Joints,
    aligned_error_mm,
    flexion_deg,
    flexion_error_deg,
    joints_of,
    slide_cm_per_s,
    stack,
)
from test_fbx import REIMPORT, bpy_python

from aimocap_addon.local_service.fbx.writer import BlenderCommand, find_blender
from aimocap_addon.local_service.solver.files import solve_to_files
from aimocap_addon.local_service.solver.fit import POINTS, observe
from aimocap_addon.local_service.solver.interface import (
    NobodyFoundError,
    SolveCanceledError,
    SolvedMotion,
    SolveOptions,
    SolveRequest,
    UnreadableVideoError,
)
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack, find_landmarks
from aimocap_addon.local_service.solver.robot import robot_motion
from aimocap_addon.local_service.solver.run import MediaPipeSolver, solve_track
from aimocap_addon.motion.g1.model import g1_model
from aimocap_addon.motion.g1.robot_motion import read_robot_motion
from aimocap_addon.motion.g1.violations import violations

CLIPS = Path(__file__).resolve().parents[1] / "data" / "clips"
NAMES = ("wave_squat", "walk_turn", "punch_kick")


@dataclass(frozen=True)
class Clip:
    video: Path
    truth: Joints
    planted: dict[str, np.ndarray]
    frames: int
    fps: int

    def request(self, start: float = 0.0, end: float | None = None, **options: object) -> SolveRequest:
        end = self.frames / self.fps if end is None else end
        return replace(SolveRequest(self.video, start, end, self.fps, "full_body"), **options)


def load(name: str) -> Clip:
    arrays = np.load(CLIPS / f"{name}.npz")
    joints, names = arrays["joints"].astype(np.float64), arrays["joint_names"].tolist()
    truth = {f"{j}_{s}": joints[:, names.index(f"{bone}_{s}")] for j, bone in BONES.items() for s in "lr"}
    truth["pelvis"] = joints[:, names.index("pelvis")]
    planted = {name[-1]: arrays["contacts"][:, i] for i, name in enumerate(arrays["contact_names"].tolist())}
    return Clip(CLIPS / f"{name}.mp4", truth, planted, len(joints), round(float(arrays["fps"])))


def silent(_share: float, _text: str) -> None:
    pass


@pytest.fixture(scope="module")
def clips() -> dict[str, Clip]:
    return {name: load(name) for name in NAMES}


@pytest.fixture(scope="module")
def tracks(clips: dict[str, Clip]) -> dict[str, LandmarkTrack]:
    return {name: find_landmarks(clip.request(), silent) for name, clip in clips.items()}


@pytest.fixture(scope="module")
def motions(clips: dict[str, Clip], tracks: dict[str, LandmarkTrack]) -> dict[str, SolvedMotion]:
    return {name: solve_track(tracks[name], clips[name].request()) for name in NAMES}


@pytest.mark.parametrize(
    ("name", "joints_mm", "knee_deg", "elbow_deg"),
    [("wave_squat", 40, 5, 7), ("walk_turn", 60, 10, 8), ("punch_kick", 80, 9, 20)],
)
def test_motion_matches_the_truth(
    name: str,
    joints_mm: float,
    knee_deg: float,
    elbow_deg: float,
    clips: dict[str, Clip],
    motions: dict[str, SolvedMotion],
) -> None:
    found, truth = joints_of(motions[name]), clips[name].truth
    assert len(motions[name].rotations) == clips[name].frames
    assert motions[name].frames_without_person == 0
    assert aligned_error_mm(found, truth) < joints_mm
    assert flexion_error_deg(found, truth, "knee") < knee_deg
    assert flexion_error_deg(found, truth, "elbow") < elbow_deg


def test_solving_beats_the_landmarks(
    clips: dict[str, Clip], tracks: dict[str, LandmarkTrack], motions: dict[str, SolvedMotion]
) -> None:
    raw, solved = [], []
    for name, clip in clips.items():
        seen = observe(tracks[name]).offsets
        landmarks = {joint: seen[:, list(POINTS).index(joint)] for joint in POINTS}
        raw.append(aligned_error_mm(landmarks, clip.truth))
        solved.append(aligned_error_mm(joints_of(motions[name]), clip.truth))
    assert np.mean(solved) < 0.8 * np.mean(raw)
    assert all(s < r for s, r in zip(solved, raw, strict=True))


def test_different_clips_give_different_motions(clips: dict[str, Clip], motions: dict[str, SolvedMotion]) -> None:
    angles = [("knee", "l"), ("knee", "r"), ("elbow", "l"), ("elbow", "r")]

    def likeness(found: Joints, truth: Joints) -> float:
        """Return the median correlation of knees and elbows over time."""
        count = min(len(found["hip_l"]), len(truth["hip_l"]))
        values = []
        for joint, side in angles:
            a, b = flexion_deg(found, joint, side)[:count], flexion_deg(truth, joint, side)[:count]
            values.append(np.corrcoef(a, b)[0, 1])
        return float(np.median(values))

    table = np.array([[likeness(joints_of(motions[a]), clips[b].truth) for b in NAMES] for a in NAMES])
    own = np.diag(table)
    assert own.min() > 0.55
    assert (own[:, None] - table + 2 * np.eye(len(NAMES))).min() > 0.25


@pytest.mark.parametrize("name", NAMES)
def test_feet_hold_and_the_path_is_right(name: str, clips: dict[str, Clip], motions: dict[str, SolvedMotion]) -> None:
    clip, motion = clips[name], motions[name]
    assert slide_cm_per_s(motion, clip.planted) < 4.0
    joints = joints_of(motion)
    assert min(joints[f"ball_{side}"][:, 2].min() for side in "lr") > 0.0
    path, truth = joints["pelvis"], clip.truth["pelvis"]
    path, truth = path - path.mean(axis=0), truth - truth.mean(axis=0)
    assert np.linalg.norm(path - truth, axis=-1).mean() < 0.09


@pytest.mark.parametrize("name", ["wave_squat", "walk_turn"])
def test_body_faces_the_right_way(name: str, clips: dict[str, Clip], motions: dict[str, SolvedMotion]) -> None:
    """The cameras of these clips look along the world's Y, so headings compare without alignment."""
    found, truth = joints_of(motions[name]), clips[name].truth

    def heading(joints: Joints, joint: str) -> np.ndarray:
        across = joints[f"{joint}_l"] - joints[f"{joint}_r"]
        return across[:, 0] + 1j * across[:, 1]

    for joint in ("hip", "shoulder"):
        error = np.degrees(np.angle(heading(found, joint) / heading(truth, joint)))
        assert np.abs(error).mean() < 8


@pytest.mark.parametrize(
    ("name", "knee_deg", "elbow_deg"), [("wave_squat", 6, 7), ("walk_turn", 11, 10), ("punch_kick", 8, 18)]
)
def test_robot_moves_as_the_person(
    name: str, knee_deg: float, elbow_deg: float, clips: dict[str, Clip], motions: dict[str, SolvedMotion]
) -> None:
    robot, truth = robot_motion(motions[name]), clips[name].truth
    assert (robot.fps, robot.frames) == (motions[name].fps, clips[name].frames)
    assert not violations(robot, g1_model())
    angles = dict(zip(g1_model().joint_names, np.degrees(robot.dof_pos.T), strict=True))
    # The robot's knee is straight at 0, its elbow at 90 degrees.
    bent = {"knee": lambda side: angles[f"{side}_knee_joint"], "elbow": lambda side: 90 - angles[f"{side}_elbow_joint"]}
    for joint, limit in (("knee", knee_deg), ("elbow", elbow_deg)):
        errors = [np.abs(bent[joint](side) - flexion_deg(truth, joint, side[0])).mean() for side in ("left", "right")]
        assert np.mean(errors) < limit


def test_robot_walks_the_captured_way(motions: dict[str, SolvedMotion]) -> None:
    """In the robot's world, where forward is X, and with the steps of its shorter legs."""
    walked = joints_of(motions["walk_turn"])["pelvis"]
    ahead, left = -walked[:, 1], walked[:, 0]
    way = np.stack((ahead, left), axis=1) - (ahead[0], left[0])
    robot = robot_motion(motions["walk_turn"]).root_pos[:, :2]
    robot = robot - robot[0]
    scale = float((way * robot).sum() / (way**2).sum())
    assert np.ptp(way, axis=0).max() > 1.0
    assert 0.6 < scale < 0.9
    assert np.abs(robot - scale * way).max() < 0.05


def test_upper_body_leaves_the_legs_at_rest(clips: dict[str, Clip], tracks: dict[str, LandmarkTrack]) -> None:
    clip = clips["wave_squat"]
    motion = solve_track(tracks["wave_squat"], clip.request(mocap_type="upper_body"))
    legs = [
        i for i, name in enumerate(motion.names) if name.startswith(("root", "pelvis", "thigh", "calf", "foot", "ball"))
    ]
    assert np.allclose(motion.rotations[:, legs], (1.0, 0.0, 0.0, 0.0))
    assert not motion.locations.any()
    assert flexion_error_deg(joints_of(motion), clip.truth, "elbow") < 9


def test_a_known_height_gives_the_motion_its_size(
    clips: dict[str, Clip], tracks: dict[str, LandmarkTrack], motions: dict[str, SolvedMotion]
) -> None:
    known = SolveOptions(actor_height_cm=1.2 * 175.0)
    larger, usual = solve_track(tracks["walk_turn"], clips["walk_turn"].request(options=known)), motions["walk_turn"]
    assert np.array_equal(larger.rotations, usual.rotations)
    for name, joint in joints_of(usual).items():
        assert joints_of(larger)[name] == pytest.approx(1.2 * joint, abs=1e-6)


def test_a_wider_lens_stands_nearer(
    clips: dict[str, Clip], tracks: dict[str, LandmarkTrack], motions: dict[str, SolvedMotion]
) -> None:
    known = SolveOptions(field_of_view_deg=75.0)
    solved = solve_track(tracks["wave_squat"], clips["wave_squat"].request(options=known))
    assert solved.camera is not None
    near, usual = solved.camera.matrices[:, 2, 3].mean(), motions["wave_squat"].camera.matrices[:, 2, 3].mean()  # type: ignore[union-attr]
    assert 0.45 < near / usual < 0.65  # as the focal lengths, 0.65 and 1.2


def test_window_is_solved_from_its_start(clips: dict[str, Clip]) -> None:
    clip = clips["wave_squat"]
    shares: list[float] = []
    texts: list[str] = []

    def note(share: float, text: str) -> None:
        shares.append(share)
        texts.append(text)

    motion = MediaPipeSolver().solve(clip.request(2.5, 4.5), note)
    assert len(motion.rotations) == 60
    found = flexion_deg(joints_of(motion), "knee", "l")
    truth = flexion_deg(clip.truth, "knee", "l")
    lags = range(-15, 16)
    errors = [np.abs(found - truth[75 + lag : 135 + lag]).mean() for lag in lags if 135 + lag <= len(truth)]
    assert abs(lags[int(np.argmin(errors))]) <= 1
    assert shares == sorted(shares)
    assert shares[0] >= 0.0
    assert shares[-1] == 1.0
    assert list(dict.fromkeys(texts)) == ["Finding the person", "Solving motion"]


def test_window_past_the_end_stops_with_the_video(clips: dict[str, Clip]) -> None:
    clip = clips["punch_kick"]
    end = clip.frames / clip.fps
    motion = MediaPipeSolver().solve(clip.request(end - 0.5, end + 30.0), silent)
    assert len(motion.rotations) == 15


def test_frames_without_the_person_are_bridged(clips: dict[str, Clip], tmp_path: Path) -> None:
    """Ten frames without the person, and pictures that lie on their side in the file, as phones record them."""
    clip = clips["punch_kick"]
    video = tmp_path / "phone.mp4"
    blind = range(40, 50)
    record_on_its_side(clip.video, video, blind)
    motion = MediaPipeSolver().solve(replace(clip.request(), video=video), silent)
    assert len(blind) <= motion.frames_without_person < len(blind) + 5
    [warning] = motion.warnings
    assert warning.startswith("Nobody was seen from 1.3 s to 1.")
    assert aligned_error_mm(joints_of(motion), clip.truth) < 90
    assert joints_of(motion)["pelvis"][:, 2].min() > 0.7  # stands upright


def record_on_its_side(source: Path, target: Path, blind: range) -> None:
    """Write `source` turned by 90 degrees, with the metadata that turns it back, and empty `blind` frames."""
    reader = cv2.VideoCapture(str(source))
    rate = reader.get(cv2.CAP_PROP_FPS)
    writer = None
    number = 0
    while True:
        ok, image = reader.read()
        if not ok:
            break
        image = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE)
        if number in blind:
            image[:] = 90
        if writer is None:
            size = (image.shape[1], image.shape[0])
            writer = cv2.VideoWriter(str(target), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
        writer.write(image)
        number += 1
    assert writer is not None
    writer.release()
    reader.release()
    content = bytearray(target.read_bytes())
    # The display matrix of the track header: version 0 has it 40 bytes behind the box's name and flags.
    matrix = content.index(b"tkhd") + 4 + 4 + 36
    one = 0x00010000
    turned = (0, one, 0, -one, 0, 0, 0, 0, 0x40000000)
    content[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in turned)
    target.write_bytes(content)


def test_empty_room_has_nobody() -> None:
    with pytest.raises(NobodyFoundError, match="No person was found"):
        MediaPipeSolver().solve(SolveRequest(CLIPS / "empty_room.mp4", 0.0, 1.5, 30, "full_body"), silent)


def test_unreadable_videos_are_told(clips: dict[str, Clip], tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    for video in (text, tmp_path / "missing.mp4"):
        with pytest.raises(UnreadableVideoError, match=video.name):
            MediaPipeSolver().solve(SolveRequest(video, 0.0, 1.0, 30, "full_body"), silent)
    with pytest.raises(UnreadableVideoError, match="single frame"):
        MediaPipeSolver().solve(clips["wave_squat"].request(1.0, 1.01), silent)
    with pytest.raises(UnreadableVideoError, match="no frame between"):
        MediaPipeSolver().solve(clips["wave_squat"].request(100.0, 101.0), silent)


def test_video_becomes_files_that_are_read(clips: dict[str, Clip], tmp_path: Path) -> None:
    python = bpy_python("4.5")
    fbx, robot, back = (tmp_path / name for name in ("motion.fbx", "robot.json", "back.npz"))
    shares: list[float] = []
    request = clips["wave_squat"].request(0.0, 0.8, export_fps=60)
    blender = find_blender(str(python))
    note = lambda share, _text: shares.append(share)  # noqa: E731
    motion = solve_to_files(request, blender, note, fbx_path=fbx, robot_path=robot)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    command = [str(python), str(REIMPORT), str(fbx), "wm.fbx_import", str(back)]
    subprocess.run(command, capture_output=True, timeout=120, check=True)
    arrived = np.load(back)
    assert arrived["fps"] == 60
    assert len(arrived["poses"]) == 48
    hands = [list(arrived["names"]).index(f"hand_{side}") for side in "lr"]
    expected = np.stack([joints_of(motion)[f"wrist_{side}"] for side in "lr"], axis=1)
    assert np.abs(arrived["poses"][..., :3, 3][:, hands] - expected).max() < 0.001
    read, _ = read_robot_motion(robot.read_bytes())
    assert (read.fps, read.frames) == (60, 48)


def test_cancel_leaves_nothing_behind(clips: dict[str, Clip], tmp_path: Path) -> None:
    def cancel(share: float, _text: str) -> None:
        if share > 0.05:
            raise SolveCanceledError

    paths: Any = {"fbx_path": tmp_path / "motion.fbx", "robot_path": tmp_path / "robot.json"}
    with pytest.raises(SolveCanceledError):
        solve_to_files(clips["wave_squat"].request(), BlenderCommand(Path("unused"), is_python=True), cancel, **paths)
    assert not list(tmp_path.iterdir())


def test_same_video_same_motion(clips: dict[str, Clip]) -> None:
    request = clips["walk_turn"].request(0.0, 1.0)
    first, second = (MediaPipeSolver().solve(request, silent) for _ in range(2))
    assert np.array_equal(stack(joints_of(first)), stack(joints_of(second)))
