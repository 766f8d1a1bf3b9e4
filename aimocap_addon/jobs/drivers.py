# SPDX-License-Identifier: GPL-3.0-or-later
"""Two drivers for the engine: `run_blocking` for scripts, `CaptureRunner` for an interface that goes on.

Threading contract of `CaptureRunner`:
- Its methods are called from one thread, the main one.
- Captures wait in a queue for one of at most `MOST_WORKERS` threads of their service, so that one service that does
  not answer holds up no other; each has a client of its own. A worker touches the store (safe between threads), its
  own engine, the event queue and, under the runner's lock, the queue of waiting captures; never bpy, nor anything
  else of the runner.
- Records are immutable; a worker hands them over through `queue.SimpleQueue`, the main thread takes them
  out with `drain`.
- `stop` sets the worker's event: it ends after the transfer chunk or the wait it is in. `shutdown`
  interrupts all and joins them for a bounded time; a capture so ended keeps its stage in the store.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import logging
import math
import queue
import threading
import time
from dataclasses import dataclass, field

from ..api.addresses import is_loopback
from ..api.client import AimocapClient
from ..api.errors import ConfigurationError
from .engine import CaptureEngine, EmitRecord
from .record import CaptureRecord, Failure, Stage
from .store import CaptureStore, StoreError
from .waiting import CLOUD_PACE, LOOPBACK_PACE, Pace, StopSignal

_log = logging.getLogger(__name__)

MOST_WORKERS = 8  # for one service: more than any known plan solves at once; others wait here, where it costs nothing


@dataclass(frozen=True)
class ServiceAccess:
    """Which service with which key, and how long to wait for it; the key does not show in `repr`."""

    base_url: str
    api_key: str = field(repr=False)
    deadline: float = Pace.deadline  # seconds

    @property
    def pace(self) -> Pace:
        pace = LOOPBACK_PACE if is_loopback(self.base_url) else CLOUD_PACE
        return dataclasses.replace(pace, deadline=self.deadline)


def run_blocking(
    store: CaptureStore,
    access: ServiceAccess,
    record: CaptureRecord,
    on_change: EmitRecord = lambda _record: None,
    stop: StopSignal | None = None,
    pace: Pace | None = None,
) -> CaptureRecord:
    """Run a capture on this thread to its final stage and return it; see `CaptureEngine.run`."""
    try:
        client = AimocapClient(access.base_url, access.api_key)
    except ConfigurationError as error:  # nothing was sent, and once it is put right the capture goes on
        failure = Failure(error.user_message, error.code, retryable=True)
        return _keep_failure(store, record, failure, on_change)
    with client:
        return CaptureEngine(store, client, on_change, stop or StopSignal(), pace or access.pace).run(record)


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


@dataclass(frozen=True, eq=False)
class _Task:
    """One capture with a worker or waiting for one."""

    record: CaptureRecord
    access: ServiceAccess
    pace: Pace
    stop: StopSignal = field(default_factory=StopSignal)
    ended: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Lane:
    """The captures of one service that wait for a worker, and the workers."""

    waiting: collections.deque[_Task] = field(default_factory=collections.deque)
    workers: set[threading.Thread] = field(default_factory=set)


class CaptureRunner:
    """Runs captures on worker threads; see the module's threading contract."""

    def __init__(self, store: CaptureStore) -> None:
        self._store = store
        self._events: queue.SimpleQueue[CaptureRecord] = queue.SimpleQueue()
        self._tasks: dict[str, _Task] = {}
        self._lock = threading.Lock()  # guards what is in the lanes
        self._lanes: dict[str, _Lane] = {}  # by the service's base URL

    def start(self, record: CaptureRecord, access: ServiceAccess, *, found: bool = False) -> None:
        """Store the capture and begin or go on with it; raises StoreError if it cannot be stored.

        Where there is no connection, the capture waits for one, up to the deadline. One that was not begun yet
        fails at once instead, so that a person sees a wrong address; unless it was `found` in the store.
        """
        if self.is_running(record.capture_id):
            return
        if self._store.load(record.capture_id) is None:
            self._store.save(record)  # a later state is stored by the engine, once it has claimed the capture
        pace = dataclasses.replace(access.pace, give_up_offline=math.inf, fail_fast=not found)
        task = _Task(record, access, pace)
        self._tasks = {key: each for key, each in self._tasks.items() if not each.ended.is_set()}
        self._tasks[record.capture_id] = task
        lane = self._lanes.setdefault(access.base_url, _Lane())
        with self._lock:
            lane.waiting.append(task)
            if len(lane.workers) >= MOST_WORKERS:
                return
            worker = threading.Thread(target=self._work, args=(lane,), name=f"aimocap-{len(lane.workers)}", daemon=True)
            lane.workers.add(worker)
        worker.start()

    def is_running(self, capture_id: str) -> bool:
        """Whether this capture has a worker or waits for one."""
        task = self._tasks.get(capture_id)
        return task is not None and not task.ended.is_set()

    @property
    def running(self) -> int:
        """How many captures have a worker or wait for one."""
        return sum(not task.ended.is_set() for task in self._tasks.values())

    def stop(self, capture_id: str) -> bool:
        """Ask a capture to stop; returns whether it was running. Raises StoreError."""
        task = self._tasks.get(capture_id)
        if task is None or task.ended.is_set():
            return False
        task.stop.set()
        waiting = self._lanes[task.access.base_url].waiting
        with self._lock:
            waits = task in waiting
            if waits:
                waiting.remove(task)
        if waits:
            try:
                self._stop_waiting(task)
            finally:
                task.ended.set()
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
        with self._lock:
            waiting = [task for lane in self._lanes.values() for task in lane.waiting]
            workers = [worker for lane in self._lanes.values() for worker in lane.workers]
            for lane in self._lanes.values():
                lane.waiting.clear()
        for task in self._tasks.values():
            task.stop.interrupt()
        for task in waiting:
            task.ended.set()
        until = time.monotonic() + timeout
        for worker in workers:
            worker.join(max(0.0, until - time.monotonic()))

    def _stop_waiting(self, task: _Task) -> None:
        """Mark a capture that had no worker yet as stopped, unless another Blender is at it."""
        capture_id = task.record.capture_id
        with self._store.claimed(capture_id) as ours:
            record = self._store.load(capture_id) or task.record
            if ours and not record.stage.is_final:
                record = self._store.save(record.moved_to(Stage.STOPPED))
        self._events.put(record)

    def _work(self, lane: _Lane) -> None:
        """Take one waiting capture after the other; the thread ends when there is none."""
        while True:
            with self._lock:
                if not lane.waiting:
                    lane.workers.discard(threading.current_thread())
                    return
                task = lane.waiting.popleft()
            try:
                run_blocking(self._store, task.access, task.record, self._events.put, task.stop, task.pace)
            except Exception as error:  # a worker that dies silently would leave the person waiting
                _log.exception("A capture's worker met an error that nobody foresaw")
                sentence = (
                    f"The capture stopped on an internal error ({type(error).__name__}): retry it, or report this."
                )
                failure = Failure(sentence, "internal_error", retryable=True)
                _keep_failure(self._store, task.record, failure, self._events.put)
            finally:
                task.ended.set()
