# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what is whole and sane becomes a result file; whatever else a service sends is thrown away with a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import TransferError, UnusableResultError
from aimocap_addon.api.fbx_check import check_fbx
from aimocap_addon.api.models import ResultType
from aimocap_addon.api.results import PREVIEW_KIND, RESULT_KINDS, FileKind, check_robot_motion
from tests.loopback import Answer, LoopbackServer
from tests.result_files import (
    FBX,
    PREVIEW,
    ROBOT_JSON,
    fbx,
    numbers,
    record,
    robot_motion,
    scalar,
    small_fbx,
)

HTML = b"<!DOCTYPE html><html><body>Log in to this network</body></html>"


class Storage:
    """A server that sends one body, and a client of it."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.server = LoopbackServer(lambda _request: self.answer)

    def fetch(self, path: Path, body: bytes, kind: FileKind, **headers: str) -> None:
        self.answer = Answer(body=body, headers=headers)
        with AimocapClient(self.server.url, "sk-test") as client:
            client.download("/a", path, kind)


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    with storage.server:
        yield storage


def nested(depth: int) -> bytes:
    inner = record(7400, b"N")
    for _ in range(depth):
        inner = record(7400, b"N", [], [inner])
    return fbx([inner])


FBX_KIND, ROBOT_KIND = RESULT_KINDS[ResultType.FBX], RESULT_KINDS[ResultType.ROBOT_MOTION_JSON]
TEXT_FBX = b"""; FBX 7.4.0 project file
; ---- {

FBXHeaderExtension:  {
    Creator: "}"
}
"""
GOOD = {
    "binary FBX": (FBX, FBX_KIND),
    "binary FBX of 2016 and later": (small_fbx(7700), FBX_KIND),
    "text FBX": (TEXT_FBX, FBX_KIND),
    "robot motion": (ROBOT_JSON, ROBOT_KIND),
    "robot of 23 joints": (json.dumps(robot_motion(joints=23, frameCount=7)).encode(), ROBOT_KIND),
    "preview": (PREVIEW, PREVIEW_KIND),
}
BAD = {
    "page for an FBX": (HTML, FBX_KIND, "no FBX file"),
    "program for an FBX": (b"\x7fELF" + bytes(200), FBX_KIND, "no FBX file"),
    ".blend for an FBX": (b"BLENDER-v405" + bytes(200), FBX_KIND, "no FBX file"),
    "FBX's name alone": (FBX[:20], FBX_KIND, "no FBX file"),
    "FBX's header alone": (FBX[:27], FBX_KIND, "cut off"),
    "half an FBX": (FBX[: len(FBX) // 2], FBX_KIND, "cut off"),
    "FBX without its last record": (FBX[: -len(bytes(13) + b"footer")], FBX_KIND, "cut off"),
    "FBX of no version": (FBX[:23] + b"\xff\xff\xff\xff" + FBX[27:], FBX_KIND, "version"),
    "FBX with infinite numbers": (small_fbx(values=(0.0, math.inf)), FBX_KIND, "not finite"),
    "FBX with a number that is none": (
        fbx([record(7400, b"A", [scalar("D", math.nan)])]),
        FBX_KIND,
        "not finite",
    ),
    "FBX that unpacks to more than it says": (
        fbx([record(7400, b"A", [numbers([0.0] * 1000, packed=True, length=10)])]),
        FBX_KIND,
        "length",
    ),
    "FBX that says to unpack to 16 GB": (
        fbx([record(7400, b"A", [numbers([0.0], packed=True, length=2**31)])]),
        FBX_KIND,
        "memory",
    ),
    "FBX nested without end": (nested(300), FBX_KIND, "too deep"),
    "half a text FBX": (TEXT_FBX[:-5], FBX_KIND, "cut off"),
    "page for robot motion": (HTML, ROBOT_KIND, "JSON"),
    "robot motion cut off": (ROBOT_JSON[:-10], ROBOT_KIND, "JSON"),
    "robot motion nested without end": (b"[" * 100_000, ROBOT_KIND, "JSON"),
    "robot motion of no frames": (json.dumps(robot_motion(frames=0)).encode(), ROBOT_KIND, "root_pos"),
    "robot motion of no joints": (json.dumps(robot_motion(joints=0)).encode(), ROBOT_KIND, "joints"),
    "robot motion without rate": (json.dumps(robot_motion(fps=0)).encode(), ROBOT_KIND, "fps"),
    "robot motion with an infinite number": (
        json.dumps(robot_motion(root_pos=[[0, 0, math.inf]] * 3)).encode(),
        ROBOT_KIND,
        "root_pos.0.2",
    ),
    "robot motion with NaN": (
        json.dumps(robot_motion(dof_pos=[[math.nan] * 29] * 3)).encode(),
        ROBOT_KIND,
        "dof_pos.0.0",
    ),
    "robot motion with text": (json.dumps(robot_motion(dof_pos=[["x"] * 29] * 3)).encode(), ROBOT_KIND, "dof_pos"),
    "robot motion in two dimensions": (
        json.dumps(robot_motion(root_pos=[[0, 0]] * 3)).encode(),
        ROBOT_KIND,
        "root_pos",
    ),
    "robot motion of two lengths": (json.dumps(robot_motion(dof_pos=[[0.0] * 29] * 2)).encode(), ROBOT_KIND, "frames"),
    "robot motion with a joint missing": (
        json.dumps(robot_motion(dof_pos=[[0.0] * 29, [0.0] * 28, [0.0] * 29])).encode(),
        ROBOT_KIND,
        "joints",
    ),
    "robot motion with no rotation": (
        json.dumps(robot_motion(root_rot_xyzw=[[0, 0, 0, 0]] * 3)).encode(),
        ROBOT_KIND,
        "rotation",
    ),
    "page for a preview": (HTML, PREVIEW_KIND, "no video"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_results_arrive(storage: Storage, tmp_path: Path, name: str) -> None:
    body, kind = GOOD[name]
    storage.fetch(tmp_path / "result", body, kind)
    assert (tmp_path / "result").read_bytes() == body


@pytest.mark.parametrize("name", BAD)
def test_bad_results_are_thrown_away_with_a_sentence(storage: Storage, tmp_path: Path, name: str) -> None:
    body, kind, reason = BAD[name]
    with pytest.raises(UnusableResultError, match=f"(?s)cannot be used.*{reason}.*Retry"):
        storage.fetch(tmp_path / "result", body, kind)
    assert not list(tmp_path.iterdir())


def test_bad_result_keeps_the_older_file(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "result").write_bytes(FBX)
    with pytest.raises(UnusableResultError):
        storage.fetch(tmp_path / "result", HTML, FBX_KIND)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [FBX]


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "chunked"}], ids=["announced", "not announced"])
def test_result_over_its_limit_is_broken_off(storage: Storage, tmp_path: Path, headers: dict[str, str]) -> None:
    small = FileKind(1000, lambda _path: None)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (5000, bytes(5000)) if headers else bytes(5000)
    with pytest.raises(UnusableResultError, match="more than"):
        storage.fetch(tmp_path / "result", body, small, **headers)
    assert not list(tmp_path.iterdir())


def test_result_that_no_disk_has_room_for_is_not_begun(storage: Storage, tmp_path: Path) -> None:
    everything = FileKind(2**80, lambda _path: None)
    storage.answer = Answer(body=b"x", headers={"Content-Length": str(2**62)}, cut_after=1)
    with AimocapClient(storage.server.url, "sk-test") as client, pytest.raises(TransferError, match="does not fit"):
        client.download("/a", tmp_path / "result", everything)
    assert not list(tmp_path.iterdir())


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(FBX)), st.integers(0, len(FBX) - 1), st.binary(max_size=8), st.sampled_from([7400, 7700]))
def test_damaged_fbx_never_breaks_its_check(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, noise: bytes, version: int
) -> None:
    whole = small_fbx(version)
    path = tmp_path_factory.getbasetemp() / "damaged.fbx"
    path.write_bytes((whole[:at] + noise + whole[at + len(noise) :])[: cut or None])
    try:
        check_fbx(path)
    except ValueError as error:
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(ROBOT_JSON)), st.binary(max_size=6))
def test_damaged_robot_motion_never_breaks_its_check(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_bytes(ROBOT_JSON[:at] + noise + ROBOT_JSON[at + len(noise) :])
    try:
        check_robot_motion(path)
    except ValueError as error:
        assert str(error)
