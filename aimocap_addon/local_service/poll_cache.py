# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of poll, kept as long as their job does not change: most polls come while nothing happens."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from sqlalchemy import select

from .database import Database, Job

# How long a key may still be answered after it was taken away, and a job after its row was removed.
LIFETIME_SEC = 5.0
_MOST_ENTRIES = 10_000
# Changes are looked for from this long before the last one seen: a reading lasts, and clocks are set back a little.
_CLOCK_SEC = 5.0


@dataclass(frozen=True)
class _Entry:
    body: bytes
    updated_at: float
    until: float


class PollCache:
    """Bodies by (Authorization header, host, job id); for the event loop's thread alone.

    Before each answer SQLite is asked whether anything was committed since (in any process), which takes
    microseconds; only then is it asked which jobs changed. Databases that cannot tell are asked each time.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changes = database.watch_changes()
        self._version: int | None = None
        self._newest = 0.0
        self._recent: dict[str, float] = {}
        self._entries: dict[str, dict[bytes, _Entry]] = {}
        self._count = 0

    def get(self, job_id: str, caller: bytes) -> bytes | None:
        """Return the body for a caller (see `caller_of`) if it is still true."""
        self._forget_changed()
        entry = self._entries.get(job_id, {}).get(caller)
        return entry.body if entry is not None and time.monotonic() < entry.until else None

    def put(self, job_id: str, caller: bytes, body: bytes, updated_at: float, began: float) -> None:
        """Keep a body whose reading began at a moment (time.monotonic()), unless its job changed meanwhile."""
        now = time.monotonic()
        is_old = self._recent.get(job_id, updated_at) != updated_at or now - began > _CLOCK_SEC
        if self._changes is None or is_old:
            return
        if self._count >= _MOST_ENTRIES:
            self._clear()
        self._entries.setdefault(job_id, {})[caller] = _Entry(body, updated_at, now + LIFETIME_SEC)
        self._count += 1

    def _forget_changed(self) -> None:
        if self._changes is None:
            return
        version = self._changes()
        if version == self._version:
            return
        changed = select(Job.id, Job.updated_at).where(Job.updated_at > self._newest - _CLOCK_SEC)
        with self._database.read() as session:
            self._recent = {row.id: row.updated_at for row in session.execute(changed)}
        for job_id, updated_at in self._recent.items():
            self._newest = max(self._newest, updated_at)
            if any(entry.updated_at != updated_at for entry in self._entries.get(job_id, {}).values()):
                self._count -= len(self._entries.pop(job_id))
        self._version = version

    def _clear(self) -> None:
        self._entries.clear()
        self._count = 0


def caller_of(authorization: str | None, host: str | None) -> bytes:
    """Return what tells callers apart: the key, of which only a hash is kept, and the host that URLs begin with."""
    return hashlib.sha256(f"{authorization}\n{host}".encode("utf-8", "surrogatepass")).digest()
