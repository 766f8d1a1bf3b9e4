# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of v-credits, in double entry: what leaves one account enters another in the same transaction.

Accounts: `key:N` is what a key may still spend, `granted` where credits come from, `spent` where charges go.
A balance is the sum of an account's entries and is stored nowhere else. Every function writes within the
session it is given, so that credits move exactly when the job's state does.
"""

from __future__ import annotations

import math
import time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .database import Job, LedgerEntry, LedgerTransaction

_GRANTED = "granted"
_SPENT = "spent"
# Sums of floating-point seconds are off by far less, and nobody pays a second for them.
_NOISE_SEC = 1e-3


def price(window_sec: float) -> int:
    """Return the v-credits of a window: 1 per second, begun seconds counting whole (as the estimate shown does)."""
    return max(1, math.ceil(window_sec - _NOISE_SEC))


def key_account(key_id: int) -> str:
    """Return the name of a key's account."""
    return f"key:{key_id}"


def balance(session: Session, key_id: int) -> int:
    """Return the v-credits that a key has."""
    total = func.coalesce(func.sum(LedgerEntry.amount), 0)
    return session.scalars(select(total).where(LedgerEntry.account == key_account(key_id))).one()


def grant(session: Session, key_id: int, amount: int) -> None:
    """Enter new v-credits for a key."""
    _move(session, "grant", amount, _GRANTED, key_account(key_id), None, "granted by the operator")


def charge(session: Session, job: Job) -> None:
    """Charge an admitted job."""
    assert job.cost is not None
    _move(session, "charge", job.cost, key_account(job.key_id), _SPENT, job.id, f"{job.cost} s of video")


def refund(session: Session, job: Job, memo: str) -> None:
    """Give back what a job was charged; a job that was not charged, or is refunded already, stays as it is."""
    kinds = set(session.scalars(select(LedgerTransaction.kind).where(LedgerTransaction.job_id == job.id)))
    if kinds == {"charge"}:
        assert job.cost is not None
        _move(session, "refund", job.cost, _SPENT, key_account(job.key_id), job.id, memo)


def transactions(session: Session) -> list[LedgerTransaction]:
    """Return all movements, oldest first."""
    return list(session.scalars(select(LedgerTransaction).order_by(LedgerTransaction.id)))


def _move(
    session: Session, kind: str, amount: int, source: str, destination: str, job_id: str | None, memo: str
) -> None:
    entries = [LedgerEntry(account=source, amount=-amount), LedgerEntry(account=destination, amount=amount)]
    session.add(LedgerTransaction(kind=kind, job_id=job_id, memo=memo, time=time.time(), entries=entries))
    session.flush()
