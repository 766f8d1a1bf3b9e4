# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the service listens, and what it says to those who do not speak HTTP, or too slowly."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .errors import CannotStartError


@dataclass(frozen=True)
class Listening:
    """Where and how to listen. Port 0 means any free port.

    Other addresses than loopback need a certificate, or `any_host`: without encryption whoever is on the way
    reads keys and videos.
    """

    host: str
    port: int
    tls_cert: Path | None = None
    tls_key: Path | None = None
    any_host: bool = False

    def open(self) -> socket.socket:
        """Return the listening socket; raises CannotStartError."""
        address = "127.0.0.1" if self.host == "localhost" else self.host
        try:
            ip = ipaddress.ip_address(address)
        except ValueError as error:
            raise CannotStartError(f"{self.host} is no address to listen on: use one like --host 127.0.0.1.") from error
        self._check_tls()
        if not (ip.is_loopback or self.tls_cert or self.any_host):
            raise CannotStartError(
                f"On {self.host} others could read keys and videos on their way: use --host 127.0.0.1, or give "
                "--tls-cert and --tls-key, or --insecure-any-host if the network is safe."
            )
        family = socket.AF_INET6 if ip.version == 6 else socket.AF_INET
        try:
            return socket.create_server((address, self.port), family=family)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotStartError(
                f"Port {self.port} on {self.host} cannot be used ({reason}): choose another with --port, or 0 for any "
                "that is free."
            ) from error

    def url(self, listener: socket.socket) -> str:
        """Return the base URL of the listening socket."""
        host, port = listener.getsockname()[:2]
        scheme = "https" if self.tls_cert else "http"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    def uvicorn_options(self) -> dict[str, Any]:
        """Return what uvicorn has to know of this."""
        if self.tls_cert is None:
            return {}
        return {"ssl_certfile": str(self.tls_cert), "ssl_keyfile": None if self.tls_key is None else str(self.tls_key)}

    def _check_tls(self) -> None:
        if self.tls_cert is None:
            if self.tls_key is not None:
                raise CannotStartError("--tls-key needs --tls-cert beside it: give both files.")
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # A key with a password would be asked for on the terminal, where nobody may be.
            context.load_cert_chain(self.tls_cert, self.tls_key, password=lambda: "")
        except (OSError, ValueError) as error:
            raise CannotStartError(
                f"The certificate {self.tls_cert} and its key cannot be used ({error}): give PEM files that belong "
                "together, the key without a password."
            ) from error


def patient_protocol(idle_sec: float) -> type[H11Protocol]:
    """Return uvicorn's HTTP which gives up on a request whose head takes longer, and refuses in the API's words."""
    return type("PatientProtocol", (_PatientProtocol,), {"idle_sec": idle_sec})


class _PatientProtocol(H11Protocol):
    idle_sec: float
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # uvicorn's own timer is off from the first byte on, and on again after the answer.
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP request."""
        self._refuse(400, "request_invalid", "This is no HTTP request that can be read: check the client.")

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.idle_sec, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self.transport.is_closing():
            self._refuse(408, "request_timeout", "The request did not arrive in time: send it again.")

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        with contextlib.suppress(h11.LocalProtocolError):  # an answer is under way already
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
