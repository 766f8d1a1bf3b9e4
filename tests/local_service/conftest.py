# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from aimocap_addon.local_service import keys, ledger
from aimocap_addon.local_service.cancellation import cancel_job
from aimocap_addon.local_service.database import Database
from aimocap_addon.local_service.storage import Storage
from scripts.service_process import ServiceProcess, running_service
from tests.local_service import small_solver

JOBS = "/api/v1/mocap/jobs"


class Caller:
    """One key's plain HTTP calls, without any of our client's tolerance."""

    def __init__(self, service: ServiceProcess, key: str) -> None:
        self.service = service
        self.key = key
        self.http = httpx.Client(
            base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False
        )
        self.plain = httpx.Client(timeout=60, trust_env=False)

    def create(self, name: str = "clip.mp4", **fields: Any) -> httpx.Response:
        return self.http.post(JOBS, json={"sourceFilename": name, "targetIds": ["default"], **fields})

    def upload(self, url: str, content: Any, **kwargs: Any) -> httpx.Response:
        return self.plain.put(url, content=content, **{"headers": {"Content-Type": "video/mp4"}, **kwargs})

    def draft(self, video: Path | bytes | None, name: str = "clip.mp4", **fields: Any) -> str:
        """Create a job and, if there is a video, upload it; returns the job's id."""
        created = self.create(name, **fields)
        assert created.status_code == 200, created.text
        if video is not None:
            content = video if isinstance(video, bytes) else video.read_bytes()
            sent = self.upload(created.json()["data"]["uploadUrl"], content)
            assert sent.status_code == 200, sent.text
        return created.json()["data"]["jobId"]

    def complete(self, job_id: str) -> httpx.Response:
        return self.http.post(f"{JOBS}/{job_id}/complete-upload")

    def submit(self, video: Path | bytes, name: str = "clip.mp4", **fields: Any) -> str:
        """Create, upload and complete; returns the job's id."""
        job_id = self.draft(video, name, **fields)
        completed = self.complete(job_id)
        assert completed.status_code == 200, completed.text
        return job_id

    def poll(self, job_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{JOBS}/{job_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def wait(self, job_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """Poll until the job has one of the statuses (by default: an end); returns the poll."""
        deadline = time.monotonic() + seconds
        while (poll := self.poll(job_id))["job"]["status"] not in (statuses or ("completed", "failed")):
            assert time.monotonic() < deadline, f"the job did not get there: {poll}"
            time.sleep(0.05)
        return poll

    def result(self, job_id: str) -> httpx.Response:
        return self.http.get(f"{JOBS}/{job_id}/result")

    def balance(self) -> int:
        database = Database(self.service.data)
        try:
            with database.read() as session:
                return ledger.balance(session, keys.authenticate(session, f"Bearer {self.key}").id)
        finally:
            database.close()

    def movements(self, job_id: str) -> list[str]:
        """Return the kinds of a job's ledger transactions in order."""
        database = Database(self.service.data)
        try:
            with database.read() as session:
                return [movement.kind for movement in ledger.transactions(session) if movement.job_id == job_id]
        finally:
            database.close()


def error_of(response: httpx.Response) -> tuple[int, str]:
    """Return (HTTP status, code) of an error, having checked the envelope and that the message is a sentence."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message"}
    message = body["error"]["message"]
    assert " " in message and message.endswith(".") and "Traceback" not in message
    return response.status_code, body["error"]["code"]


def write_video(path: Path, seconds: float, fps: float = 30.0, fourcc: str = "mp4v") -> Path:
    """Write a small video of a moving bar, in which nobody is."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), fps, (64, 48))
    for frame in range(round(seconds * fps)):
        image = np.zeros((48, 64, 3), np.uint8)
        image[:, frame % 64] = 255
        writer.write(image)
    writer.release()
    return path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    data = tmp_path_factory.mktemp("service") / "data"
    with running_service(data, module=small_solver.MODULE) as process:
        yield process


def new_caller(service: ServiceProcess, credits_granted: int = 1000, plan: str = "local") -> Caller:
    """Return a caller with a new key, made beside the running service."""
    database = Database(service.data)
    try:
        with database.write() as session:
            return Caller(service, keys.create_key(session, plan, credits_granted))
    finally:
        database.close()


def cancel(service: ServiceProcess, job_id: str) -> None:
    """Cancel a job beside the running service."""
    database = Database(service.data)
    try:
        cancel_job(database, Storage(service.data), job_id)
    finally:
        database.close()


@pytest.fixture
def caller(service: ServiceProcess) -> Caller:
    """A new key with 1000 v-credits on the plan `local`."""
    return new_caller(service)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 4 seconds at 30 fps."""
    return write_video(tmp_path_factory.mktemp("videos") / "clip.mp4", 4.0)
