# SPDX-License-Identifier: GPL-3.0-or-later
"""The public contract of the AIMoCap API, point by point: endpoints, fields, defaults, statuses, codes, outputs."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.service_process import ServiceProcess, run_command
from tests.local_service import small_solver
from tests.local_service.conftest import JOBS, Caller, error_of, new_caller, write_video

MINIMAL = {"sourceFilename": "clip.mp4", "targetIds": ["default"]}
FULL = {
    "title": "Kick",
    "sourceFilename": "kick.mp4",
    "sourceDurationSec": 4.0,
    "trimStartSec": 0.5,
    "trimEndSec": 3.0,
    "exportFps": 60,
    "mocapType": "upper_body",
    "targetIds": ["default"],
}


class TestBaseAndKeys:
    """Origin, version, authentication."""

    def test_every_call_is_below_the_official_path(self, service: ServiceProcess) -> None:
        paths = httpx.get(f"{service.url}/api/v1/mocap/openapi.json", trust_env=False).json()["paths"]
        own = [path for path in paths if path.startswith("/api/")]
        assert len(own) == 4
        assert all(path.startswith("/api/v1/mocap/jobs") for path in own)

    def test_keys_look_like_the_cloud_s(self, caller: Caller) -> None:
        assert re.fullmatch(r"sk-[\w-]{32,}", caller.key)

    def test_the_scheme_is_bearer_in_any_case_and_nothing_else(self, caller: Caller) -> None:
        for scheme, status in (("Bearer", 200), ("bearer", 200), ("Basic", 401), ("", 401)):
            headers = {"Authorization": f"{scheme} {caller.key}".strip()}
            assert caller.http.post(JOBS, json=MINIMAL, headers=headers).status_code == status

    def test_cookies_do_not_stand_for_a_key(self, caller: Caller) -> None:
        refused = caller.plain.post(caller.service.url + JOBS, json=MINIMAL, headers={"Cookie": f"key={caller.key}"})
        assert error_of(refused) == (401, "api_key_invalid")
        assert refused.headers["WWW-Authenticate"] == "Bearer"


class TestCreate:
    """Request and answer of create."""

    def test_the_answer_has_the_documented_fields(self, caller: Caller) -> None:
        answer = caller.http.post(JOBS, json=FULL)
        assert answer.status_code == 200
        created = answer.json()["data"]
        assert set(created) == {"jobId", "status", "mocapType", "uploadUrl", "sourceKey"}
        assert created["jobId"].startswith("mocap_")
        assert (created["status"], created["mocapType"]) == ("draft", "upper_body")
        assert httpx.URL(created["uploadUrl"]).is_absolute_url

    @pytest.mark.parametrize("name", sorted(set(FULL) - set(MINIMAL)))
    def test_optional_fields_may_be_missing_or_null(self, caller: Caller, name: str) -> None:
        without = {key: value for key, value in FULL.items() if key != name}
        for body in (without, {**FULL, name: None}):
            assert caller.http.post(JOBS, json=body).status_code == 200

    @pytest.mark.parametrize(
        ("name", "code"), [("sourceFilename", "source_filename_required"), ("targetIds", "api_target_ids_required")]
    )
    def test_required_fields_are_required(self, caller: Caller, name: str, code: str) -> None:
        body = {key: value for key, value in FULL.items() if key != name}
        assert error_of(caller.http.post(JOBS, json=body)) == (400, code)

    def test_defaults_are_told(self, caller: Caller) -> None:
        created = caller.http.post(JOBS, json=MINIMAL).json()["data"]
        job = caller.poll(created["jobId"])["job"]
        assert (job["exportFps"], job["mocapType"], created["mocapType"]) == (30, "full_body", "full_body")
        assert "title" not in job

    def test_older_and_unknown_fields_are_ignored(self, caller: Caller) -> None:
        older = {"sourceType": "upload", "sourceBytes": -1, "targetId": "avatar:7", "surprise": {"a": [1]}}
        assert caller.http.post(JOBS, json={**FULL, **older}).status_code == 200

    @pytest.mark.parametrize(
        ("targets", "outcome"),
        [
            (["default"], ["default"]),
            (["default", "default"], ["default"]),
            (["unitree_g1"], ["unitree_g1"]),
            (["unitree_g1", "default", "unitree_g1"], ["unitree_g1", "default"]),
            (["avatar:7"], "api_target_unsupported"),
            ([None], "api_target_unsupported"),
            (["default", 1], "api_target_unsupported"),
            (["Default"], "api_target_unsupported"),
            ({}, "api_target_ids_required"),
            ([], "api_target_ids_required"),
        ],
    )
    def test_each_target_is_checked(self, caller: Caller, targets: Any, outcome: Any) -> None:
        answer = caller.http.post(JOBS, json={**MINIMAL, "targetIds": targets})
        if isinstance(outcome, str):
            assert error_of(answer) == (400, outcome)
        else:
            assert caller.poll(answer.json()["data"]["jobId"])["job"]["targetIds"] == outcome

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"exportFps": 0}, "export_fps_invalid"),
            ({"exportFps": -30}, "export_fps_invalid"),
            ({"exportFps": 30.5}, "export_fps_invalid"),
            ({"exportFps": False}, "export_fps_invalid"),
            ({"exportFps": 10**30}, "export_fps_invalid"),
            ({"mocapType": ""}, "mocap_type_invalid"),
            ({"mocapType": 1}, "mocap_type_invalid"),
            ({"mocapType": {}}, "mocap_type_invalid"),
            ({"mocapType": "FULL_BODY"}, "mocap_type_invalid"),
            ({"sourceDurationSec": True}, "api_source_duration_invalid"),
            ({"sourceDurationSec": []}, "api_source_duration_invalid"),
            ({"sourceDurationSec": 1e300}, "api_source_duration_invalid"),
            ({"sourceDurationSec": -0.0}, "api_source_duration_invalid"),
            ({"trimStartSec": False}, "api_trim_range_invalid"),
            ({"trimStartSec": [0]}, "api_trim_range_invalid"),
            ({"trimStartSec": 1e300}, "api_trim_range_invalid"),
            ({"trimEndSec": True}, "api_trim_range_invalid"),
            ({"trimEndSec": -1}, "api_trim_range_invalid"),
            ({"trimStartSec": 2, "trimEndSec": 1}, "api_trim_range_invalid"),
            ({"trimStartSec": 2, "trimEndSec": 2}, "api_trim_range_invalid"),
            ({"sourceDurationSec": 4, "trimEndSec": 4.5}, "api_trim_range_invalid"),
        ],
    )
    def test_values_that_are_none_are_refused_with_the_field_s_own_code(
        self, caller: Caller, fields: dict[str, Any], code: str
    ) -> None:
        assert error_of(caller.http.post(JOBS, json={**MINIMAL, **fields}))[1] == code

    def test_each_create_is_a_draft_of_its_own(self, caller: Caller) -> None:
        ids = {caller.http.post(JOBS, json=FULL).json()["data"]["jobId"] for _ in range(3)}
        assert len(ids) == 3
        assert caller.balance() == 1000


class TestUploadAndComplete:
    """From a draft to the queue."""

    def test_the_official_example_s_upload_is_taken(self, caller: Caller, clip: Path) -> None:
        draft = caller.create("clip.mov").json()["data"]
        with clip.open("rb") as stream:  # streamed, as video/mp4 whatever it is, without a key
            sent = caller.plain.put(
                draft["uploadUrl"],
                content=iter(lambda: stream.read(4096), b""),
                headers={"Content-Type": "video/mp4", "Content-Length": str(clip.stat().st_size)},
            )
        assert sent.is_success
        assert caller.complete(draft["jobId"]).is_success

    def test_complete_needs_no_body_and_takes_any(self, caller: Caller, clip: Path) -> None:
        for body in (b"", b"{}", b"nonsense"):
            job_id = caller.draft(clip)
            answer = caller.http.post(f"{JOBS}/{job_id}/complete-upload", content=body)
            assert answer.json() == {"data": {"jobId": job_id, "status": "queued"}}
            caller.wait(job_id)

    def test_repeating_complete_tells_the_state_at_each_stage(self, caller: Caller, clip: Path) -> None:
        job_id = caller.draft(None)
        assert error_of(caller.complete(job_id)) == (409, "upload_missing")
        assert caller.poll(job_id)["job"]["status"] == "draft"
        working = caller.submit(clip, name="wait.mp4")
        try:
            caller.wait(working, "processing")
            assert caller.complete(working).json()["data"]["status"] == "processing"
            waiting = caller.submit(clip)
        finally:
            (caller.service.data / "go").touch()
        caller.wait(working)
        caller.wait(waiting)
        (caller.service.data / "go").unlink()
        assert caller.complete(working).json()["data"]["status"] == "completed"
        assert caller.movements(working) == ["charge"]

    def test_without_a_trim_end_the_window_ends_with_the_uploaded_video(
        self, caller: Caller, clip: Path, tmp_path: Path
    ) -> None:
        poll = caller.wait(caller.submit(clip, trimStartSec=1.5, sourceDurationSec=300))
        made = small_solver.solved(caller.plain.get(poll["result"]["outputs"][0]["fbxUrl"]).content)
        assert (made["start"], round(made["end"], 2)) == (1.5, 4.0)
        assert caller.balance() == 997  # 2.5 s begun, whatever was declared
        rate = write_video(tmp_path / "slow.mp4", 2.0, fps=12.0)
        assert caller.wait(caller.submit(rate))["job"]["status"] == "completed"
        assert caller.balance() == 995


class TestPollAndResult:
    """What a finished job tells."""

    def test_poll_has_job_events_and_result(self, caller: Caller, clip: Path) -> None:
        job_id = caller.draft(clip)
        poll = caller.poll(job_id)
        assert set(poll) == {"job", "events", "result"}
        assert poll["result"] is None
        assert {"id", "status", "targetIds", "mocapType", "exportFps", "createdAt", "updatedAt"} <= set(poll["job"])
        assert all({"type", "message", "progress", "time"} == set(event) for event in poll["events"])
        caller.complete(job_id)
        done = caller.wait(job_id)
        assert without_signatures(done["result"]) == without_signatures(caller.result(job_id).json()["data"])

    def test_the_result_has_the_newest_shape_and_the_older_fields(self, caller: Caller, clip: Path) -> None:
        job_id = caller.submit(clip, title="Kick")
        caller.wait(job_id)
        result = caller.result(job_id).json()["data"]
        assert (result["job"]["id"], result["job"]["status"]) == (job_id, "completed")
        [output] = result["outputs"]
        assert set(output) == {"targetId", "resultType", "fbxUrl"}
        assert (result["jobId"], result["status"]) == (job_id, "completed")
        for name in ("targetId", "resultType", "fbxUrl"):
            assert result[name] == output[name]
        moments = [datetime.fromisoformat(result[name]) for name in ("createdAt", "completedAt", "updatedAt")]
        assert moments == sorted(moments)
        assert moments[0].tzinfo is not None

    def test_the_manifest_tells_what_was_delivered(self, caller: Caller, clip: Path) -> None:
        job_id = caller.submit(clip, title="Kick", trimStartSec=1.0, trimEndSec=2.0)
        caller.wait(job_id)
        result = caller.result(job_id).json()["data"]
        manifest = caller.plain.get(result["manifestUrl"]).json()
        size = len(caller.plain.get(result["fbxUrl"]).content)
        assert manifest["files"] == [
            {"targetId": "default", "resultType": "fbx", "filename": "default.fbx", "bytes": size}
        ]
        assert (manifest["title"], manifest["windowStartSec"], manifest["windowEndSec"]) == ("Kick", 1.0, 2.0)
        unsigned = result["manifestUrl"].split("?")[0]
        assert error_of(caller.plain.get(unsigned)) == (403, "url_signature_invalid")
        key = {"Authorization": f"Bearer {caller.key}"}
        assert error_of(caller.plain.get(result["manifestUrl"], headers=key)) == (400, "authorization_not_allowed")

    def test_downloads_take_head_and_ranges(self, caller: Caller, clip: Path) -> None:
        url = caller.wait(caller.submit(clip))["result"]["outputs"][0]["fbxUrl"]
        whole = caller.plain.get(url)
        head = caller.plain.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.content))
        assert head.headers["Accept-Ranges"] == "bytes"
        part = caller.plain.get(url, headers={"Range": "bytes=2-5"})
        assert (part.status_code, part.content) == (206, whole.content[2:6])
        assert error_of(caller.plain.get(url, headers={"Range": "bytes=999999-"})) == (416, "range_invalid")
        assert error_of(caller.plain.get(url, headers={"Range": "nonsense"})) == (400, "range_invalid")

    def test_all_six_statuses_are_told(self, caller: Caller, clip: Path) -> None:
        seen = set()
        draft = caller.draft(None)
        failing = caller.submit(clip, name="broken.mp4")
        seen.add(caller.wait(failing)["job"]["status"])
        others = [new_caller(caller.service) for _ in range(os.cpu_count() or 1)]  # keep all workers busy
        working = [other.submit(clip, name="wait.mp4") for other in others]
        try:
            others[0].wait(working[0], "processing")
            last = caller.submit(clip, name="wait.mp4")
            seen |= {caller.poll(draft)["job"]["status"], caller.poll(last)["job"]["status"]}
            seen.add(others[0].poll(working[0])["job"]["status"])
            run_command("jobs", "cancel", last, *working[1:], "--data", str(caller.service.data))
            seen.add(caller.poll(last)["job"]["status"])
        finally:
            (caller.service.data / "go").touch()
        seen.add(others[0].wait(working[0])["job"]["status"])
        (caller.service.data / "go").unlink()
        assert seen == {"draft", "queued", "processing", "completed", "failed", "canceled"}

    def test_a_failed_job_says_why_in_poll_and_result(self, caller: Caller, clip: Path) -> None:
        job_id = caller.submit(clip, name="nobody.mp4")
        job = caller.wait(job_id)["job"]
        assert (job["errorCode"], job["errorMessage"][-1]) == ("no_person_found", ".")
        assert error_of(caller.result(job_id)) == (409, "no_person_found")


class TestBilling:
    """1 v-credit for each second of the admitted window, when processing starts."""

    def test_only_what_is_processed_is_charged(self, service: ServiceProcess, clip: Path) -> None:
        caller = new_caller(service, 10)
        caller.draft(clip)
        assert error_of(caller.complete(caller.draft(b"no video"))) == (422, "video_unreadable")
        assert error_of(caller.complete(caller.draft(clip, trimEndSec=9))) == (422, "api_trim_range_invalid")
        assert caller.balance() == 10
        caller.wait(caller.submit(clip, name="broken.mp4"))
        assert caller.balance() == 10
        caller.wait(caller.submit(clip, trimStartSec=1, trimEndSec=2.5))
        assert caller.balance() == 8


def without_signatures(value: Any) -> str:
    return re.sub(r"\?expires=[^\"]*", "", json.dumps(value, sort_keys=True))
