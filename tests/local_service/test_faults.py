# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault at the wire, and our own client and engine living through some of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import ApiError, ConnectionFailedError, TransferError, UnexpectedAnswerError
from aimocap_addon.api.models import CreateJobRequest, JobStatus
from aimocap_addon.api.results import RESULT_KINDS
from aimocap_addon.jobs.engine import CaptureEngine, Pace, StopSignal
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.local_service.faults import KINDS, read_faults
from scripts.service_process import ServiceProcess, run_command, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import JOBS, Caller, error_of, new_caller

Strike = Callable[..., None]
HURRIED = Pace(poll_interval=0.05, backoff_first=0.05, backoff_ceiling=0.2, give_up_after=20.0, deadline=60.0)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("faulty")
    (folder / "faults.json").write_text("[]")
    arguments = ("--faults", str(folder / "faults.json"))
    with running_service(folder / "data", *arguments, module=small_solver.MODULE) as service:
        yield service


@pytest.fixture
def strike(faulty: ServiceProcess) -> Iterator[Strike]:
    """Switch faults on, in place of those before; off again at the end."""
    path = faulty.data.with_name("faults.json")

    def switch(*faults: dict[str, Any]) -> None:
        path.with_suffix(".new").write_text(json.dumps(faults))
        path.with_suffix(".new").replace(path)

    yield switch
    switch()


@pytest.fixture
def caller(faulty: ServiceProcess) -> Caller:
    return new_caller(faulty)


def raw_poll(caller: Caller, job_id: str, **options: Any) -> httpx.Response:
    return caller.http.get(f"{JOBS}/{job_id}", **options)


def finished(caller: Caller, clip: Path) -> str:
    job_id = caller.submit(clip)
    caller.wait(job_id)
    return job_id


def test_a_service_without_the_option_has_no_faults(service: ServiceProcess) -> None:
    assert "faults" not in run_command("serve", "--help").stdout
    assert new_caller(service).create().status_code == 200


