# SPDX-License-Identifier: GPL-3.0-or-later
"""complete-upload: from an uploaded draft to a queued job, or to a refusal."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from sqlalchemy.orm import Session

from ..api.models import JobStatus
from . import admission, jobs, ledger
from .database import ApiKey, Database, Job
from .errors import RequestRefusedError
from .solver.interface import UnreadableVideoError
from .storage import Storage
from .video_probe import VideoFacts, probe_video

# What no waiting and no topping up mends: the job fails. Other refusals leave the draft for another try.
_FINAL_REFUSALS = frozenset(
    {
        UnreadableVideoError.code,
        "api_trim_range_invalid",
        "api_duration_limit_exceeded",
        "api_file_size_limit_exceeded",
    }
)


def submit(database: Database, storage: Storage, job_id: str, key_id: int) -> str:
    """Check an uploaded draft and queue it; returns the job's status. Nothing is charged here.

    A job that is not a draft any more is left as it is, so that a lost answer may be asked for again.
    Raises RequestRefusedError; where the file itself is the reason the job has then failed.
    """
    with database.read() as session:
        job = jobs.find_job(session, job_id, key_id)
    if job.status != JobStatus.DRAFT:
        return job.status
    if job.source_file is None:
        raise RequestRefusedError(
            HTTPStatus.CONFLICT, "upload_missing", "The video has not arrived: send it to the job's uploadUrl first."
        )
    path = storage.source_path(job_id, job.source_file)
    facts = _probe(path)
    with database.write() as session:
        key, current = session.get_one(ApiKey, key_id), jobs.find_job(session, job_id, key_id)
        if current.status != JobStatus.DRAFT:
            return current.status
        if current.source_file != job.source_file:
            raise RequestRefusedError(
                HTTPStatus.CONFLICT,
                "job_state_conflict",
                "Another upload arrived while the video was checked: complete the upload again.",
            )
        refusal = _queue(session, key, current, facts, path.stat().st_size)
    if refusal is None:
        return JobStatus.QUEUED
    if refusal.code in _FINAL_REFUSALS:
        storage.discard_sources(job_id)
    raise refusal


def _probe(path: Path) -> VideoFacts | RequestRefusedError:
    try:
        return probe_video(path)
    except UnreadableVideoError as error:
        return RequestRefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, str(error))


def _queue(
    session: Session, key: ApiKey, job: Job, facts: VideoFacts | RequestRefusedError, size: int
) -> RequestRefusedError | None:
    """Queue the draft, or fail it, or leave it; a refusal is returned, since raising would undo the failure."""
    try:
        admission.check_active(key)
        admission.check_file_size(key, size)
        if isinstance(facts, RequestRefusedError):
            raise facts
        window = admission.admitted_window(facts, job.trim_start_sec, job.trim_end_sec)
        admission.check_window_length(key, window[1] - window[0])
        admission.check_concurrency(session, key)
        admission.check_credits(session, key, ledger.price(window[1] - window[0]))
    except RequestRefusedError as refusal:
        if refusal.code in _FINAL_REFUSALS:
            jobs.fail(session, job, refusal.code, refusal.message)
        return refusal
    jobs.admit(session, job, window)
    return None
