# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the store again and again without keeping the main thread waiting for the disk.

Threading contract: all methods of `StoreReader` are called from one thread; a reading is made on a thread of its own,
handed over whole, and never changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .record import CaptureRecord
from .store import CaptureStore, StoreError

_END_SEC = 10.0


@dataclass(frozen=True)
class Reading:
    """What a store held: its newest captures, those that are not done with, and who of these is being worked on."""

    recent: tuple[CaptureRecord, ...]
    pending: tuple[CaptureRecord, ...]
    claimed: frozenset[str]


def read(store: CaptureStore, limit: int) -> Reading:
    """Read the `limit` newest captures and all pending ones; raises StoreError."""
    pending = tuple(store.pending())
    unfinished = [record.capture_id for record in pending if not record.stage.is_final]
    return Reading(tuple(store.recent(limit)), pending, frozenset(filter(store.is_claimed, unfinished)))


class StoreReader:
    """Makes one reading at a time."""

    def __init__(self, open_store: Callable[[], CaptureStore], limit: int) -> None:
        """`open_store` is called on the reader's thread and may raise StoreError."""
        self._open_store = open_store
        self._limit = limit
        self._thread: threading.Thread | None = None
        self._is_outdated = False
        self._result: Reading | StoreError | None = None

    def begin(self) -> None:
        """Begin a reading unless one is under way."""
        if self._thread is None:
            self._result, self._is_outdated = None, False
            self._thread = threading.Thread(target=self._read, name="aimocap-reader", daemon=True)
            self._thread.start()

    def take(self) -> Reading | None:
        """Return the reading once it is there, None before, and when something was changed meanwhile.

        Raises StoreError if the store could not be read.
        """
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        result, self._result = self._result, None
        if self._is_outdated:
            return None
        if isinstance(result, StoreError):
            raise result
        return result

    def outdate(self) -> None:
        """Have the reading that is under way thrown away: what it says was changed since."""
        self._is_outdated = True

    def shutdown(self) -> None:
        """Wait for the thread."""
        if self._thread is not None:
            self._thread.join(_END_SEC)
            self._thread = None

    def _read(self) -> None:
        try:
            self._result = read(self._open_store(), self._limit)
        except StoreError as error:
            self._result = error
