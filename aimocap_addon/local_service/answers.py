# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's answers as the API words them; `openapi` describes the same models."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from ..api.models import JobOutput, JobStatus, MocapType, ResultType, WireModel
from .database import Job, JobEvent
from .jobs import WARNING
from .runner import PREVIEW_TYPE

MANIFEST_NAME = "manifest.json"
# Given (job id, file name) of a result, returns its signed download URL.
DownloadUrl = Callable[[str, str], str]


class JobAnswer(WireModel):
    """A job as this service tells it. Error fields are there for a failed job alone."""

    id: str
    status: JobStatus
    target_ids: list[str]
    title: str | None = None
    mocap_type: MocapType
    export_fps: int = Field(description="frames per second of the export")
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = Field(None, description="when the job came to its end, whichever")
    error_code: str | None = None
    error_message: str | None = None


class EventAnswer(WireModel):
    """Something that happened to a job."""

    type: str = Field(
        description="created, uploaded, queued, processing, progress, warning, completed, failed or canceled"
    )
    message: str
    progress: float | None = Field(None, ge=0.0, le=1.0, description="share done")
    time: datetime


class ResultAnswer(WireModel):
    """A finished job's files: the newest shape, and beside it the fields of the older flat one.

    Of the flat fields, those that name a target are there only when the job has exactly one.
    """

    job: JobAnswer
    outputs: list[JobOutput]
    preview_video_url: str | None = Field(default=None, description="a video for review, if one could be made")
    warnings: list[str] = Field(default_factory=list, description="sentences that the person should read")
    job_id: str
    status: JobStatus
    target_id: str | None = None
    result_type: str | None = None
    fbx_url: str | None = None
    motion_json_url: str | None = None
    manifest_url: str
    created_at: datetime
    updated_at: datetime
    completed_at: datetime


class PollAnswer(WireModel):
    """A job's state; `result` is null until the job is completed."""

    job: JobAnswer
    events: list[EventAnswer]
    result: ResultAnswer | None


class SubmittedAnswer(WireModel):
    """Answer of complete-upload: the job's state, which a repeated call tells again."""

    job_id: str
    status: JobStatus


class ManifestFile(WireModel):
    """One delivered file: its name and size in bytes."""

    target_id: str
    result_type: str
    filename: str
    bytes: int


class Manifest(WireModel):
    """What a completed job was asked for and delivered. The window is in seconds of the source video."""

    version: int = 1
    job_id: str
    title: str | None
    source_filename: str
    mocap_type: str
    export_fps: int
    window_start_sec: float | None
    window_end_sec: float | None
    completed_at: datetime | None
    files: list[ManifestFile]


def poll_answer(job: Job, events: list[JobEvent], download_url: DownloadUrl) -> dict[str, Any]:
    """Return the answer of poll."""
    result = result_answer(job, events, download_url) if job.status == JobStatus.COMPLETED else None
    return {"job": _job(job).to_wire(), "events": [_event(event) for event in events], "result": result}


def result_answer(job: Job, events: list[JobEvent], download_url: DownloadUrl) -> dict[str, Any]:
    """Return the answer of result for a completed job."""
    outputs = []
    preview_url = None
    for output in job.outputs:
        url = download_url(job.id, output.filename)
        if output.result_type == PREVIEW_TYPE:
            preview_url = url
            continue
        robot = output.result_type == ResultType.ROBOT_MOTION_JSON
        outputs.append(
            JobOutput(
                target_id=output.target_id,
                result_type=output.result_type,
                fbx_url=None if robot else url,
                motion_json_url=url if robot else None,
            )
        )
    info = _job(job)
    single = outputs[0] if len(outputs) == 1 else None
    return ResultAnswer(
        job=info,
        outputs=outputs,
        preview_video_url=preview_url,
        warnings=[event.message for event in events if event.type == WARNING],
        job_id=job.id,
        status=info.status,
        target_id=single and single.target_id,
        result_type=single and single.result_type,
        fbx_url=single and single.fbx_url,
        motion_json_url=single and single.motion_json_url,
        manifest_url=download_url(job.id, MANIFEST_NAME),
        created_at=info.created_at,
        updated_at=info.updated_at,
        completed_at=info.completed_at or info.updated_at,
    ).to_wire()


def manifest(job: Job, size_of: Callable[[str], int]) -> dict[str, Any]:
    """Return a completed job's manifest; `size_of` gives the bytes of a file by its name."""
    files = [
        ManifestFile(
            target_id=output.target_id,
            result_type=output.result_type,
            filename=output.filename,
            bytes=size_of(output.filename),
        )
        for output in job.outputs
    ]
    return Manifest(
        job_id=job.id,
        title=job.title,
        source_filename=job.source_filename,
        mocap_type=job.mocap_type,
        export_fps=job.export_fps,
        window_start_sec=job.window_start_sec,
        window_end_sec=job.window_end_sec,
        completed_at=None if job.completed_at is None else _moment(job.completed_at),
        files=files,
    ).model_dump(mode="json", by_alias=True)


def _job(job: Job) -> JobAnswer:
    return JobAnswer(
        id=job.id,
        status=JobStatus(job.status),
        target_ids=job.target_ids,
        title=job.title,
        mocap_type=MocapType(job.mocap_type),
        export_fps=job.export_fps,
        created_at=_moment(job.created_at),
        updated_at=_moment(job.updated_at),
        completed_at=None if job.completed_at is None else _moment(job.completed_at),
        error_code=job.error_code,
        error_message=job.error_message,
    )


def _event(event: JobEvent) -> dict[str, Any]:
    return {
        "type": event.type,
        "message": event.message,
        "progress": event.progress,
        "time": _moment(event.time).isoformat(),
    }


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(round(seconds, 3), tz=UTC)