def test_statuses_strike_as_often_as_told(caller: Caller, strike: Strike) -> None:
    job_id = caller.draft(None)
    strike({"kind": "status", "endpoint": "poll", "status": 503, "skip": 1, "times": 2, "retry_after": 7})
    answers = [raw_poll(caller, job_id) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 503, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert caller.create().status_code == 200
    strike({"kind": "status", "status": 429, "retry_after": 30, "as_date": True, "times": 1})
    told = caller.create()
    assert told.status_code == 429
    moment = parsedate_to_datetime(told.headers["Retry-After"]).timestamp()
    assert 25 < moment - time.time() < 31


def test_a_limit_s_refusal_can_be_a_failed_job(faulty: ServiceProcess, strike: Strike, clip: Path) -> None:
    strike({"kind": "over_limit_as_failed_job"})
    poor = new_caller(faulty, 3)
    job_id = poor.draft(clip)
    assert poor.complete(job_id).json()["data"] == {"jobId": job_id, "status": "queued"}
    job = poor.poll(job_id)["job"]
    assert (job["status"], job["errorCode"]) == ("failed", "insufficient_api_v_credits")
    free = new_caller(faulty, 1000, "free")
    draft = free.create().json()["data"]
    assert free.upload(draft["uploadUrl"], bytes(51 * 1024 * 1024)).status_code == 200
    assert free.complete(draft["jobId"]).status_code == 200
    assert free.poll(draft["jobId"])["job"]["errorCode"] == "api_file_size_limit_exceeded"
    assert poor.balance() == 3


def test_an_output_can_be_missing(caller: Caller, strike: Strike, clip: Path) -> None:
    job_id = finished(caller, clip)
    strike({"kind": "missing_output", "target": "default"})
    result = caller.result(job_id).json()["data"]
    assert result["outputs"] == []
    assert "fbxUrl" not in result
    assert caller.poll(job_id)["result"]["outputs"] == []
    assert result["job"]["status"] == "completed"


def test_addresses_can_have_expired(caller: Caller, strike: Strike, clip: Path) -> None:
    job_id = finished(caller, clip)
    strike({"kind": "expired_urls", "endpoint": ["create", "result"], "times": 2})
    result = caller.result(job_id).json()["data"]
    assert error_of(caller.plain.get(result["outputs"][0]["fbxUrl"])) == (403, "url_expired")
    draft = caller.create().json()["data"]
    assert error_of(caller.upload(draft["uploadUrl"], clip.read_bytes())) == (403, "url_expired")
    fresh = caller.result(job_id).json()["data"]
    assert caller.plain.get(fresh["outputs"][0]["fbxUrl"]).status_code == 200


def test_the_queue_can_be_slow(caller: Caller, strike: Strike, clip: Path) -> None:
    job_id = finished(caller, clip)
    strike({"kind": "slow_queue", "times": 3})
    for _ in range(2):
        poll = caller.poll(job_id)
        assert (poll["job"]["status"], poll["result"]) == ("queued", None)
        assert [event["type"] for event in poll["events"]] == ["created", "uploaded", "queued"]
    assert error_of(caller.result(job_id)) == (409, "job_not_completed")
    assert caller.poll(job_id)["job"]["status"] == "completed"


def test_a_job_can_be_canceled_under_way(caller: Caller, strike: Strike, clip: Path) -> None:
    job_id = caller.submit(clip, name="wait.mp4")
    caller.wait(job_id, "processing")
    strike({"kind": "canceled", "endpoint": "poll", "times": 1})
    assert caller.poll(job_id)["job"]["status"] == "canceled"
    assert caller.movements(job_id) == ["charge", "refund"]


def test_a_status_can_be_unknown(caller: Caller, strike: Strike) -> None:
    job_id = caller.draft(None)
    strike({"kind": "unknown_status", "value": "preflight"})
    assert caller.poll(job_id)["job"]["status"] == "preflight"


def test_bodies_can_be_bare_and_results_flat(caller: Caller, strike: Strike, clip: Path) -> None:
    job_id = finished(caller, clip)
    strike({"kind": "bare_bodies"}, {"kind": "flat_result"})
    result = caller.result(job_id).json()
    assert result["jobId"] == job_id
    assert (result["targetId"], result["resultType"], result["status"]) == ("default", "fbx", "completed")
    assert not {"job", "outputs", "data"} & set(result)
    assert caller.plain.get(result["fbxUrl"]).status_code == 200
    assert caller.plain.get(result["manifestUrl"]).json()["jobId"] == job_id
    assert "fbxUrl" in raw_poll(caller, job_id).json()["result"]
    assert caller.create().json()["status"] == "draft"


@pytest.mark.parametrize("shape", ["flat", "string", "text", "html"])
def test_errors_can_have_other_envelopes(caller: Caller, strike: Strike, shape: str) -> None:
    strike({"kind": "error_envelope", "shape": shape})
    refused = caller.create(exportFps=25)
    assert refused.status_code == 400
    kind = refused.headers["Content-Type"].partition(";")[0]
    if shape == "flat":
        assert refused.json()["code"] == "export_fps_invalid"
    elif shape == "string":
        assert refused.json() == {"error": "export_fps_invalid"}
    else:
        assert kind == ("text/plain" if shape == "text" else "text/html")
        assert "export_fps_invalid" in refused.text
    with AimocapClient(caller.service.url, caller.key) as client, pytest.raises(ApiError) as error:
        client.create_job(CreateJobRequest(source_filename="a.mp4", target_ids=["default"], export_fps=25))
    assert (error.value.code, error.value.retryable) == ("export_fps_invalid", False)


def test_an_upload_can_be_refused_in_xml(caller: Caller, strike: Strike, clip: Path) -> None:
    draft = caller.create().json()["data"]
    strike({"kind": "xml_on_put", "status": 403, "code": "ExpiredToken"})
    refused = caller.upload(draft["uploadUrl"], clip.read_bytes())
    assert (refused.status_code, refused.headers["Content-Type"]) == (403, "application/xml")
    assert "<Code>ExpiredToken</Code>" in refused.text


@pytest.mark.parametrize("when", ["request", "answer", "body"])
def test_connections_can_break(caller: Caller, strike: Strike, clip: Path, when: str) -> None:
    job_id = caller.draft(clip)
    strike({"kind": "reset", "endpoint": "complete", "when": when, "times": 1})
    with pytest.raises(httpx.TransportError) as error:
        caller.complete(job_id)
    assert isinstance(error.value, httpx.ReadError | httpx.RemoteProtocolError)
    status = caller.poll(job_id)["job"]["status"]
    assert (status == "draft") is (when == "request")


def test_an_answer_can_stall(caller: Caller, strike: Strike) -> None:
    job_id = caller.draft(None)
    for when in ("request", "answer", "body"):
        strike({"kind": "stall", "endpoint": "poll", "when": when, "seconds": 1.0, "times": 2})
        with pytest.raises(httpx.ReadTimeout):
            raw_poll(caller, job_id, timeout=0.3)
        assert raw_poll(caller, job_id).json()["data"]["job"]["id"] == job_id


def test_an_answer_can_be_cut_or_garbled(caller: Caller, strike: Strike) -> None:
    job_id = caller.draft(None)
    strike({"kind": "malformed_json", "endpoint": "poll"})
    garbled = raw_poll(caller, job_id)
    assert garbled.status_code == 200
    with pytest.raises(ValueError):
        garbled.json()
    for fault in ({"kind": "truncated"}, {"kind": "wrong_content_length", "by": 5}):
        strike({**fault, "endpoint": "poll"})
        with pytest.raises(httpx.RemoteProtocolError):
            raw_poll(caller, job_id)
    strike({"kind": "wrong_content_length", "by": -5, "endpoint": "poll"})
    short = raw_poll(caller, job_id)
    assert short.text.startswith('{"data"')
    assert not short.text.endswith("}}")


def test_a_call_can_be_sent_elsewhere(caller: Caller, strike: Strike, clip: Path) -> None:
    url = caller.wait(caller.submit(clip))["result"]["outputs"][0]["fbxUrl"]
    strike({"kind": "redirect", "endpoint": "download", "status": 302, "times": 1})
    moved = caller.plain.get(url)
    assert moved.status_code == 302
    assert caller.plain.get(httpx.URL(url).join(moved.headers["Location"])).status_code == 200
    strike({"kind": "redirect", "endpoint": "poll", "location": "https://example.org/"})
    assert raw_poll(caller, "mocap_1").headers["Location"] == "https://example.org/"


def test_a_file_of_faults_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    wrong = tmp_path / "faults.json"
    for text in ("{", "[1]", '[{"kind": "no"}]', '[{"kind": "status", "endpoint": "moon"}]', "[{}]"):
        wrong.write_text(text)
        done = run_command(
            "serve", "--port", "0", "--data", str(tmp_path / "data"), "--faults", str(wrong), module=small_solver.MODULE
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert str(wrong) in done.stderr


def test_every_kind_has_its_endpoints(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"kind": kind, "shape": "flat"} for kind in KINDS]))
    assert all(fault.endpoints for fault in read_faults(path))


