# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's answers as the API words them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..api.models import JobInfo, JobOutput, JobResult, JobStatus
from .database import Job, JobEvent

# Given (job id, file name) of a result, returns its signed download URL.
DownloadUrl = Callable[[str, str], str]


def poll_answer(job: Job, events: list[JobEvent], download_url: DownloadUrl) -> dict[str, Any]:
    """Return the answer of poll; `result` is null until the job is completed."""
    result = result_answer(job, download_url) if job.status == JobStatus.COMPLETED else None
    return {"job": _job(job).to_wire(), "events": [_event(event) for event in events], "result": result}


def result_answer(job: Job, download_url: DownloadUrl) -> dict[str, Any]:
    """Return the answer of result for a completed job."""
    outputs = [
        JobOutput(
            target_id=output.target_id,
            result_type=output.result_type,
            fbx_url=download_url(job.id, output.filename),
        )
        for output in job.outputs
    ]
    return JobResult(job=_job(job), outputs=outputs).to_wire()


def _job(job: Job) -> JobInfo:
    return JobInfo(
        id=job.id,
        status=JobStatus(job.status),
        target_ids=job.target_ids,
        title=job.title,
        mocap_type=job.mocap_type,
        export_fps=job.export_fps,
        created_at=_moment(job.created_at),
        updated_at=_moment(job.updated_at),
        completed_at=_moment(job.completed_at),
        error_code=job.error_code,
        error_message=job.error_message,
    )


def _event(event: JobEvent) -> dict[str, Any]:
    moment = _moment(event.time)
    return {
        "type": event.type,
        "message": event.message,
        "progress": event.progress,
        "time": moment.isoformat() if moment else None,
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(round(seconds, 3), tz=UTC)
