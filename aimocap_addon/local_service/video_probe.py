# SPDX-License-Identifier: GPL-3.0-or-later
"""What a video file really holds: its frame rate, and its duration as far as frames can be decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2

from .solver.interface import UnreadableVideoError

_MIN_FRAMES = 2
_FALLBACK_FPS = 30.0
_MAX_FPS = 1000.0
_SIGNATURES = (
    b"\x1a\x45\xdf\xa3",  # Matroska, WebM
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG video
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # Windows Media
    b"OggS",
    b"FLV",
)


@dataclass(frozen=True)
class VideoFacts:
    """Duration in seconds (to the end of the last frame) and average frames per second."""

    duration_sec: float
    fps: float


def probe_video(path: Path) -> VideoFacts:
    """Read the facts from the file; raises UnreadableVideoError.

    The container's word for the duration is not believed: the last frame it promises is decoded, and if
    that fails (a file cut off, a count that is an estimate) every frame is.
    """
    if not _is_video_container(path):
        raise _unreadable()
    try:
        return _measure(path)
    except cv2.error as error:
        raise _unreadable() from error


def _measure(path: Path) -> VideoFacts:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise _unreadable()
        fps = capture.get(cv2.CAP_PROP_FPS)
        if not (math.isfinite(fps) and 1.0 <= fps <= _MAX_FPS):
            fps = _FALLBACK_FPS
        promised = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        duration = _end_after_seek(capture, int(promised) - 1, fps) if _MIN_FRAMES <= promised < 1e9 else None
    finally:
        capture.release()
    if duration is None:
        duration = _end_by_decoding(path, fps)
    return VideoFacts(duration_sec=duration, fps=fps)


def _end_after_seek(capture: cv2.VideoCapture, last_frame: int, fps: float) -> float | None:
    """Return the end in seconds, from the last frame on; None if the promised last frame is not there."""
    if not capture.set(cv2.CAP_PROP_POS_FRAMES, last_frame):
        return None
    frames, last_time = _decode_rest(capture)
    # Within a frame of where the count says it is: otherwise the count or the times are not to be trusted.
    if not frames or last_time < (last_frame - 1) / fps:
        return None
    return last_time + 1.0 / fps


def _end_by_decoding(path: Path, fps: float) -> float:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        frames, last_time = _decode_rest(capture)
    finally:
        capture.release()
    if frames < _MIN_FRAMES:
        raise _unreadable()
    # Streams without timestamps report none; their frames are as far apart as the rate says.
    return (last_time if last_time > 0.0 else (frames - 1) / fps) + 1.0 / fps


def _decode_rest(capture: cv2.VideoCapture) -> tuple[int, float]:
    """Decode to the end; returns the number of frames and the greatest time in seconds."""
    frames, last_time = 0, 0.0
    while capture.grab():
        frames += 1
        last_time = max(last_time, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0)
    return frames, last_time


def _is_video_container(path: Path) -> bool:
    """Whether the file begins as a video container does.

    FFmpeg opens text as ANSI art, pictures as one-frame videos, and playlists by reading the files that they
    name: none of that may come in by upload.
    """
    with path.open("rb") as stream:
        head = stream.read(197)
    return (
        head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # MP4, QuickTime, 3GP
        or head.startswith(_SIGNATURES)
        or (head[:4] == b"RIFF" and head[8:12] == b"AVI ")
        or (head[:1] == b"G" and head[188:189] == b"G")  # MPEG transport stream
        or (head[4:5] == b"G" and head[196:197] == b"G")  # the same from a camcorder, with timecodes
    )


def _unreadable() -> UnreadableVideoError:
    return UnreadableVideoError("The file is not a video that can be read: export it as MP4 (H.264) and send that.")
