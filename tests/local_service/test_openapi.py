# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's own description: enough to write a client from, and true under random calls."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import negative_data_rejection

from aimocap_addon.api import models
from aimocap_addon.local_service.openapi import DOCUMENT_PATH, document
from scripts.service_process import ServiceProcess
from tests.local_service.conftest import Caller, new_caller


class StrangersClient:
    """A client that knows the OpenAPI document and nothing else."""

    def __init__(self, document: dict[str, Any], key: str) -> None:
        self.document = document
        self.key = key
        self.http = httpx.Client(timeout=60, trust_env=False)
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
            if method != "parameters"
        }

    def call(self, operation_id: str, body: Any = None, **parameters: str) -> Any:
        """Call an operation with path parameters; returns the answer's JSON, checked against its schema."""
        method, path, operation = self.operations[operation_id]
        url = self.document["servers"][0]["url"] + path.format(**parameters)
        return self._send(operation, method, url, json=body)

    def follow(self, operation_id: str, signed: str, content: bytes | None = None) -> Any:
        """Call an operation at the signed address that another answer gave."""
        method, _path, operation = self.operations[operation_id]
        headers = {}
        if content is not None:
            headers["Content-Type"] = next(iter(operation["requestBody"]["content"]))
        return self._send(operation, method, signed, content=content, headers=headers)

    def _send(self, operation: dict[str, Any], method: str, url: str, **request: Any) -> Any:
        security = operation.get("security", self.document["security"])
        if security:
            [scheme] = security[0]
            assert self.document["components"]["securitySchemes"][scheme]["scheme"] == "bearer"
            request["headers"] = {"Authorization": f"Bearer {self.key}"}
        answer = self.http.request(method.upper(), url, **request)
        promise = operation["responses"][str(answer.status_code)]
        kind = answer.headers["Content-Type"].partition(";")[0]
        schema = promise["content"][kind]["schema"]
        value = answer.json() if kind == "application/json" else answer.content
        if kind == "application/json":
            jsonschema_rs.validate({**schema, "components": self.document["components"]}, value)
        return value


@pytest.fixture
def described(service: ServiceProcess) -> dict[str, Any]:
    answer = httpx.get(service.url + DOCUMENT_PATH, trust_env=False)
    assert answer.status_code == 200
    return answer.json()


def test_a_client_written_from_the_document_alone_gets_its_motion(
    described: dict[str, Any], caller: Caller, clip: Path
) -> None:
    client = StrangersClient(described, caller.key)
    _, _, create = client.operations["createJob"]
    body = create["requestBody"]["content"]["application/json"]["example"]
    created = client.call("createJob", body)["data"]
    client.follow("uploadVideo", created["uploadUrl"], clip.read_bytes())
    job_id = created["jobId"]
    assert client.call("completeUpload", jobId=job_id)["data"]["status"] == "queued"
    ends = {"completed", "failed", "canceled"}
    assert ends < set(described["components"]["schemas"]["JobStatus"]["enum"])
    deadline = time.monotonic() + 60
    while client.call("pollJob", jobId=job_id)["data"]["job"]["status"] not in ends:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    result = client.call("getResult", jobId=job_id)["data"]
    made = client.follow("downloadResult", result["outputs"][0]["fbxUrl"])
    assert b'"fps": 30' in made
    manifest = client.follow("getManifest", result["manifestUrl"])
    assert manifest["files"] == [
        {"targetId": "default", "resultType": "fbx", "filename": "default.fbx", "bytes": len(made)}
    ]


def test_refusals_are_as_described(described: dict[str, Any], caller: Caller) -> None:
    client = StrangersClient(described, caller.key)
    created = client.call("createJob", {"sourceFilename": "a.mp4", "targetIds": ["default"]})["data"]
    job_id = created["jobId"]
    assert client.call("createJob", {"sourceFilename": "a.mp4"})["error"]["code"] == "api_target_ids_required"
    assert client.call("completeUpload", jobId=job_id)["error"]["code"] == "upload_missing"
    assert client.call("getResult", jobId=job_id)["error"]["code"] == "job_not_completed"
    assert client.follow("uploadVideo", created["uploadUrl"], b"")["error"]["code"] == "upload_empty"
    assert client.follow("uploadVideo", created["uploadUrl"] + "0", b"x")["error"]["code"] == "url_signature_invalid"
    assert client.call("pollJob", jobId="mocap_none")["error"]["code"] == "job_not_found"
    assert StrangersClient(described, "sk-no").call("pollJob", jobId=job_id)["error"]["code"] == "api_key_invalid"


