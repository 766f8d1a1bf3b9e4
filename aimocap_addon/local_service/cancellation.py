# SPDX-License-Identifier: GPL-3.0-or-later
"""Canceling a job, from any process beside the running service."""

from __future__ import annotations

from ..api.models import JobStatus
from . import jobs
from .database import Database
from .storage import Storage


def cancel_job(database: Database, storage: Storage, job_id: str) -> None:
    """Cancel a draft, queued or processing job, refund what it was charged, and remove its video.

    Raises RequestRefusedError: 404 for no such job, 409 for one that has ended.
    """
    with database.write() as session:
        job = jobs.find_job(session, job_id)
        has_worker = job.status == JobStatus.PROCESSING
        jobs.cancel(session, job)
    if not has_worker:  # else the dispatcher does it when it has ended the worker
        storage.discard_sources(job_id)
