# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between a capture and the real service that spoils one call, as networks and gateways do.

It speaks one request per connection, so that every call makes its own. What it does to the bytes is real: refused
connections, TCP resets, silence, cut and false answers.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CALLS = ("create", "upload", "complete", "poll", "result", "download")
_ROUTES = (
    ("create", r"POST /api/v1/mocap/jobs"),
    ("upload", r"PUT /storage/uploads/.*"),
    ("complete", r"POST /api/v1/mocap/jobs/[^/]+/complete-upload"),
    ("poll", r"GET /api/v1/mocap/jobs/[^/]+"),
    ("result", r"GET /api/v1/mocap/jobs/[^/]+/result"),
    ("download", r"GET /storage/results/.*"),
)
_IO_SEC = 20.0


@dataclass(frozen=True)
class Request:
    """One request as bytes."""

    call: str
    head: bytes
    body: bytes

    @property
    def has_key(self) -> bool:
        return b"\r\nauthorization:" in self.head.lower()


@dataclass(frozen=True)
class Answer:
    """One answer as bytes."""

    head: bytes
    body: bytes

    @property
    def raw(self) -> bytes:
        return self.head + self.body

    @classmethod
    def of(cls, status: int, body: bytes = b"", headers: Mapping[str, str] = {}, length: int | None = None) -> Self:
        """An answer made here; header names are written with underscores, `length` is what it promises."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        named |= {"Content-Length": str(len(body) if length is None else length), "Connection": "close"}
        lines = [f"HTTP/1.1 {status} Fault", *(f"{name}: {text}" for name, text in named.items()), "", ""]
        return cls("\r\n".join(lines).encode(), body)


@dataclass
class Exchange:
    """One request under way: what a fault may do with it."""

    request: Request
    client: socket.socket
    forward: Callable[[], Answer]

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.client.sendall(data)

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def stall(self) -> None:
        """Say nothing until the client gives up."""
        self.client.settimeout(_IO_SEC)
        with contextlib.suppress(OSError):
            while self.client.recv(65536):
                pass


@dataclass(frozen=True)
class NetworkFault:
    """What happens to a call. `act` handles a request in the proxy's place.

    `before_reading` is for faults that do not wait for the whole request, and then do not know which call it is but
    by its first line. `refused` closes the proxy's port; `no_name` lets the look-up of its host name fail.
    """

    act: Callable[[Exchange], None] = lambda _exchange: None
    before_reading: bool = False
    refused: bool = False
    no_name: bool = False


@dataclass
class FaultyProxy:
    """Spoils the first `times` requests of `call`; use as a context manager.

    `next_call` is the call that is expected next, as far as the answers so far tell.
    """

    service: str
    call: str = ""
    fault: NetworkFault = field(default_factory=NetworkFault)
    times: int = 1

    def __post_init__(self) -> None:
        self.seen: list[Request] = []
        self.struck = 0
        self.next_call = "create"
        self._lock = threading.Lock()
        self._ended = False
        self._listener = self._listen(0)
        self.port = self._listener.getsockname()[1]
        self._accepting: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def count(self, call: str) -> int:
        """How many requests of this call arrived whole."""
        return sum(request.call == call for request in self.seen)

    @property
    def is_struck(self) -> bool:
        """Whether the fault lies on the next call."""
        return self.next_call == self.call and self.struck < self.times

    def strike(self) -> None:
        """Count one blow of the fault."""
        self.struck += 1

    def __enter__(self) -> Self:
        self._open()
        self._refuse_if_struck()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._close()

    @staticmethod
    def _listen(port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(16)
        return listener

    def _open(self) -> None:
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _refuse_if_struck(self) -> None:
        if self.fault.refused and self.is_struck:
            self._close()

    def reopen(self) -> None:
        """Take connections again after `refused`; the fault is over."""
        self.struck = self.times
        if self._listener.fileno() < 0 and not self._ended:
            self._open()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.closing(client), contextlib.suppress(OSError, ValueError):
            client.settimeout(_IO_SEC)
            data = b""
            while b"\r\n" not in data:
                data += _received(client)
            call = _call_of(data)
            spoiled = self._take(call)
            if spoiled and self.fault.before_reading:
                self.fault.act(Exchange(Request(call, data, b""), client, lambda: Answer(b"", b"")))
                return
            request = _read_request(client, call, data)
            self.seen.append(request)
            if spoiled:
                self.fault.act(Exchange(request, client, lambda: self._forward(request)))
                return
            answer = self._forward(request)
            self._expect_after(request, answer)
            client.sendall(answer.raw)

    def _take(self, call: str) -> bool:
        """Whether the fault strikes this request, which then counts."""
        if self.fault.refused or self.fault.no_name:
            return False
        with self._lock:
            if call != self.call or self.struck >= self.times:
                return False
            self.struck += 1
            return True

    def _expect_after(self, request: Request, answer: Answer) -> None:
        if request.call == "poll":
            done = b'"status": "completed"' in answer.body
            self.next_call = "result" if done else "poll"
        elif request.call in CALLS[:-1]:
            self.next_call = CALLS[CALLS.index(request.call) + 1]
        self._refuse_if_struck()

    def _forward(self, request: Request) -> Answer:
        place = urlsplit(self.service)
        with socket.create_connection((place.hostname or "", place.port or 80), timeout=_IO_SEC) as service:
            head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", request.head)
            service.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + request.body)
            data = b""
            with contextlib.suppress(ConnectionError):
                while piece := service.recv(65536):
                    data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        return Answer(head + b"\r\n\r\n", body)


def _received(client: socket.socket) -> bytes:
    piece = client.recv(65536)
    if not piece:
        raise ConnectionAbortedError
    return piece


def _call_of(data: bytes) -> str:
    line = data.split(b"\r\n", 1)[0].decode("latin-1").rpartition(" HTTP/")[0]
    return next((call for call, pattern in _ROUTES if re.fullmatch(pattern, line)), "")


def _read_request(client: socket.socket, call: str, data: bytes) -> Request:
    while b"\r\n\r\n" not in data:
        data += _received(client)
    head, _, body = data.partition(b"\r\n\r\n")
    match = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(match[1]) if match else 0
    while len(body) < length:
        body += _received(client)
    return Request(call, head + b"\r\n\r\n", body)


def error_body(code: str) -> bytes:
    """The body of a refusal in the API's usual envelope."""
    return json.dumps({"error": {"code": code, "message": "The network fails because a test wants it to."}}).encode()
