# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: what a key is admitted to, set by the operator while the service runs."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from .database import Plan
from .errors import CannotStartError

_MIB = 1024 * 1024


@dataclass(frozen=True)
class PlanChanges:
    """What to change of a plan; None leaves it as it is."""

    max_seconds: float | None = None
    max_megabytes: int | None = None
    max_active: int | None = None
    retention_days: int | None = None
    active: bool | None = None


def all_plans(session: Session) -> list[Plan]:
    """Return the plans by name."""
    return list(session.scalars(select(Plan).order_by(Plan.name)))


def set_plan(session: Session, name: str, changes: PlanChanges) -> Plan:
    """Change a plan, or make a new one, for which all four limits are needed; raises CannotStartError."""
    limits = {
        "--max-seconds": changes.max_seconds,
        "--max-megabytes": changes.max_megabytes,
        "--max-active": changes.max_active,
        "--retention-days": changes.retention_days,
    }
    wrong = [option for option, limit in limits.items() if limit is not None and not 0 < limit < 2**31]
    if wrong:
        raise CannotStartError(f"{', '.join(wrong)} must be greater than 0, and not beyond reason: correct it.")
    plan = session.get(Plan, name)
    if plan is None:
        missing = [option for option, limit in limits.items() if limit is None]
        if missing or not name.strip() or not name.isprintable():
            known = ", ".join(plan.name for plan in all_plans(session))
            raise CannotStartError(
                f"There is no plan “{name}”: choose one of {known}, or give all limits of a new one "
                f"({', '.join(limits)})."
            )
        plan = Plan(name=name)
        session.add(plan)
    if changes.max_seconds is not None:
        plan.max_window_sec = changes.max_seconds
    if changes.max_megabytes is not None:
        plan.max_file_bytes = changes.max_megabytes * _MIB
    if changes.max_active is not None:
        plan.max_active_jobs = changes.max_active
    if changes.retention_days is not None:
        plan.retention_days = changes.retention_days
    if changes.active is not None:
        plan.active = changes.active
    session.flush()
    return plan
