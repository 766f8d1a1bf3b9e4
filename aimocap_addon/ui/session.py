# SPDX-License-Identifier: GPL-3.0-or-later
"""The captures that this Blender knows, in memory for drawing, and the runner that works on them.

One session lives as `WindowManager.aimocap_session` while the add-on is registered. The HTTP library is
loaded when the first capture starts, not when Blender does.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..jobs.errand import Errand
from ..jobs.reading import Reading, StoreReader, read
from ..jobs.record import CaptureRecord
from ..jobs.remaining import RemainingTimes
from ..jobs.store import CaptureStore
from . import addon
from .local_service import LocalService
from .recognition import Recognitions
from .source_looks import SourceLooks

if TYPE_CHECKING:
    from ..jobs.drivers import CaptureRunner

PUMP_BUDGET = 0.005  # seconds of the main thread per timer tick
_KEPT_IN_MEMORY = 200


class CaptureSession:
    """The captures known to this Blender; used from the main thread alone."""

    def __init__(self) -> None:
        self.local_service = LocalService(addon.user_folder(create=False) / "local_service")
        self.recognitions = Recognitions(addon.mapping_folder())
        self.looks = SourceLooks()
        self.remaining = RemainingTimes()
        self.records: dict[str, CaptureRecord] = {}
        self.chosen_id = ""  # of the capture that a person chose in the list; empty: the newest counts as chosen
        self.watching = False
        self.news: tuple[str, float] = ("", 0.0)  # what the status bar says until this moment of the monotonic clock
        self.status_in: set[str] = set()  # the workspaces whose status bar says something of ours
        self.mapping_dialog: bpy.types.Region | None = None  # while it is open
        self.file_id = ""  # of the open file, empty until it is asked for
        # captures begun in the open file, with the session uids of their armatures by the names these had then
        self.begun: dict[str, dict[str, int]] = {}
        self.arrived: list[CaptureRecord] = []  # ready captures of the open file that nobody has brought in yet
        self.key_test, self.space = Errand("key-test"), Errand("space")
        self.reader = StoreReader(self.store, _KEPT_IN_MEMORY)
        self._batch: set[str] = set()  # captures that were started since none was running
        self._store: CaptureStore | None = None
        self._runner: CaptureRunner | None = None

    def store(self) -> CaptureStore:
        """Return the store, opened on first use; raises StoreError. Called by the reader's thread, too."""
        if self._store is None:
            self._store = CaptureStore(Path(addon.user_folder()))
        return self._store

    def read(self) -> Reading:
        """Read the store now, on this thread; raises StoreError."""
        return read(self.store(), _KEPT_IN_MEMORY)

    def load(self, reading: Reading | None = None) -> None:
        """Take the latest captures into memory, from a reading or else from disk; raises StoreError."""
        reading = reading or self.read()
        listed = [self._newest(record) for record in (*reading.recent, *reading.pending)]
        fresh = {record.capture_id: record for record in sorted(listed, key=lambda each: -each.created_at)}
        running = {key: record for key, record in self.records.items() if self.is_running(key)}
        self.records = fresh | running

    def pending(self, reading: Reading | None = None) -> list[CaptureRecord]:
        """Return the captures that no worker of this Blender is at and that are not done with; raises StoreError."""
        listed = [self._newest(record) for record in (reading or self.read()).pending]
        return [record for record in listed if record.is_pending and not self.is_running(record.capture_id)]

    def _newest(self, record: CaptureRecord) -> CaptureRecord:
        """Return the record, or what memory has of the same capture if that is newer."""
        known = self.records.get(record.capture_id, record)
        return known if known.revision > record.revision else record

    def take_delivery(self, capture_id: str) -> CaptureRecord | None:
        """Mark a ready capture as brought in; None if that was done before, here or elsewhere. Raises StoreError."""
        self.reader.outdate()
        record = self.store().take_delivery(capture_id)
        if record is not None:
            self.records[capture_id] = record
        return record

    def remove(self, capture_id: str) -> bool:
        """Delete a capture and its files; False if a worker is at it, here or in another Blender. Raises StoreError."""
        if self.is_running(capture_id) or not self.store().remove(capture_id):
            return False
        self.reader.outdate()
        self.records = {key: record for key, record in self.records.items() if key != capture_id}
        self.arrived = [record for record in self.arrived if record.capture_id != capture_id]
        self.begun.pop(capture_id, None)
        return True

    def chosen(self) -> CaptureRecord | None:
        """Return the capture that is chosen in the list, else the newest; None if there are none."""
        return self.records.get(self.chosen_id) or next(iter(self.records.values()), None)

    def start(self, record: CaptureRecord, service: addon.Service, *, found: bool = False) -> None:
        """Begin or go on with a capture on a worker thread; `found`: without a person asking. Raises StoreError."""
        from ..jobs.drivers import CaptureRunner, ServiceAccess  # loads the HTTP library

        if self._runner is None:
            self._runner = CaptureRunner(self.store())
        self.reader.outdate()
        if not self.running:
            self._batch.clear()
        self.records = {record.capture_id: record} | self.records | {record.capture_id: record}
        self._batch.add(record.capture_id)
        self._runner.start(record, ServiceAccess(service.base_url, service.api_key, service.deadline), found=found)

    def run_blocking(self, record: CaptureRecord, service: addon.Service) -> CaptureRecord:
        """Run a capture to its end on this thread, with progress lines on the terminal; raises StoreError."""
        from ..jobs.drivers import ServiceAccess, run_blocking  # loads the HTTP library
        from .progress import ProgressPrinter  # wanted by scripts alone

        access = ServiceAccess(service.base_url, service.api_key, service.deadline)
        record = run_blocking(self.store(), access, record, ProgressPrinter())
        self.records = {record.capture_id: record} | self.records | {record.capture_id: record}
        return record

    def stop(self, capture_id: str) -> bool:
        """Ask a running capture to stop; returns whether it was running."""
        return self._runner is not None and self._runner.stop(capture_id)

    def is_running(self, capture_id: str) -> bool:
        """Whether a worker of this Blender is at the capture."""
        return self._runner is not None and self._runner.is_running(capture_id)

    @property
    def running(self) -> list[CaptureRecord]:
        """The captures that are under way in this Blender, newest first."""
        return [record for record in self.records.values() if self.is_running(record.capture_id)]

    @property
    def batch(self) -> list[CaptureRecord]:
        """The captures that count as one: all that were started since none was running, newest first."""
        return [record for record in self.records.values() if record.capture_id in self._batch]

    def pump(self) -> list[CaptureRecord]:
        """Take over what the workers reported; returns the changed captures, the latest state of each."""
        if self._runner is None:
            return []
        drained = self._runner.drain(PUMP_BUDGET)
        # What a worker said last of a capture that was removed since is of no interest.
        changed = {record.capture_id: record for record in drained if record.capture_id in self.records}
        self.records.update(changed)
        for record in changed.values():
            self.remaining.see(record, time.monotonic())
        return list(changed.values())

    def shutdown(self) -> None:
        """End the workers and the local service; their captures keep their place and can be resumed."""
        if self._runner is not None:
            self._runner.shutdown()
        for each in (self.reader, self.key_test, self.space):
            each.shutdown()
        self.local_service.stop()
        self.recognitions.shutdown()
        self.looks.shutdown()


def session() -> CaptureSession:
    """Return the session of the registered add-on."""
    return bpy.types.WindowManager.aimocap_session  # type: ignore[attr-defined]
