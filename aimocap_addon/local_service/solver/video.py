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
_SLIGHTLY = 0.6
# Decoding begins so much before the window, which absorbs times that are rounded and frames out of order.
_LEAD_SEC = 0.5


def frame_rate(video: Path) -> float:
    """Return the file's nominal frames per second; raises UnreadableVideoError."""
    capture = _open(video)
    try:
        rate = capture.get(cv2.CAP_PROP_FPS)
    finally:
        capture.release()
    return float(rate) if np.isfinite(rate) and 1.0 <= rate <= 1000.0 else 30.0


def thinned(rate: float) -> float:
    """Return how many frames a second `read_frames` gives of a video with so many."""
    return rate / max(1.0, np.ceil(rate / _MAX_RATE))


def read_frames(
    video: Path, start_sec: float, end_sec: float, within: tuple[int, int] = (_MAX_SIDE, _MAX_SIDE)
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds in the file, BGR image (H, W, 3) uint8) of every frame from start_sec to end_sec.

    Larger images are reduced to fit `within` (width, height). Times are the file's own, also where its frame rate
    varies. Rotation metadata is applied. Decoding begins at the key frame before the window. Raises
    UnreadableVideoError when the file cannot be decoded or has no frame in the window.
    """
    rate = frame_rate(video)
    half_frame = 0.5 / rate
    # A frame early rather than late: times are rounded, and every second frame is to be left out, not two of three.
    spacing = 1.0 / thinned(rate) - half_frame if rate > _MAX_RATE else 0.0
    capture, first = _open_before(video, start_sec - half_frame, rate)
    any_decoded = first is not None
    next_time = -np.inf
    yielded = False
    try:
        for seconds in _times(capture, first, rate):
            if seconds < start_sec - half_frame or seconds < next_time:
                continue
            if seconds > end_sec + half_frame:
                break
            ok, image = capture.retrieve()
            if not ok or image is None:
                continue
            next_time = seconds + spacing
            yielded = True
            yield seconds, _reduce(image, within)
    finally:
        capture.release()
    if not any_decoded:
        raise UnreadableVideoError(
            f"{video.name} holds no picture that can be decoded; export it again as MP4 (H.264)."
        )
    if not yielded:
        raise UnreadableVideoError(
            f"{video.name} has no frame between {start_sec:.2f} and {end_sec:.2f} seconds; "
            "choose a window inside the video."
        )


def _open_before(video: Path, seconds: float, rate: float) -> tuple[cv2.VideoCapture, float | None]:
    """Return the file with a frame grabbed that is not after `seconds`, and its time; None if there is no frame."""
    early = seconds - _LEAD_SEC
    if early > 0.0:
        capture = _open(video)
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(early * rate))
        if capture.grab() and 0.0 < _time(capture) <= seconds:
            return capture, _time(capture)
        # A file that cannot be sought, or has no times, is decoded from its start.
        capture.release()
    capture = _open(video)
    return capture, _time(capture) if capture.grab() else None


def _times(capture: cv2.VideoCapture, first: float | None, rate: float) -> Iterator[float]:
    """Yield the time in seconds of the grabbed frame and of all that follow, each of which is grabbed in turn."""
    if first is None:
        return
    last = max(first, 0.0)
    yield last
    while capture.grab():
        seconds = _time(capture)
        if seconds <= last:  # a container without usable times
            seconds = last + 1.0 / rate
        last = seconds
        yield seconds


def _time(capture: cv2.VideoCapture) -> float:
    return capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0


def _open(video: Path) -> cv2.VideoCapture:
    if not video.is_file():
        raise UnreadableVideoError(f"{video.name} does not exist; upload the video again.")
    # What is wrong with a file is said by our exceptions, not by the decoder on stderr.
    cv2.setLogLevel(0)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    # Frames are turned as the file's rotation metadata asks.
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    if not capture.isOpened():
        capture.release()
        raise UnreadableVideoError(f"{video.name} is not a video that can be read; export it again as MP4 (H.264).")
    return capture


def _reduce(image: np.ndarray, within: tuple[int, int]) -> np.ndarray:
    height, width = image.shape[:2]
    scale = min(within[0] / width, within[1] / height)
    if scale >= 1.0:
        return image
    # Averaging costs three times as much and shows only where many pixels become one.
    how = cv2.INTER_LINEAR if scale > _SLIGHTLY else cv2.INTER_AREA
    return cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=how)
