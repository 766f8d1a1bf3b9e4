# SPDX-License-Identifier: GPL-3.0-or-later
"""The service as a process: how it starts, ends, refuses to start, and goes on where it ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aimocap_addon.local_service.database import DATABASE_NAME
from scripts.service_process import ROOT, create_key, run_command, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import Caller


def start_waiting_job(caller: Caller, clip: Path) -> tuple[str, list[int]]:
    """Start a job that does not end by itself; returns its id and the processes that work on it."""
    pids = caller.service.data / "pids"
    job_id = caller.submit(clip, name="wait.mp4")
    deadline = time.monotonic() + 30
    while not pids.exists() or len(pids.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job_id, [int(pid) for pid in pids.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def check_all_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(is_alive(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlived the service"
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize("how", ["terminate", "interrupt", "kill"])
def test_workers_end_with_the_service_and_jobs_resume_uncharged(tmp_path: Path, clip: Path, how: str) -> None:
    data = tmp_path / "data"
    with running_service(data, module=small_solver.MODULE) as service:
        caller = Caller(service, service.create_key(100))
        job_id, pids = start_waiting_job(caller, clip)
        waiting = caller.submit(clip)
        draft = caller.draft(clip)
        if how == "kill":
            service.kill()
        else:
            service.process.send_signal(signal.SIGTERM if how == "terminate" else signal.SIGINT)
            assert service.process.wait(20) == 0
            assert "Traceback" not in service.log.read_text()
        check_all_end(pids)
    (data / "go").touch()
    with running_service(data, module=small_solver.MODULE) as service:
        again = Caller(service, caller.key)
        assert again.wait(job_id)["job"]["status"] == "completed"
        assert again.wait(waiting)["job"]["status"] == "completed"
        assert again.complete(draft).status_code == 200
        assert again.wait(draft)["job"]["status"] == "completed"
        assert again.movements(job_id) == ["charge"]
        assert again.balance() == 100 - 3 * 4


def test_an_idle_service_ends_cleanly(tmp_path: Path) -> None:
    with running_service(tmp_path / "data", module=small_solver.MODULE) as service:
        assert service.stop() == 0


def refusal(*arguments: str, module: str = small_solver.MODULE) -> str:
    """Run a command that must fail; returns its one sentence."""
    done = run_command(*arguments, module=module)
    assert done.returncode == 1, done
    assert done.stdout == ""
    [sentence] = done.stderr.strip().splitlines()
    assert sentence.endswith(".")
    return sentence


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in refusal("serve", "--data", str(tmp_path), "--port", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", "::"])
def test_other_hosts_than_loopback_are_refused(tmp_path: Path, host: str) -> None:
    assert host in refusal("serve", "--data", str(tmp_path), "--port", "0", "--host", host)


def test_a_data_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for command in (["serve", "--port", "0"], ["keys", "create", "--credits", "1"]):
        assert "data folder" in refusal(*command, "--data", str(tmp_path / "file" / "data"))


def test_a_database_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "service.sqlite3").write_bytes(b"no database " * 1000)
    assert "service.sqlite3" in refusal("keys", "create", "--credits", "1", "--data", str(tmp_path))


def test_two_services_do_not_share_a_data_folder(tmp_path: Path) -> None:
    with running_service(tmp_path / "data", module=small_solver.MODULE):
        assert "Another service" in refusal("serve", "--port", "0", "--data", str(tmp_path / "data"))


def test_unknown_plans_keys_and_amounts_are_one_sentence(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    assert "free, local, studio" in refusal("keys", "create", *data, "--credits", "1", "--plan", "gold")
    assert "negative" in refusal("keys", "create", *data, "--credits", "-1")
    assert "number 9" in refusal("keys", "deactivate", "9", *data)
    assert run_command("keys", "list", *data).stdout == ""


def test_a_blender_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    sentence = refusal(
        "serve", "--port", "0", "--data", str(tmp_path), "--blender", str(tmp_path / "none"),
        module="aimocap_addon.local_service",
    )  # fmt: skip
    assert str(tmp_path / "none") in sentence


def test_a_python_without_the_packages_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "aimocap_addon.local_service", "serve", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "lacks" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_keys_can_be_made_by_several_processes_before_the_service_ever_ran(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ThreadPoolExecutor(3) as pool:
        keys = list(pool.map(lambda _: create_key(data, 5), range(3)))
    assert len(set(keys)) == 3
    assert run_command("keys", "list", "--data", str(data)).stdout.count(" 5 v-credits") == 3


def test_the_data_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    create_key(tmp_path / "data", 5)
    if os.name == "posix":
        assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    create_key(tmp_path, 5)
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("UPDATE settings SET value = '99' WHERE name = 'schema_version'")
        connection.commit()
    assert "99" in refusal("keys", "list", "--data", str(tmp_path))
