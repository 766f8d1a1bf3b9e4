# SPDX-License-Identifier: GPL-3.0-or-later
"""One person is followed where several are in view, or it is said that this cannot be done."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_solved_clips import CLIPS, silent

from aimocap_addon.local_service.solver.interface import SeveralPeopleError, SolveRequest
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack, find_landmarks

_GREY = 120


def pictures(name: str, count: int) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(CLIPS / f"{name}.mp4"), cv2.CAP_FFMPEG)
    found = [capture.read()[1] for _ in range(count)]
    capture.release()
    return found


def write(path: Path, frames: Iterable[np.ndarray]) -> Path:
    writer = None
    for frame in frames:
        if writer is None:
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30.0, frame.shape[1::-1])
        writer.write(frame)
    assert writer is not None
    writer.release()
    return path


def smaller(picture: np.ndarray, scale: float = 0.6) -> np.ndarray:
    """Return a picture of the same size whose content stands in its lower left corner."""
    around = np.full_like(picture, _GREY)
    small = cv2.resize(picture, None, fx=scale, fy=scale)
    around[-small.shape[0] :, : small.shape[1]] = small
    return around


def hips(track: LandmarkTrack) -> np.ndarray:
    """Return how far right of the picture's middle the hips are, in longer sides, (F,)."""
    return track.image[:, 23:25, 0].mean(axis=1)


def find(video: Path, seconds: float) -> LandmarkTrack:
    return find_landmarks(SolveRequest(video, 0.0, seconds, 30, "full_body"), silent)


@pytest.mark.parametrize("large", ["left", "right"])
def test_the_largest_is_followed(large: str, tmp_path: Path) -> None:
    left, right = pictures("wave_squat", 24), pictures("punch_kick", 24)
    if large == "left":
        right = [smaller(picture) for picture in right]
    else:
        left = [smaller(picture) for picture in left]
    video = write(tmp_path / "two.mp4", map(np.hstack, zip(left, right, strict=True)))
    track = find(video, 0.8)
    assert track.frames_without_person == 0
    at = hips(track)
    assert (at < 0).all() if large == "left" else (at > 0).all()


def crossing() -> list[np.ndarray]:
    """Somebody who walks to the right is hidden for a while by somebody who comes from there."""
    frames = []
    for number, (back, front) in enumerate(zip(pictures("walk_turn", 75), pictures("punch_kick", 75), strict=True)):
        body = cv2.resize(front, None, fx=0.95, fy=0.95)[:, 120:330]
        left = 640 - 12 * number
        first, last = max(0, left), min(640, left + body.shape[1])
        picture = back.copy()
        if first < last:
            picture[640 - body.shape[0] :, first:last] = body[:, first - left : last - left]
        frames.append(picture)
    return frames


def test_somebody_who_passes_in_front_is_not_taken_for_the_person(tmp_path: Path) -> None:
    track = find(write(tmp_path / "crossing.mp4", crossing()), 2.5)
    at = hips(track)
    assert np.abs(np.diff(at)).max() < 0.03  # nothing jumps
    assert at[0] < -0.25 and at[-1] > 0.25  # the other one ends on the left
    assert 5 < track.frames_without_person < 20
    came, unseen = track.warnings
    assert came.startswith("Somebody else comes in the way at 1.")
    assert unseen.startswith("Nobody was seen from 1.1 s to 1.")


def test_a_person_who_goes_while_another_stays_is_told(tmp_path: Path) -> None:
    both = [
        np.hstack((first, smaller(second)))
        for first, second in zip(pictures("wave_squat", 40), pictures("punch_kick", 40), strict=True)
    ]
    for picture in both[12:]:
        picture[:, : picture.shape[1] // 2] = _GREY
    with pytest.raises(SeveralPeopleError, match="Several people"):
        find(write(tmp_path / "left_alone.mp4", both), 1.4)
