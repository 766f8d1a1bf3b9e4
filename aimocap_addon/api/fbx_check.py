# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file is a whole, sane FBX file, looked at before Blender reads it.

The binary layout is that of the Blender Foundation's description,
https://code.blender.org/2013/08/fbx-binary-file-format-specification/: a header of 27 bytes, then nested records,
each with the offset of its end, its properties and its children, every list of children ended by an empty record.
From version 7500 on offsets and counts have 64 bits instead of 32.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
import sys
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path

_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_WIDE_FROM = 7500
_VERSIONS = range(5000, 10000)
_DEEPEST = 64  # exporters nest about ten levels
_MOST_ARRAY_BYTES = 2 * 1024**3  # of all arrays together, unpacked
_SCALARS = {b"C": 1, b"B": 1, b"Z": 1, b"Y": 2, b"I": 4, b"F": 4, b"D": 8, b"L": 8}
_ARRAYS = {b"b": 1, b"c": 1, b"i": 4, b"f": 4, b"d": 8, b"l": 8}
_BLOBS = (b"S", b"R")
_ASCII_HEAD = 4096
_ASCII_QUIET = re.compile(rb'"[^"]*"|;.*')  # texts and comments


def check_fbx(path: Path) -> None:
    """Raise ValueError, with a short reason, unless the file is a whole FBX file with finite numbers.

    Of a text file, which Blender reads from 5.x on, the beginning and the braces are looked at.
    """
    with path.open("rb") as stream:
        head = stream.read(_ASCII_HEAD)
        if head.startswith(_MAGIC):
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _Walk(data).run()
        elif not _is_ascii_fbx(head):
            raise ValueError("it is no FBX file")
        else:
            stream.seek(0)
            _check_braces(stream)


def _is_ascii_fbx(head: bytes) -> bool:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return b"\x00" not in head and (text.startswith(b"; FBX ") or b"FBXHeaderExtension:" in text)


def _check_braces(lines: Iterable[bytes]) -> None:
    depth = 0
    for line in lines:
        code = _ASCII_QUIET.sub(b"", line)
        depth += code.count(b"{") - code.count(b"}")
        if depth < 0:
            raise ValueError("its braces do not fit together")
    if depth:
        raise ValueError("it is cut off")


class _Walk:
    """One pass over a binary file. Every read is checked against the file's end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._array_bytes = 0

    def run(self) -> None:
        start = len(_MAGIC)
        (version,) = self._unpack("<I", start)
        if version not in _VERSIONS:
            raise ValueError(f"its FBX version is {version}")
        self._head = struct.Struct("<QQQB" if version >= _WIDE_FROM else "<IIIB")
        if self._records(start + 4, len(self._data), 0) is None:
            raise ValueError("it is cut off")

    def _unpack(self, layout: str, at: int) -> tuple[int | float, ...]:
        try:
            return struct.unpack_from(layout, self._data, at)
        except struct.error as error:
            raise ValueError("it is cut off") from error

    def _records(self, at: int, end: int, depth: int) -> int | None:
        """Check a list of records; returns where it ends, None if its closing record is missing."""
        if depth > _DEEPEST:
            raise ValueError("its records are nested too deep")
        while at + self._head.size <= end:
            record_end, properties, properties_bytes, name_bytes = self._head.unpack_from(self._data, at)
            at += self._head.size
            if record_end == 0:
                return at
            at += name_bytes
            if not at + properties_bytes <= record_end <= end:
                raise ValueError("it is cut off or damaged")
            at = self._properties(at, at + properties_bytes, properties)
            if at < record_end and self._records(at, record_end, depth + 1) != record_end:
                raise ValueError("its records do not fit together")
            at = record_end
        return None

    def _properties(self, at: int, end: int, count: int) -> int:
        if count > end - at:
            raise ValueError("its properties do not fit together")
        for _ in range(count):
            kind = self._data[at : at + 1]
            at += 1
            if kind in _SCALARS:
                self._scalar(kind, at)
                at += _SCALARS[kind]
            elif kind in _BLOBS:
                at += 4 + int(self._unpack("<I", at)[0])
            elif kind in _ARRAYS:
                at = self._array(kind, at, end)
            else:
                raise ValueError("it has a property of an unknown type")
            if at > end:
                raise ValueError("its properties do not fit together")
        if at != end:
            raise ValueError("its properties do not fit together")
        return at

    def _scalar(self, kind: bytes, at: int) -> None:
        if kind in (b"F", b"D") and not math.isfinite(self._unpack("<f" if kind == b"F" else "<d", at)[0]):
            raise ValueError("it holds a number that is not finite")

    def _array(self, kind: bytes, at: int, end: int) -> int:
        length, encoding, stored = (int(value) for value in self._unpack("<III", at))
        at += 12
        size = length * _ARRAYS[kind]
        self._array_bytes += size
        if self._array_bytes > _MOST_ARRAY_BYTES:
            raise ValueError("it would take too much memory")
        if at + (stored if encoding else size) > end:
            raise ValueError("it is cut off or damaged")
        content = self._data[at : at + (stored if encoding else size)]
        at += len(content)
        if encoding:
            content = _unpacked(content, size)
        if kind in (b"f", b"d"):
            _check_finite(kind, content)
        return at


def _unpacked(content: bytes, size: int) -> bytes:
    """Return the unpacked bytes; never more than `size` of them are made."""
    packed = zlib.decompressobj()
    try:
        content = packed.decompress(content, size + 1)
    except zlib.error as error:
        raise ValueError("it is damaged") from error
    if len(content) != size:
        raise ValueError("an array does not have the length that it should")
    return content


def _check_finite(kind: bytes, content: bytes) -> None:
    numbers = array(kind.decode())
    numbers.frombytes(content)
    if sys.byteorder == "big":
        numbers.byteswap()
    if not all(map(math.isfinite, numbers)):
        raise ValueError("it holds a number that is not finite")
