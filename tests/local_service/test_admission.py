# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal of the API: its code, its stage, its HTTP status, and that it costs nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from scripts.service_process import ServiceProcess, run_command
from tests.local_service import small_solver
from tests.local_service.conftest import JOBS, Caller, error_of, new_caller, write_video


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"exportFps": 25}, 400, "export_fps_invalid"),
        ({"exportFps": "30"}, 400, "export_fps_invalid"),
        ({"exportFps": True}, 400, "export_fps_invalid"),
        ({"exportFps": [30]}, 400, "export_fps_invalid"),
        ({"mocapType": "hands"}, 400, "mocap_type_invalid"),
        ({"mocapType": ["full_body"]}, 400, "mocap_type_invalid"),
        ({"targetIds": []}, 400, "api_target_ids_required"),
        ({"targetIds": None}, 400, "api_target_ids_required"),
        ({"targetIds": "default"}, 400, "api_target_ids_required"),
        ({"targetIds": ["unitree_h1"]}, 400, "api_target_unsupported"),
        ({"targetIds": ["default", "avatar:7"]}, 400, "api_target_unsupported"),
        ({"targetIds": [{}]}, 400, "api_target_unsupported"),
        ({"sourceDurationSec": 0}, 422, "api_source_duration_invalid"),
        ({"sourceDurationSec": -3}, 422, "api_source_duration_invalid"),
        ({"sourceDurationSec": "18"}, 422, "api_source_duration_invalid"),
        ({"sourceDurationSec": 10**400}, 422, "api_source_duration_invalid"),
        ({"trimStartSec": -1}, 422, "api_trim_range_invalid"),
        ({"trimStartSec": "1"}, 422, "api_trim_range_invalid"),
        ({"trimStartSec": 3, "trimEndSec": 3}, 422, "api_trim_range_invalid"),
        ({"trimEndSec": 0}, 422, "api_trim_range_invalid"),
        ({"sourceDurationSec": 5, "trimEndSec": 6}, 422, "api_trim_range_invalid"),
        ({"sourceDurationSec": 5, "trimStartSec": 5}, 422, "api_trim_range_invalid"),
        ({"sourceFilename": ""}, 400, "source_filename_required"),
        ({"sourceFilename": 7}, 400, "request_invalid"),
        ({"title": "two\nlines"}, 400, "request_invalid"),
        ({"title": "x" * 501}, 400, "request_invalid"),
    ],
)
def test_create_refuses(caller: Caller, fields: dict[str, Any], status: int, code: str) -> None:
    body = {"sourceFilename": "clip.mp4", "targetIds": ["default"], **fields}
    assert error_of(caller.http.post(JOBS, json=body)) == (status, code)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(caller: Caller, number: str) -> None:
    for field, code in (
        ("sourceDurationSec", "api_source_duration_invalid"),
        ("trimStartSec", "api_trim_range_invalid"),
        ("trimEndSec", "api_trim_range_invalid"),
        ("exportFps", "export_fps_invalid"),
    ):
        body = f'{{"sourceFilename": "a.mp4", "targetIds": ["default"], "{field}": {number}}}'
        assert error_of(caller.http.post(JOBS, content=body))[1] == code


@pytest.mark.parametrize("rate", [24, 30, 60, 120])
def test_create_takes_every_export_rate(caller: Caller, rate: int) -> None:
    assert caller.poll(caller.draft(None, exportFps=rate))["job"]["exportFps"] == rate


def free(service: ServiceProcess, credits_granted: int = 1000) -> Caller:
    return new_caller(service, credits_granted, "free")


def check_failed_for_nothing(caller: Caller, job_id: str, code: str, balance: int) -> None:
    """The job has failed with the code, no credit has moved, and asking again answers the state."""
    job = caller.poll(job_id)["job"]
    assert (job["status"], job["errorCode"]) == ("failed", code)
    assert job["errorMessage"].endswith(".")
    assert caller.movements(job_id) == []
    assert caller.balance() == balance
    assert caller.complete(job_id).json()["data"] == {"jobId": job_id, "status": "failed"}
    assert error_of(caller.result(job_id)) == (409, code)


def test_a_declared_clip_over_the_plan_is_refused_at_create(service: ServiceProcess) -> None:
    caller = free(service)
    assert error_of(caller.create(sourceDurationSec=31)) == (422, "api_duration_limit_exceeded")
    assert error_of(caller.create(trimStartSec=5, trimEndSec=36)) == (422, "api_duration_limit_exceeded")
    assert caller.create(sourceDurationSec=300, trimStartSec=100, trimEndSec=130).status_code == 200


def test_the_file_s_own_duration_counts_not_the_declared_one(service: ServiceProcess, tmp_path: Path) -> None:
    caller, long = free(service), write_video(tmp_path / "long.mp4", 33.0)
    job_id = caller.draft(long, sourceDurationSec=10)
    assert error_of(caller.complete(job_id)) == (422, "api_duration_limit_exceeded")
    check_failed_for_nothing(caller, job_id, "api_duration_limit_exceeded", 1000)
    trimmed = caller.submit(long, trimStartSec=2.0, trimEndSec=31.5)
    assert caller.wait(trimmed)["job"]["status"] == "completed"
    assert caller.balance() == 1000 - 30  # 29.5 s


@pytest.mark.parametrize(
    "trim",
    [{"trimEndSec": 6.0}, {"trimStartSec": 4.5}, {"trimStartSec": 3.99}, {"trimStartSec": 1.0, "trimEndSec": 1.02}],
)
def test_a_trim_outside_the_real_video_fails_the_job(caller: Caller, clip: Path, trim: dict[str, Any]) -> None:
    job_id = caller.draft(clip, **trim)
    assert error_of(caller.complete(job_id)) == (422, "api_trim_range_invalid")
    check_failed_for_nothing(caller, job_id, "api_trim_range_invalid", 1000)


