# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says is read whatever shape it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import (
    API_ERROR_SENTENCES,
    ApiError,
    KeyRefusedError,
    UnexpectedAnswerError,
    sentence_for,
)
from aimocap_addon.api.models import CreateJobRequest, JobStatus, ResultType
from tests.loopback import Answer, LoopbackServer

PUBLISHED_CODES = (
    "export_fps_invalid",
    "mocap_type_invalid",
    "api_target_ids_required",
    "api_target_unsupported",
    "api_source_duration_invalid",
    "api_trim_range_invalid",
    "api_duration_limit_exceeded",
    "api_file_size_limit_exceeded",
    "api_concurrency_limit_exceeded",
    "api_plan_inactive",
    "insufficient_api_v_credits",
)
CREATE = CreateJobRequest(source_filename="walk.mp4", target_ids=["default"])


class Service:
    """A server with one answer for everything, and a client of it."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.server = LoopbackServer(lambda _request: self.answer)
        self.client = AimocapClient(self.server.url, "sk-test")

    def says(self, value: Any, status: int = 200, **headers: str) -> AimocapClient:
        self.answer = Answer.of(value, status, **headers)
        return self.client

    def error(self, value: Any, status: int = 400, **headers: str) -> ApiError:
        with pytest.raises(ApiError) as caught:
            self.says(value, status, **headers).poll("j")
        return caught.value


@pytest.fixture(scope="module")
def shared_service() -> Iterator[Service]:
    service = Service()
    with service.server, service.client:
        yield service


@pytest.fixture
def service(shared_service: Service) -> Service:
    shared_service.server.requests.clear()
    return shared_service


# Requests


def test_create_sends_the_exact_names_and_leaves_out_what_is_unset(service: Service) -> None:
    service.says({"jobId": "j", "uploadUrl": "/up"})
    service.client.create_job(CREATE)
    service.client.create_job(
        CreateJobRequest(
            title="Läufer",
            source_filename="walk.mp4",
            source_duration_sec=18.4,
            trim_start_sec=1.2,
            trim_end_sec=13.8,
            export_fps=60,
            mocap_type="upper_body",
            target_ids=["default", "unitree_g1"],
        )
    )
    bare, full = (request.json for request in service.server.requests)
    assert bare == {"sourceFilename": "walk.mp4", "targetIds": ["default"]}
    assert full == {
        "title": "Läufer",
        "sourceFilename": "walk.mp4",
        "sourceDurationSec": 18.4,
        "trimStartSec": 1.2,
        "trimEndSec": 13.8,
        "exportFps": 60,
        "mocapType": "upper_body",
        "targetIds": ["default", "unitree_g1"],
    }


def test_zero_is_sent_since_it_is_no_default(service: Service) -> None:
    service.says({"jobId": "j", "uploadUrl": "/up"})
    service.client.create_job(CREATE.model_copy(update={"trim_start_sec": 0.0}))
    assert service.server.requests[0].json["trimStartSec"] == 0.0


def test_calls_go_to_the_api_s_paths(service: Service) -> None:
    client = service.says({"jobId": "j", "uploadUrl": "/up", "status": "completed"})
    client.create_job(CREATE)
    client.complete_upload("mocap_1/../x?y")
    client.poll("j")
    client.result("j")
    assert [(request.method, request.path) for request in service.server.requests] == [
        ("POST", "/api/v1/mocap/jobs"),
        ("POST", "/api/v1/mocap/jobs/mocap_1%2F..%2Fx%3Fy/complete-upload"),
        ("GET", "/api/v1/mocap/jobs/j"),
        ("GET", "/api/v1/mocap/jobs/j/result"),
    ]
    assert service.server.requests[1].body == b""


def test_base_url_may_have_a_path(service: Service) -> None:
    service.says({"status": "queued"})
    with AimocapClient(service.server.url + "/behind/a%20proxy/", "sk-test") as client:
        client.poll("j")
    assert service.server.requests[0].path == "/behind/a%20proxy/api/v1/mocap/jobs/j"


# Successful answers


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: {"data": body, "success": True}])
def test_answers_are_read_with_and_without_the_envelope(service: Service, wrap: Any) -> None:
    created = service.says(
        wrap({"jobId": "mocap_1", "status": "draft", "uploadUrl": "/up", "sourceKey": "k", "new": 1})
    ).create_job(CREATE)
    assert (created.job_id, created.upload_url, created.source_key) == ("mocap_1", "/up", "k")
    poll = service.says(wrap({"job": {"id": "mocap_1", "status": "queued"}, "events": [], "result": None})).poll("j")
    assert (poll.job.id, poll.job.status) == ("mocap_1", JobStatus.QUEUED)
    result = service.says(wrap({"job": {"status": "completed"}, "outputs": [{"fbxUrl": "/a"}]})).result("j")
    assert [output.url for output in result.outputs] == ["/a"]


@pytest.mark.parametrize(
    "body", [{}, {"jobId": "j"}, {"uploadUrl": "/u"}, {"jobId": "", "uploadUrl": ""}, {"jobId": 5}]
)
def test_create_without_job_or_address_is_no_success(service: Service, body: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswerError, match="base URL"):
        service.says(body).create_job(CREATE)


def test_refusal_that_calls_itself_a_success_is_a_refusal(service: Service) -> None:
    client = service.says({"success": False, "code": "insufficient_api_v_credits", "data": None})
    with pytest.raises(ApiError, match="not enough v-credits"):
        client.create_job(CREATE)


@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"", b"[]", b"null", b'"text"', b"{", b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_no_json_object_is_no_answer(service: Service, body: bytes) -> None:
    service.answer = Answer(body=body)
    for call in (lambda: service.client.create_job(CREATE), lambda: service.client.poll("j")):
        with pytest.raises(UnexpectedAnswerError):
            call()


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b'{"data": {"jobId": "j", "status": "queued"}}', b"\xff"])
def test_complete_upload_needs_no_certain_answer(service: Service, body: bytes) -> None:
    service.answer = Answer(body=body)
    service.client.complete_upload("j")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("draft", JobStatus.DRAFT),
        ("QUEUED", JobStatus.QUEUED),
        (" Processing ", JobStatus.PROCESSING),
        ("Completed", JobStatus.COMPLETED),
        ("FAILED", JobStatus.FAILED),
        ("canceled", JobStatus.CANCELED),
        ("Cancelled", JobStatus.CANCELED),
        ("packaging", JobStatus.PROCESSING),
    ],
)
def test_status_is_read_leniently(service: Service, word: str, status: JobStatus) -> None:
    assert service.says({"job": {"status": word}}).poll("j").job.status is status
    assert service.says({"jobId": "j", "status": word}).poll("j").job.status is status


@pytest.mark.parametrize("body", [{}, {"job": {}}, {"job": {"status": None}}, {"job": {"status": 3}}, {"job": []}])
def test_poll_without_a_status_is_no_answer(service: Service, body: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswerError, match="names no status"):
        service.says(body).poll("j")


def test_newest_result_shape(service: Service) -> None:
    result = service.says(
        {
            "job": {"id": "j", "status": "completed"},
            "previewVideoUrl": "/p.mp4",
            "outputs": [
                {"targetId": "default", "resultType": "fbx", "fbxUrl": "/a.fbx"},
                {"targetId": "unitree_g1", "resultType": "robot_motion_json", "motionJsonUrl": "/g.json"},
                "noise",
            ],
        }
    ).result("j")
    assert result.preview_video_url == "/p.mp4"
    assert [(output.target_id, output.kind, output.url) for output in result.outputs] == [
        ("default", ResultType.FBX, "/a.fbx"),
        ("unitree_g1", ResultType.ROBOT_MOTION_JSON, "/g.json"),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"targetId": "default", "resultType": "fbx", "fbxUrl": "/a"}, ("default", ResultType.FBX, "/a")),
        ({"fbxUrl": "/a"}, ("default", ResultType.FBX, "/a")),
        ({"targetId": "avatar:7", "fbxUrl": "/a"}, ("avatar:7", ResultType.FBX, "/a")),
        ({"targetId": "unitree_g1", "motionJsonUrl": "/g"}, ("unitree_g1", ResultType.ROBOT_MOTION_JSON, "/g")),
        ({"targetId": None, "motionJsonUrl": "/g"}, ("unitree_g1", ResultType.ROBOT_MOTION_JSON, "/g")),
    ],
)
def test_older_flat_result_shape(service: Service, fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    body = {"jobId": "j", "status": "completed", "previewVideoUrl": "/p", "manifestUrl": "/m", **fields}
    result = service.says(body).result("j")
    [output] = result.outputs
    assert (output.target_id, output.kind, output.url) == expected
    assert (result.job.id, result.preview_video_url) == ("j", "/p")


@pytest.mark.parametrize("body", [{}, {"outputs": None}, {"outputs": [{}]}, {"outputs": [{"targetId": "default"}]}])
def test_result_without_a_file_has_no_address(service: Service, body: dict[str, Any]) -> None:
    assert [output.url for output in service.says(body).result("j").outputs if output.url] == []


def test_poll_of_a_completed_job_may_bring_the_result(service: Service) -> None:
    body = {"job": {"status": "completed"}, "result": {"outputs": [{"fbxUrl": "/a"}]}}
    result = service.says(body).poll("j").result
    assert result is not None
    assert result.outputs[0].url == "/a"


@pytest.mark.parametrize(
    "value", ["2026-06-21T12:00:00Z", "2026-06-21T14:00:00+02:00", 1782043200, 1782043200.0, 1782043200000]
)
def test_timestamps_are_read_in_all_forms(service: Service, value: Any) -> None:
    created = service.says({"job": {"status": "queued", "createdAt": value}}).poll("j").job.created_at
    assert created is not None
    assert created.astimezone(UTC) == datetime(2026, 6, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", 1e300, -1e300, [], {}, None, True])
def test_unreadable_timestamp_is_no_error(service: Service, value: Any) -> None:
    service.says({"job": {"status": "queued", "createdAt": value}}).poll("j")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("Solving", "Solving"),
        ({"message": "Solving", "type": "phase"}, "Solving"),
        ({"type": "phase"}, "phase"),
        ({"name": "solve"}, "solve"),
        ({"status": "solving"}, "solving"),
        (7, None),
        ({}, None),
    ],
)
def test_newest_event_is_the_message(service: Service, event: Any, message: str | None) -> None:
    poll = service.says({"job": {"status": "processing"}, "events": ["older", event]}).poll("j")
    assert poll.message == message


@pytest.mark.parametrize(
    ("value", "progress"), [(0.25, 0.25), (1, 1.0), (7, 1.0), (-1, 0.0), ("0.5", None), (True, None), (None, None)]
)
def test_progress_is_a_share(service: Service, value: Any, progress: float | None) -> None:
    body = {"job": {"status": "processing"}, "events": [{"progress": value}]}
    assert service.says(body).poll("j").progress == progress


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "9" * 400])
def test_progress_stays_a_share_for_any_number(service: Service, number: str) -> None:
    service.answer = Answer(
        body=f'{{"job": {{"status": "processing"}}, "events": [{{"progress": {number}}}]}}'.encode()
    )
    progress = service.client.poll("j").progress
    assert progress is None or 0.0 <= progress <= 1.0


# Errors


def test_each_published_code_has_its_own_sentence() -> None:
    sentences = [API_ERROR_SENTENCES[code] for code in PUBLISHED_CODES]
    assert len(set(sentences)) == len(PUBLISHED_CODES) == 11
    for code, sentence in zip(PUBLISHED_CODES, sentences, strict=True):
        assert code not in sentence
        assert sentence.endswith(".")
        assert ": " in sentence, "what happened, then what to do"


ERROR_BODIES = {
    "error object": lambda code: {"error": {"code": code, "message": "m"}},
    "error text": lambda code: {"error": code},
    "code": lambda code: {"code": code, "message": "m"},
    "errorCode": lambda code: {"errorCode": code},
    "data error": lambda code: {"data": {"error": {"code": code}}},
    "data code": lambda code: {"data": {"code": code}},
    "null data": lambda code: {"data": None, "code": code},
    "message holds it": lambda code: {"code": "BAD_REQUEST", "message": f"{code}: no"},
    "number and message": lambda code: {"code": 40001, "msg": code},
    "detail": lambda code: {"detail": code},
    "list of errors": lambda code: {"errors": [{"code": code}]},
    "JSON text": lambda code: code,
}


@pytest.mark.parametrize("shape", ERROR_BODIES)
@pytest.mark.parametrize("code", PUBLISHED_CODES)
def test_published_code_is_found_in_every_shape(service: Service, shape: str, code: str) -> None:
    error = service.error(ERROR_BODIES[shape](code))
    assert error.code == code
    assert error.user_message == API_ERROR_SENTENCES[code]
    assert error.retryable == (code == "api_concurrency_limit_exceeded")


@pytest.mark.parametrize(
    "body",
    [b"api_plan_inactive", b"<Error><Code>api_plan_inactive</Code></Error>", b"<p>Error: api_plan_inactive.</p>"],
)
def test_published_code_is_found_in_what_is_no_json(service: Service, body: bytes) -> None:
    service.answer = Answer(403, body)
    with pytest.raises(ApiError, match="API account is not active") as caught:
        service.client.poll("j")
    assert not isinstance(caught.value, KeyRefusedError)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "new_code", "message": "The moon is in the way"}},
        {"code": "new_code", "message": "The moon is in the way"},
        {"errorCode": "new_code", "msg": "The moon is in the way"},
        {"data": {"error": {"code": "new_code", "message": "The moon is in the way"}}},
        {"failure": {"failureCode": "new_code", "failureReason": "The moon is in the way"}},
    ],
)
def test_unknown_code_keeps_the_service_s_own_words(service: Service, body: dict[str, Any]) -> None:
    error = service.error(body, 422)
    assert (error.code, error.user_message, error.status) == ("new_code", "The moon is in the way.", 422)


def test_unknown_code_without_words_is_given_to_the_person(service: Service) -> None:
    assert "new_code" in service.error({"error": "new_code"}).user_message


def test_long_words_of_a_service_are_cut(service: Service) -> None:
    sentence = service.error({"message": "word\n" * 5000}).user_message
    assert len(sentence) < 400
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("status", "words", "retryable"),
    [
        (400, "refused the request", False),
        (404, "base URL", False),
        (410, "expired", False),
        (429, "slow down", True),
        (500, "problem of its own", True),
        (502, "problem of its own", True),
        (503, "problem of its own", True),
        (504, "problem of its own", True),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>error</html>", b"\xff\xfe\x00", b"[" * 100_000])
def test_error_without_a_code_is_told_by_its_status(
    service: Service, status: int, words: str, retryable: bool, body: bytes
) -> None:
    service.answer = Answer(status, body)
    with pytest.raises(ApiError, match=words) as caught:
        service.client.poll("j")
    assert caught.value.retryable is retryable
    assert len(caught.value.detail) <= 2000


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {}),
        (403, {}),
        (401, {"error": "Unauthorized"}),
        (401, {"code": "INVALID_TOKEN", "message": "token is bad"}),
        (403, {"message": "Forbidden."}),
        (400, {"code": "api_key_invalid"}),
    ],
)
def test_refused_key_is_told_as_such(service: Service, status: int, body: dict[str, Any]) -> None:
    error = service.error(body, status)
    assert isinstance(error, KeyRefusedError)
    assert error.user_message == API_ERROR_SENTENCES["api_key_invalid"]
    assert not error.retryable


@pytest.mark.parametrize("status", [401, 402, 403])
def test_refusal_with_a_published_code_is_not_about_the_key(service: Service, status: int) -> None:
    error = service.error({"code": "insufficient_api_v_credits"}, status)
    assert not isinstance(error, KeyRefusedError)
    assert error.code == "insufficient_api_v_credits"


@pytest.mark.parametrize(
    "charset", ["hex", "base64", "undefined", "punycode", "idna", "no-such-charset", "utf-16", "rot13"]
)
def test_charset_of_an_error_does_no_harm(service: Service, charset: str) -> None:
    service.answer = Answer(500, b"oops", {"Content-Type": f"text/plain; charset={charset}"})
    with pytest.raises(ApiError, match="problem of its own"):
        service.client.poll("j")
    service.answer = Answer(200, b"oops", {"Content-Type": f"text/plain; charset={charset}"})
    with pytest.raises(UnexpectedAnswerError):
        service.client.poll("j")


def test_retry_after_in_seconds(service: Service) -> None:
    assert service.error({}, 429, Retry_After="7").retry_after == 7.0


def test_retry_after_as_a_date(service: Service) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    seconds = service.error({}, 503, Retry_After=moment).retry_after
    assert seconds is not None
    assert 90 < seconds <= 100
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert service.error({}, 503, Retry_After=past).retry_after == 0.0


@pytest.mark.parametrize(
    "value", ["soon", "-5", "\xb2", "1.5", "Wed, 99 Foo 2026", "Wed, 21 Oct 99999999999999999999 07:28:00 GMT", "0x10"]
)
def test_unreadable_retry_after_counts_as_none(service: Service, value: str) -> None:
    assert service.error({}, 503, Retry_After=value).retry_after is None


# Failed jobs

FAILED_JOBS = {
    "job.errorCode": ({"job": {"errorCode": "new_code", "errorMessage": "Too dark"}}, "new_code", "Too dark"),
    "job.error object": ({"job": {"error": {"code": "new_code", "message": "Too dark"}}}, "new_code", "Too dark"),
    "job.error text": ({"job": {"error": "Too dark"}}, None, "Too dark"),
    "job.error code": ({"job": {"error": "new_code"}}, "new_code", None),
    "job.code": ({"job": {"code": "new_code", "message": "Too dark"}}, "new_code", "Too dark"),
    "job.failureReason": ({"job": {"failureCode": "new_code", "failureReason": "Too dark"}}, "new_code", "Too dark"),
    "last event": (
        {"job": {}, "events": [{"message": "fine"}, {"type": "failed", "code": "new_code", "message": "Too dark"}]},
        "new_code",
        "Too dark",
    ),
    "last event text": ({"job": {}, "events": ["fine", "Too dark"]}, None, "Too dark"),
    "result": ({"job": {}, "result": {"error": {"code": "new_code", "message": "Too dark"}}}, "new_code", "Too dark"),
    "beside the job": ({"job": {}, "error": {"code": "new_code", "message": "Too dark"}}, "new_code", "Too dark"),
    "flat": ({"jobId": "j", "errorCode": "new_code", "message": "Too dark"}, "new_code", "Too dark"),
    "published code in words": (
        {"job": {"failureReason": "api_plan_inactive: no plan"}},
        "api_plan_inactive",
        "api_plan_inactive: no plan",
    ),
    "nothing": ({"job": {}}, None, None),
}


@pytest.mark.parametrize("place", FAILED_JOBS)
def test_failed_job_s_reason_is_found(service: Service, place: str) -> None:
    body, code, message = FAILED_JOBS[place]
    body = json.loads(json.dumps(body))
    body.get("job", body)["status"] = "failed"
    job = service.says({"data": body}).poll("j").job
    assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, code, message)
    sentence = sentence_for(job.error_code, job.error_message)
    assert sentence.endswith(".")
    assert message is None or message in sentence or code in API_ERROR_SENTENCES
