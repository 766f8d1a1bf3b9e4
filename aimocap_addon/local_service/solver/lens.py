# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's field of view, where a video file tells it.

Phones write the lens's focal length for 35 mm film into the QuickTime metadata of the file or of its video track
(Apple, "QuickTime File Format Specification", Metadata atoms: `meta` with `keys` and `ilst`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .fit import FOCAL_LENGTH

_FOCAL_KEYS = (b"com.apple.quicktime.camera.focal_length.35mm_equivalent",)
_FILM_WIDTH_MM = 36.0
_PLAUSIBLE_MM = (10.0, 300.0)
_CONTAINERS = {b"moov", b"trak", b"udta"}
_MAX_BOX = 1 << 20  # bytes of metadata that are read


def focal_length(field_of_view_deg: float | None) -> float:
    """Return the focal length as a multiple of the picture's longer side, a usual camera's if the field is None."""
    return FOCAL_LENGTH if field_of_view_deg is None else 0.5 / math.tan(math.radians(field_of_view_deg) / 2.0)


def recorded_field_of_view(video: Path) -> float | None:
    """Return the field of view in degrees along the picture's longer side that the file tells, None if it does not."""
    try:
        with video.open("rb") as stream:
            focal = next(_focal_lengths(stream, 0, video.stat().st_size), None)
    except (OSError, struct.error, UnicodeDecodeError):
        return None
    if focal is None or not _PLAUSIBLE_MM[0] <= focal <= _PLAUSIBLE_MM[1]:
        return None
    return math.degrees(2.0 * math.atan(_FILM_WIDTH_MM / 2.0 / focal))


def _boxes(stream: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end of the content) of the boxes between two positions."""
    while start + 8 <= end:
        stream.seek(start)
        size, kind = struct.unpack(">I4s", stream.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8))
            content += 8
        stop = end if size == 0 else start + size
        if stop > end or stop < content:
            return
        yield kind, content, stop
        start = stop


def _focal_lengths(stream: BinaryIO, start: int, end: int) -> Iterator[float]:
    for kind, content, stop in _boxes(stream, start, end):
        if kind in _CONTAINERS:
            yield from _focal_lengths(stream, content, stop)
        elif kind == b"meta" and stop - content < _MAX_BOX:
            yield from _focal_lengths_of_metadata(stream, content, stop)


def _focal_lengths_of_metadata(stream: BinaryIO, start: int, end: int) -> Iterator[float]:
    stream.seek(start)
    if stream.read(8)[4:] != b"hdlr":  # ISO's form has four bytes of version and flags first
        start += 4
    parts = {kind: (content, stop) for kind, content, stop in _boxes(stream, start, end)}
    if b"keys" not in parts or b"ilst" not in parts:
        return
    content, stop = parts[b"keys"]
    names: list[bytes] = []
    for _, name, name_end in _boxes(stream, content + 8, stop):
        stream.seek(name)
        names.append(stream.read(name_end - name))
    for number, item, item_end in _boxes(stream, *parts[b"ilst"]):
        index = struct.unpack(">I", number)[0] - 1
        if not 0 <= index < len(names) or names[index] not in _FOCAL_KEYS:
            continue
        for kind, value, value_end in _boxes(stream, item, item_end):
            if kind == b"data":
                stream.seek(value)
                yield _number(stream.read(min(value_end - value, 256)))


def _number(data: bytes) -> float:
    """Read a number of QuickTime's well-known types; NaN for others."""
    kind, content = struct.unpack(">I", data[:4])[0] & 0xFFFFFF, data[8:]
    if kind in (23, 24):
        return float(struct.unpack(">f" if kind == 23 else ">d", content)[0])
    if kind in (21, 22, 65, 66, 67, 74, 75, 76, 77, 78):
        return float(int.from_bytes(content, "big", signed=kind in (21, 65, 66, 67, 74)))
    if kind == 1:
        try:
            return float(content.decode())
        except ValueError:
            return math.nan
    return math.nan
