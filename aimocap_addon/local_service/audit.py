# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the books are in order: what must hold of ledger and jobs at any moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..api.models import JobStatus
from . import ledger
from .database import Job, LedgerTransaction

_PAID = (JobStatus.PROCESSING, JobStatus.COMPLETED)


@dataclass(frozen=True)
class Audit:
    """The balance of each account, and a sentence for each thing that is not in order."""

    balances: dict[str, int]
    findings: list[str]


def audit(session: Session) -> Audit:
    """Check all movements against each other and against the jobs that are still known."""
    balances: Counter[str] = Counter()
    findings: list[str] = []
    by_job: dict[str, list[LedgerTransaction]] = defaultdict(list)
    for movement in ledger.transactions(session):
        for entry in movement.entries:
            balances[entry.account] += entry.amount
        if sum(entry.amount for entry in movement.entries):
            findings.append(f"Movement {movement.id} has sides that differ.")
        if movement.job_id is not None:
            by_job[movement.job_id].append(movement)
    findings += [
        f"The balance of {name} is {balances[name]}." for name in sorted(balances) if _overdrawn(name, balances)
    ]
    for job_id, movements in by_job.items():
        if [movement.kind for movement in movements] not in (["charge"], ["charge", "refund"]):
            findings.append(f"Job {job_id} was charged or refunded more than once, or refunded uncharged.")
    for job_id, status in session.execute(select(Job.id, Job.status)):
        paid = sum(
            entry.amount for movement in by_job[job_id] for entry in movement.entries if entry.account == "spent"
        )
        if (paid > 0) != (status in _PAID) or paid < 0:
            findings.append(f"Job {job_id} is {status} and has paid {paid} v-credits.")
    return Audit(dict(sorted(balances.items())), findings)


def _overdrawn(account: str, balances: Counter[str]) -> bool:
    return account.startswith(ledger.key_account(0)[:-1]) and balances[account] < 0
