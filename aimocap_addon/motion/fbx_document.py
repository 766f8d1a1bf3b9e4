# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the nodes of a binary FBX file.

Layout of the file: A. Gessler and others, "FBX binary file format specification", Blender developers' blog (2013),
https://code.blender.org/2013/08/fbx-binary-file-format-specification/. Arrays are unpacked when they are asked for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"
_WIDE = 7500  # from this version on offsets have 64 bits
# Deflate makes nothing smaller than by this, https://zlib.net/zlib_tech.html.
_MOST_SHRUNK = 1032
_SCALARS = {"Y": "<h", "C": "<?", "I": "<i", "F": "<f", "D": "<d", "L": "<q"}
_ARRAYS = {"f": "<f4", "d": "<f8", "l": "<i8", "i": "<i4", "b": "?"}


class FbxFormatError(ValueError):
    """The file is no FBX file that can be read here, or holds what is not understood; the message is a clause."""


@dataclass(frozen=True)
class PackedArray:
    """An array as it lies in the file: numpy type, number of items, whether compressed, and the bytes."""

    dtype: str
    count: int
    compressed: bool
    data: bytes

    def unpacked(self) -> np.ndarray:
        """Return the items. Raises FbxFormatError if they are not as many as promised."""
        size = self.count * np.dtype(self.dtype).itemsize
        if size > _MOST_SHRUNK * len(self.data) + 64:  # before that much memory is asked for
            raise FbxFormatError("an array has not the length that it should have")
        try:
            data = zlib.decompress(self.data, bufsize=max(1, size)) if self.compressed else self.data
        except zlib.error as error:
            raise FbxFormatError("an array cannot be unpacked") from error
        if len(data) != size:
            raise FbxFormatError("an array has not the length that it should have")
        return np.frombuffer(data, self.dtype)


@dataclass(frozen=True)
class Node:
    """A node with its values (numbers, bytes, PackedArray) and the nodes in it."""

    name: str
    values: tuple[Any, ...]
    children: tuple[Node, ...]

    def all(self, name: str) -> Iterator[Node]:
        """Yield the nodes of this name in it."""
        return (child for child in self.children if child.name == name)

    def array(self, name: str) -> PackedArray:
        """Return the array in the node of this name in it. Raises FbxFormatError if there is none."""
        for child in self.all(name):
            if child.values and isinstance(child.values[0], PackedArray):
                return child.values[0]
        raise FbxFormatError(f"“{self.name}” has no {name}")

    def properties(self) -> dict[str, tuple[Any, ...]]:
        """Return the values by name that stand in its Properties70."""
        return {
            text(entry.values[0]): entry.values[4:]
            for block in self.all("Properties70")
            for entry in block.all("P")
            if entry.values
        }


def text(value: Any) -> str:
    """Return a string of the file. Raises FbxFormatError for other values."""
    if not isinstance(value, bytes):
        raise FbxFormatError("a name is not a text")
    return value.decode("utf-8", errors="replace")


def read_document(data: bytes, wanted: tuple[str, ...]) -> dict[str, Node]:
    """Return the top-level nodes of the names `wanted` in a binary FBX file. Raises FbxFormatError."""
    if not data.startswith(_MAGIC):
        raise FbxFormatError("it is not a binary FBX file")
    try:
        (version,) = struct.unpack_from("<I", data, len(_MAGIC))
        reader = _Reader(data, version >= _WIDE)
        found: dict[str, Node] = {}
        offset = len(_MAGIC) + 4
        while True:
            name, end = reader.peek(offset)
            if not end:
                return found
            if name in wanted and name not in found:
                found[name] = reader.node(offset)[0]
            offset = end
    except (struct.error, IndexError, UnicodeDecodeError, RecursionError) as error:
        raise FbxFormatError("the file is damaged") from error


class _Reader:
    def __init__(self, data: bytes, wide: bool) -> None:
        self._data = data
        self._head = struct.Struct("<QQQB" if wide else "<IIIB")

    def peek(self, offset: int) -> tuple[str, int]:
        """Return a node's name, and where it ends: 0 for the mark after the last one. Raises struct.error."""
        end, _, _, length = self._head.unpack_from(self._data, offset)
        start = offset + self._head.size
        if end and not start <= end <= len(self._data):
            raise struct.error("a node ends outside of the file")
        return self._data[start : start + length].decode(), end

    def node(self, offset: int) -> tuple[Node, int]:
        """Return the node at `offset`, and where it ends."""
        end, count, size, length = self._head.unpack_from(self._data, offset)
        name, _ = self.peek(offset)
        at = offset + self._head.size + length
        inside = at + size
        values = []
        for _ in range(count):
            value, at = self._value(at)
            values.append(value)
        if at != inside or inside > end:
            raise struct.error("values do not end where they should")
        children = []
        while inside < end:
            _, child_end = self.peek(inside)
            if not child_end:
                break
            if child_end > end or child_end <= inside:
                raise struct.error("a node ends outside of the one around it")
            children.append(self.node(inside)[0])
            inside = child_end
        return Node(name, tuple(values), tuple(children)), end

    def _value(self, at: int) -> tuple[Any, int]:
        code, at = chr(self._data[at]), at + 1
        if code in _SCALARS:
            form = _SCALARS[code]
            return struct.unpack_from(form, self._data, at)[0], at + struct.calcsize(form)
        if code in "SR":
            (length,) = struct.unpack_from("<I", self._data, at)
            return self._bytes(at + 4, length)
        if code not in _ARRAYS:
            raise struct.error("a value of an unknown kind")
        count, encoding, length = struct.unpack_from("<III", self._data, at)
        if encoding > 1:
            raise struct.error("an array packed in an unknown way")
        dtype = _ARRAYS[code]
        data, at = self._bytes(at + 12, length if encoding else count * np.dtype(dtype).itemsize)
        return PackedArray(dtype, count, encoding == 1, data), at

    def _bytes(self, at: int, length: int) -> tuple[bytes, int]:
        if at + length > len(self._data):
            raise struct.error("a value ends outside of the file")
        return self._data[at : at + length], at + length
