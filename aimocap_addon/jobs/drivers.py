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

import contextlib
import queue
import threading
import time
from dataclasses import dataclass, field

from ..api.addresses import is_loopback
from ..api.client import AimocapClient
from ..api.errors import ConfigurationError
from .engine import LOOPBACK_PACE, CaptureEngine, EmitRecord, Pace, StopSignal
from .record import CaptureRecord, Failure, Stage
from .store import CaptureStore, StoreError


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
    """Run a capture on this thread to its final stage and return it; see `CaptureEngine.run`."""
    try:
        client = AimocapClient(access.base_url, access.api_key)
    except ConfigurationError as error:  # nothing was sent, and once it is put right the capture goes on
        failure = Failure(error.user_message, error.code, retryable=True)
        return _keep_failure(store, record, failure, on_change)
    with client:
        return CaptureEngine(store, client, on_change, stop or StopSignal(), access.pace).run(record)


def _keep_failure(store: CaptureStore, record: CaptureRecord, failure: Failure, on_change: EmitRecord) -> CaptureRecord:
    """Mark the capture's latest state as failed, as far as the disk takes it, and report it.

    What has ended stays as it is, and so does on disk what another process is working on.
    """
    failed = record if record.stage.is_final else record.changed(stage=Stage.FAILED, failure=failure)
    with contextlib.suppress(StoreError), store.claimed(record.capture_id) as ours:
        latest = store.load(record.capture_id) or record
        if not latest.stage.is_final:
            failed = latest.changed(stage=Stage.FAILED, failure=failure)
            if ours:
                store.save(failed)
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
        if self._store.load(record.capture_id) is None:
            self._store.save(record)  # a later state is stored by the engine, once it has claimed the capture
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
        _keep_failure(store, record, Failure(sentence, "internal_error", retryable=True), emit)
        raise
