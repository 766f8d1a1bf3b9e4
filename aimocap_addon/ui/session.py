# SPDX-License-Identifier: GPL-3.0-or-later
"""The captures that this Blender knows, in memory for drawing, and the runner that works on them.

One session lives as `WindowManager.aimocap_session` while the add-on is registered. The HTTP library is
loaded when the first capture starts, not when Blender does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..jobs.record import CaptureRecord, Stage
from ..jobs.store import CaptureStore
from . import addon
from .local_service import LocalService
from .recognition import Recognitions

if TYPE_CHECKING:
    from ..jobs.drivers import CaptureRunner

PUMP_BUDGET = 0.005  # seconds of the main thread per timer tick
_KEPT_IN_MEMORY = 50


class CaptureSession:
    """The captures known to this Blender; used from the main thread alone."""

    def __init__(self) -> None:
        self.local_service = LocalService(addon.user_folder(create=False) / "local_service")
        self.recognitions = Recognitions(addon.mapping_folder())
        self.records: dict[str, CaptureRecord] = {}
        self.watching = False
        self.mapping_dialog: bpy.types.Region | None = None  # while it is open
        self.file_id = ""  # of the open file, empty until it is asked for
        # captures begun in the open file, with the session uids of their armatures by the names these had then
        self.begun: dict[str, dict[str, int]] = {}
        self.arrived: list[CaptureRecord] = []  # ready captures of the open file that nobody has brought in yet
        self._store: CaptureStore | None = None
        self._runner: CaptureRunner | None = None

    def store(self) -> CaptureStore:
        """Return the store, opened on first use; raises StoreError."""
        if self._store is None:
            self._store = CaptureStore(Path(addon.user_folder()))
        return self._store

    def load(self) -> None:
        """Read the latest captures from disk into memory; raises StoreError."""
        listed = [*self.store().recent(_KEPT_IN_MEMORY), *self.pending()]
        fresh = {record.capture_id: record for record in sorted(listed, key=lambda each: -each.created_at)}
        running = {key: record for key, record in self.records.items() if self.is_running(key)}
        self.records = fresh | running

    def pending(self) -> list[CaptureRecord]:
        """Return the captures that no worker of this Blender is at and that are not done with; raises StoreError."""
        return [record for record in self.store().pending() if not self.is_running(record.capture_id)]

    def take_delivery(self, capture_id: str) -> CaptureRecord | None:
        """Mark a ready capture as brought in; None if that was done before, here or elsewhere. Raises StoreError."""
        record = self.store().take_delivery(capture_id)
        if record is not None:
            self.records[capture_id] = record
        return record

    def start(self, record: CaptureRecord, service: addon.Service, *, found: bool = False) -> None:
        """Begin or go on with a capture on a worker thread; `found`: without a person asking. Raises StoreError."""
        from ..jobs.drivers import CaptureRunner, ServiceAccess  # loads the HTTP library

        if self._runner is None:
            self._runner = CaptureRunner(self.store())
        self.records = {record.capture_id: record} | self.records
        self._runner.start(record, ServiceAccess(service.base_url, service.api_key, service.deadline), found=found)

    def run_blocking(self, record: CaptureRecord, service: addon.Service) -> CaptureRecord:
        """Run a capture to its end on this thread, with progress lines on the terminal; raises StoreError."""
        from ..jobs.drivers import ServiceAccess, run_blocking  # loads the HTTP library
        from .progress import ProgressPrinter  # wanted by scripts alone

        access = ServiceAccess(service.base_url, service.api_key, service.deadline)
        record = run_blocking(self.store(), access, record, ProgressPrinter())
        self.records = {record.capture_id: record} | self.records
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

    def pump(self) -> list[CaptureRecord]:
        """Take over what the workers reported; returns the changed captures, the latest state of each."""
        if self._runner is None:
            return []
        changed = {record.capture_id: record for record in self._runner.drain(PUMP_BUDGET)}
        self.records.update(changed)
        return list(changed.values())

    def shutdown(self) -> None:
        """End the workers and the local service; their captures keep their place and can be resumed."""
        if self._runner is not None:
            self._runner.shutdown()
        self.local_service.stop()
        self.recognitions.shutdown()


def session() -> CaptureSession:
    """Return the session of the registered add-on."""
    return bpy.types.WindowManager.aimocap_session  # type: ignore[attr-defined]


STAGE_LABELS = {
    Stage.CREATED: "Starting",
    Stage.UPLOADING: "Uploading",
    Stage.ADMITTED: "Waiting in the Queue",
    Stage.PROCESSING: "Solving",
    Stage.DOWNLOADING: "Downloading",
    Stage.READY: "Ready",
    Stage.FAILED: "Failed",
    Stage.STOPPED: "Stopped",
}

# Share of the whole at which a stage begins, from its usual share of the time.
_STAGE_BEGINS = {
    Stage.CREATED: 0.0,
    Stage.UPLOADING: 0.02,
    Stage.ADMITTED: 0.12,
    Stage.PROCESSING: 0.15,
    Stage.DOWNLOADING: 0.95,
    Stage.READY: 1.0,
}


def overall_progress(record: CaptureRecord) -> float:
    """Return how far the whole capture is, 0..1."""
    begins = list(_STAGE_BEGINS.values())
    begin = _STAGE_BEGINS.get(record.stage, 0.0)
    following = next((value for value in begins if value > begin), 1.0)
    return begin + (following - begin) * record.progress
