# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's commands, used beside the running service."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aimocap_addon.local_service.audit import audit
from aimocap_addon.local_service.database import Database, Job, LedgerEntry
from scripts.service_process import ServiceProcess, run_command
from tests.local_service.conftest import Caller, error_of, new_caller
from tests.local_service.test_process import check_all_end, start_waiting_job


def run(service: ServiceProcess, *arguments: str) -> str:
    done = run_command(*arguments, "--data", str(service.data))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(service: ServiceProcess, *arguments: str) -> str:
    done = run_command(*arguments, "--data", str(service.data))
    assert done.returncode == 1
    assert done.stderr.strip().endswith(".")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_job_at_work_is_canceled_refunded_and_its_worker_ended(service: ServiceProcess, clip: Path) -> None:
    caller = new_caller(service, 10)
    (service.data / "pids").unlink(missing_ok=True)
    job_id, pids = start_waiting_job(caller, clip)
    assert caller.balance() == 6
    assert run(service, "jobs", "cancel", job_id) == f"{job_id}  canceled\n"
    poll = caller.poll(job_id)
    assert poll["job"]["status"] == "canceled"
    assert poll["events"][-1]["type"] == "canceled"
    assert caller.movements(job_id) == ["charge", "refund"]
    assert caller.balance() == 10
    assert error_of(caller.result(job_id)) == (409, "job_canceled")
    assert caller.complete(job_id).json()["data"] == {"jobId": job_id, "status": "canceled"}
    check_all_end(pids)
    assert caller.wait(caller.submit(clip))["job"]["status"] == "completed"
    deadline = time.monotonic() + 10
    while (service.data / "uploads" / job_id).exists():
        assert time.monotonic() < deadline, "the canceled job's video was kept"
        time.sleep(0.05)


def test_drafts_can_be_canceled_and_ended_jobs_cannot(caller: Caller, clip: Path) -> None:
    draft, done = caller.draft(clip), caller.submit(clip)
    caller.wait(done)
    run(caller.service, "jobs", "cancel", draft)
    assert caller.poll(draft)["job"]["status"] == "canceled"
    assert not (caller.service.data / "uploads" / draft).exists()
    told = refusal(caller.service, "jobs", "cancel", draft, done, "mocap_none")
    assert "canceled already" in told
    assert "completed already" in told
    assert "no job mocap_none" in told
    assert caller.poll(done)["job"]["status"] == "completed"
    assert caller.movements(draft) == []


def test_jobs_are_listed_by_status(caller: Caller, clip: Path) -> None:
    done, draft = caller.submit(clip, title="Kick"), caller.draft(None)
    caller.wait(done)
    completed = run(caller.service, "jobs", "list", "--status", "completed").splitlines()
    [line] = [line for line in completed if line.startswith(done)]
    assert "4 v-credits" in line
    assert line.endswith("Kick")
    assert not any(line.startswith(draft) for line in completed)
    assert len(run(caller.service, "jobs", "list", "--limit", "1").splitlines()) == 1


def test_a_plan_set_beside_the_service_counts_at_once(service: ServiceProcess, clip: Path) -> None:
    limits = ("--max-seconds", "5", "--max-megabytes", "1", "--max-active", "1", "--retention-days", "2")
    assert run(service, "plans", "set", "club", *limits) == "club  active  5 s  1 MB  1 at once  2 days\n"
    caller = new_caller(service, 100, "club")
    assert error_of(caller.create(sourceDurationSec=6)) == (422, "api_duration_limit_exceeded")
    upload_url = caller.create().json()["data"]["uploadUrl"]
    assert error_of(caller.upload(upload_url, bytes(1024 * 1024 + 1))) == (413, "api_file_size_limit_exceeded")
    run(service, "plans", "set", "club", "--max-seconds", "3")
    job_id = caller.draft(clip)
    assert error_of(caller.complete(job_id)) == (422, "api_duration_limit_exceeded")
    run(service, "plans", "set", "club", "--max-seconds", "4", "--inactive")
    assert error_of(caller.create()) == (403, "api_plan_inactive")
    run(service, "plans", "set", "club", "--active")
    assert caller.wait(caller.submit(clip))["job"]["status"] == "completed"
    assert "club  active  4 s" in run(service, "plans", "list")


def test_a_key_moves_to_another_plan(service: ServiceProcess) -> None:
    caller = new_caller(service, 100, "free")
    listed = run(service, "keys", "list").splitlines()
    number = next(line.split()[0] for line in listed if caller.key[-4:] in line)
    assert caller.create(sourceDurationSec=60).status_code == 422
    run(service, "keys", "move", number, "--plan", "studio")
    assert caller.create(sourceDurationSec=60).status_code == 200
    assert "no plan" in refusal(service, "keys", "move", number, "--plan", "none")


@pytest.mark.parametrize("wrong", [("--max-seconds", "nan"), ("--max-active", "0"), ("--max-megabytes", "-1")])
def test_limits_that_are_none_are_refused(service: ServiceProcess, wrong: tuple[str, str]) -> None:
    assert wrong[0] in refusal(service, "plans", "set", "free", *wrong)
    assert "--retention-days" in refusal(service, "plans", "set", "new", "--max-seconds", "3")


def test_the_ledger_s_books_are_checked(caller: Caller, clip: Path) -> None:
    caller.wait(caller.submit(clip))
    caller.wait(caller.submit(clip, name="broken.mp4"))
    told = run(caller.service, "ledger")
    assert told.splitlines()[-1] == "The books are in order: all accounts together are 0."


def test_books_that_are_not_in_order_are_found(caller: Caller, clip: Path) -> None:
    """In transactions that are taken back."""
    job_id, draft = caller.submit(clip), caller.draft(None)
    caller.wait(job_id)
    database = Database(caller.service.data)

    def findings(spoil: object) -> str:
        with database.read() as session:
            assert callable(spoil)
            spoil(session)
            session.flush()
            return " ".join(audit(session).findings)

    try:
        assert "sides that differ" in findings(lambda s: setattr(s.query(LedgerEntry).first(), "amount", 7))
        assert "has paid 4" in findings(lambda s: setattr(s.get_one(Job, job_id), "status", "failed"))
        assert "has paid 0" in findings(lambda s: setattr(s.get_one(Job, draft), "status", "completed"))
        with database.read() as session:
            assert audit(session).findings == []
    finally:
        database.close()
