# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's life: draft -> queued -> processing -> completed | failed; canceled from any step before the end.

Each function makes one step in the session it is given (see `Database.write`), so that status, ledger and
events change together or not at all.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from sqlalchemy import Select, and_, delete, func, or_, select
from sqlalchemy.orm import Session

from ..api.models import JobStatus
from . import ledger
from .admission import JobSpec
from .database import ApiKey, Job, JobEvent, Output
from .errors import RequestRefusedError

MAX_EVENTS = 100
WARNING = "warning"  # the type of an event that the result tells again
DAY_SEC = 86_400.0
SYSTEM_FAILURE_CODE = "processing_failed"
SYSTEM_FAILURE = "Processing failed on the service's side and nothing was charged: capture the clip again."


@dataclass(frozen=True)
class Delivery:
    """A file of a job's result, by its name in the storage."""

    target_id: str
    result_type: str
    filename: str


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
    """Return the job to run next, processing and charged: one that an earlier run left, or the queue's next.

    `running` are the ids of the jobs that have a worker. Keys take turns: next is the key with the fewest jobs at
    work, among those the one served longest ago, and of its jobs the one that has waited longest.
    """
    unfinished = select(Job).where(Job.status == JobStatus.PROCESSING, Job.id.not_in(running)).order_by(Job.queued_at)
    job = session.scalars(unfinished.limit(1)).one_or_none()
    if job is not None:
        add_event(session, job, "restarted", "Processing starts again.", 0.0)
    else:
        job = session.scalars(_in_turn().limit(1)).one_or_none()
        if job is None:
            return None
        job.status = JobStatus.PROCESSING
        session.get_one(ApiKey, job.key_id).served_at = time.time()
        ledger.charge(session, job)
        add_event(session, job, "processing", "Processing has started.", 0.0)
    job.attempts += 1
    return job


def _in_turn() -> Select[Job]:
    """Select the waiting jobs, in the order in which they are to run if no other job starts or ends."""
    at_work = (
        select(Job.key_id, func.count().label("jobs"))
        .where(Job.status == JobStatus.PROCESSING)
        .group_by(Job.key_id)
        .subquery()
    )
    return (
        select(Job)
        .join(ApiKey, ApiKey.id == Job.key_id)
        .outerjoin(at_work, at_work.c.key_id == Job.key_id)
        .where(Job.status == JobStatus.QUEUED)
        .order_by(func.coalesce(at_work.c.jobs, 0), ApiKey.served_at, Job.queued_at, Job.id)
    )


def give_up(session: Session, running: Collection[str], max_attempts: int) -> list[str]:
    """Fail the jobs that have no worker though they had one so often; returns their ids.

    Each time the worker, or the whole service, went down with the job.
    """
    hopeless = select(Job).where(
        Job.status == JobStatus.PROCESSING, Job.id.not_in(running), Job.attempts >= max_attempts
    )
    given_up = list(session.scalars(hopeless))
    for job in given_up:
        fail(session, job, SYSTEM_FAILURE_CODE, SYSTEM_FAILURE)
    return [job.id for job in given_up]


def is_any_waiting(session: Session, running: Collection[str]) -> bool:
    """Return whether a job wants a worker and has none."""
    left = and_(Job.status == JobStatus.PROCESSING, Job.id.not_in(running))
    waiting = select(Job.id).where(or_(Job.status == JobStatus.QUEUED, left)).limit(1)
    return session.scalars(waiting).one_or_none() is not None


def take_back_attempts(session: Session, job_ids: Collection[str]) -> None:
    """Forget the last attempt of jobs whose work ended for no reason of theirs."""
    for job in session.scalars(select(Job).where(Job.id.in_(job_ids))):
        job.attempts = max(job.attempts - 1, 0)


def still_processing(session: Session, job_ids: Collection[str]) -> set[str]:
    """Return which of the jobs are processing: the others were canceled."""
    return set(session.scalars(select(Job.id).where(Job.id.in_(job_ids), Job.status == JobStatus.PROCESSING)))


def complete(session: Session, job: Job, outputs: Sequence[Delivery], warnings: Sequence[str] = ()) -> None:
    """Deliver a job's files, with sentences that the person should read."""
    for output in outputs:
        session.add(
            Output(job_id=job.id, target_id=output.target_id, result_type=output.result_type, filename=output.filename)
        )
    _end(session, job, JobStatus.COMPLETED)
    for warning in warnings:
        add_event(session, job, WARNING, warning, 1.0)
    add_event(session, job, "completed", "The motion is ready.", 1.0)


def fail(session: Session, job: Job, code: str, message: str) -> None:
    """End a job without a result; whatever it was charged is given back, whosever failure it is."""
    _end(session, job, JobStatus.FAILED)
    job.error_code, job.error_message = code, message
    ledger.refund(session, job, code)
    add_event(session, job, "failed", message)


def cancel(session: Session, job: Job, message: str = "The job was canceled.") -> None:
    """End a job that nobody wants any more; whatever it was charged is given back. Raises RequestRefusedError (409).

    The dispatcher sees it within a moment and ends the job's worker; see `cancellation` for the job's files.
    """
    if JobStatus(job.status).is_final:
        raise RequestRefusedError(
            HTTPStatus.CONFLICT, "job_state_conflict", f"The job is {job.status} already: there is nothing to cancel."
        )
    _end(session, job, JobStatus.CANCELED)
    ledger.refund(session, job, "canceled")
    add_event(session, job, "canceled", message)


def _end(session: Session, job: Job, status: JobStatus) -> None:
    job.status = status
    job.source_file = None
    now = time.time()
    retention_days = session.get_one(ApiKey, job.key_id).plan.retention_days
    job.completed_at, job.expires_at = now, now + retention_days * DAY_SEC


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
