# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from aimocap_addon.local_service.solver.interface import UnreadableVideoError
from aimocap_addon.local_service.video_probe import probe_video
from tests.local_service.conftest import write_video


@pytest.mark.parametrize(
    ("suffix", "fourcc"), [("mp4", "mp4v"), ("mkv", "mp4v"), ("avi", "MJPG"), ("webm", "VP80"), ("mpg", "MPG1")]
)
@pytest.mark.parametrize(("seconds", "fps"), [(2.0, 30.0), (3.5, 24.0), (1.0, 60.0)])
def test_duration_and_rate_are_the_file_s(tmp_path: Path, suffix: str, fourcc: str, seconds: float, fps: float) -> None:
    facts = probe_video(write_video(tmp_path / f"a.{suffix}", seconds, fps, fourcc))
    assert facts.fps == pytest.approx(fps, rel=0.01)
    assert facts.duration_sec == pytest.approx(seconds, abs=1.0 / fps)


def test_a_file_cut_off_has_the_duration_that_can_be_decoded(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.avi", 4.0, fourcc="MJPG")
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 1.0 < probe_video(cut).duration_sec < 3.0


def test_a_mended_header_does_not_make_a_video_longer(tmp_path: Path) -> None:
    """An MP4 whose media is cut off behind an index that promises all of it."""
    whole = write_video(tmp_path / "whole.mp4", 4.0).read_bytes()
    index, media = whole.index(b"moov") - 4, whole.index(b"mdat") - 4
    assert media < index
    cut = bytearray(whole)
    middle = (media + index) // 2
    cut[middle:index] = bytes(index - middle)
    path = tmp_path / "cut.mp4"
    path.write_bytes(cut)
    assert 1.0 < probe_video(path).duration_sec < 3.0


def test_a_file_without_pictures_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + bytes(4000))
    with pytest.raises(UnreadableVideoError):
        probe_video(path)
