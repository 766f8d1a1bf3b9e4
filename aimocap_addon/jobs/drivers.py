# SPDX-License-Identifier: GPL-3.0-or-later
"""Two drivers for the engine: `run_blocking` for scripts, `CaptureRunner` for an interface that goes on.

Threading contract of `CaptureRunner`:
- Its methods are called from one thread, the main one.
- Each running capture has one worker thread with a client of its own. A worker touches the store
  (safe between threads), its own engine and the event queue; never bpy, never the runner's own state.
- Records are immutable; a worker hands them over through `queue.SimpleQueue`, the main thread takes them
  out with `drain`.
- `stop` sets the worker's event: it ends after the transfer chunk or the wait it is in. `shutdown`
  interrupts all and joins them for a bounded time; a capture so ended keeps its stage in the store.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, field

from ..api.addresses import is_loopback
from ..api.client import AimocapClient
from ..api.errors import AimocapError
from .engine import LOOPBACK_PACE, CaptureEngine, EmitRecord, Pace, StopSignal
from .record import CaptureRecord, Failure, Stage
from .store import CaptureStore


@dataclass(frozen=True)
class ServiceAccess:
    """Which service with which key; the key does not show in `repr`."""

    base_url: str
    api_key: str = field(repr=False)

    @property
    def pace(self) -> Pace:
        return LOOPBACK_PACE if is_loopback(self.base_url) else Pace()


def run_blocking(
    store: CaptureStore,
    access: ServiceAccess,
    record: CaptureRecord,
    on_change: EmitRecord = lambda _record: None,
    stop: StopSignal | None = None,
) -> CaptureRecord:
    """Run a capture on this thread to its final stage and return it."""
    stop = stop or StopSignal()
    try:
        with AimocapClient(access.base_url, access.api_key) as client:
            return CaptureEngine(store, client, on_change, stop, access.pace).run(record)
    except AimocapError as error:  # the base URL or the key cannot be used: nothing was sent
        failed = store.save(record.failed(Failure(error.user_message, error.code)))
        on_change(failed)
        return failed


class CaptureRunner:
    """Runs captures on worker threads; see the module's threading contract."""

    def __init__(self, store: CaptureStore) -> None:
        self._store = store
        self._events: queue.SimpleQueue[CaptureRecord] = queue.SimpleQueue()
        self._workers: dict[str, tuple[threading.Thread, StopSignal]] = {}

    def start(self, record: CaptureRecord, access: ServiceAccess) -> None:
        """Store the capture and begin or go on with it; raises StoreError if it cannot be stored."""
        if self.is_running(record.capture_id):
            return
        self._store.save(record)
        stop = StopSignal()
        thread = threading.Thread(
            target=_work,
            args=(self._store, access, record, self._events.put, stop),
            name=f"aimocap-{record.capture_id[:8]}",
            daemon=True,
        )
        self._workers[record.capture_id] = (thread, stop)
        thread.start()

    def is_running(self, capture_id: str) -> bool:
        """Whether a worker is at this capture."""
        worker = self._workers.get(capture_id)
        return worker is not None and worker[0].is_alive()

    @property
    def running(self) -> int:
        """How many captures have a worker."""
        return sum(thread.is_alive() for thread, _ in self._workers.values())

    def stop(self, capture_id: str) -> bool:
        """Ask a capture to stop; returns whether it was running."""
        worker = self._workers.get(capture_id)
        if worker is None or not worker[0].is_alive():
            return False
        worker[1].set()
        return True

    def drain(self, budget: float) -> list[CaptureRecord]:
        """Return the changes that came since the last call, taking at most `budget` seconds."""
        until = time.monotonic() + budget
        records = []
        while time.monotonic() < until:
            try:
                records.append(self._events.get_nowait())
            except queue.Empty:
                break
        return records

    def shutdown(self, timeout: float = 3.0) -> None:
        """Interrupt all workers and wait for them, `timeout` seconds in all."""
        for thread, stop in self._workers.values():
            if thread.is_alive():
                stop.interrupt()
        until = time.monotonic() + timeout
        for thread, _ in self._workers.values():
            thread.join(max(0.0, until - time.monotonic()))


def _work(
    store: CaptureStore, access: ServiceAccess, record: CaptureRecord, emit: EmitRecord, stop: StopSignal
) -> None:
    try:
        run_blocking(store, access, record, emit, stop)
    except Exception as error:  # a worker that dies silently would leave the person waiting
        sentence = f"The capture stopped on an internal error ({type(error).__name__}): retry it, or report this."
        emit(record.changed(stage=Stage.FAILED, failure=Failure(sentence, "internal_error", True)))
        raise
