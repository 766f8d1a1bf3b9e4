# SPDX-License-Identifier: GPL-3.0-or-later
"""A thousand random lives of a capture: faults in any order, Blender closed at any call, stops, retries.

Whatever comes, a capture is paid once at most, no file is seen that is not whole, what is stored can be read and goes
on, and once the faults are over it ends with its motion.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.jobs.engine import CaptureEngine
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.jobs.waiting import Pace, StopSignal
from tests.jobs.scripted_service import LOST_ANSWER, LOST_REQUEST, Fault, ScriptedService, refusal, server_error
from tests.loopback import NO_ANSWER, Answer, Request
from tests.result_files import FBX, PREVIEW, ROBOT_JSON

LIVES = 1000
KEY = "sk-schedule"
CALLS = ("create", "upload", "complete", "poll", "result", "download default", "download unitree_g1")
# No waiting at all; what cannot be outlasted fails soon, and the life goes on with a retry.
PACE = Pace(
    poll_interval=0.0,
    poll_ceiling=0.0,
    backoff_first=0.0,
    backoff_ceiling=0.0,
    give_up_after=0.05,
    give_up_offline=0.05,
)
TARGETS = {"default": FBX, "unitree_g1": ROBOT_JSON}


def lost_to(status: int, body: bytes = b"", **headers: str) -> Fault:
    """The service did its work, and the client hears something else."""
    return Fault(Answer(status, body, headers), effect=True)


FAULTS = {
    "lost request": LOST_REQUEST,
    "lost answer": LOST_ANSWER,
    "500": server_error(500),
    "502 when done": lost_to(502, b"<html>"),
    "503 soon": server_error(503),
    "429": refusal("slow_down", 429, Retry_After="0"),
    "full": refusal("api_concurrency_limit_exceeded", 429),
    "no credits": refusal("insufficient_api_v_credits", 402),
    "key refused": Fault(Answer(401, b"{}")),
    "forbidden": Fault(Answer(403, b"<Error><Code>AccessDenied</Code></Error>")),
    "gone": Fault(Answer(410)),
    "conflict": refusal("wrong_state", 409),
    "page": Fault(Answer(200, b"<html>Log in</html>")),
    "page when done": lost_to(200, b"<html>Log in</html>"),
    "half JSON": lost_to(200, b'{"data": {"jobId": "mo'),
    "no JSON object": Fault(Answer(200, b"[]")),
    "nothing": lost_to(200),
    "elsewhere": Fault(Answer(302, headers={"Location": "https://login.invalid/"})),
}
some_faults = st.lists(st.sampled_from([None, *sorted(FAULTS)]), min_size=1, max_size=4)


class InProcess(httpx.BaseTransport):
    """Takes the client's requests to the scripted service without a network, and answers like one."""

    def __init__(self, service: ScriptedService) -> None:
        self._service = service

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        seen = Request(request.method, request.url.raw_path.decode(), dict(request.headers), body)
        answer = self._service._answer(seen)
        if answer == NO_ANSWER:
            raise httpx.ReadError("the connection broke off", request=request)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body, request=request)


