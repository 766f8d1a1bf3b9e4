# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand, so that tests see how a client lives with a service that is not at its best.

Nothing of this is loaded unless `serve --faults FILE.json` names a file. It holds a list of faults and is read
again whenever it changes, which also sets the counts back:

    [{"kind": "status", "endpoint": "poll", "status": 503, "times": 3, "retry_after": 1}]

`endpoint` is one of ENDPOINTS or a list of them; where it is left out, those that the kind makes sense for.
A fault leaves the first `skip` calls alone and then strikes `times` times, or for ever. See KINDS for the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..api.models import API_PREFIX, JobStatus
from . import jobs
from .cancellation import cancel_job
from .database import Database
from .errors import CannotStartError, RequestRefusedError
from .signed_urls import UrlSigner
from .storage import Storage

_JOB = rf"{API_PREFIX}/jobs/(?P<job>[^/]+)"
_ROUTES = {
    "create": ("POST", rf"{API_PREFIX}/jobs"),
    "upload": ("PUT", r"/storage/uploads/(?P<job>[^/]+)"),
    "complete": ("POST", rf"{_JOB}/complete-upload"),
    "poll": ("GET", _JOB),
    "result": ("GET", rf"{_JOB}/result"),
    "manifest": ("GET", r"/storage/results/(?P<job>[^/]+)/manifest\.json"),
    "download": ("GET", r"/storage/results/(?P<job>[^/]+)/[^/]+"),
}
ENDPOINTS = tuple(_ROUTES)
KINDS: dict[str, tuple[str, ...]] = {
    # The endpoints that each kind is for by default; the options stand behind it.
    "over_limit_as_failed_job": ("upload", "complete"),  # a limit's refusal becomes a failed job
    "missing_output": ("poll", "result"),  # target: by default the last one
    "expired_urls": ("create", "poll", "result"),
    "slow_queue": ("poll", "result"),  # the job is told as queued
    "canceled": ("poll",),  # the job is canceled in earnest
    "unknown_status": ("poll",),  # value
    "bare_bodies": ("create", "complete", "poll", "result"),
    "flat_result": ("poll", "result"),
    "error_envelope": ENDPOINTS,  # shape: flat, string, text, html
    "xml_on_put": ("upload",),  # status, code
    "status": ENDPOINTS,  # status, code, retry_after in seconds, as_date
    "redirect": ENDPOINTS,  # status, location: by default the same address
    "reset": ENDPOINTS,  # when: request, answer (done, but not told), body
    "stall": ENDPOINTS,  # seconds, when: request, answer, body
    "malformed_json": ENDPOINTS,
    "wrong_content_length": ENDPOINTS,  # by: how many bytes too many are promised
    "truncated": ENDPOINTS,
}
_LIMITS = frozenset(
    {
        "api_duration_limit_exceeded",
        "api_file_size_limit_exceeded",
        "api_concurrency_limit_exceeded",
        "api_plan_inactive",
        "insufficient_api_v_credits",
    }
)
_SHAPES = ("flat", "string", "text", "html")
_EXPIRED_SEC = -60.0
_FLUSH_SEC = 0.05  # for what is written to arrive before the connection breaks

_log = logging.getLogger(__name__)


@dataclass
class Fault:
    """One fault and how often it has been called on."""

    kind: str
    endpoints: tuple[str, ...]
    times: float
    skip: int
    options: dict[str, Any]
    calls: int = 0

    def strikes(self, endpoint: str) -> bool:
        """Whether the fault shows itself at this call, which is counted."""
        if endpoint not in self.endpoints:
            return False
        self.calls += 1
        return self.skip < self.calls <= self.skip + self.times


