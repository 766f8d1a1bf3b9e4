# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips in the repository decode as promised, and the truth beside them is the truth about their pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest

CLIPS = Path(__file__).resolve().parent.parent / "data" / "clips"
Truth = Mapping[str, np.ndarray]
PERSON_CLIPS = ("wave_squat", "walk_turn", "punch_kick")


def decode(name: str) -> tuple[np.ndarray, float]:
    reader = cv2.VideoCapture(str(CLIPS / f"{name}.mp4"))
    assert reader.isOpened()
    frames = []
    while True:
        read, frame = reader.read()
        if not read:
            break
        frames.append(frame)
    return np.array(frames), reader.get(cv2.CAP_PROP_FPS)


def project(truth: Truth) -> np.ndarray:
    """Return the joints' places in the picture (F, J, 2) in pixels."""
    world_to_camera = np.linalg.inv(truth["camera_matrix_world"])
    in_camera = truth["joints"] @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    # Blender's camera looks along -Z with Y up, the intrinsics along +Z with y down.
    pixels = (in_camera * (1.0, -1.0, -1.0)) @ truth["camera_intrinsics"].T
    return pixels[..., :2] / pixels[..., 2:]


def room(name: str) -> np.ndarray:
    """Return the picture of the room (H, W, 3) as that clip's camera sees it, without the person."""
    # The walk leaves every spot within the clip; the other two share camera and room with the empty one.
    frames, _ = decode("walk_turn" if name == "walk_turn" else "empty_room")
    return np.median(frames, axis=0)


def chain_lengths(truth: Truth, *names: str) -> np.ndarray:
    places = truth["joints"][:, [list(truth["joint_names"]).index(name) for name in names]]
    return np.linalg.norm(np.diff(places, axis=1), axis=-1)


def joint(truth: Truth, name: str) -> np.ndarray:
    return truth["joints"][:, list(truth["joint_names"]).index(name)]


@pytest.mark.parametrize("name", PERSON_CLIPS)
def test_a_clip_is_as_long_as_its_truth(name: str) -> None:
    frames, fps = decode(name)
    truth = np.load(CLIPS / f"{name}.npz")
    assert fps == pytest.approx(float(truth["fps"]))
    assert len(frames) == len(truth["joints"]) == len(truth["contacts"])
    assert frames.shape[1:3] == tuple(truth["size"][::-1])
    assert 4.0 <= len(frames) / fps <= 5.0


@pytest.mark.parametrize("name", PERSON_CLIPS)
def test_the_truth_lies_on_the_person_in_the_picture(name: str) -> None:
    frames, _ = decode(name)
    truth = np.load(CLIPS / f"{name}.npz")
    places = np.rint(project(truth)).astype(int)
    width, height = truth["size"]
    assert places.min() >= 0
    assert (places < (width, height)).all()
    background = room(name)
    differs = np.array([np.abs(frame - background).max(axis=-1) > 12 for frame in frames])
    moments = np.arange(len(frames))[:, None]
    on_person = differs[moments, places[..., 1], places[..., 0]]
    assert on_person.mean() >= 0.95
    # Hands and feet are the first to miss if picture and truth are a frame or a mirror image apart.
    names = list(truth["joint_names"])
    ends = [names.index(f"{end}_{side}") for end in ("hand", "foot") for side in "lr"]
    assert on_person[:, ends].mean(axis=0).min() >= 0.9
    mirrored = width - 1 - places[..., 0]
    assert differs[moments, places[..., 1], mirrored].mean() < on_person.mean() - 0.1


@pytest.mark.parametrize("name", PERSON_CLIPS)
def test_the_person_is_made_of_rigid_bones_and_planted_feet_stay(name: str) -> None:
    truth = np.load(CLIPS / f"{name}.npz")
    for side in "lr":
        for limb in (("upperarm", "lowerarm", "hand"), ("thigh", "calf", "foot", "ball")):
            assert np.ptp(chain_lengths(truth, *(f"{bone}_{side}" for bone in limb)), axis=0).max() < 1e-4
    for contact_name, planted in zip(truth["contact_names"], truth["contacts"].T, strict=True):
        assert planted.mean() > 0.3
        ball = joint(truth, str(contact_name))
        for run in np.split(np.arange(len(planted)), np.flatnonzero(np.diff(planted)) + 1):
            if planted[run[0]]:
                assert np.ptp(ball[run], axis=0).max() < 0.02


def test_the_motions_are_what_their_names_say() -> None:
    squat = np.load(CLIPS / "wave_squat.npz")
    waving = joint(squat, "hand_r")[:, 2] > joint(squat, "head")[:, 2] + 0.15
    assert waving.sum() / squat["fps"] > 1.0
    assert np.ptp(joint(squat, "pelvis")[:, 2]) > 0.3
    assert squat["contacts"].all()

    walk = np.load(CLIPS / "walk_turn.npz")
    steps = np.diff(joint(walk, "pelvis")[:, :2], axis=0)
    assert np.linalg.norm(steps, axis=-1).sum() > 3.0
    leftwards = joint(walk, "thigh_l") - joint(walk, "thigh_r")
    assert np.dot(leftwards[0], leftwards[-1]) < 0.0  # faces the other way at the end

    kick = np.load(CLIPS / "punch_kick.npz")
    assert joint(kick, "foot_r")[:, 2].max() > 0.7
    for side in "lr":
        reach = np.linalg.norm(joint(kick, f"hand_{side}") - joint(kick, f"upperarm_{side}"), axis=-1)
        assert reach.max() > 0.5  # stretched in the punch
        assert reach.min() < 0.4  # folded in the guard


def test_the_empty_room_only_moves_a_box_on_the_floor() -> None:
    frames, fps = decode("empty_room")
    assert 1.0 <= len(frames) / fps <= 2.0
    moving = np.abs(frames - np.median(frames, axis=0)).max(axis=-1).max(axis=0) > 40
    rows = np.flatnonzero(moving.any(axis=1))
    assert len(rows) > 0
    assert rows[0] > 0.6 * frames.shape[1]


def test_the_clips_stay_small_enough_to_live_in_git() -> None:
    assert sum(path.stat().st_size for path in CLIPS.iterdir()) < 2_000_000
