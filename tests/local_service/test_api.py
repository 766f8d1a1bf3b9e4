# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.models import CreateJobRequest, JobStatus, ResultType
from aimocap_addon.api.results import RESULT_KINDS
from scripts.service_process import ServiceProcess, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import JOBS, Caller, error_of, new_caller, write_video


def test_a_job_goes_from_draft_to_a_downloaded_result(caller: Caller, clip: Path) -> None:
    created = caller.create(
        "walk.mp4", title="Walk", exportFps=24, mocapType="upper_body", trimStartSec=0.5, trimEndSec=2.0
    )
    assert created.status_code == 200
    draft = created.json()["data"]
    assert draft["status"] == "draft"
    assert draft["mocapType"] == "upper_body"
    assert draft["uploadUrl"].startswith(caller.service.url)
    assert caller.upload(draft["uploadUrl"], clip.read_bytes()).status_code == 200
    completed = caller.complete(draft["jobId"])
    assert completed.json() == {"data": {"jobId": draft["jobId"], "status": "queued"}}

    poll = caller.wait(draft["jobId"])
    assert poll["job"]["status"] == "completed"
    assert poll["job"]["id"] == draft["jobId"]
    assert (poll["job"]["title"], poll["job"]["exportFps"]) == ("Walk", 24)
    assert poll["job"]["targetIds"] == ["default"]
    assert datetime.fromisoformat(poll["job"]["completedAt"]) >= datetime.fromisoformat(poll["job"]["createdAt"])
    told = [event["type"] for event in poll["events"]]
    assert told == ["created", "uploaded", "queued", "processing", "progress", "completed"]
    assert "Looking at the video" in [event["message"] for event in poll["events"]]

    result = caller.result(draft["jobId"]).json()["data"]
    [output] = result["outputs"]
    assert (output["targetId"], output["resultType"]) == ("default", "fbx")
    assert [entry["targetId"] for entry in poll["result"]["outputs"]] == ["default"]
    delivered = caller.plain.get(output["fbxUrl"])
    assert delivered.status_code == 200
    seen = {"start": 0.5, "end": 2.0, "fps": 24, "type": "upper_body", "bytes": clip.stat().st_size}
    assert small_solver.solved(delivered.content) == seen


def test_defaults_are_30_fps_full_body_and_the_whole_video(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip, unknownField=1, sourceType="upload")
    poll = caller.wait(job_id)
    made = small_solver.solved(caller.plain.get(poll["result"]["outputs"][0]["fbxUrl"]).content)
    assert (made["fps"], made["type"], made["start"]) == (30, "full_body", 0.0)
    assert made["end"] == pytest.approx(4.0, abs=0.01)


def test_the_project_s_own_client_gets_its_result(caller: Caller, clip: Path, tmp_path: Path) -> None:
    with AimocapClient(caller.service.url, caller.key) as client:
        created = client.create_job(CreateJobRequest(source_filename="clip.mp4", target_ids=["default"]))
        assert client.poll(created.job_id).result is None
        client.upload(created.upload_url, clip)
        client.complete_upload(created.job_id)
        caller.wait(created.job_id)
        poll = client.poll(created.job_id)
        assert poll.job.status is JobStatus.COMPLETED
        [output] = client.result(created.job_id).outputs
        assert output.kind is ResultType.FBX
        assert output.url is not None
        client.download(output.url, tmp_path / "motion.fbx", RESULT_KINDS[output.kind])
    assert small_solver.solved((tmp_path / "motion.fbx").read_bytes())["fps"] == 30


def test_a_second_complete_upload_answers_the_state_and_charges_nothing(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip)
    assert caller.complete(job_id).json()["data"]["status"] in ("queued", "processing", "completed")
    caller.wait(job_id)
    assert caller.complete(job_id).json()["data"] == {"jobId": job_id, "status": "completed"}
    assert caller.movements(job_id) == ["charge"]
    assert caller.balance() == 996


def test_completing_at_the_same_moment_charges_once(caller: Caller, clip: Path) -> None:
    job_id = caller.draft(clip)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: caller.complete(job_id), range(6)))
    assert {answer.status_code for answer in answers} == {200}
    caller.wait(job_id)
    assert caller.movements(job_id) == ["charge"]


