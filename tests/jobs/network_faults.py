# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults that the matrix lays on each call, and the captures that go through them."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from aimocap_addon.api.client import AimocapClient, Patience
from aimocap_addon.jobs.engine import CaptureEngine, Pace, StopSignal
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.local_service import keys, ledger
from aimocap_addon.local_service.database import Database, Job
from scripts.service_process import ServiceProcess
from tests.jobs.faulty_proxy import Answer, Exchange, FaultyProxy, NetworkFault, error_body
from tests.local_service import small_solver

PACE = Pace(poll_interval=0.03, backoff_first=0.03, backoff_ceiling=0.2, give_up_after=10.0, deadline=60.0)
PATIENCE = Patience(connect=2.0, answer=1.5, transfer=1.5, whole_answer=3.0)
HTML = b"<!DOCTYPE html><html><body><h1>Log in to this network</h1></body></html>"
XML = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
_DAY = 86400.0
_MOST_RETRIES = 2


# Faults that keep the request from the service


def _answer(status: int, body: bytes = b"", **headers: str) -> NetworkFault:
    return NetworkFault(lambda exchange: exchange.send(Answer.of(status, body, headers).raw))


def _busy(status: int, **headers: str) -> NetworkFault:
    return _answer(status, error_body("fault"), Content_Type="application/json", **headers)


def _skewed(status: int, offset: float) -> NetworkFault:
    """Asks to wait until a moment, by a clock that is far from ours."""

    def act(exchange: Exchange) -> None:
        now = formatdate(time.time() + offset, usegmt=True)
        exchange.send(Answer.of(status, error_body("fault"), {"Date": now, "Retry-After": now}).raw)

    return NetworkFault(act)


# Faults that strike when the service has done its work


def _after(spoil: Callable[[Exchange, Answer], None]) -> NetworkFault:
    return NetworkFault(lambda exchange: spoil(exchange, exchange.forward()))


def _instead(status: int, body: bytes, **headers: str) -> NetworkFault:
    return _after(lambda exchange, _answer: exchange.send(Answer.of(status, body, headers).raw))


def _other_length(exchange: Exchange, answer: Answer, by: int) -> None:
    exchange.send(Answer.of(200, answer.body, length=max(0, len(answer.body) + by)).raw)


