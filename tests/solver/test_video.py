# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a window, with their times, from files of many kinds. Frame n is grey of level 40 + 8 n."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from test_fbx import bpy_python

from aimocap_addon.local_service.solver.interface import UnreadableVideoError
from aimocap_addon.local_service.solver.video import frame_rate, read_frames, thinned

ENCODE = Path(__file__).with_name("encode_video.py")
RATES = {"h264": 24 / 1.001, "hevc": 30 / 1.001, "vp9": 30.0, "prores": 60 / 1.001}
COUNT = 24


def numbers(frames: list[tuple[float, np.ndarray]]) -> list[int]:
    return [round((float(picture.mean()) - 40) / 8) for _, picture in frames]


def write(path: Path, count: int, rate: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, (64, 48))
    for number in range(count):
        writer.write(np.full((48, 64, 3), 40 + 8 * (number % COUNT), np.uint8))
    writer.release()
    return path


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoded")
    command = [str(bpy_python("4.5")), str(ENCODE), str(folder), *RATES, "av1"]
    subprocess.run(command, capture_output=True, timeout=180, check=True)
    return folder


@pytest.mark.parametrize("codec", RATES)
def test_every_frame_comes_at_its_time(codec: str, encoded: Path) -> None:
    video, rate = encoded / f"{codec}.video", RATES[codec]
    assert frame_rate(video) == pytest.approx(rate, rel=1e-6)
    frames = list(read_frames(video, 0.0, 10.0))
    assert numbers(frames) == list(range(COUNT))
    assert [seconds for seconds, _ in frames] == pytest.approx(np.arange(COUNT) / rate, abs=0.0006)


def test_a_codec_that_cannot_be_decoded_is_told(encoded: Path) -> None:
    with pytest.raises(UnreadableVideoError, match=r"av1.video .* export it again as MP4 \(H.264\)"):
        list(read_frames(encoded / "av1.video", 0.0, 1.0))


def test_a_late_window_has_the_frames_that_decoding_from_the_start_gives(tmp_path: Path) -> None:
    video = write(tmp_path / "long.mp4", 200, 30.0)
    all_frames = list(read_frames(video, 0.0, 10.0))
    assert len(all_frames) == 200
    for start, end in ((1.0, 2.0), (4.01, 4.5), (6.5, 9.0)):
        window = list(read_frames(video, start, end))
        expected = [frame for frame in all_frames if start - 1 / 60 <= frame[0] <= end + 1 / 60]
        assert [seconds for seconds, _ in window] == [seconds for seconds, _ in expected]
        assert all(np.array_equal(a[1], b[1]) for a, b in zip(window, expected, strict=True))


def test_a_late_window_is_not_decoded_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = write(tmp_path / "long.mp4", 600, 30.0)
    grabs = 0

    class Counting:  # OpenCV's own class cannot be inherited from
        def __init__(self, *arguments: Any) -> None:
            self._capture = decoder(*arguments)

        def __getattr__(self, name: str) -> Any:
            nonlocal grabs
            grabs += name == "grab"
            return getattr(self._capture, name)

    decoder = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Counting)
    assert len(list(read_frames(video, 18.0, 18.5))) == 16
    assert grabs < 60


def test_slow_motion_is_thinned_evenly(tmp_path: Path) -> None:
    for rate, kept in ((120.0, 60.0), (240.0, 60.0), (90.0, 45.0), (60.0, 60.0)):
        times = [seconds for seconds, _ in read_frames(write(tmp_path / "slow.mp4", 48, rate), 0.0, 1.0)]
        assert thinned(rate) == kept
        assert np.diff(times) == pytest.approx(1.0 / kept, abs=0.002)


def test_times_are_the_frames_own_where_the_rate_varies(tmp_path: Path) -> None:
    video = write(tmp_path / "phone.mp4", COUNT, 30.0)
    # Frames 8 to 15 last three times as long, as a phone writes them in the dark.
    lengths = [3 if 8 <= number < 16 else 1 for number in range(COUNT)]
    set_lengths(video, lengths)
    frames = list(read_frames(video, 0.0, 10.0))
    assert numbers(frames) == list(range(COUNT))
    expected = np.concatenate(([0], np.cumsum(lengths)[:-1])) / 30.0
    assert [seconds for seconds, _ in frames] == pytest.approx(expected, abs=0.001)
    late = list(read_frames(video, expected[20], 10.0))
    assert numbers(late) == [20, 21, 22, 23]


def set_lengths(video: Path, lengths: list[int]) -> None:
    """Give each frame its own length, in frames of the constant rate; the index is at the file's end."""
    content = video.read_bytes()
    at = content.index(b"stts") - 4
    size, _, _, entries, count, delta = struct.unpack(">I4sIIII", content[at : at + 24])
    assert (entries, count) == (1, len(lengths))
    table = struct.pack(">4sII", b"stts", 0, count) + b"".join(struct.pack(">II", 1, delta * n) for n in lengths)
    table = struct.pack(">I", len(table) + 4) + table
    changed = bytearray(content[:at] + table + content[at + size :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        head = changed.index(kind) - 4
        (old,) = struct.unpack(">I", changed[head : head + 4])
        changed[head : head + 4] = struct.pack(">I", old + len(table) - size)
    # No edit list, which would cut the film at its old length.
    changed[changed.index(b"edts") : changed.index(b"edts") + 4] = b"free"
    video.write_bytes(changed)
