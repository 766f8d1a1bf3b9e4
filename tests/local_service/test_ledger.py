# SPDX-License-Identifier: GPL-3.0-or-later
"""v-credits: when they move, and that they never appear or vanish."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimocap_addon.local_service import ledger
from aimocap_addon.local_service.database import Database, LedgerEntry
from scripts.service_process import ServiceProcess, run_command
from tests.local_service.conftest import Caller, new_caller, write_video


@pytest.mark.parametrize(("seconds", "cost"), [(0.2, 1), (1.0, 1), (1.1, 2), (12.0000001, 12), (12.6, 13), (30.0, 30)])
def test_begun_seconds_count_whole(seconds: float, cost: int) -> None:
    assert ledger.price(seconds) == cost


@given(st.floats(min_value=0.01, max_value=100_000.0))
def test_a_price_is_less_than_a_second_over_the_window(seconds: float) -> None:
    price = ledger.price(seconds)
    assert price >= 1
    assert price + 1e-3 >= seconds
    assert price < seconds + 1.0


def test_the_window_is_charged_when_processing_starts(service: ServiceProcess, clip: Path) -> None:
    caller = new_caller(service, 100)
    first = caller.draft(clip, name="wait.mp4", trimStartSec=0.5, trimEndSec=3.0)
    second = caller.draft(clip)
    try:
        caller.complete(first)
        caller.complete(second)
        caller.wait(first, "processing")
        assert caller.balance() == 97  # 2.5 s begun, the other job still waits
        assert caller.movements(second) == []
    finally:
        (service.data / "go").touch()
    caller.wait(second)
    (service.data / "go").unlink()
    assert caller.balance() == 93


def test_drafts_and_uploads_cost_nothing(caller: Caller, clip: Path) -> None:
    caller.draft(clip)
    assert caller.balance() == 1000


def test_a_video_in_which_nobody_is_costs_nothing_in_the_end(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip, name="nobody.mp4")
    job = caller.wait(job_id)["job"]
    assert (job["status"], job["errorCode"]) == ("failed", "no_person_found")
    assert job["errorMessage"] == "Nobody was seen in the video: choose a clip with a person."
    assert caller.balance() == 1000


@pytest.mark.parametrize("name", ["broken.mp4", "crash.mp4", "nothing.mp4"])
def test_a_failure_of_the_service_is_refunded_once_and_the_next_job_runs(caller: Caller, clip: Path, name: str) -> None:
    job_id = caller.submit(clip, name=name)
    poll = caller.wait(job_id)
    assert (poll["job"]["status"], poll["job"]["errorCode"]) == ("failed", "processing_failed")
    assert "matrix" not in poll["job"]["errorMessage"]
    assert poll["events"][-1]["type"] == "failed"
    assert caller.movements(job_id) == ["charge", "refund"]
    assert caller.balance() == 1000
    assert caller.wait(caller.submit(clip))["job"]["status"] == "completed"


def test_every_movement_has_two_sides_and_balances_are_sums(
    service: ServiceProcess, clip: Path, tmp_path: Path
) -> None:
    caller = new_caller(service, 50)
    caller.wait(caller.submit(clip))
    caller.wait(caller.submit(clip, name="broken.mp4"))
    caller.wait(caller.submit(write_video(tmp_path / "a.mp4", 1.5)))
    assert caller.balance() == 50 - 4 - 2
    database = Database(service.data)
    with database.read() as session:
        sums: Counter[str] = Counter()
        for movement in ledger.transactions(session):
            assert sum(entry.amount for entry in movement.entries) == 0
            for entry in movement.entries:
                sums[entry.account] += entry.amount
        assert sum(sums.values()) == 0
        assert sums["spent"] >= 6
        assert min(amount for account, amount in sums.items() if account.startswith("key:")) >= 0
        assert session.query(LedgerEntry).count() == 2 * len(ledger.transactions(session))
    database.close()


def test_the_commands_show_balances_and_movements(tmp_path: Path) -> None:
    data = str(tmp_path / "new")
    created = run_command("keys", "create", "--data", data, "--credits", "12", "--plan", "free")
    assert created.stdout.startswith("sk-")
    assert run_command("keys", "grant", "1", "--data", data, "--credits", "30").returncode == 0
    listed = run_command("keys", "list", "--data", data).stdout
    assert "42 v-credits" in listed
    assert created.stdout.strip() not in listed
    assert run_command("ledger", "--data", data).stdout.count("key:1 +") == 2
