# SPDX-License-Identifier: GPL-3.0-or-later
"""API keys: made at random, shown once, kept as a SHA-256 hash alone.

A key has 256 random bits, so that a fast hash is enough: there is nothing to guess offline.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from http import HTTPStatus

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import ledger
from .database import ApiKey, Plan
from .errors import CannotStartError, RequestRefusedError

PREFIX = "sk-"


def create_key(session: Session, plan_name: str, credits_granted: int) -> str:
    """Make a key on a plan with a first grant of v-credits; returns the key, which is stored nowhere.

    Raises CannotStartError for an unknown plan or a negative grant.
    """
    _check_plan(session, plan_name)
    key = PREFIX + secrets.token_urlsafe(32)
    row = ApiKey(sha256=_hash(key), hint=key[-4:], plan_name=plan_name, created_at=time.time())
    session.add(row)
    session.flush()
    grant_credits(session, row.id, credits_granted)
    return key


def grant_credits(session: Session, key_id: int, amount: int) -> None:
    """Add v-credits to a key's balance; raises CannotStartError for an unknown key or a negative amount."""
    find_key(session, key_id)
    if amount < 0:
        raise CannotStartError("The v-credits to grant cannot be negative: give a whole number from 0 up.")
    if amount:
        ledger.grant(session, key_id, amount)


def move_to_plan(session: Session, key_id: int, plan_name: str) -> None:
    """Put a key on another plan; raises CannotStartError for an unknown key or plan."""
    _check_plan(session, plan_name)
    find_key(session, key_id).plan_name = plan_name


def set_active(session: Session, key_id: int, active: bool) -> None:
    """Let a key's account send jobs, or no longer; raises CannotStartError for an unknown key."""
    find_key(session, key_id).active = active


def find_key(session: Session, key_id: int) -> ApiKey:
    """Return a key by its number; raises CannotStartError if there is none."""
    row = session.get(ApiKey, key_id)
    if row is None:
        raise CannotStartError(f"There is no key number {key_id}: `keys list` shows the numbers.")
    return row


def authenticate(session: Session, authorization: str | None) -> ApiKey:
    """Return the key of an Authorization header; raises RequestRefusedError (401)."""
    scheme, _, key = (authorization or "").partition(" ")
    digest = _hash(key.strip())
    row = session.scalars(select(ApiKey).where(ApiKey.sha256 == digest)).one_or_none()
    if scheme.lower() != "bearer" or row is None or not hmac.compare_digest(row.sha256, digest):
        raise RequestRefusedError(
            HTTPStatus.UNAUTHORIZED,
            "api_key_invalid",
            "The API key is missing or not known to this service: send it as “Authorization: Bearer sk-...”.",
        )
    return row


def _check_plan(session: Session, name: str) -> None:
    if session.get(Plan, name) is None:
        known = ", ".join(session.scalars(select(Plan.name).order_by(Plan.name)))
        raise CannotStartError(f"There is no plan “{name}”: choose one of {known}.")


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