class CaptureLife(RuleBasedStateMachine):
    """One capture of one video, from its first start until it is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="aimocap-life-", dir=_MEMORY if _MEMORY.is_dir() else None)
        folder = Path(self._folder.name)
        self.video = folder / "walk.mp4"
        self.video.write_bytes(b"film" * 1000)
        self.service = ScriptedService(outputs=dict(TARGETS), preview=True)
        self.service.before = self._before
        self.store = CaptureStore(folder / "store")
        self.stop = StopSignal()
        self.close_at: int | None = None  # the call at which Blender closes, counted from the next one
        self.stop_at: int | None = None
        self.damaged: list[str] = []
        request = CaptureRequest(str(self.video), "Walk", "http://127.0.0.1:1", targets=tuple(TARGETS))
        self.record = CaptureRecord.new(request)

    def teardown(self) -> None:
        """Once the faults are over and what stood in the way is put right, the capture ends with its motion."""
        try:
            self.service.faults.clear()
            self.close_at = self.stop_at = None
            for _ in range(4):
                if self.record.stage is Stage.READY:
                    break
                self._start()
            assert self.record.stage is Stage.READY, self.record
            if self.record.stage is Stage.READY:
                for target, content in TARGETS.items():
                    assert Path(self.record.files[target]).read_bytes() == content
                assert self.service.charges == 1
        finally:
            self.service.server._http.server_close()
            self._folder.cleanup()

    def _before(self, _call: str, _request: Request) -> None:
        self._look_at_files()
        if self.close_at is not None:
            self.close_at -= 1
            if self.close_at < 0:
                self.stop.interrupt()
        if self.stop_at is not None:
            self.stop_at -= 1
            if self.stop_at < 0:
                self.stop.set()

    def _look_at_files(self) -> None:
        whole = {**TARGETS, "preview": PREVIEW}
        for path in self.store.folder.glob("results/*/*"):
            if path.suffix != ".part" and path.read_bytes() not in whole.values():
                self.damaged.append(path.name)

    def _start(self) -> None:
        """Start Blender and let it go on with what is stored, pressing Retry where a capture failed or was stopped."""
        self.store = CaptureStore(self.store.folder)
        self.record = self.store.load(self.record.capture_id) or self.record
        if self.record.stage in (Stage.FAILED, Stage.STOPPED):
            self.record = self.record.resumed()
        self.stop = StopSignal()
        client = AimocapClient("http://127.0.0.1:1", KEY, transport=InProcess(self.service))
        with client:
            self.record = CaptureEngine(self.store, client, lambda _record: None, self.stop, PACE).run(self.record)

    @initialize(fault=st.sampled_from(sorted(FAULTS)), call=st.sampled_from(CALLS))
    def first_fault(self, fault: str, call: str) -> None:
        self.service.faults[call].append(FAULTS[fault])

    @rule(
        faults=st.lists(st.sampled_from([None, *sorted(FAULTS)]), min_size=1, max_size=4), call=st.sampled_from(CALLS)
    )
    def trouble_ahead(self, faults: list[str | None], call: str) -> None:
        self.service.faults[call] += [FAULTS[each] if each else None for each in faults]

    @rule(call=st.integers(0, 12))
    def start_and_close(self, call: int) -> None:
        self.close_at = call
        self._start()
        self.close_at = None

    @rule(call=st.integers(0, 12))
    def start_and_stop(self, call: int) -> None:
        self.stop_at = call
        self._start()
        self.stop_at = None

    @rule()
    def start(self) -> None:
        self._start()
        assert self.record.stage.is_final

    @invariant()
    def paid_once_at_most(self) -> None:
        assert self.service.charges <= 1

    @invariant()
    def every_file_is_whole(self) -> None:
        self._look_at_files()
        assert not self.damaged
        if self.record.stage.is_final:
            assert not list(self.store.folder.glob("results/*/*.part"))

    @invariant()
    def stored_state_is_the_last_one_and_holds_no_key(self) -> None:
        stored = self.store.load(self.record.capture_id)
        assert stored is None or stored.stage is self.record.stage
        assert stored is None or KEY not in stored.to_json()

    @invariant()
    def failures_are_sentences(self) -> None:
        if self.record.stage is Stage.FAILED:
            assert self.record.failure is not None
            assert self.record.failure.sentence.endswith(".")


_MEMORY = Path("/dev/shm")  # a file system in memory, where there is one: each life has a store of its own


def test_a_thousand_lives_end_well_and_are_paid_once() -> None:
    checks: list[Any] = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        CaptureLife,
        settings=settings(max_examples=LIVES, stateful_step_count=4, deadline=None, suppress_health_check=checks),
    )
