# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's tables and its database: SQLite in WAL mode in the data folder, or any other that SQLAlchemy knows.

Every change is made inside `Database.write()`, which lets one writer in at a time: on SQLite by taking the write
lock at once (BEGIN IMMEDIATE), elsewhere by locking one row (SELECT ... FOR UPDATE). What is read there cannot
change before the commit, so limits and balances hold between threads and between processes (`keys create` runs
beside the service).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    Double,
    Engine,
    ForeignKey,
    Select,
    String,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from .errors import CannotStartError

DATABASE_NAME = "service.sqlite3"
SCHEMA_VERSION = 2
_LOCK_TIMEOUT_SEC = 20
_MIB = 1024 * 1024
_SIGNING_KEY = "url_signing_key"
_SCHEMA = "schema_version"
_WRITER = "writer"
_FOLDER = "data_folder"
_FOLDER_FILE = "folder.id"


class Base(DeclarativeBase):
    """Base of all tables. Times are seconds since the epoch, UTC."""

    # Lengths and widths that every database takes as they are: MySQL wants a length and has 32-bit floats else.
    type_annotation_map: ClassVar[dict[Any, Any]] = {str: String(500), float: Double()}


class Setting(Base):
    """One value that the service made for itself."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class Plan(Base):
    """What a key is admitted to. An operator may edit the rows; they are seeded once.

    `retention_days` is how long a job is kept after its end.
    """

    __tablename__ = "plans"

    name: Mapped[str] = mapped_column(primary_key=True)
    max_window_sec: Mapped[float]
    max_file_bytes: Mapped[int] = mapped_column(BigInteger)
    max_active_jobs: Mapped[int]
    retention_days: Mapped[int]
    active: Mapped[bool] = mapped_column(default=True)


class ApiKey(Base):
    """An API key, which is an account of its own: a plan, a v-credit balance, jobs.

    `served_at` is when a job of the key was last handed to a worker.
    """

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    hint: Mapped[str]
    plan_name: Mapped[str] = mapped_column(ForeignKey("plans.name"))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[float]
    served_at: Mapped[float] = mapped_column(default=0.0)

    plan: Mapped[Plan] = relationship(lazy="joined")


class Job(Base):
    """One job. `cost` and the window are set when the job is admitted, from the file itself.

    `attempts` counts how often it was handed to a worker; `expires_at` is set at its end.
    """

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
    updated_at: Mapped[float] = mapped_column(index=True)
    queued_at: Mapped[float | None]
    completed_at: Mapped[float | None]
    source_file: Mapped[str | None]
    window_start_sec: Mapped[float | None]
    window_end_sec: Mapped[float | None]
    cost: Mapped[int | None]
    error_code: Mapped[str | None]
    error_message: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    expires_at: Mapped[float | None] = mapped_column(index=True)

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
    message: Mapped[str] = mapped_column(Text)
    progress: Mapped[float | None]
    time: Mapped[float]


class LedgerTransaction(Base):
    """A movement of v-credits: its entries sum to zero. A job is charged once and refunded once at most.

    Movements stay when their job's row goes, so that `job_id` is no foreign key.
    """

    __tablename__ = "ledger_transactions"
    __table_args__ = (UniqueConstraint("job_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    job_id: Mapped[str | None]
    memo: Mapped[str] = mapped_column(Text)
    time: Mapped[float]

    entries: Mapped[list[LedgerEntry]] = relationship(order_by="LedgerEntry.id")


class LedgerEntry(Base):
    """One side of a movement: `amount` v-credits into (or, negative, out of) an account."""

    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    transaction_id: Mapped[int] = mapped_column(ForeignKey("ledger_transactions.id"), index=True)
    account: Mapped[str] = mapped_column(index=True)
    amount: Mapped[int]


# `free` has the figures that AIMoCap publishes for its free web plan (pricing page: 30 s, 50 MB, 2 at once, 7 days).
# Those of API plans are not published: `local` and `studio` are this service's own, with the 30 days of the best plan.
_PLANS = (
    Plan(name="local", max_window_sec=1200.0, max_file_bytes=4096 * _MIB, max_active_jobs=16, retention_days=30),
    Plan(name="free", max_window_sec=30.0, max_file_bytes=50 * _MIB, max_active_jobs=2, retention_days=7),
    Plan(name="studio", max_window_sec=300.0, max_file_bytes=1024 * _MIB, max_active_jobs=8, retention_days=30),
)


class Database:
    """The database of one data folder; safe to use from several threads."""

    def __init__(self, data: Path, url: str | None = None) -> None:
        """Open the database at a SQLAlchemy URL (by default SQLite in the data folder), making its tables if need be.

        Raises CannotStartError.
        """
        self._url = _read_url(data, url)
        self._watching: list[Any] = []
        try:
            self._engine = _engine(self._url)
        except (ArgumentError, ModuleNotFoundError) as error:
            raise CannotStartError(
                f"The database {self.name} cannot be used ({error}): install its driver into the service's "
                "environment, or choose another with --database."
            ) from error
        self._sqlite = self._engine.dialect.name == "sqlite"
        self._writing = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        try:
            self._prepare(data)
        except SQLAlchemyError as error:
            self.close()
            reason = getattr(error, "orig", None) or error
            raise CannotStartError(
                f"The database {self.name} cannot be used ({reason}): choose another data folder with --data, or "
                "another database with --database."
            ) from error
        except CannotStartError:
            self.close()
            raise

    def _prepare(self, data: Path) -> None:
        try:
            with self._writing.begin() as connection:
                _prepare(connection, data)
        except (IntegrityError, ProgrammingError):
            # On a server two processes may make the tables at once: the second one finds them made.
            with self._writing.begin() as connection:
                _prepare(connection, data)

    @property
    def name(self) -> str:
        """What to call the database in a message: a file's path, or a URL without its password."""
        is_file = self._url.get_backend_name() == "sqlite" and self._url.database
        return str(self._url.database) if is_file else self._url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one consistent state. What it loaded stays readable afterwards."""
        with Session(self._engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that alone may write; commits at the end, and takes everything back on an exception."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            if not self._sqlite:
                session.execute(_take_turn())
            yield session

    def watch_changes(self) -> Callable[[], int] | None:
        """Return what tells a number that changes with every commit of anyone; None if the database cannot.

        It has a connection of its own, for the thread that calls it.
        https://www.sqlite.org/pragma.html#pragma_data_version
        """
        if not self._sqlite:
            return None
        connection = self._engine.raw_connection()
        connection.detach()
        self._watching.append(connection)
        watching: Any = connection.dbapi_connection
        return lambda: watching.execute("PRAGMA data_version").fetchone()[0]

    def url_signing_key(self) -> bytes:
        """Return the secret that signs upload and download URLs."""
        with self.read() as session:
            return bytes.fromhex(session.scalars(select(Setting.value).where(Setting.name == _SIGNING_KEY)).one())

    def close(self) -> None:
        """Close the connections."""
        while self._watching:
            self._watching.pop().close()
        self._engine.dispose()


def _read_url(data: Path, url: str | None) -> URL:
    if url is None:
        return URL.create("sqlite", database=str(data / DATABASE_NAME))
    try:
        read = make_url(url)
    except ArgumentError as error:
        raise CannotStartError(
            f"“{url}” is no database URL: give one such as postgresql+psycopg://user@host/name with --database."
        ) from error
    if read.get_backend_name() == "sqlite" and read.database in (None, "", ":memory:"):
        raise CannotStartError("A database in memory forgets its jobs: give --database a file or a server.")
    return read


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        # A writer has waited for its turn when it first reads, so that it reads what is committed by then.
        return create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _LOCK_TIMEOUT_SEC})

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


def _take_turn() -> Select[str]:
    """Return the statement that waits until this transaction alone may write."""
    return select(Setting.value).where(Setting.name == _WRITER).with_for_update()


def _prepare(connection: Connection, data: Path) -> None:
    """Make tables, plans and secret where they are missing, inside one transaction."""
    version = _schema_version(connection)
    if version == 0:
        Base.metadata.create_all(connection)
        for plan in _PLANS:
            values = {column.key: getattr(plan, column.key) for column in Plan.__table__.columns}
            connection.execute(insert(Plan).values({**values, "active": True}))
        for name, value in (
            (_SIGNING_KEY, secrets.token_hex(32)),
            (_WRITER, ""),
            (_FOLDER, _folder_id(data)),
            (_SCHEMA, str(SCHEMA_VERSION)),
        ):
            connection.execute(insert(Setting).values(name=name, value=value))
    elif version != SCHEMA_VERSION:
        raise CannotStartError(
            f"The database was made by another version of the service (schema {version}, this one reads "
            f"{SCHEMA_VERSION}): choose another folder with --data, or another database with --database."
        )
    elif connection.execute(select(Setting.value).where(Setting.name == _FOLDER)).scalar_one() != _folder_id(data):
        raise CannotStartError(
            f"The database belongs to another data folder than {data}: its jobs' files would be missing. Give --data "
            "and --database that belong together."
        )


def _schema_version(connection: Connection) -> int:
    """Return the version of the tables that are there, 0 if there are none."""
    if not inspect(connection).has_table(Setting.__tablename__):
        return 0
    value = connection.execute(select(Setting.value).where(Setting.name == _SCHEMA)).scalar_one_or_none()
    return 1 if value is None else int(value)


def _folder_id(data: Path) -> str:
    """Return what tells this data folder from others. Jobs' files and rows belong together."""
    path = data / _FOLDER_FILE
    if not path.exists():
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        made.write_text(secrets.token_hex(16), encoding="ascii")
        made.replace(path)
    return path.read_text(encoding="ascii")
