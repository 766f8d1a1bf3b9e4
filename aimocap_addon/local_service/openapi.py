# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's description in OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0), enough to write a client from.

Schemas come from the models that make the answers; the rest of a call (what it needs, how it refuses) is
written out here, since it is decided in code and not by types.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from ..api.models import API_PREFIX, DEFAULT_EXPORT_FPS, EXPORT_RATES, JobStatus, MocapType, WireModel
from . import VERSION
from .admission import MAX_DURATION_SEC, MAX_TEXT, SUPPORTED_TARGETS
from .answers import Manifest, PollAnswer, ResultAnswer, SubmittedAnswer

DOCUMENT_PATH = f"{API_PREFIX}/openapi.json"

_JOB_ID = {"name": "jobId", "in": "path", "required": True, "description": "`jobId` of create's answer"}
_SIGNED = "Used exactly as it was given, query included, and without an Authorization header."
# What one line of text cannot have, as a regular expression's character class.
_BREAKS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"


class CreateJob(WireModel):
    """Body of create. Fields that are not listed are ignored."""

    source_filename: str = Field(
        min_length=1,
        max_length=MAX_TEXT,
        json_schema_extra={"pattern": f"^[^{_BREAKS}]*[^\\s{_BREAKS}][^{_BREAKS}]*$"},
        description="the video's file name",
    )
    target_ids: list[str] = Field(
        min_length=1,
        json_schema_extra={"items": {"type": "string", "enum": [*SUPPORTED_TARGETS]}},
        description="`default`: a person's motion as FBX; `unitree_g1`: a robot's as robot_motion_json; or both",
    )
    title: str | None = Field(
        None,
        max_length=MAX_TEXT,
        json_schema_extra={"pattern": f"^[^{_BREAKS}]*$"},
        description="a label for people, one line",
    )
    source_duration_sec: float | None = Field(
        None, gt=0.0, le=MAX_DURATION_SEC, description="length of the whole video in seconds"
    )
    trim_start_sec: float | None = Field(0.0, ge=0.0, le=MAX_DURATION_SEC, description="start of the window in seconds")
    trim_end_sec: float | None = Field(
        None, gt=0.0, description="end of the window in seconds; the video's end if null"
    )
    export_fps: int | None = Field(DEFAULT_EXPORT_FPS, json_schema_extra={"enum": [*EXPORT_RATES, None]})
    mocap_type: MocapType | None = MocapType.FULL_BODY


class CreatedAnswer(WireModel):
    """Answer of create."""

    job_id: str
    status: JobStatus
    mocap_type: MocapType
    upload_url: str = Field(description="absolute signed address for operation `uploadVideo`")
    source_key: str = Field(description="the service's own name of the source")


class UploadedAnswer(WireModel):
    """Answer of an upload."""

    job_id: str


class ErrorText(BaseModel):
    """What is wrong: `code` for programs, `message` for people."""

    code: str
    message: str


class Error(BaseModel):
    """Any refusal."""

    error: ErrorText


_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    (CreateJob, "validation"),
    (CreatedAnswer, "serialization"),
    (UploadedAnswer, "serialization"),
    (SubmittedAnswer, "serialization"),
    (PollAnswer, "serialization"),
    (ResultAnswer, "serialization"),
    (Manifest, "serialization"),
    (Error, "serialization"),
)

