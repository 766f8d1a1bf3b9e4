# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of the screen: Xvfb keeps it in a file, as `xwd` would write it.

Blender's own screenshots are black where OpenGL is done by software (4.3 and 5.2).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_HEADER = struct.Struct(
    ">25I"
)  # https://gitlab.freedesktop.org/xorg/proto/xorgproto/-/blob/master/include/X11/XWDFile.h


def read_screen(path: Path) -> Pixels:
    """Return the screen, (height, width, 3), from the top, in red, green and blue."""
    data = path.read_bytes()
    fields = _HEADER.unpack_from(data)
    header_size, width, height, bits, line_bytes, colours = (fields[index] for index in (0, 4, 5, 11, 12, 19))
    assert bits == 32, bits
    pixels = np.frombuffer(data, np.uint8, height * line_bytes, header_size + 12 * colours)
    return pixels.reshape(height, line_bytes // 4, 4)[:, :width, 2::-1]


def write_png(path: Path, pixels: Pixels) -> None:
    """Write a picture, (height, width, 3)."""
    height, width, _ = pixels.shape
    # Each line as its difference to the one above, which suits flat areas.
    above = np.zeros_like(pixels)
    above[1:] = pixels[:-1]
    lines = np.full((height, 1 + width * 3), 2, np.uint8)
    lines[:, 1:] = (pixels - above).reshape(height, width * 3)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 9)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