def _truncated(exchange: Exchange, answer: Answer) -> None:
    half = answer.body[: len(answer.body) // 2]
    exchange.send(Answer.of(200, half, length=len(answer.body)).raw)


def _truncated_quietly(exchange: Exchange, answer: Answer) -> None:
    """As servers do that end the body by closing the connection: nothing shows that it is not all."""
    exchange.send(b"HTTP/1.0 200 OK\r\n\r\n" + answer.body[: len(answer.body) // 2])


def _garbled(exchange: Exchange, answer: Answer) -> None:
    exchange.send(Answer.of(200, b'{"data": {"job' + answer.body[:7] + b"\xff\x00}").raw)


def _reset_amid(exchange: Exchange, answer: Answer) -> None:
    exchange.send(answer.raw[: -max(1, len(answer.body) // 2)])
    time.sleep(0.05)
    exchange.reset()


def _stall_amid(exchange: Exchange, answer: Answer) -> None:
    exchange.send(answer.raw[: -max(1, len(answer.body) // 2)])
    exchange.stall()


def _trickle(exchange: Exchange, answer: Answer) -> None:
    """Comes byte by byte, each in time."""
    exchange.send(answer.head)
    for at in range(len(answer.body)):
        exchange.send(answer.body[at : at + 1])
        time.sleep(0.02)


def network_faults(elsewhere: str) -> dict[str, NetworkFault]:
    """Return the faults by name. `elsewhere` is the address of another host, to which calls are redirected."""
    return {
        "refused": NetworkFault(refused=True),
        "DNS failure": NetworkFault(no_name=True),
        "reset before the bytes": NetworkFault(Exchange.reset, before_reading=True),
        "closed without answer": NetworkFault(),
        "reset after the bytes": _after(lambda exchange, _answer: exchange.reset()),
        "closed after the bytes": _after(lambda _exchange, _answer: None),
        "reset amid the answer": _after(_reset_amid),
        "stall before": NetworkFault(Exchange.stall),
        "stall after": _after(lambda exchange, _answer: exchange.stall()),
        "stall amid the answer": _after(_stall_amid),
        "trickle": _after(_trickle),
        "408": _busy(408),
        "408 Retry-After": _busy(408, Retry_After="1"),
        "429": _busy(429),
        "429 Retry-After": _busy(429, Retry_After="1"),
        "500": _busy(500),
        "502": _answer(502, HTML, Content_Type="text/html"),
        "503": _busy(503),
        "503 Retry-After": _busy(503, Retry_After="1"),
        "504 after the bytes": _instead(504, HTML, Content_Type="text/html"),
        "500 after the bytes": _instead(500, b""),
        "malformed JSON": _after(_garbled),
        "empty answer": _instead(200, b""),
        "HTML page": _answer(200, HTML, Content_Type="text/html"),
        "HTML page after": _instead(200, HTML, Content_Type="text/html"),
        "longer than it is": _after(partial(_other_length, by=10)),
        "shorter than it is": _after(partial(_other_length, by=-10)),
        "truncated": _after(_truncated),
        "truncated quietly": _after(_truncated_quietly),
        "redirect elsewhere": _answer(307, Location=elsewhere),
        "redirect to a file": _answer(302, Location="file:///etc/passwd"),
        "expired": _answer(403, XML, Content_Type="application/xml"),
        "gone": _answer(410, b"gone"),
        "clock ahead": _skewed(429, _DAY),
        "clock behind": _skewed(503, -_DAY),
    }


# The service's own faults


def service_faults() -> list[tuple[str, str, dict[str, Any]]]:
    """Return (call, name, fault) of what the local service does on demand, each to be struck once."""
    api = ("create", "complete", "poll", "result")
    calls = (*api[:1], "upload", *api[1:], "download")
    faults: list[tuple[str, str, dict[str, Any]]] = []
    for call in calls:
        faults += [
            (call, "status 429 date", {"kind": "status", "status": 429, "retry_after": 1, "as_date": True}),
            (call, "status 503", {"kind": "status", "status": 503}),
            (call, "own reset", {"kind": "reset", "when": "request"}),
            (call, "own reset, done", {"kind": "reset", "when": "answer"}),
            (call, "own stall", {"kind": "stall", "seconds": 2.5, "when": "answer"}),
            (call, "own truncation", {"kind": "truncated"}),
            (call, "own false length", {"kind": "wrong_content_length"}),
            (call, "redirect to itself", {"kind": "redirect"}),
        ]
        if call != "download":
            faults.append((call, "own malformed JSON", {"kind": "malformed_json"}))
    for call in api:
        faults.append((call, "bare body", {"kind": "bare_bodies"}))
    for call in ("create", "result"):
        faults.append((call, "expired address", {"kind": "expired_urls"}))
    for shape in ("flat", "string", "text", "html"):
        faults.append(("poll", f"error as {shape}", {"kind": "error_envelope", "shape": shape}))
    faults += [
        ("upload", "XML refusal", {"kind": "xml_on_put"}),
        ("poll", "slow queue", {"kind": "slow_queue", "times": 3}),
        ("poll", "unknown status", {"kind": "unknown_status", "times": 3}),
        ("result", "flat result", {"kind": "flat_result"}),
        ("result", "missing output", {"kind": "missing_output"}),
    ]
    return faults


# A capture through a fault


@dataclass
class Outcome:
    """What became of one capture."""

    call: str
    fault: str
    struck: bool = False
    done: bool = False
    retries: int = 0  # how often a person had to press Retry
    sentences: list[str] = field(default_factory=list)
    charges: int = 0
    damaged: list[str] = field(default_factory=list)  # files that were not whole when they could be seen
    key_leaks: int = 0  # uploads that carried the key

    @property
    def survived(self) -> bool:
        return self.done and self.charges == 1 and not self.damaged and not self.key_leaks


_names = threading.local()


@contextlib.contextmanager
def failing_names() -> Iterator[None]:
    """Let host names not be found on a thread whose proxy wants it so."""
    look_up = socket.getaddrinfo

    def find(host: Any, *arguments: Any, **options: Any) -> Any:
        proxy: FaultyProxy | None = getattr(_names, "proxy", None)
        if proxy is not None and proxy.fault.no_name and proxy.is_struck and host in ("localhost", b"localhost"):
            proxy.strike()
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *arguments, **options)

    socket.getaddrinfo = find
    try:
        yield
    finally:
        socket.getaddrinfo = look_up


class Customer:
    """A person with a new key of the service, 1000 v-credits and one video of a second."""

    def __init__(self, service: ServiceProcess, video: Path, folder: Path) -> None:
        self.service = service
        self.video = video
        self.store = CaptureStore(folder)
        with self._database() as database, database.write() as session:
            self.key = keys.create_key(session, "local", 1000)

    @contextlib.contextmanager
    def _database(self) -> Iterator[Database]:
        with contextlib.closing(Database(self.service.data)) as database:
            yield database

    def charges(self) -> int:
        """How often any of this person's jobs was charged and not refunded."""
        with self._database() as database, database.read() as session:
            key_id = keys.authenticate(session, f"Bearer {self.key}").id
            own = set(session.scalars(select(Job.id).where(Job.key_id == key_id)))
            kinds = [each.kind for each in ledger.transactions(session) if each.job_id in own]
        return kinds.count("charge") - kinds.count("refund")

    def capture(self, url: str, outcome: Outcome, on_trouble: Callable[[], None] = lambda: None) -> None:
        """Capture the video by the service at `url`, pressing Retry when it fails; fills in the outcome."""
        record = CaptureRecord.new(CaptureRequest(str(self.video), self.video.stem, url))

        def watch(changed: CaptureRecord) -> None:
            if changed.message:
                on_trouble()
            self._look_at_files(changed, outcome)

        for attempt in range(_MOST_RETRIES + 1):
            if attempt:
                outcome.retries += 1
                on_trouble()
                record = record.resumed()
            with AimocapClient(url, self.key, patience=PATIENCE) as client:
                record = CaptureEngine(self.store, client, watch, StopSignal(), PACE).run(record)
            if record.stage is Stage.READY:
                break
            assert record.failure is not None, record
            outcome.sentences.append(record.failure.sentence)
        self._look_at_files(record, outcome)
        outcome.done = record.stage is Stage.READY and record.motion_file is not None
        outcome.charges = self.charges()
        leftover = [path.name for path in self._results(record).rglob("*") if path.suffix == ".part"]
        outcome.damaged += [f"left behind: {name}" for name in leftover]

    def _results(self, record: CaptureRecord) -> Path:
        return self.store.results_folder(record.capture_id)

    def _look_at_files(self, record: CaptureRecord, outcome: Outcome) -> None:
        """Every file that can be seen under its own name has to be whole at any moment."""
        for path in self._results(record).glob("*.fbx"):
            try:
                whole = small_solver.solved(path.read_bytes())["bytes"] == self.video.stat().st_size
            except (ValueError, KeyError):
                whole = False
            if not whole:
                outcome.damaged.append(path.name)


def through_the_network(
    service: ServiceProcess, video: Path, folder: Path, call: str, name: str, fault: NetworkFault
) -> Outcome:
    """Capture with this fault on the first call of its kind."""
    outcome = Outcome(call, name)
    with FaultyProxy(service.url, call, fault) as proxy:
        _names.proxy = proxy
        try:
            Customer(service, video, folder).capture(proxy.url, outcome, proxy.reopen if fault.refused else _nothing)
        finally:
            _names.proxy = None
    outcome.struck = proxy.struck > 0
    outcome.key_leaks = sum(each.has_key for each in proxy.seen if each.call == "upload")
    return outcome


def _nothing() -> None:
    """Trouble that passes by itself."""


def by_the_service(
    service: ServiceProcess, video: Path, folder: Path, call: str, name: str, fault: dict[str, Any]
) -> Outcome:
    """Capture with the service's own fault switched on once; the service has to be started with `--faults`."""
    entries = [{"times": 1, **fault, "endpoint": call}]
    if fault["kind"] == "error_envelope":  # shows in errors alone
        entries.append({"kind": "status", "status": 503, "endpoint": call, "times": 1})
    path = service.data.with_name("faults.json")
    path.with_suffix(".new").write_text(json.dumps(entries))
    path.with_suffix(".new").replace(path)
    outcome = Outcome(call, name, struck=True)
    Customer(service, video, folder).capture(service.url, outcome)
    return outcome
