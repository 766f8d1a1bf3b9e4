# SPDX-License-Identifier: GPL-3.0-or-later
"""Small HTTP servers on loopback for tests: each answers as its test says and remembers what it was sent."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Request:
    """What arrived. `body` is shorter than its Content-Length if the sender broke off."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What to send back.

    `cut_after` closes the connection after that many bytes of the body; `silent` closes it without any answer.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    silent: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Self:
        """A JSON answer; header names are written with underscores."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


NO_ANSWER = Answer(silent=True)


class _Server(ThreadingHTTPServer):
    """Keeps what a handler raised, except that the other end broke off, which tests do on purpose."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.errors: list[BaseException] = []

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class LoopbackServer:
    """An HTTP/1.1 server in a thread of its own; use as a context manager.

    `answer` is called once per request, in that request's thread.
    """

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self.requests: list[Request] = []
        self._answer = answer
        self._http = _Server(self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join(5.0)
        self._http.server_close()
        if error is None and self._http.errors:
            raise AssertionError("the test's own service failed") from self._http.errors[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 20.0
            disable_nagle_algorithm = True  # else each answer waits for a delayed acknowledgement

            def do_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                request = Request(self.command, self.path, dict(self.headers.items()), body)
                server.requests.append(request)
                answer = server._answer(request)
                if answer.silent:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, text in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(answer.body[: answer.cut_after])
                self.close_connection = answer.cut_after is not None

            do_GET = do_POST = do_PUT = do_any  # noqa: N815 - the names that http.server looks for

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing on the terminal."""

        return Handler


def closed_port_url() -> str:
    """Return a loopback URL at which nothing listens."""
    with LoopbackServer(lambda _request: Answer()) as server:
        return server.url