def test_a_download_can_go_on_in_the_middle(caller: Caller, clip: Path) -> None:
    url = caller.wait(caller.submit(clip))["result"]["outputs"][0]["fbxUrl"]
    whole = caller.plain.get(url).content
    rest = caller.plain.get(url, headers={"Range": "bytes=10-"})
    assert (rest.status_code, rest.content) == (206, whole[10:])


def test_the_newest_upload_of_a_draft_counts(caller: Caller, clip: Path, tmp_path: Path) -> None:
    draft = caller.create().json()["data"]
    assert caller.upload(draft["uploadUrl"], clip.read_bytes()).status_code == 200
    shorter = write_video(tmp_path / "short.mp4", 2.0)
    assert caller.upload(draft["uploadUrl"], shorter.read_bytes()).status_code == 200
    assert caller.complete(draft["jobId"]).status_code == 200
    poll = caller.wait(draft["jobId"])
    made = small_solver.solved(caller.plain.get(poll["result"]["outputs"][0]["fbxUrl"]).content)
    assert made["bytes"] == shorter.stat().st_size


def test_events_are_bounded_and_keep_the_newest(caller: Caller, clip: Path) -> None:
    poll = caller.wait(caller.submit(clip, name="chatty.mp4"))
    assert len(poll["events"]) <= 100
    messages = [event["message"] for event in poll["events"]]
    assert "Step 299" in messages
    assert poll["events"][-1]["type"] == "completed"


def test_results_are_refused_before_completion(caller: Caller, clip: Path) -> None:
    job_id = caller.draft(clip)
    assert error_of(caller.result(job_id)) == (409, "job_not_completed")
    assert caller.poll(job_id)["result"] is None


def test_complete_without_a_video_keeps_the_draft(caller: Caller, clip: Path) -> None:
    draft = caller.create().json()["data"]
    assert error_of(caller.complete(draft["jobId"])) == (409, "upload_missing")
    assert caller.upload(draft["uploadUrl"], clip.read_bytes()).status_code == 200
    assert caller.complete(draft["jobId"]).status_code == 200


def test_a_key_sees_its_own_jobs_alone(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip)
    other = new_caller(caller.service)
    caller.wait(job_id)
    assert error_of(other.http.get(f"{JOBS}/{job_id}")) == (404, "job_not_found")
    assert error_of(other.result(job_id)) == (404, "job_not_found")
    assert error_of(other.complete(job_id)) == (404, "job_not_found")


@pytest.mark.parametrize("header", [None, "Bearer sk-unknown", "Bearer", "Basic abc", "Bearer sk-\xe9"])
def test_calls_without_a_known_key_are_refused(service: ServiceProcess, header: str | None) -> None:
    headers = [] if header is None else [(b"Authorization", header.encode("latin-1"))]
    with httpx.Client(base_url=service.url, trust_env=False, headers=headers) as http:
        assert error_of(http.post(JOBS, json={})) == (401, "api_key_invalid")
        assert error_of(http.post(f"{JOBS}/mocap_1/complete-upload")) == (401, "api_key_invalid")
        assert error_of(http.get(f"{JOBS}/mocap_1")) == (401, "api_key_invalid")
        assert error_of(http.get(f"{JOBS}/mocap_1/result")) == (401, "api_key_invalid")


def test_the_key_itself_is_not_stored(caller: Caller) -> None:
    stored = b"".join(path.read_bytes() for path in caller.service.data.glob("service.sqlite3*"))
    assert caller.key.encode() not in stored


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"null", b"\xff\xfe", b"[" * 50_000, b"x" * 100_000])
def test_bodies_that_are_no_job_get_the_envelope(caller: Caller, body: bytes) -> None:
    status, code = error_of(caller.http.post(JOBS, content=body, headers={"Content-Type": "application/json"}))
    assert (status, code) in {(400, "request_invalid"), (413, "request_invalid")}


