# SPDX-License-Identifier: GPL-3.0-or-later
"""Small result files as a service delivers them: whole and valid, made here so that tests can also spoil them."""

from __future__ import annotations

import json
import math
import struct
import zlib
from array import array
from collections.abc import Sequence

_MAGIC = b"Kaydara FBX Binary  \x00\x1a\x00"


def scalar(kind: str, value: float) -> bytes:
    """A property of one number; `kind` is I, L, F or D."""
    return kind.encode() + struct.pack({"I": "<i", "L": "<q", "F": "<f", "D": "<d"}[kind], value)


def text(value: bytes) -> bytes:
    """A property of text."""
    return b"S" + struct.pack("<I", len(value)) + value


def numbers(values: Sequence[float], *, packed: bool, length: int | None = None) -> bytes:
    """A property of doubles; `length` is what it claims to have, by default the truth."""
    content = array("d", values).tobytes()
    content = zlib.compress(content) if packed else content
    return b"d" + struct.pack("<III", len(values) if length is None else length, packed, len(content)) + content


def record(version: int, name: bytes, properties: Sequence[bytes] = (), children: Sequence[object] = ()) -> object:
    """A record; records know their place in the file, so it is made when the file is."""

    def at(start: int) -> bytes:
        head = struct.Struct("<QQQB" if version >= 7500 else "<IIIB")
        body = name + b"".join(properties)
        if children:
            for child in children:
                body += child(start + head.size + len(body))  # type: ignore[operator]
            body += bytes(head.size)
        return head.pack(start + head.size + len(body), len(properties), len(b"".join(properties)), len(name)) + body

    return at


def fbx(records: Sequence[object], version: int = 7400) -> bytes:
    """A binary FBX file of these records."""
    data = _MAGIC + struct.pack("<I", version)
    for each in records:
        data += each(len(data))  # type: ignore[operator]
    return data + bytes(25 if version >= 7500 else 13) + b"footer"


def small_fbx(version: int = 7400, values: Sequence[float] = (0.0, 1.5, -2.0)) -> bytes:
    """A binary FBX file with every kind of thing that a checker looks at."""
    return fbx(
        [
            record(version, b"FBXHeaderExtension", [], [record(version, b"FBXVersion", [scalar("I", version)])]),
            record(
                version,
                b"Objects",
                [],
                [
                    record(version, b"Model", [scalar("L", 7), text(b"hips\x00\x01Model"), scalar("D", 1.0)]),
                    record(
                        version,
                        b"AnimationCurve",
                        [],
                        [
                            record(version, b"KeyValueDouble", [numbers(values, packed=True)]),
                            record(version, b"Default", [numbers(values, packed=False)]),
                        ],
                    ),
                ],
            ),
        ],
        version,
    )


FBX = small_fbx()
PREVIEW = b"\x00\x00\x00\x18ftypisom preview"


def robot_motion(frames: int = 3, joints: int = 29, **changes: object) -> dict[str, object]:
    """Robot motion as the API documents it."""
    motion: dict[str, object] = {
        "version": 1,
        "robotType": "unitree_g1",
        "fps": 30,
        "frameCount": frames,
        "root_pos": [[0.01 * frame, 0.0, 0.79] for frame in range(frames)],
        "root_rot_xyzw": [[0.0, 0.0, math.sin(0.1 * frame), math.cos(0.1 * frame)] for frame in range(frames)],
        "dof_pos": [[0.01 * joint for joint in range(joints)] for _ in range(frames)],
    }
    return motion | changes


ROBOT_JSON = json.dumps(robot_motion()).encode()
