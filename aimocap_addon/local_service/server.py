# SPDX-License-Identifier: GPL-3.0-or-later
"""One running service: a data folder of its own, a listening socket, a dispatcher with its workers."""

from __future__ import annotations

import _thread
import contextlib
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from .app import create_app
from .bodies import IDLE_SEC
from .database import Database
from .dispatcher import MAX_ATTEMPTS, SOLVE_LIMIT_SEC, Dispatcher
from .errors import CannotStartError
from .listening import Listening, patient_protocol
from .runner import SolverRunner
from .signed_urls import UrlSigner
from .storage import DISK_RESERVE_BYTES, Storage, open_data_folder
from .sweep import Sweeper, remove_strays
from .workers import Workforce, dask_workforce, default_worker_count, local_workforce

_LOCK_NAME = "service.lock"
_SHUTDOWN_SEC = 5


@dataclass(frozen=True)
class ServeOptions:
    """What `serve` is told.

    `url_lifetime_sec` is that of signed URLs; a request that stops arriving for `idle_sec` is given up. Without
    `workers` there are as many as fit the machine or the Dask cluster. With `end_with_input` the service ends when
    its standard input closes. See `Dispatcher` for attempts and the solve limit.
    """

    listening: Listening
    data: Path
    workers: int | None
    url_lifetime_sec: float
    end_with_input: bool = False
    database_url: str | None = None
    dask: str | None = None
    max_attempts: int = MAX_ATTEMPTS
    solve_limit_sec: float = SOLVE_LIMIT_SEC
    disk_reserve_bytes: int = DISK_RESERVE_BYTES
    idle_sec: float = IDLE_SEC
    faults: Path | None = None


def serve(options: ServeOptions, solver: SolverRunner) -> None:
    """Serve until SIGINT or SIGTERM; raises CannotStartError."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _end)
    if options.end_with_input:
        threading.Thread(target=_end_with_input, daemon=True).start()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what FFmpeg thinks of a video is told by our answers
    data = open_data_folder(options.data)
    with _alone(data), contextlib.closing(options.listening.open()) as listener:
        database, storage = Database(data, options.database_url), Storage(data, options.disk_reserve_bytes)
        remove_strays(database, storage)
        signer = UrlSigner(database.url_signing_key(), options.url_lifetime_sec)
        workforce = _workforce(options)
        dispatcher = Dispatcher(database, storage, solver, workforce, options.max_attempts, options.solve_limit_sec)
        sweeper = Sweeper(database, storage)
        app: ASGIApp = create_app(database, storage, signer, dispatcher.wake, options.idle_sec)
        if options.faults is not None:
            from .faults import Faults  # for tests alone

            app = Faults(app, options.faults, database, storage)
        dispatcher.start()
        sweeper.start()
        try:
            config = uvicorn.Config(
                app,
                http=patient_protocol(options.idle_sec),
                ws="none",
                lifespan="off",
                log_config=None,
                proxy_headers=False,  # nobody stands between: such headers would come from the client itself
                access_log=False,  # signed URLs are secrets and stay out of logs
                timeout_graceful_shutdown=_SHUTDOWN_SEC,
                **options.listening.uvicorn_options(),
            )
            _Server(config, options.listening.url(listener)).run(sockets=[listener])
        finally:
            sweeper.stop()
            dispatcher.stop()
            database.close()


def _workforce(options: ServeOptions) -> Workforce:
    if options.dask is not None:
        return dask_workforce(options.dask, options.workers)
    return local_workforce(options.workers or default_worker_count())


class _Server(uvicorn.Server):
    """Says on standard output when it answers, so that whoever started it can wait for that."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"AIMoCap local service listening on {self._url}", flush=True)


def _end_with_input() -> None:
    # Not through sys.stdin: its lock, held by a thread that waits, aborts the interpreter at exit.
    while os.read(0, 1024):
        pass
    _thread.interrupt_main(signal.SIGTERM)


def _end(_signal: int, _frame: FrameType | None) -> None:
    # uvicorn has its own handlers while it serves and raises the signal again when it is done.
    raise SystemExit(0)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Hold the data folder for this process, so that no two services run the same jobs.

    SQLite's file lock does it: it is the same on every system and goes with the process, however that ends.
    """
    with contextlib.closing(sqlite3.connect(data / _LOCK_NAME, timeout=0, isolation_level=None)) as lock:
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise CannotStartError(
                f"Another service uses the data folder {data}: end it, or choose another folder with --data."
            ) from error
        yield
