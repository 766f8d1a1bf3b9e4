# SPDX-License-Identifier: GPL-3.0-or-later
"""The field of view that a phone's video tells, in boxes as QuickTime's specification has them."""

from __future__ import annotations

import math
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_solved_clips import CLIPS

from aimocap_addon.local_service.solver.lens import focal_length, recorded_field_of_view

KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def metadata(key: bytes, kind: int, value: bytes, *, iso: bool = False) -> bytes:
    other = b"com.apple.quicktime.make"
    keys = b"".join(box(b"mdta", name) for name in (other, key))
    made = box(b"data", struct.pack(">II", 1, 0) + b"Maker")
    data = box(b"data", struct.pack(">II", kind, 0) + value)
    items = box(struct.pack(">I", 1), made) + box(struct.pack(">I", 2), data)
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(12))
    content = handler + box(b"keys", struct.pack(">II", 0, 2) + keys) + box(b"ilst", items)
    return box(b"meta", (bytes(4) if iso else b"") + content)


def told(path: Path, content: bytes) -> float | None:
    path.write_bytes(content)
    return recorded_field_of_view(path)


@pytest.mark.parametrize("iso", [False, True])
@pytest.mark.parametrize(
    ("kind", "value"), [(1, b"26"), (23, struct.pack(">f", 26)), (66, b"\0\x1a"), (78, struct.pack(">Q", 26))]
)
def test_a_lens_is_read_from_file_or_track(iso: bool, kind: int, value: bytes, tmp_path: Path) -> None:
    meta = metadata(KEY, kind, value, iso=iso)
    head = box(b"ftyp", b"qt  ") + box(b"mdat", bytes(100))
    expected = math.degrees(2 * math.atan(18 / 26))
    for moov in (box(b"moov", meta), box(b"moov", box(b"trak", box(b"tkhd", bytes(84)) + meta))):
        assert told(tmp_path / "phone.mov", head + moov) == pytest.approx(expected)


def test_what_tells_no_lens_gives_none(tmp_path: Path) -> None:
    assert recorded_field_of_view(CLIPS / "walk_turn.mp4") is None
    assert recorded_field_of_view(tmp_path / "missing.mp4") is None
    for content in (
        box(b"moov", metadata(b"com.apple.quicktime.model", 1, b"26")),
        box(b"moov", metadata(KEY, 1, b"wide")),
        box(b"moov", metadata(KEY, 1, b"0")),
        box(b"moov", metadata(KEY, 23, b"\0")),
    ):
        assert told(tmp_path / "other.mov", content) is None


@given(st.binary(max_size=40), st.integers(0, 400))
def test_damaged_files_are_no_error(noise: bytes, at: int) -> None:
    content = bytearray(box(b"moov", metadata(KEY, 1, b"26")))
    content[at : at + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        field = told(Path(folder) / "damaged.mov", bytes(content))
    assert field is None or 0 < field < 180


def test_wider_fields_have_shorter_lenses() -> None:
    lengths = [focal_length(degrees) for degrees in (30.0, 50.0, 90.0)]
    assert lengths == sorted(lengths, reverse=True)
    assert focal_length(90.0) == pytest.approx(0.5)
    assert np.isclose(focal_length(None), 1.2)