def test_a_trim_end_a_rounding_past_the_end_means_the_end(caller: Caller, clip: Path) -> None:
    poll = caller.wait(caller.submit(clip, trimStartSec=1.0, trimEndSec=4.05))
    made = small_solver.solved(caller.plain.get(poll["result"]["outputs"][0]["fbxUrl"]).content)
    assert made["end"] == pytest.approx(4.0, abs=0.01)
    assert caller.balance() == 997


def test_a_file_over_the_plan_is_refused_while_it_comes_in(service: ServiceProcess) -> None:
    caller = free(service)
    mebibyte = bytes(1024 * 1024)

    def too_much() -> Any:  # chunked: no Content-Length tells beforehand
        for _ in range(53):
            yield mebibyte

    for content in (too_much(), mebibyte * 51):
        draft = caller.create().json()["data"]
        assert error_of(caller.upload(draft["uploadUrl"], content)) == (413, "api_file_size_limit_exceeded")
        check_failed_for_nothing(caller, draft["jobId"], "api_file_size_limit_exceeded", 1000)
        assert not [path for path in (service.data / "uploads" / draft["jobId"]).rglob("*") if path.is_file()]


def test_no_more_jobs_at_once_than_the_plan_allows(service: ServiceProcess, clip: Path) -> None:
    caller = free(service)
    go = service.data / "go"
    drafts = [caller.draft(clip, name="wait.mp4") for _ in range(3)]
    try:
        assert caller.complete(drafts[0]).status_code == 200
        assert caller.complete(drafts[1]).status_code == 200
        assert error_of(caller.complete(drafts[2])) == (429, "api_concurrency_limit_exceeded")
        assert error_of(caller.create()) == (429, "api_concurrency_limit_exceeded")
        assert caller.poll(drafts[2])["job"]["status"] == "draft"
    finally:
        go.touch()
    try:
        for job_id in drafts[:2]:
            caller.wait(job_id)
        assert caller.complete(drafts[2]).status_code == 200
        assert caller.wait(drafts[2])["job"]["status"] == "completed"
    finally:
        go.unlink()


def test_limits_hold_between_jobs_completed_at_the_same_moment(service: ServiceProcess, clip: Path) -> None:
    caller = free(service, credits_granted=1000)
    drafts = [caller.draft(clip, name="wait.mp4") for _ in range(6)]
    try:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(caller.complete, drafts))
    finally:
        (service.data / "go").touch()
    try:
        taken = [job_id for job_id, answer in zip(drafts, answers, strict=True) if answer.status_code == 200]
        assert len(taken) == 2
        for job_id in taken:
            assert caller.wait(job_id)["job"]["status"] == "completed"
    finally:
        (service.data / "go").unlink()


def test_an_inactive_account_is_refused_at_create_and_complete(service: ServiceProcess, clip: Path) -> None:
    caller = free(service)
    job_id = caller.draft(clip)
    listed = run_command("keys", "list", "--data", str(service.data)).stdout.splitlines()
    number = next(line.split()[0] for line in listed if caller.key[-4:] in line)
    assert run_command("keys", "deactivate", number, "--data", str(service.data)).returncode == 0
    assert error_of(caller.create()) == (403, "api_plan_inactive")
    assert error_of(caller.complete(job_id)) == (403, "api_plan_inactive")
    assert run_command("keys", "activate", number, "--data", str(service.data)).returncode == 0
    assert caller.complete(job_id).status_code == 200


def test_too_few_v_credits_are_refused_at_create_and_complete(service: ServiceProcess, clip: Path) -> None:
    caller = free(service, credits_granted=3)
    assert error_of(caller.create(sourceDurationSec=4)) == (402, "insufficient_api_v_credits")
    job_id = caller.draft(clip)
    assert error_of(caller.complete(job_id)) == (402, "insufficient_api_v_credits")
    assert caller.poll(job_id)["job"]["status"] == "draft"
    assert caller.balance() == 3
    assert error_of(free(service, credits_granted=0).create()) == (402, "insufficient_api_v_credits")


def test_waiting_jobs_hold_the_v_credits_they_will_cost(service: ServiceProcess, clip: Path) -> None:
    caller = free(service, credits_granted=7)
    drafts = [caller.draft(clip, name="wait.mp4") for _ in range(2)]
    try:
        assert caller.complete(drafts[0]).status_code == 200
        assert error_of(caller.complete(drafts[1])) == (402, "insufficient_api_v_credits")
    finally:
        (service.data / "go").touch()
    caller.wait(drafts[0])
    (service.data / "go").unlink()
    assert caller.balance() == 3


@pytest.mark.parametrize("kind", ["text", "picture", "playlist", "cut off", "zeros"])
def test_what_is_no_video_fails_unpaid(caller: Caller, clip: Path, tmp_path: Path, kind: str) -> None:
    if kind == "text":
        content = b"This is no video. " * 500
    elif kind == "picture":
        content = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    elif kind == "playlist":  # FFmpeg would open the file that it names
        content = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{clip}\n#EXT-X-ENDLIST\n".encode()
    elif kind == "cut off":
        content = clip.read_bytes()[:400]
    else:
        content = bytes(5000)
    job_id = caller.draft(content)
    assert error_of(caller.complete(job_id)) == (422, "video_unreadable")
    check_failed_for_nothing(caller, job_id, "video_unreadable", 1000)
