# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a window of a video as a stream of frames with their times; never more than one frame in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from .interface import UnreadableVideoError

# Pose costs the same at any resolution, but colour conversion does not: larger frames are reduced to this.
_MAX_SIDE = 1280
# Human motion needs no more than 60 poses a second; of slow-motion footage frames are left out.
_MAX_RATE = 66.0


def frame_rate(video: Path) -> float:
    """Return the file's nominal frames per second; raises UnreadableVideoError."""
    capture = _open(video)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    return float(rate) if np.isfinite(rate) and 1.0 <= rate <= 1000.0 else 30.0


def read_frames(video: Path, start_sec: float, end_sec: float) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds in the file, RGB image (H, W, 3) uint8) of every frame from start_sec to end_sec.

    Rotation metadata is applied. Raises UnreadableVideoError when the file cannot be decoded or has no
    frame in the window.
    """
    rate = frame_rate(video)
    capture = _open(video)
    # OpenCV turns frames as the file's rotation metadata asks unless told otherwise.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    half_frame = 0.5 / rate
    spacing = 1.0 / _MAX_RATE if rate > _MAX_RATE else 0.0
    last_time = -np.inf
    next_time = -np.inf
    index = 0
    yielded = False
    try:
        while capture.grab():
            seconds = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
            if seconds <= last_time:  # a container without usable timestamps
                seconds = last_time + 1.0 / rate if index else 0.0
            index, last_time = index + 1, seconds
            if seconds < start_sec - half_frame or seconds < next_time:
                continue
            if seconds > end_sec + half_frame:
                break
            ok, image = capture.retrieve()
            if not ok or image is None:
                continue
            next_time = seconds + spacing
            yielded = True
            yield seconds, cv2.cvtColor(_reduce(image), cv2.COLOR_BGR2RGB)
    finally:
        capture.release()
    if not index:
        raise UnreadableVideoError(
            f"{video.name} holds no picture that can be decoded; export it again as MP4 (H.264)."
        )
    if not yielded:
        raise UnreadableVideoError(
            f"{video.name} has no frame between {start_sec:.2f} and {end_sec:.2f} seconds; "
            "choose a window inside the video."
        )


def _open(video: Path) -> cv2.VideoCapture:
    if not video.is_file():
        raise UnreadableVideoError(f"{video.name} does not exist; upload the video again.")
    # What is wrong with a file is said by our exceptions, not by the decoder on stderr.
    cv2.setLogLevel(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise UnreadableVideoError(f"{video.name} is not a video that can be read; export it again as MP4 (H.264).")
    return capture


def _reduce(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    scale = _MAX_SIDE / max(height, width)
    if scale >= 1.0:
        return image
    return cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
