# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that does what the API promises and, call by call, what a test tells it to do instead."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.loopback import NO_ANSWER, Answer, LoopbackServer, Request
from tests.result_files import FBX, PREVIEW


@dataclass(frozen=True)
class Fault:
    """What happens to one call: `answer` goes out in place of the usual one.

    `effect` says whether the service did its work all the same, as when an answer is lost on its way back.
    """

    answer: Answer
    effect: bool = False


LOST_REQUEST = Fault(NO_ANSWER)
LOST_ANSWER = Fault(NO_ANSWER, effect=True)


def refusal(code: str, status: int = 400, **headers: str) -> Fault:
    """The call is refused with this code."""
    return Fault(Answer.of({"error": {"code": code, "message": "m"}}, status, **headers))


def server_error(status: int = 500) -> Fault:
    """The call fails in the service."""
    return Fault(Answer(status, b"oops"))


@dataclass
class Job:
    """One job at the service."""

    request: dict[str, Any]
    status: str = "draft"
    video: bytes | None = None
    charges: int = 0
    error: dict[str, str] | None = None


@dataclass
class ScriptedService:
    """The service. Calls are named create, upload, complete, poll, result, and download with the file's name.

    `faults[call]` holds what happens to the next calls of that name, None for nothing unusual. `running`
    is how a submitted job goes on, one status per poll; `before` sees every call before it is handled.
    """

    running: tuple[str, ...] = ("queued", "processing", "completed")
    before: Callable[[str, Request], None] = lambda _call, _request: None
    outputs: dict[str, bytes] = field(default_factory=lambda: {"default": FBX})
    preview: bool = False
    faults: defaultdict[str, list[Fault | None]] = field(default_factory=lambda: defaultdict(list))
    jobs: dict[str, Job] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    job_error: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.server = LoopbackServer(self._answer)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def charges(self) -> int:
        """How many times any job was charged."""
        return sum(job.charges for job in self.jobs.values())

    def count(self, call: str) -> int:
        return self.calls.count(call)

    def _answer(self, request: Request) -> Answer:
        call, job_id = _route(request)
        self.calls.append(call)
        self.before(call, request)
        fault = self.faults[call].pop(0) if self.faults[call] else None
        if fault is None:
            return self._handle(call, job_id, request)
        if fault.effect:
            self._handle(call, job_id, request)
        return fault.answer

    def _handle(self, call: str, job_id: str, request: Request) -> Answer:
        if call == "create":
            job_id = f"mocap_{len(self.jobs) + 1}"
            self.jobs[job_id] = Job(request.json)
            return _data({"jobId": job_id, "status": "draft", "uploadUrl": f"{self.url}/upload/{job_id}"})
        if call.startswith("download"):
            return Answer(body=self._files().get(request.path.rpartition("/")[2], b""))
        job = self.jobs.get(job_id)
        if job is None:
            return Answer.of({"error": {"code": "job_not_found"}}, 404)
        return {"upload": self._upload, "complete": self._complete, "poll": self._poll, "result": self._result}[call](
            job, request
        )

    def _upload(self, job: Job, request: Request) -> Answer:
        job.video = request.body
        return Answer()

    def _complete(self, job: Job, _request: Request) -> Answer:
        if job.status != "draft":
            return Answer.of({"error": {"code": "wrong_state"}}, 409)
        job.charges += 1
        job.status = self.running[0]
        return Answer()

    def _poll(self, job: Job, _request: Request) -> Answer:
        answer = {"id": "x", "status": job.status, **({"error": job.error} if job.error else {})}
        if job.status in self.running[:-1]:
            job.status = self.running[self.running.index(job.status) + 1]
            job.error = self.job_error if job.status == "failed" else None
        return _data({"job": answer, "events": [], "result": None})

    def _result(self, job: Job, _request: Request) -> Answer:
        outputs = [
            {"targetId": target, ("motionJsonUrl" if target == "unitree_g1" else "fbxUrl"): f"{self.url}/file/{target}"}
            for target in self.outputs
        ]
        preview = {"previewVideoUrl": f"{self.url}/file/preview"} if self.preview else {}
        return _data({"job": {"status": job.status}, "outputs": outputs, **preview})

    def _files(self) -> dict[str, bytes]:
        return {**self.outputs, "preview": PREVIEW}


def _data(value: dict[str, Any]) -> Answer:
    return Answer.of({"data": value})


def _route(request: Request) -> tuple[str, str]:
    """Return the call's name and the job's id."""
    if match := re.fullmatch(r"/upload/(\w+)", request.path):
        return "upload", match[1]
    if match := re.fullmatch(r"/file/(\w+)", request.path):
        return f"download {match[1]}", ""
    if request.path == "/api/v1/mocap/jobs":
        return "create", ""
    match = re.fullmatch(r"/api/v1/mocap/jobs/(\w+)(?:/([\w-]+))?", request.path)
    assert match is not None, request.path
    return {"complete-upload": "complete", "result": "result", None: "poll"}[match[2]], match[1]
