# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's life: draft -> queued -> processing -> completed | failed.

Each function makes one step in the session it is given (see `Database.write`), so that status, ledger and
events change together or not at all.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection
from http import HTTPStatus

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..api.models import JobStatus, ResultType, Target
from . import ledger
from .admission import JobSpec
from .database import ApiKey, Job, JobEvent, Output
from .errors import RequestRefusedError

MAX_EVENTS = 100


def create_draft(session: Session, key: ApiKey, spec: JobSpec) -> Job:
    """Make a draft, which costs nothing."""
    now = time.time()
    job = Job(
        id=f"mocap_{secrets.token_hex(12)}",
        key_id=key.id,
        title=spec.title,
        source_filename=spec.source_filename,
        target_ids=spec.target_ids,
        export_fps=spec.export_fps,
        mocap_type=spec.mocap_type,
        trim_start_sec=spec.trim_start_sec,
        trim_end_sec=spec.trim_end_sec,
        status=JobStatus.DRAFT,
        created_at=now,
        updated_at=now,
    )
    session.add(job)
    session.flush()
    add_event(session, job, "created", "Waiting for the video.")
    return job


def find_job(session: Session, job_id: str, key_id: int | None = None) -> Job:
    """Return a job (of a key); raises RequestRefusedError (404), for another key's job as for none."""
    job = session.get(Job, job_id)
    if job is None or (key_id is not None and job.key_id != key_id):
        raise RequestRefusedError(
            HTTPStatus.NOT_FOUND,
            "job_not_found",
            "There is no such job under this key: check the job's id and the key.",
        )
    return job


def find_draft(session: Session, job_id: str) -> Job:
    """Return a job that still takes an upload; raises RequestRefusedError (404, 409)."""
    job = find_job(session, job_id)
    if job.status != JobStatus.DRAFT:
        raise RequestRefusedError(
            HTTPStatus.CONFLICT,
            "job_state_conflict",
            f"The job is {job.status} and takes no video any more: create a new job.",
        )
    return job


def attach_source(session: Session, job_id: str, source_file: str) -> str | None:
    """Make an upload the draft's video; returns the upload that it replaces. Raises RequestRefusedError."""
    job = find_draft(session, job_id)
    replaced, job.source_file = job.source_file, source_file
    add_event(session, job, "uploaded", "The video has arrived.")
    return replaced


def admit(session: Session, job: Job, window: tuple[float, float]) -> None:
    """Put a checked draft into the queue; `window` is (start, end) in seconds of its video."""
    job.window_start_sec, job.window_end_sec = window
    job.cost = ledger.price(window[1] - window[0])
    job.status = JobStatus.QUEUED
    job.queued_at = time.time()
    add_event(session, job, "queued", "Waiting for a worker.")


def next_job(session: Session, running: Collection[str]) -> Job | None:
    """Return the job to run next, processing and charged: one that an earlier run left, or the first in the queue.

    `running` are the ids of the jobs that have a worker.
    """
    unfinished = select(Job).where(Job.status == JobStatus.PROCESSING, Job.id.not_in(running)).order_by(Job.queued_at)
    job = session.scalars(unfinished.limit(1)).one_or_none()
    if job is not None:
        return job
    queued = select(Job).where(Job.status == JobStatus.QUEUED).order_by(Job.queued_at, Job.id)
    job = session.scalars(queued.limit(1)).one_or_none()
    if job is not None:
        job.status = JobStatus.PROCESSING
        ledger.charge(session, job)
        add_event(session, job, "processing", "Processing has started.", 0.0)
    return job


def complete(session: Session, job: Job, fbx_filename: str) -> None:
    """Deliver a job."""
    session.add(Output(job_id=job.id, target_id=Target.DEFAULT, result_type=ResultType.FBX, filename=fbx_filename))
    job.status = JobStatus.COMPLETED
    job.source_file = None
    job.completed_at = time.time()
    add_event(session, job, "completed", "The motion is ready.", 1.0)


def fail(session: Session, job: Job, code: str, message: str) -> None:
    """End a job without a result; whatever it was charged is given back, whosever failure it is."""
    job.status = JobStatus.FAILED
    job.source_file = None
    job.error_code, job.error_message = code, message
    job.completed_at = time.time()
    ledger.refund(session, job, code)
    add_event(session, job, "failed", message)


def add_event(session: Session, job: Job, kind: str, message: str, progress: float | None = None) -> None:
    """Tell something of a job to whoever polls it; only the newest MAX_EVENTS are kept."""
    now = time.time()
    job.updated_at = now
    session.add(JobEvent(job_id=job.id, type=kind, message=message, progress=progress, time=now))
    session.flush()
    newest = select(JobEvent.id).where(JobEvent.job_id == job.id).order_by(JobEvent.id.desc()).limit(MAX_EVENTS)
    session.execute(delete(JobEvent).where(JobEvent.job_id == job.id, JobEvent.id.not_in(newest.scalar_subquery())))


def events(session: Session, job: Job) -> list[JobEvent]:
    """Return a job's events, oldest first."""
    return list(session.scalars(select(JobEvent).where(JobEvent.job_id == job.id).order_by(JobEvent.id)))