def test_unknown_addresses_and_methods_get_the_envelope(caller: Caller) -> None:
    assert error_of(caller.http.get("/nowhere")) == (404, "not_found")
    assert error_of(caller.http.get(f"{JOBS}/")) == (404, "not_found")
    assert error_of(caller.http.delete(f"{JOBS}/mocap_1")) == (405, "method_not_allowed")
    assert error_of(caller.http.get(f"{JOBS}/mocap_unknown")) == (404, "job_not_found")


def test_healthz_names_service_and_version(service: ServiceProcess) -> None:
    data = httpx.get(f"{service.url}/healthz", trust_env=False).json()["data"]
    assert data["service"] == "aimocap-local"
    assert data["version"]


def test_signed_urls_refuse_an_authorization_header(caller: Caller, clip: Path) -> None:
    draft = caller.create().json()["data"]
    key = {"Authorization": f"Bearer {caller.key}"}
    sent = caller.upload(draft["uploadUrl"], clip.read_bytes(), headers=key)
    assert error_of(sent) == (400, "authorization_not_allowed")
    assert error_of(caller.complete(draft["jobId"])) == (409, "upload_missing")
    poll = caller.wait(caller.submit(clip))
    url = poll["result"]["outputs"][0]["fbxUrl"]
    assert error_of(caller.plain.get(url, headers=key)) == (400, "authorization_not_allowed")


def test_a_signature_holds_for_its_own_job_method_and_moment(caller: Caller, clip: Path) -> None:
    mine, other = caller.create().json()["data"], caller.create().json()["data"]
    foreign = mine["uploadUrl"].replace(mine["jobId"], other["jobId"])
    unsigned = mine["uploadUrl"].split("?")[0]
    later = str(httpx.URL(mine["uploadUrl"]).copy_merge_params({"expires": "99999999999"}))
    for url in (foreign, unsigned, later):
        assert error_of(caller.upload(url, clip.read_bytes())) == (403, "url_signature_invalid")
    poll = caller.wait(caller.submit(clip))
    url = poll["result"]["outputs"][0]["fbxUrl"]
    assert error_of(caller.plain.get(url[:-1] + ("0" if url[-1] != "0" else "1"))) == (403, "url_signature_invalid")
    escaping = url.replace("default.fbx", "..%2F..%2Fservice.sqlite3")
    assert caller.plain.get(escaping).status_code in (403, 404)


def test_an_upload_address_is_dead_once_the_job_is_queued(caller: Caller, clip: Path) -> None:
    draft = caller.create().json()["data"]
    assert caller.upload(draft["uploadUrl"], clip.read_bytes()).status_code == 200
    assert caller.complete(draft["jobId"]).status_code == 200
    assert error_of(caller.upload(draft["uploadUrl"], clip.read_bytes())) == (409, "job_state_conflict")


def test_an_empty_upload_is_refused(caller: Caller) -> None:
    draft = caller.create().json()["data"]
    assert error_of(caller.upload(draft["uploadUrl"], b"")) == (400, "upload_empty")


def test_an_upload_that_breaks_off_leaves_nothing(caller: Caller, clip: Path) -> None:
    draft = caller.create().json()["data"]

    def half() -> Iterator[bytes]:
        yield clip.read_bytes()[:1000]
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        caller.upload(draft["uploadUrl"], half())
    assert error_of(caller.complete(draft["jobId"])) == (409, "upload_missing")
    assert caller.upload(draft["uploadUrl"], clip.read_bytes()).status_code == 200
    kept = [path for path in (caller.service.data / "uploads" / draft["jobId"]).rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["clip.mp4"]


def test_the_video_is_removed_when_the_job_has_ended(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip)
    caller.wait(job_id)
    # The file goes just after the state; the next job of the one worker begins after that.
    caller.wait(caller.submit(clip))
    assert not (caller.service.data / "uploads" / job_id).exists()


def test_signed_urls_expire(tmp_path: Path, clip: Path) -> None:
    with running_service(tmp_path / "data", "--url-lifetime", "0.001", module=small_solver.MODULE) as service:
        caller = new_caller(service)
        url = caller.create().json()["data"]["uploadUrl"]
        assert urlsplit(url).hostname == "127.0.0.1"
        assert error_of(caller.upload(url, clip.read_bytes())) == (403, "url_expired")