_CREATE_CODES = {
    400: (
        "request_invalid",
        "source_filename_required",
        "export_fps_invalid",
        "mocap_type_invalid",
        "api_target_ids_required",
        "api_target_unsupported",
    ),
    401: ("api_key_invalid",),
    402: ("insufficient_api_v_credits",),
    403: ("api_plan_inactive",),
    408: ("request_timeout",),
    413: ("request_invalid",),
    415: ("content_type_unsupported",),
    422: ("api_source_duration_invalid", "api_trim_range_invalid", "api_duration_limit_exceeded"),
    429: ("api_concurrency_limit_exceeded",),
}
_COMPLETE_CODES = {
    401: ("api_key_invalid",),
    402: ("insufficient_api_v_credits",),
    403: ("api_plan_inactive",),
    404: ("job_not_found", "not_found"),
    409: ("upload_missing", "job_state_conflict"),
    413: ("api_file_size_limit_exceeded",),
    422: ("video_unreadable", "api_trim_range_invalid", "api_duration_limit_exceeded"),
    429: ("api_concurrency_limit_exceeded",),
}
_POLL_CODES = {401: ("api_key_invalid",), 404: ("job_not_found", "not_found")}
_RESULT_CODES = {**_POLL_CODES, 409: ("job_not_completed", "job_canceled", "the code with which the job failed")}
_UPLOAD_CODES = {
    400: ("authorization_not_allowed", "upload_empty", "upload_interrupted", "request_invalid"),
    403: ("url_signature_invalid", "url_expired"),
    404: ("job_not_found", "not_found"),
    408: ("request_timeout",),
    409: ("job_state_conflict",),
    413: ("api_file_size_limit_exceeded",),
    415: ("content_type_unsupported",),
    507: ("upload_not_stored",),
}
_DOWNLOAD_CODES = {
    400: ("authorization_not_allowed",),
    403: ("url_signature_invalid", "url_expired"),
    404: ("result_not_found", "not_found"),
}
_RANGE_CODES = {400: (*_DOWNLOAD_CODES[400], "range_invalid"), 416: ("range_invalid",)}
_STATUS_TEXT = {
    400: "The request is not in order",
    401: "The key is missing or unknown",
    402: "Too few v-credits",
    403: "Not allowed",
    404: "Not there, or not this key's",
    405: "The address does not take this method",
    408: "The body stopped arriving",
    409: "The job is in another state",
    413: "Too large",
    415: "A body of another kind",
    416: "No such byte range",
    422: "Times or video not in order",
    429: "Too many jobs at once; Retry-After says when to try again",
    507: "No room for the video",
}


def document(server_url: str) -> dict[str, Any]:
    """Return the OpenAPI document of a service at `server_url`."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "AIMoCap API (local service)", "version": VERSION, "description": _GUIDE},
        "servers": [{"url": server_url.rstrip("/")}],
        "security": [{"apiKey": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "description": "a key like sk-..."}},
            "schemas": _schemas(),
        },
    }


_GUIDE = """From a video to motion in five calls:

1. `createJob` makes a draft and gives `uploadUrl`.
2. `uploadVideo`: PUT the video's bytes to `uploadUrl`, without the key.
3. `completeUpload` checks the video against plan and v-credits and queues the job. Safe to repeat.
4. `pollJob` every few seconds until `job.status` is completed, failed or canceled. Treat a status that you do not
   know as still running.
5. `getResult` gives signed addresses; GET each without the key (`downloadResult`). Ask again for fresh ones when
   they have expired.

Answers of the API are `{"data": ...}`, refusals `{"error": {"code", "message"}}`. A job costs 1 v-credit per begun
second of its window, however many targets it has, charged when processing starts and given back if the job fails.

