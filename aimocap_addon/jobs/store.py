# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures on disk: one SQLite file in WAL mode, written before every request and after every change.

Safe to use from several threads and processes: each call opens its own connection, and `claimed` lets only
one of them work on a capture.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .record import CaptureRecord, Stage

if TYPE_CHECKING:
    import sqlite3

_SCHEMA = """
CREATE TABLE IF NOT EXISTS captures (
    capture_id TEXT PRIMARY KEY,
    created_at REAL NOT NULL,
    record TEXT NOT NULL,
    pending INTEGER NOT NULL DEFAULT 1
)
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS captures_by_age ON captures (created_at)",
    "CREATE INDEX IF NOT EXISTS captures_pending ON captures (created_at) WHERE pending = 1",
)
DATABASE_NAME = "captures.sqlite"
RESULTS_NAME = "results"
CLAIMS_NAME = "claims"


class StoreError(Exception):
    """The captures' folder cannot be used; the message is one sentence."""


class CaptureStore:
    """The captures of one user, in one folder, with the result files beside them."""

    def __init__(self, folder: Path) -> None:
        """Open or make the store; raises StoreError if the folder cannot be written."""
        self.folder = folder
        self._read_before: dict[str, CaptureRecord] = {}  # text -> record; replaced as a whole, never changed
        with self._disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")  # another Blender may be opening it as well
            connection.execute(_SCHEMA)
            columns = {row[1] for row in connection.execute("PRAGMA table_info(captures)")}
            if "pending" not in columns:  # a store of an earlier version
                connection.execute("ALTER TABLE captures ADD COLUMN pending INTEGER NOT NULL DEFAULT 1")
            for index in _INDEXES:
                connection.execute(index)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        import sqlite3  # a library that is loaded with the first look at the captures, not when Blender starts

        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"The captures' folder {self.folder} cannot be used ({error}): check its permissions and free space."
            ) from error

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        import sqlite3

        with (
            self._disk_errors(),
            contextlib.closing(sqlite3.connect(self.folder / DATABASE_NAME, timeout=30.0)) as connection,
            connection,
        ):
            yield connection

    @contextlib.contextmanager
    def claimed(self, capture_id: str) -> Iterator[bool]:
        """Claim the capture for the block; yields False if another thread or process has claimed it.

        The claim is SQLite's own lock on an empty file, which the system frees when the process ends, however
        it ends. Raises StoreError.
        """
        import sqlite3

        folder = self.folder / CLAIMS_NAME
        with self._disk_errors():
            folder.mkdir(exist_ok=True)
            connection = sqlite3.connect(folder / f"{capture_id}.lock", timeout=0.0, isolation_level=None)
        with contextlib.closing(connection):
            with self._disk_errors():
                ours = _lock(connection)
            yield ours

    def is_claimed(self, capture_id: str) -> bool:
        """Whether a thread or process is at the capture; raises StoreError."""
        with self.claimed(capture_id) as ours:
            return not ours

    def save(self, record: CaptureRecord) -> CaptureRecord:
        """Keep the record, replacing an earlier state of the same capture; raises StoreError."""
        with self._connection() as connection:
            _write(connection, record)
        return record

    def take_delivery(self, capture_id: str) -> CaptureRecord | None:
        """Mark a ready capture as delivered and return it; None if that was done before, by whichever Blender.

        Raises StoreError.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = connection.execute("SELECT record FROM captures WHERE capture_id = ?", (capture_id,)).fetchone()
            record = _read(row[0]) if row else None
            if record is None or record.stage is not Stage.READY or record.delivered:
                return None
            record = record.changed(delivered=True)
            _write(connection, record)
        return record

    def pending(self, limit: int = 1000) -> list[CaptureRecord]:
        """Return the captures that are under way, or ready and not delivered yet, oldest first; raises StoreError."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT record FROM captures WHERE pending = 1 ORDER BY created_at LIMIT ?", (limit,)
            ).fetchall()
        records = [record for row in rows if (record := _read(row[0])) is not None]
        return [record for record in records if record.is_pending]

    def load(self, capture_id: str) -> CaptureRecord | None:
        """Return the capture, or None if there is none or its row is no record; raises StoreError."""
        with self._connection() as connection:
            row = connection.execute("SELECT record FROM captures WHERE capture_id = ?", (capture_id,)).fetchone()
        return _read(row[0]) if row else None

    def recent(self, limit: int = 100) -> list[CaptureRecord]:
        """Return the newest captures, newest first, without rows that are no record; raises StoreError.

        It is asked again and again, so what has not changed since the last time is not parsed anew.
        """
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT record FROM captures ORDER BY created_at DESC LIMIT ?", (limit,)
            ).fetchall()
        before = self._read_before
        read = {text: before.get(text) or _read(text) for (text,) in rows}
        self._read_before = {text: record for text, record in read.items() if record is not None}
        return list(self._read_before.values())

    def remove(self, capture_id: str) -> bool:
        """Delete the capture and its files; False, with nothing deleted, while someone is at it. Raises StoreError."""
        if not re.fullmatch(r"[\w-]+", capture_id):  # a damaged record must not lead to another folder
            raise StoreError(f"“{capture_id}” is no capture's id: choose a capture in the list.")
        with self.claimed(capture_id) as ours:
            if not ours:
                return False
            folder = self.results_folder(capture_id)
            with self._disk_errors():
                if folder.is_dir():
                    shutil.rmtree(folder)
            with self._connection() as connection:
                connection.execute("DELETE FROM captures WHERE capture_id = ?", (capture_id,))
        with contextlib.suppress(OSError):  # an empty file, which some systems hold fast while another looks at it
            (self.folder / CLAIMS_NAME / f"{capture_id}.lock").unlink()
        return True

    def results_folder(self, capture_id: str) -> Path:
        """Return where the files of this capture go (not made yet)."""
        return self.folder / RESULTS_NAME / capture_id


def _lock(connection: sqlite3.Connection) -> bool:
    import sqlite3

    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True


def _write(connection: sqlite3.Connection, record: CaptureRecord) -> None:
    connection.execute(
        "INSERT INTO captures (capture_id, created_at, record, pending) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (capture_id) DO UPDATE SET record = excluded.record, pending = excluded.pending",
        (record.capture_id, record.created_at, record.to_json(), int(record.is_pending)),
    )


def _read(text: str) -> CaptureRecord | None:
    try:
        return CaptureRecord.from_json(text)
    except ValueError:
        return None
