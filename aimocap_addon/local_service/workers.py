# SPDX-License-Identifier: GPL-3.0-or-later
"""Who does the work: processes on this machine, or a Dask cluster, behind `concurrent.futures.Executor`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from .errors import CannotStartError

_CONNECT_SEC = 10
_CONTEXT = multiprocessing.get_context("spawn")


class WorkerDiedError(Exception):
    """The process that did the work ended before the work did."""


@dataclass(frozen=True)
class Workforce:
    """An executor, how many jobs it can do at the same time, and how to end one of them or all."""

    executor: Executor
    slots: Callable[[], int]
    end: Callable[[Future[Any]], Any] = lambda future: future.cancel()
    close: Callable[[], None] = lambda: None


def default_worker_count() -> int:
    """Return how many solves this machine does at the same time: one for each two cores.

    A solve keeps about one core busy; the others are for uploads, Blender and whoever works at the machine.
    """
    return max(1, (os.cpu_count() or 1) // 2)


def local_workforce(count: int) -> Workforce:
    """Return worker processes on this machine."""
    pool = WorkerPool(count)
    return Workforce(pool, lambda: count, pool.end, pool.end_all)


def dask_workforce(address: str, slots: int | None) -> Workforce:
    """Return the workers of the Dask cluster with this scheduler, by default as many jobs as it has threads.

    The workers must see the data folder under the same path and be able to import this package. A job that is
    ended there stops at its solver's next report of progress. Raises CannotStartError.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise CannotStartError(
            "Dask is not in this Python: install its package “distributed” there, or leave --dask out."
        ) from error
    try:
        client = Client(address, timeout=_CONNECT_SEC, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CannotStartError(
            f"No Dask scheduler answers at {address} ({error}): start one, or correct --dask."
        ) from error

    def threads() -> int:
        counts: Any = client.nthreads()
        return slots or sum(counts.values())

    def close() -> None:
        client.close()

    return Workforce(client.get_executor(pure=False), threads, close=close)


class WorkerPool(Executor):
    """Worker processes of which each can be ended, or can die, without the others.

    `concurrent.futures.ProcessPoolExecutor` gives up all its work when one process dies. Here a thread stands
    for each process, starts it at its first work, and starts another when it has died.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, "worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._busy: dict[Future[Any], _Worker] = {}
        self._workers: set[_Worker] = set()
        self._ended = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a picklable call in a worker; the future raises WorkerDiedError if its process ends meanwhile."""
        handed_out: Future[Future[Any]] = Future()
        future = self._threads.submit(self._run, handed_out, fn, args, kwargs)
        handed_out.set_result(future)
        return future

    def end(self, future: Future[Any]) -> None:
        """End what works on the future at once, with whatever programs it has started."""
        if future.cancel():
            return
        with self._lock:
            worker = self._busy.get(future)
        if worker is not None:
            worker.kill()

    def end_all(self) -> None:
        """End all workers at once. All they leave is in work folders, which are emptied before they are used again."""
        with self._lock:
            self._ended = True
            workers = list(self._workers)
        for worker in workers:
            worker.kill()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; the processes end when the work is done."""
        self._threads.shutdown(wait=wait, cancel_futures=cancel_futures)
        if wait:
            self.end_all()

    def _run(self, handed_out: Future[Future[Any]], fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        future = handed_out.result()
        with self._lock:
            if self._ended:
                raise WorkerDiedError("The workers have ended.")
            worker: _Worker | None = getattr(self._own, "worker", None)
            if worker is None or not worker.is_alive():
                self._workers.discard(worker) if worker else None
                self._own.worker = worker = _Worker()
                self._workers.add(worker)
            self._busy[future] = worker
        try:
            return worker.call(fn, args, kwargs)
        finally:
            with self._lock:
                del self._busy[future]


class _Worker:
    """One process that answers calls, one after the other."""

    def __init__(self) -> None:
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_answer_calls, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # with the process's end alone left, its death ends the wait for its answer

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        try:
            self._connection.send((fn, args, kwargs))
            value, error = self._connection.recv()
        except (EOFError, OSError) as died:
            self._process.join()
            raise WorkerDiedError(f"The worker ended with status {self._process.exitcode}.") from died
        if error is not None:
            raise error
        return value

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, AttributeError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)  # AttributeError: Windows has no process groups
        self._process.kill()
        self._process.join()


def _answer_calls(connection: Connection) -> None:
    """Be a worker: a process group of its own that ends with the service, however that ends."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)  # also keeps a terminal's Ctrl-C away: the service decides when workers end
    os.dup2(2, 1)  # the service's standard output has its one line alone
    threading.Thread(target=_end_with_service, daemon=True).start()
    with contextlib.suppress(EOFError):
        while True:
            fn, args, kwargs = connection.recv()
            try:
                answer = fn(*args, **kwargs), None
            except Exception as error:  # whatever a call raises is for its caller
                answer = None, error
            connection.send(answer)


def _end_with_service() -> None:
    service = multiprocessing.parent_process()
    if service is not None:
        service.join()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)
