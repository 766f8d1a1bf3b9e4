# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever bytes, headers and status come over the wire, every call of the client ends in a value or in its own error.

The service's real answers are mutated byte by byte and sent by a real server.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimocap_addon.api.client import AimocapClient, Patience
from aimocap_addon.api.errors import AimocapError
from aimocap_addon.api.models import CreateJobRequest, ResultType
from aimocap_addon.api.results import RESULT_KINDS
from tests.result_files import FBX

KEY = "sk-fuzz-9b1c4f"
JSON = {"Content-Type": "application/json"}
BODIES = {
    "create": json.dumps(
        {"data": {"jobId": "mocap_1", "status": "draft", "uploadUrl": "/up", "mocapType": "full_body"}}
    ),
    "poll": json.dumps(
        {
            "data": {
                "job": {"id": "mocap_1", "status": "failed", "error": {"code": "no_person_found", "message": "no"}},
                "events": [{"type": "progress", "message": "Solving", "progress": 0.5}],
                "result": None,
            }
        }
    ),
    "result": json.dumps(
        {"data": {"job": {"status": "completed"}, "outputs": [{"targetId": "default", "fbxUrl": "/a.fbx"}]}}
    ),
    "complete": json.dumps({"data": {"jobId": "mocap_1", "status": "queued"}}),
    "error": json.dumps({"error": {"code": "api_plan_inactive", "message": "The account is not active."}}),
}


def whole(status: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


ANSWERS = [
    *(whole("200 OK", body.encode(), JSON) for body in BODIES.values()),
    whole("429 Too Many Requests", BODIES["error"].encode(), {**JSON, "Retry-After": "2"}),
    whole("503 Service Unavailable", b"<html>", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "soon"}),
    whole("403 Forbidden", b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"}),
    whole("302 Found", b"", {"Location": "/again"}),
    whole("200 OK", FBX, {"Content-Type": "application/octet-stream"}),
    whole("401 Unauthorized", json.dumps({"message": f"bad key {KEY}", "code": KEY}).encode(), JSON),
    whole("200 OK", json.dumps({"job": {"status": "failed", "message": KEY}, "events": [KEY]}).encode(), JSON),
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n2\r\n1}\r\n0\r\n\r\n',
    whole("200 OK", b"\x1f\x8b\x08\x00" + bytes(20), {"Content-Encoding": "gzip"}),
    b"",
]
PIECES = [
    *(b"\x00", b"\xff", b"\r\n", b"\r\n\r\n", b"{", b"}", b'"', b"NaN", b"1e999", b"-1", b"null", b" 999 ", b" 99 "),
    *(b"[" * 2000, b"9" * 5000, b'"\\ud800"', b"\xed\xa0\x80", KEY.encode()),
    *(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No\r\n\r\n", b"\nContent-Length: -5\r\n"),
    *(b"\r\nTransfer-Encoding: x", b"\r\nContent-Encoding: gzip", b"\r\nContent-Type: a; charset=utf-7"),
    *(b"\r\nLocation: file:///etc/passwd", b"\r\nRetry-After: \xb2", b"\r\nDate: Mon, 99 Foo 2026 99:99:99 +9999"),
]


@st.composite
def wire_bytes(draw: st.DrawFn) -> bytes:
    """A real answer with up to five pieces cut out, put in or replaced."""
    data = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 2, 10, 10_000]))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=6))
        data = data[:at] + piece + data[at + cut :]
    return data


class RawServer:
    """Reads a request, sends bytes, closes. What it sends can be changed at any time."""

    def __init__(self) -> None:
        self.data = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with contextlib.closing(client), contextlib.suppress(OSError):
                    client.settimeout(5.0)
                    received = b""
                    while b"\r\n\r\n" not in received:
                        received += client.recv(65536) or b"\r\n\r\n"
                    client.sendall(self.data)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(65536):
                        pass

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


def _calls(client: AimocapClient, folder: Path) -> dict[str, Callable[[], object]]:
    request = CreateJobRequest(source_filename="a.mp4", target_ids=["default"])
    return {
        "create": lambda: client.create_job(request),
        "upload": lambda: client.upload("/up", folder / "a.mp4"),
        "complete": lambda: client.complete_upload("mocap_1"),
        "poll": lambda: client.poll("mocap_1"),
        "result": lambda: client.result("mocap_1"),
        "download": lambda: client.download("/a.fbx", folder / "a.fbx", RESULT_KINDS[ResultType.FBX]),
    }


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=wire_bytes(), call=st.sampled_from(["create", "upload", "complete", "poll", "poll", "result", "download"]))
def test_every_call_ends_in_a_value_or_in_an_error_of_its_own(
    server: RawServer, tmp_path_factory: pytest.TempPathFactory, data: bytes, call: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "wire"
    folder.mkdir(exist_ok=True)
    (folder / "a.mp4").write_bytes(b"film")
    (folder / "a.fbx").unlink(missing_ok=True)
    server.data = data
    with AimocapClient(server.url, KEY, patience=Patience(2.0, 2.0, 2.0, 5.0)) as client:
        try:
            value = _calls(client, folder)[call]()
        except AimocapError as error:
            told = f"{error.user_message} {error.detail} {error.code} {error.__cause__} {error.args}"
            assert KEY not in told
            assert error.user_message.endswith((".", "!", "?", "…", "。"))
            assert error.user_message.isprintable()
        else:
            assert KEY not in repr(value)
            assert call != "download" or (folder / "a.fbx").read_bytes().startswith(b"Kaydara")
    assert {path.name for path in folder.iterdir()} <= {"a.mp4", "a.fbx"}