`fbxUrl` gives an FBX file, `motionJsonUrl` a JSON object with `version` 1, `robotType`, `fps`, `frameCount` F,
`root_pos` (F rows x, y, z in metres, Z up), `root_rot_xyzw` (F unit quaternions) and `dof_pos` (F rows of 29 joint
angles in radians, in the order of MuJoCo's models of the Unitree G1)."""


def _paths() -> dict[str, Any]:
    job = f"{API_PREFIX}/jobs/{{jobId}}"
    result = "/storage/results/{jobId}"
    job_id = {**_JOB_ID, "schema": {"type": "string"}}
    return {
        f"{API_PREFIX}/jobs": {
            "post": _operation(
                "createJob",
                "Create a draft, which costs nothing",
                _data("CreatedAnswer"),
                _CREATE_CODES,
                body={
                    "application/json": {
                        "schema": _ref("CreateJob"),
                        "example": {"title": "Walk", "sourceFilename": "walk.mp4", "targetIds": ["default"]},
                    }
                },
                example={
                    "data": {
                        "jobId": "mocap_0123456789abcdef01234567",
                        "status": "draft",
                        "mocapType": "full_body",
                        "uploadUrl": "http://127.0.0.1:8765/storage/uploads/mocap_...?expires=...&signature=...",
                        "sourceKey": "uploads/mocap_0123456789abcdef01234567",
                    }
                },
                links={
                    "complete": {
                        "operationId": "completeUpload",
                        "parameters": {"jobId": "$response.body#/data/jobId"},
                    },
                    "poll": {"operationId": "pollJob", "parameters": {"jobId": "$response.body#/data/jobId"}},
                    "result": {"operationId": "getResult", "parameters": {"jobId": "$response.body#/data/jobId"}},
                },
            )
        },
        f"{job}/complete-upload": {
            "parameters": [job_id],
            "post": _operation(
                "completeUpload",
                "Check the uploaded video and queue the job",
                _data("SubmittedAnswer"),
                _COMPLETE_CODES,
            ),
        },
        job: {
            "parameters": [job_id],
            "get": _operation("pollJob", "Ask for the job's state", _data("PollAnswer"), _POLL_CODES),
        },
        f"{job}/result": {
            "parameters": [job_id],
            "get": _operation("getResult", "Ask for a completed job's files", _data("ResultAnswer"), _RESULT_CODES),
        },
        "/storage/uploads/{jobId}": {
            "parameters": [job_id, *_signature()],
            "put": _operation(
                "uploadVideo",
                f"Send the video's bytes to `uploadUrl`. {_SIGNED} The newest whole upload of a draft counts.",
                _data("UploadedAnswer"),
                _UPLOAD_CODES,
                body={kind: {"schema": {}} for kind in ("video/mp4", "application/octet-stream")},
                signed=True,
            ),
        },
        f"{result}/manifest.json": {
            "parameters": [job_id, *_signature()],
            "get": _operation(
                "getManifest",
                f"Fetch what was asked for and delivered, from `manifestUrl`. {_SIGNED}",
                {"application/json": {"schema": _ref("Manifest")}},
                _DOWNLOAD_CODES,
                signed=True,
            ),
        },
        f"{result}/{{filename}}": {
            "parameters": [
                job_id,
                {"name": "filename", "in": "path", "required": True, "schema": {"type": "string"}},
                *_signature(),
                {
                    "name": "Range",
                    "in": "header",
                    "schema": {"type": "string", "pattern": r"^bytes=([0-9]+-[0-9]*|-[0-9]+)$"},
                },
            ],
            "get": _operation(
                "downloadResult",
                f"Fetch a file from `fbxUrl` or `motionJsonUrl`. {_SIGNED} Byte ranges are served.",
                {"application/octet-stream": {"schema": {}}},
                {**_DOWNLOAD_CODES, **_RANGE_CODES},
                partial=True,
                signed=True,
            ),
        },
    }


def _operation(
    name: str,
    summary: str,
    content: dict[str, Any],
    codes: dict[int, tuple[str, ...]],
    body: dict[str, Any] | None = None,
    example: dict[str, Any] | None = None,
    links: dict[str, Any] | None = None,
    signed: bool = False,
    partial: bool = False,
) -> dict[str, Any]:
    if example is not None:
        content = {kind: {**media, "example": example} for kind, media in content.items()}
    success: dict[str, Any] = {"description": "Done", "content": content}
    if links:
        success["links"] = links
    responses = {"200": success, **{str(status): _refusal(status, listed) for status, listed in codes.items()}}
    if partial:
        ranges = {**content, "multipart/byteranges": {"schema": {}}}
        responses["206"] = {"description": "The byte range that was asked for, or several", "content": ranges}
    operation: dict[str, Any] = {"operationId": name, "summary": summary, "responses": responses}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    if signed:
        operation["security"] = []
    return operation


def _refusal(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    example = {"error": {"code": codes[0], "message": f"{_STATUS_TEXT[status]}."}}
    answer: dict[str, Any] = {
        "description": f"{_STATUS_TEXT[status]}: {', '.join(codes)}",
        "content": {"application/json": {"schema": _ref("Error"), "example": example}},
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "string"}}}
    if status == 401:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return answer


def _data(model: str) -> dict[str, Any]:
    envelope = {"type": "object", "properties": {"data": _ref(model)}, "required": ["data"]}
    return {"application/json": {"schema": envelope}}


def _signature() -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}
        for name in ("expires", "signature")
    ]


def _ref(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}


class _Untitled(GenerateJsonSchema):
    """Schemas without the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _schemas() -> dict[str, Any]:
    template = "#/components/schemas/{model}"
    _, schema = models_json_schema(_MODELS, by_alias=True, ref_template=template, schema_generator=_Untitled)
    return schema["$defs"]
