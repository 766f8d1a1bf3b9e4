# SPDX-License-Identifier: GPL-3.0-or-later
"""A contact sheet shows the frames of the moments that were asked for, and says what is wrong otherwise."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import contact_sheet  # noqa: E402 - found by the path set above

VIDEO = ROOT / "tests" / "data" / "clips" / "wave_squat.mp4"


def decoded(index: int) -> np.ndarray:
    reader = cv2.VideoCapture(str(VIDEO))
    for _ in range(index):
        reader.grab()
    return reader.read()[1]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = []
    for name, colour in (("red", (40, 40, 220)), ("green", (40, 200, 40))):
        paths.append(tmp_path / f"{name}.png")
        cv2.imwrite(str(paths[-1]), np.full((80, 60, 3), colour, dtype=np.uint8))
    return paths


def test_moments_on_a_frame_border_show_that_frame() -> None:
    # 0.1 * 30 is 3.0000000000000004 and 2.3 * 30 is 68.99999999999999 in floating point.
    shown = contact_sheet.read_frames(VIDEO, [2.3, 0.1])
    assert np.array_equal(shown[0], decoded(69))
    assert np.array_equal(shown[1], decoded(3))


def test_each_column_has_its_frame_above_its_picture(pictures: list[Path], tmp_path: Path) -> None:
    sheet = cv2.imread(
        str(contact_sheet.compose(VIDEO, [0.0, 3.8], pictures, tmp_path / "new" / "sheet.png", width=120))
    )
    assert sheet is not None
    left, right = np.array_split(sheet, 2, axis=1)
    bottom = slice(round(0.6 * len(sheet)), round(0.8 * len(sheet)))
    for half, index, (_, green, red) in ((left, 0, (40, 40, 220)), (right, 114, (40, 200, 40))):
        middle = half.shape[1] // 2
        assert np.median(half[bottom, middle - 20 : middle + 20], axis=(0, 1))[1:] == pytest.approx((green, red), abs=3)
        frame = cv2.resize(decoded(index), (120, 160), interpolation=cv2.INTER_AREA)
        match = cv2.matchTemplate(half, frame, cv2.TM_SQDIFF_NORMED)
        assert match.min() < 1e-4
        assert np.unravel_index(match.argmin(), match.shape)[0] < 0.2 * len(sheet)


def test_bad_input_is_refused_with_a_sentence(pictures: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    with pytest.raises(contact_sheet.ContactSheetError, match=r"ends at 5\.00 s"):
        contact_sheet.compose(VIDEO, [0.0, 6.0], pictures, out)
    with pytest.raises(contact_sheet.ContactSheetError, match="3 moments"):
        contact_sheet.compose(VIDEO, [0.0, 1.0, 2.0], pictures, out)
    with pytest.raises(contact_sheet.ContactSheetError, match="not a video"):
        contact_sheet.compose(pictures[0].with_name("missing.mp4"), [0.0, 1.0], pictures, out)
    with pytest.raises(contact_sheet.ContactSheetError, match="not a picture"):
        contact_sheet.compose(VIDEO, [0.0], [VIDEO], out)
    assert not out.exists()