@pytest.mark.parametrize(
    ("schema", "model"),
    [
        ("CreateJob", models.CreateJobRequest),
        ("CreatedAnswer", models.CreatedJob),
        ("JobAnswer", models.JobInfo),
        ("JobOutput", models.JobOutput),
        ("ResultAnswer", models.JobResult),
    ],
)
def test_the_document_has_every_field_that_our_client_knows(
    described: dict[str, Any], schema: str, model: type[models.WireModel]
) -> None:
    listed = set(described["components"]["schemas"][schema]["properties"])
    assert {field.alias for field in model.model_fields.values()} <= listed


def test_all_published_codes_are_described(described: dict[str, Any]) -> None:
    text = str(described["paths"])
    published = (
        "export_fps_invalid mocap_type_invalid api_target_ids_required api_target_unsupported "
        "api_source_duration_invalid api_trim_range_invalid api_duration_limit_exceeded "
        "api_file_size_limit_exceeded api_concurrency_limit_exceeded api_plan_inactive insufficient_api_v_credits"
    )
    assert [code for code in published.split() if code not in text] == []


class Jobs:
    """Jobs of one key in several states, in turn, and signed addresses by operation."""

    def __init__(self, caller: Caller, clip: Path) -> None:
        self.key = caller.key
        done, failed = caller.submit(clip), caller.submit(clip, name="broken.mp4")
        caller.wait(done)
        caller.wait(failed)
        self._ids = [caller.draft(None), caller.draft(clip), done, failed]
        result = caller.result(done).json()["data"]
        self.signed = {
            "uploadVideo": caller.create().json()["data"]["uploadUrl"],
            "downloadResult": result["fbxUrl"],
            "getManifest": result["manifestUrl"],
        }

    def next(self) -> str:
        self._ids.append(self._ids.pop(0))
        return self._ids[-1]


@pytest.fixture(scope="module")
def jobs(service: ServiceProcess, clip: Path) -> Jobs:
    return Jobs(new_caller(service, 100_000), clip)


# The same calls at each run, few enough for a minute.
_bounded = settings(
    max_examples=30,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_OPERATIONS = sorted(
    operation["operationId"]
    for item in document("http://127.0.0.1").get("paths", {}).values()
    for method, operation in item.items()
    if method != "parameters"
)


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize("real_jobs", [False, True])
@pytest.mark.parametrize("operation_id", _OPERATIONS)
def test_random_calls_are_answered_as_described(
    service: ServiceProcess, jobs: Jobs, operation_id: str, real_jobs: bool, mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_url(service.url + DOCUMENT_PATH)
    # What a schema cannot say: an end after its start, a clip within the plan, a byte range within the file.
    semantic = ["400", "416"] if operation_id == "downloadResult" else ["422"]
    schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "403", "404", "409", *semantic]
    operation = schema.find_operation_by_id(operation_id)
    signed = jobs.signed.get(operation_id)

    @_bounded
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: schemathesis.Case) -> None:
        if real_jobs and signed is not None:
            # The signature lets the call through to what lies behind it, where the body is all that is random.
            url = httpx.URL(signed)
            job_id, *name = url.path.split("/")[3:]
            case.path_parameters |= {"jobId": job_id} | ({"filename": name[0]} if "filename" in operation.path else {})
            case.query = dict(url.params)
        elif real_jobs and "jobId" in case.path_parameters:
            case.path_parameters["jobId"] = jobs.next()
        headers = {} if signed is not None else {"Authorization": f"Bearer {jobs.key}"}
        # What was random and wrong is replaced by what is right: then a success is no mistake.
        excluded = [negative_data_rejection] if real_jobs else []
        case.call_and_validate(headers=headers, excluded_checks=excluded)

    check()
