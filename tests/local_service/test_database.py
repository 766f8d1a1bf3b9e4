# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database the service uses, that rows and files belong together, and that one writer writes at a time."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from aimocap_addon.local_service import keys, ledger
from aimocap_addon.local_service.audit import audit
from aimocap_addon.local_service.database import DATABASE_NAME, ApiKey, Base, Database
from aimocap_addon.local_service.errors import CannotStartError
from scripts.service_process import run_command, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import Caller


def test_a_service_runs_on_a_database_elsewhere_and_goes_on_there(tmp_path: Path, clip: Path) -> None:
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere.sqlite3"
    database = ("--database", f"sqlite:///{elsewhere}")
    key = run_command("keys", "create", "--credits", "20", "--data", str(data), *database).stdout.strip()
    with running_service(data, *database, module=small_solver.MODULE) as service:
        caller = Caller(service, key)
        job_id = caller.submit(clip)
        assert caller.wait(job_id)["job"]["status"] == "completed"
    assert not (data / DATABASE_NAME).exists()
    with running_service(data, *database, module=small_solver.MODULE) as service:
        assert Caller(service, key).poll(job_id)["job"]["status"] == "completed"
    assert "16 v-credits" in run_command("keys", "list", "--data", str(data), *database).stdout


def test_two_data_folders_do_not_share_a_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    Database(folders[0], url).close()
    with pytest.raises(CannotStartError, match="another data folder"):
        Database(folders[1], url)
    Database(folders[0], url).close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no database URL"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("oddity://host/name", "driver"),
        ("sqlite:////nowhere/at/all.sqlite3", "unable to open"),
    ],
)
def test_a_database_that_cannot_be_is_one_sentence(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(CannotStartError, match=said):
        Database(tmp_path, url)


def test_passwords_stay_out_of_sentences(tmp_path: Path) -> None:
    with pytest.raises(CannotStartError) as raised:
        Database(tmp_path, "oddity://someone:secret@host/name")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=lambda dialect: dialect.name)
def test_every_table_can_be_said_in_other_dialects(dialect: postgresql.dialect) -> None:
    for table in Base.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect)).strip().startswith(f"CREATE TABLE {table.name}")


def spend_side_by_side(database: Database) -> int:
    """Let threads spend one credit each if there is one left; returns what the key has in the end."""
    with database.write() as session:
        keys.create_key(session, "local", 5)
        key_id = session.query(ApiKey).order_by(ApiKey.id.desc()).first().id  # type: ignore[union-attr]
    together = threading.Barrier(10)

    def spend() -> None:
        together.wait()
        with database.write() as session:
            if ledger.balance(session, key_id) > 0:
                ledger.grant(session, key_id, -1)

    threads = [threading.Thread(target=spend) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    with database.read() as session:
        return ledger.balance(session, key_id)


def test_what_a_writer_reads_holds_until_it_has_written(tmp_path: Path) -> None:
    database = Database(tmp_path)
    assert spend_side_by_side(database) == 0
    database.close()


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of the test's own; skips where there is none on this machine."""
    pytest.importorskip("psycopg", reason="needs the package psycopg")
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), Path(shutil.which("initdb") or "")]
    programs = found[0].parent
    if not (programs / "initdb").is_file():
        pytest.skip("needs a PostgreSQL server on this machine")
    # The server refuses to run as root; Debian's package brings an account for it.
    account = "postgres" if os.geteuid() == 0 else None
    if account and subprocess.run(["id", "postgres"], capture_output=True, check=False).returncode != 0:
        pytest.skip("PostgreSQL does not run as root, and there is no account postgres")
    with tempfile.TemporaryDirectory(prefix="aimocap-postgresql-", ignore_cleanup_errors=True) as folder:
        if account:
            shutil.chown(folder, account)
        cluster = Path(folder) / "cluster"

        def run(*command: str | Path, check: bool = True) -> None:
            # In the background the server keeps standard output open, so nothing may wait for its end.
            nowhere = subprocess.DEVNULL
            subprocess.run(command, check=check, timeout=60, cwd=folder, stdout=nowhere, stderr=nowhere, user=account)

        run(programs / "initdb", "-D", cluster, "-U", "tester", "-A", "trust", "-N")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        control = (programs / "pg_ctl", "-D", cluster, "-w")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        run(*control, "-o", options, "-l", Path(folder) / "log", "start")
        try:
            yield f"postgresql+psycopg://tester@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop", check=False)


def test_one_writer_at_a_time_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    database = Database(tmp_path, postgresql_url)
    assert spend_side_by_side(database) == 0
    database.close()


def test_service_runs_on_postgresql(postgresql_url: str, tmp_path: Path, clip: Path) -> None:
    database = Database(tmp_path, postgresql_url)
    with database.write() as session:
        key = keys.create_key(session, "local", 20)
    database.close()
    arguments = ("--database", postgresql_url)
    with running_service(tmp_path, *arguments, module=small_solver.MODULE, python=sys.executable) as service:
        caller = Caller(service, key)
        good, nobody = caller.submit(clip), caller.submit(clip, "nobody.mp4")
        assert caller.wait(good)["job"]["status"] == "completed"
        assert caller.wait(nobody)["job"]["status"] == "failed"
    database = Database(tmp_path, postgresql_url)
    with database.read() as session:
        assert ledger.balance(session, 1) == 16  # one clip of 4 s paid, the other refunded
        assert not audit(session).findings
    database.close()