def read_faults(path: Path) -> list[Fault]:
    """Read the file's faults; raises CannotStartError."""
    try:
        entries = json.loads(path.read_bytes())
        return [_read_fault(dict(entry)) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CannotStartError(f"The faults in {path} cannot be read ({error}): correct the file.") from error


def _read_fault(entry: dict[str, Any]) -> Fault:
    kind = entry.pop("kind")
    endpoints = entry.pop("endpoint", KINDS[kind])
    endpoints = (endpoints,) if isinstance(endpoints, str) else tuple(endpoints)
    if unknown := set(endpoints) - set(ENDPOINTS):
        raise ValueError(f"no such endpoint: {', '.join(sorted(unknown))}")
    if kind == "error_envelope" and entry.get("shape") not in _SHAPES:
        raise ValueError(f"the shape of error_envelope must be one of {', '.join(_SHAPES)}")
    return Fault(kind, endpoints, float(entry.pop("times", "inf")), int(entry.pop("skip", 0)), entry)


@dataclass
class _Answer:
    """What the service would say."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of_json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> _Answer:
        return cls(status, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode())

    def json(self) -> Any:
        """Return the body's JSON, None if it is none."""
        if not self.headers.get("content-type", "").startswith("application/json"):
            return None
        return json.loads(self.body)

    def rewrite(self, value: Any) -> None:
        self.body = json.dumps(value).encode()


class _ConnectionGoneError(Exception):
    """Nothing more can be said to the client."""


@dataclass(frozen=True)
class _Call:
    """One request, and the connection that it came by."""

    scope: Scope
    endpoint: str
    job_id: str
    receive: Receive
    send: Send

    @property
    def transport(self) -> asyncio.Transport:
        # ASGI has no word for breaking a connection; uvicorn's `send` belongs to the object that has it.
        return self.send.__self__.transport  # type: ignore[attr-defined]

    async def drain(self) -> None:
        """Read the request to its end, as a polite service does before it answers."""
        while (await self.receive()).get("more_body"):
            pass

    async def reset(self) -> None:
        """Break the connection with a TCP reset."""
        await asyncio.sleep(_FLUSH_SEC)
        connection: socket.socket | None = self.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()
        await asyncio.sleep(_FLUSH_SEC)  # until uvicorn has noticed
        raise _ConnectionGoneError

    def write(self, answer: _Answer, length: int, body: bytes) -> None:
        """Write an answer past all checks: its head, promising `length` bytes, and whatever body."""
        headers = {**answer.headers, "content-length": str(length), "connection": "close"}
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    async def close(self) -> None:
        """End the connection after what was written."""
        self.transport.close()
        await asyncio.sleep(_FLUSH_SEC)  # until uvicorn has noticed
        raise _ConnectionGoneError

    async def say(self, answer: _Answer) -> None:
        """Send an answer as it should be."""
        headers = {**answer.headers, "content-length": str(len(answer.body))}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": answer.status, "headers": raw})
        body = b"" if self.scope["method"] == "HEAD" else answer.body
        await self.send({"type": "http.response.body", "body": body})


class Faults:
    """Stands before the application and lets it fail as the file says."""

    def __init__(self, app: ASGIApp, path: Path, database: Database, storage: Storage) -> None:
        """Raises CannotStartError if the file cannot be read."""
        self._app = app
        self._path = path
        self._database = database
        self._storage = storage
        self._expired = UrlSigner(database.url_signing_key(), _EXPIRED_SEC)
        self._stamp: tuple[int, int, int] | None = None
        self._faults = read_faults(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        endpoint, job_id = _route(scope)
        self._read_again()
        struck = [fault for fault in self._faults if fault.strikes(endpoint)]
        if not struck:
            await self._app(scope, receive, send)
            return
        call = _Call(scope, endpoint, job_id, receive, send)
        with contextlib.suppress(_ConnectionGoneError):
            await self._answer(call, struck)

    async def _answer(self, call: _Call, struck: list[Fault]) -> None:
        answer = None
        for fault in struck:
            instead = _INSTEAD.get(fault.kind)
            if instead is not None:
                answer = await instead(self, call, fault.options) or answer
        if answer is None:
            answer = await self._ask(call)
        else:
            await call.drain()
        for fault in struck:
            change = _CHANGES.get(fault.kind)
            if change is not None:
                change(self, call, answer, fault.options)
        for fault in struck:
            delivery = _DELIVERIES.get(fault.kind)
            if delivery is not None:
                await delivery(call, answer, fault.options)
        await call.say(answer)

    def _read_again(self) -> None:
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._faults, self._stamp = read_faults(self._path), stamp
        except (OSError, CannotStartError):  # the next call finds it written to its end
            _log.exception("The faults stay as they were.")

    async def _ask(self, call: _Call) -> _Answer:
        """Return what the application answers."""
        answer = _Answer()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
                answer.headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
                }
                answer.headers.pop("content-length", None)
            elif message["type"] == "http.response.body":
                answer.body += message.get("body", b"")

        await self._app(call.scope, call.receive, keep)
        return answer

    # Before the application, or instead of it where an answer is returned.

    async def _status(self, _call: _Call, options: dict[str, Any]) -> _Answer:
        status = int(options.get("status", 503))
        headers = {}
        if "retry_after" in options:
            seconds = options["retry_after"]
            at = time.time() + float(seconds)
            headers["retry-after"] = formatdate(at, usegmt=True) if options.get("as_date") else str(seconds)
        error = {"code": options.get("code", "fault"), "message": "The service fails because a test wants it to."}
        return _Answer.of_json({"error": error}, status, headers)

    async def _redirect(self, call: _Call, options: dict[str, Any]) -> _Answer:
        query = call.scope["query_string"].decode("latin-1")
        own = call.scope["path"] + (f"?{query}" if query else "")
        status = int(options.get("status", 307))
        return _Answer(status, {"location": options.get("location", own)})

    async def _xml(self, _call: _Call, options: dict[str, Any]) -> _Answer:
        code = options.get("code", "AccessDenied")
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
        headers = {"content-type": "application/xml"}
        return _Answer(int(options.get("status", 403)), headers, body.encode())

    async def _reset_at_once(self, call: _Call, options: dict[str, Any]) -> None:
        if options.get("when", "request") == "request":
            await call.reset()

    async def _stall_at_once(self, _call: _Call, options: dict[str, Any]) -> None:
        if options.get("when", "request") == "request":
            await asyncio.sleep(float(options.get("seconds", 60)))

    async def _cancel(self, call: _Call, _options: dict[str, Any]) -> None:
        with contextlib.suppress(RequestRefusedError):  # there is no such job, or it has ended
            await asyncio.to_thread(cancel_job, self._database, self._storage, call.job_id)

    # Changes of the answer.

    def _fail_over_limit(self, call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        error = _error_of(answer)
        if error is None or error["code"] not in _LIMITS:
            return
        with self._database.write() as session:
            job = jobs.find_job(session, call.job_id)
            if job.status == JobStatus.DRAFT:
                jobs.fail(session, job, error["code"], error["message"])
        answer.status = 200
        answer.headers.pop("retry-after", None)
        answer.rewrite({"data": {"jobId": call.job_id, "status": JobStatus.QUEUED}})

    def _miss_output(self, _call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
        def drop(result: dict[str, Any]) -> None:
            outputs = result["outputs"]
            missing = options.get("target", outputs[-1]["targetId"] if outputs else None)
            result["outputs"] = [output for output in outputs if output["targetId"] != missing]
            if result.get("targetId") == missing:
                for name in ("targetId", "resultType", "fbxUrl", "motionJsonUrl"):
                    result.pop(name, None)

        _change_result(answer, drop)

    def _expire(self, _call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        def expired(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: expired(inner) for name, inner in value.items()}
            if isinstance(value, list):
                return [expired(inner) for inner in value]
            if isinstance(value, str) and "signature=" in value:
                url = urlsplit(value)
                method = "PUT" if url.path.startswith("/storage/uploads/") else "GET"
                return self._expired.sign(f"{url.scheme}://{url.netloc}", method, unquote(url.path))
            return value

        value = answer.json()
        if value is not None:
            answer.rewrite(expired(value))

    def _hold_in_queue(self, call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        value = answer.json()
        if answer.status != 200 or value is None:
            return
        if call.endpoint == "result":
            answer.status = HTTPStatus.CONFLICT
            error = {"code": "job_not_completed", "message": "The job is queued and has no result yet."}
            answer.rewrite({"error": error})
            return
        poll = _payload(value)
        if poll["job"]["status"] in (JobStatus.PROCESSING, JobStatus.COMPLETED):
            poll["job"]["status"] = JobStatus.QUEUED
            poll["job"].pop("completedAt", None)
            poll["result"] = None
            poll["events"] = [event for event in poll["events"] if event["type"] in ("created", "uploaded", "queued")]
            answer.rewrite(value)

    def _invent_status(self, _call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
        value = answer.json()
        if answer.status == 200 and value is not None:
            poll = _payload(value)
            poll["job"]["status"] = options.get("value", "packaging")
            poll["result"] = None
            answer.rewrite(value)

    def _bare(self, _call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        value = answer.json()
        if answer.status == 200 and isinstance(value, dict) and "data" in value:
            answer.rewrite(value["data"])

    def _flatten(self, _call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        def flatten(result: dict[str, Any]) -> None:
            del result["job"], result["outputs"]

        _change_result(answer, flatten)

    def _word_error(self, _call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
        error = _error_of(answer)
        if error is None:
            return
        code, message = error["code"], error["message"]
        match options["shape"]:
            case "flat":
                answer.rewrite(error)
            case "string":
                answer.rewrite({"error": code})
            case "text":
                answer.headers["content-type"] = "text/plain; charset=utf-8"
                answer.body = f"{code}: {message}".encode()
            case _:
                answer.headers["content-type"] = "text/html; charset=utf-8"
                answer.body = f"<html><body><h1>{answer.status}</h1><p>{code}: {message}</p></body></html>".encode()

    def _garble(self, _call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
        if answer.json() is not None:
            answer.body = answer.body[: max(1, len(answer.body) // 2)]


# Deliveries of the answer other than as it should be.


async def _reset_while_answering(call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
    if options.get("when") == "body":
        call.write(answer, len(answer.body), answer.body[: len(answer.body) // 2])
    await call.reset()


async def _stall_while_answering(call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
    when, half = options.get("when", "request"), len(answer.body) // 2
    if when == "body":
        call.write(answer, len(answer.body), answer.body[:half])
    if when != "request":
        await asyncio.sleep(float(options.get("seconds", 60)))
    if when == "body":
        call.transport.write(answer.body[half:])
        await call.close()


async def _promise_other_length(call: _Call, answer: _Answer, options: dict[str, Any]) -> None:
    call.write(answer, max(0, len(answer.body) + int(options.get("by", 10))), answer.body)
    await call.close()


async def _truncate(call: _Call, answer: _Answer, _options: dict[str, Any]) -> None:
    call.write(answer, len(answer.body), answer.body[: len(answer.body) // 2])
    await call.close()


_Options = dict[str, Any]
_INSTEAD: dict[str, Callable[[Faults, _Call, _Options], Awaitable[_Answer | None]]] = {
    "status": Faults._status,
    "redirect": Faults._redirect,
    "xml_on_put": Faults._xml,
    "reset": Faults._reset_at_once,
    "stall": Faults._stall_at_once,
    "canceled": Faults._cancel,
}
_CHANGES: dict[str, Callable[[Faults, _Call, _Answer, _Options], None]] = {
    "over_limit_as_failed_job": Faults._fail_over_limit,
    "missing_output": Faults._miss_output,
    "expired_urls": Faults._expire,
    "slow_queue": Faults._hold_in_queue,
    "unknown_status": Faults._invent_status,
    "flat_result": Faults._flatten,
    "bare_bodies": Faults._bare,
    "error_envelope": Faults._word_error,
    "malformed_json": Faults._garble,
}
_DELIVERIES: dict[str, Callable[[_Call, _Answer, _Options], Awaitable[None]]] = {
    "reset": _reset_while_answering,
    "stall": _stall_while_answering,
    "wrong_content_length": _promise_other_length,
    "truncated": _truncate,
}


def _route(scope: Scope) -> tuple[str, str]:
    """Return a request's endpoint and job id, empty for none."""
    if scope["type"] == "http":
        for endpoint, (method, pattern) in _ROUTES.items():
            match = re.fullmatch(pattern, scope["path"])
            if match and method == scope["method"].replace("HEAD", "GET"):
                return endpoint, match.groupdict().get("job", "")
    return "", ""


def _payload(value: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer holds, in its envelope or bare."""
    return value.get("data", value)


def _error_of(answer: _Answer) -> dict[str, str] | None:
    value = answer.json() if answer.status >= 400 else None
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else None


def _change_result(answer: _Answer, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the result in an answer of poll or result, if there is one."""
    value = answer.json()
    if answer.status != 200 or value is None:
        return
    data = _payload(value)
    result = data if "outputs" in data else data.get("result")
    if result is not None:
        change(result)
        answer.rewrite(value)