# Our own client and engine.


def capture(caller: Caller, store: CaptureStore, clip: Path) -> CaptureRecord:
    request = CaptureRequest(str(clip), "Clip", caller.service.url)
    record = CaptureRecord.new(replace(request))
    with AimocapClient(caller.service.url, caller.key) as client:
        return CaptureEngine(store, client, lambda _: None, StopSignal(), HURRIED).run(record)


def test_a_capture_lives_through_a_bad_day_and_is_charged_once(
    caller: Caller, strike: Strike, clip: Path, tmp_path: Path
) -> None:
    strike(
        {"kind": "status", "endpoint": "create", "status": 503, "times": 1},
        {"kind": "reset", "endpoint": "upload", "times": 1},
        {"kind": "reset", "endpoint": "complete", "when": "answer", "times": 1},
        {"kind": "status", "endpoint": "poll", "status": 502, "times": 2},
        {"kind": "malformed_json", "endpoint": "poll", "skip": 3, "times": 1},
        {"kind": "slow_queue", "endpoint": "poll", "times": 6},
        {"kind": "status", "endpoint": "result", "status": 429, "retry_after": 1, "times": 1},
        {"kind": "expired_urls", "endpoint": "result", "times": 2},
        {"kind": "truncated", "endpoint": "download", "skip": 1, "times": 1},
        {"kind": "redirect", "endpoint": "download", "skip": 2, "times": 1},
    )
    record = capture(caller, CaptureStore(tmp_path / "store"), clip)
    assert record.stage is Stage.READY, record.failure
    assert record.job_id is not None
    assert small_solver.solved(Path(record.files["default"]).read_bytes())["fps"] == 30
    assert caller.movements(record.job_id) == ["charge"]
    assert caller.balance() == 996


def test_captures_end_with_a_sentence_where_nothing_can_be_done(
    faulty: ServiceProcess, strike: Strike, clip: Path, tmp_path: Path
) -> None:
    strike({"kind": "over_limit_as_failed_job"})
    failed = capture(new_caller(faulty, 3), CaptureStore(tmp_path / "a"), clip)
    assert failed.failure is not None
    assert failed.failure.code == "insufficient_api_v_credits"
    strike({"kind": "canceled", "endpoint": "poll"})
    waiting = clip.parent / "wait.mp4"
    waiting.write_bytes(clip.read_bytes())
    canceled = capture(new_caller(faulty), CaptureStore(tmp_path / "b"), waiting)
    assert canceled.failure is not None
    assert canceled.failure.code == "canceled"
    strike({"kind": "missing_output"})
    empty = capture(new_caller(faulty), CaptureStore(tmp_path / "c"), clip)
    assert empty.failure is not None
    assert empty.failure.code == "no_output"


def test_our_client_reads_old_shapes_and_names_each_fault(
    caller: Caller, strike: Strike, clip: Path, tmp_path: Path
) -> None:
    job_id = finished(caller, clip)
    with AimocapClient(caller.service.url, caller.key) as client:
        strike({"kind": "bare_bodies"}, {"kind": "flat_result"})
        [output] = client.result(job_id).outputs
        assert output.url is not None
        strike({"kind": "unknown_status"})
        assert client.poll(job_id).job.status is JobStatus.PROCESSING
        strike({"kind": "malformed_json", "endpoint": "poll"})
        with pytest.raises(UnexpectedAnswerError):
            client.poll(job_id)
        strike({"kind": "reset", "endpoint": "poll", "when": "body"})
        with pytest.raises(ConnectionFailedError):
            client.poll(job_id)
        strike({"kind": "truncated", "endpoint": "download"})
        with pytest.raises((TransferError, ConnectionFailedError)):
            client.download(output.url, tmp_path / "motion.fbx", RESULT_KINDS[output.kind])
        assert list(tmp_path.iterdir()) == []
        strike({"kind": "xml_on_put"})
        with pytest.raises(ApiError) as refused:
            client.upload(caller.create().json()["data"]["uploadUrl"], clip)
        assert refused.value.status == 403
        strike({"kind": "status", "status": 429, "retry_after": 9})
        with pytest.raises(ApiError) as busy:
            client.poll(job_id)
        assert (busy.value.retry_after, busy.value.retryable) == (9.0, True)
