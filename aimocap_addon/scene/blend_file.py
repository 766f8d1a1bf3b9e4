# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a .blend file on disk is whole, told without opening it."""

from __future__ import annotations

from pathlib import Path

_PLAIN, _ZSTD = b"BLENDER", b"\x28\xb5\x2f\xfd"
_LAST_BLOCK, _LAST_BLOCK_SPAN = b"ENDB", 64  # a header of 20 to 32 bytes by version, maybe padded
_SEEK_TABLE = b"\xb1\xea\x92\x8f"  # ends Zstandard's seekable format, in which Blender compresses since 3.0


def is_whole(path: Path) -> bool:
    """Whether the file begins and ends as Blender writes it; False where there is none or it was cut off."""
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_PLAIN))
            stream.seek(-min(_LAST_BLOCK_SPAN, path.stat().st_size), 2)
            tail = stream.read()
    except OSError:
        return False
    return (head == _PLAIN and _LAST_BLOCK in tail) or (head.startswith(_ZSTD) and tail.endswith(_SEEK_TABLE))
