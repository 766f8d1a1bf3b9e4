# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole service with its own solver and a real Blender, on real clips."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.service_process import ROOT, ServiceProcess, running_service
from tests.local_service.conftest import Caller

CLIPS = ROOT / "tests/data/clips"


@pytest.fixture(scope="module")
def real_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_service(tmp_path_factory.mktemp("real") / "data") as service:
        yield service


def test_a_person_becomes_an_fbx(real_service: ServiceProcess) -> None:
    caller = Caller(real_service, real_service.create_key(100))
    job_id = caller.submit(CLIPS / "wave_squat.mp4", name="wave_squat.mp4", trimEndSec=1.5)
    poll = caller.wait(job_id, seconds=240)
    assert poll["job"]["status"] == "completed", (poll, real_service.log.read_text()[-3000:])
    assert len([event for event in poll["events"] if event["type"] == "progress"]) > 2
    fbx = caller.plain.get(poll["result"]["outputs"][0]["fbxUrl"]).content
    assert fbx.startswith(b"Kaydara FBX Binary")
    preview = caller.plain.get(poll["result"]["previewVideoUrl"]).content
    assert preview[4:8] == b"ftyp" and len(preview) > 50_000
    assert poll["result"]["warnings"] == []
    files = caller.plain.get(poll["result"]["manifestUrl"]).json()["files"]
    assert {file["filename"]: file["bytes"] for file in files} == {"default.fbx": len(fbx), "preview.mp4": len(preview)}
    assert caller.balance() == 98


def test_an_empty_room_fails_and_costs_nothing(real_service: ServiceProcess) -> None:
    caller = Caller(real_service, real_service.create_key(100))
    job = caller.wait(caller.submit(CLIPS / "empty_room.mp4", name="empty_room.mp4"), seconds=240)["job"]
    assert (job["status"], job["errorCode"]) == ("failed", "no_person_found")
    assert caller.balance() == 100
