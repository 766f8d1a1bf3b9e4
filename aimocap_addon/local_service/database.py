# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's tables and its SQLite database in WAL mode.

Every change is made inside `Database.write()`, which takes SQLite's write lock at once (BEGIN IMMEDIATE):
what is read there cannot change before the commit, so limits and balances hold between threads and
between processes (`keys create` runs beside the service).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Connection,
    Engine,
    ForeignKey,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from .errors import CannotStartError

DATABASE_NAME = "service.sqlite3"
SCHEMA_VERSION = 1
_LOCK_TIMEOUT_SEC = 20
_MIB = 1024 * 1024
_SIGNING_KEY = "url_signing_key"


class Base(DeclarativeBase):
    """Base of all tables. Times are seconds since the epoch, UTC."""


class Setting(Base):
    """One value that the service made for itself."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Plan(Base):
    """What a key is admitted to. An operator may edit the rows; they are seeded once."""

    __tablename__ = "plans"

    name: Mapped[str] = mapped_column(primary_key=True)
    max_window_sec: Mapped[float]
    max_file_bytes: Mapped[int]
    max_active_jobs: Mapped[int]


class ApiKey(Base):
    """An API key, which is an account of its own: a plan, a v-credit balance, jobs."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    plan_name: Mapped[str] = mapped_column(ForeignKey("plans.name"))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[float]

    plan: Mapped[Plan] = relationship(lazy="joined")


class Job(Base):
    """One job. `cost` and the window are set when the job is admitted, from the file itself."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"), index=True)
    title: Mapped[str | None]
    source_filename: Mapped[str]
    target_ids: Mapped[list[str]] = mapped_column(JSON)
    export_fps: Mapped[int]
    mocap_type: Mapped[str]
    trim_start_sec: Mapped[float]
    trim_end_sec: Mapped[float | None]
    status: Mapped[str] = mapped_column(index=True)
    created_at: Mapped[float]
    updated_at: Mapped[float]
    queued_at: Mapped[float | None]
    completed_at: Mapped[float | None]
    source_file: Mapped[str | None]
    window_start_sec: Mapped[float | None]
    window_end_sec: Mapped[float | None]
    cost: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]

    outputs: Mapped[list[Output]] = relationship(order_by="Output.id")


class Output(Base):
    """A file that a completed job delivers."""

    __tablename__ = "outputs"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    target_id: Mapped[str]
    result_type: Mapped[str]
    filename: Mapped[str]


class JobEvent(Base):
    """Something that happened to a job, for whoever polls it. `progress` is the share done, 0 to 1."""

    __tablename__ = "job_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"), index=True)
    type: Mapped[str]
    message: Mapped[str]
    progress: Mapped[float | None]
    time: Mapped[float]


class LedgerTransaction(Base):
    """A movement of v-credits: its entries sum to zero. A job is charged once and refunded once at most."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (UniqueConstraint("job_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    memo: Mapped[str]
    time: Mapped[float]

    entries: Mapped[list[LedgerEntry]] = relationship(order_by="LedgerEntry.id")


class LedgerEntry(Base):
    """One side of a movement: `amount` v-credits into (or, negative, out of) an account."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str] = mapped_column(index=True)
    amount: Mapped[int]


# `free` has the figures that AIMoCap publishes for its free web plan (pricing page: 30 s, 50 MB, 2 at once).
# Those of API plans are not published: `local` and `studio` are this service's own.
_PLANS = (
    Plan(name="local", max_window_sec=1200.0, max_file_bytes=4096 * _MIB, max_active_jobs=16),
    Plan(name="free", max_window_sec=30.0, max_file_bytes=50 * _MIB, max_active_jobs=2),
    Plan(name="studio", max_window_sec=300.0, max_file_bytes=1024 * _MIB, max_active_jobs=8),
)


class Database:
    """The database of one data folder; safe to use from several threads."""

    def __init__(self, data: Path) -> None:
        """Open the database, making it if it is not there; raises CannotStartError."""
        self._path = data / DATABASE_NAME
        self._engine = _engine(self._path)
        self._writing = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        try:
            with self._writing.begin() as connection:
                _prepare(connection)
        except DatabaseError as error:
            raise CannotStartError(
                f"The database {self._path} cannot be used ({error.orig}): choose another data folder with --data."
            ) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state. What it loaded stays readable afterwards."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that alone may write; commits at the end, and takes everything back on an exception."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def url_signing_key(self) -> bytes:
        """Return the secret that signs upload and download URLs."""
        with self.read() as session:
            return bytes.fromhex(session.scalars(select(Setting.value).where(Setting.name == _SIGNING_KEY)).one())

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _LOCK_TIMEOUT_SEC})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own habit of beginning late is switched off: transactions begin where we say.
        # https://docs.sqlalchemy.org/en/20/dialects/sqlite.html#pysqlite-serializable
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _prepare(connection: Connection) -> None:
    """Make tables, plans and secret where they are missing, inside one transaction."""
    version = connection.execute(text("PRAGMA user_version")).scalar_one()
    if version == SCHEMA_VERSION:
        return
    if version:
        raise CannotStartError(
            f"The data folder was made by another version of the service (schema {version}, this one reads "
            f"{SCHEMA_VERSION}): choose another folder with --data."
        )
    Base.metadata.create_all(connection)
    for plan in _PLANS:
        values = {column.key: getattr(plan, column.key) for column in Plan.__table__.columns}
        connection.execute(insert(Plan).values(values))
    connection.execute(insert(Setting).values(name=_SIGNING_KEY, value=secrets.token_hex(32)))
    connection.execute(text(f"PRAGMA user_version = {SCHEMA_VERSION}"))
