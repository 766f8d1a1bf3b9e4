# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing what is over: abandoned drafts, jobs past their plan's retention, files that no row knows.

Movements of v-credits stay for good.
"""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import delete, select

from ..api.models import JobStatus
from . import jobs
from .database import Database, Job, JobEvent, Output
from .storage import Storage

DRAFT_LIFETIME_SEC = jobs.DAY_SEC
_INTERVAL_SEC = 600.0
_BATCH = 500  # jobs in one transaction: nobody else writes meanwhile
_FINAL = [status for status in JobStatus if status.is_final]

_log = logging.getLogger(__name__)


def sweep(database: Database, storage: Storage, now: float) -> None:
    """Remove what is over at a moment (seconds since the epoch); safe while the service works."""
    _cancel_abandoned_drafts(database, storage, now - DRAFT_LIFETIME_SEC)
    while _remove_expired_jobs(database, storage, now):
        pass


def remove_strays(database: Database, storage: Storage) -> None:
    """Remove files that an earlier run left half-done. Call only while no other service uses the data folder."""
    storage.clean()
    with database.read() as session:
        remembered = session.scalars(select(Job).where(Job.source_file.is_not(None)))
        sources = {job.id: job.source_file for job in remembered}
        delivered = set(session.scalars(select(Job.id).where(Job.status == JobStatus.COMPLETED)))
    for job_id in storage.jobs_with_sources():
        storage.keep_only_source(job_id, sources.get(job_id))
    for job_id in storage.jobs_with_results() - delivered:
        storage.discard_results(job_id)


def _cancel_abandoned_drafts(database: Database, storage: Storage, before: float) -> None:
    abandoned = select(Job).where(Job.status == JobStatus.DRAFT, Job.updated_at < before).limit(_BATCH)
    with database.read() as session:
        if not session.scalars(abandoned.limit(1)).first():
            return
    with database.write() as session:
        drafts = list(session.scalars(abandoned))
        for job in drafts:
            jobs.cancel(session, job, "The upload was not completed within a day: create a new job.")
    for job in drafts:
        storage.discard_sources(job.id)


def _remove_expired_jobs(database: Database, storage: Storage, now: float) -> bool:
    """Remove one batch; returns whether there was something to remove."""
    query = select(Job.id).where(Job.status.in_(_FINAL), Job.expires_at < now).limit(_BATCH)
    with database.read() as session:
        expired = list(session.scalars(query))
    # Files first: should the service end in between, the rows still say what is to be removed.
    for job_id in expired:
        storage.discard_sources(job_id)
        storage.discard_results(job_id)
    if expired:
        with database.write() as session:
            session.execute(delete(JobEvent).where(JobEvent.job_id.in_(expired)))
            session.execute(delete(Output).where(Output.job_id.in_(expired)))
            session.execute(delete(Job).where(Job.id.in_(expired)))
    return bool(expired)


class Sweeper:
    """A thread that sweeps at the start and then every ten minutes."""

    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, when the sweep at work is done."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                sweep(self._database, self._storage, time.time())
            except Exception:  # a locked database passes; the thread must live on
                _log.exception("The sweep stumbled and tries again later.")
            self._stopping.wait(_INTERVAL_SEC)
