# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's commands beside `serve`: keys, plans, jobs, ledger. All may run while the service runs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from sqlalchemy import select

from ..api.models import JobStatus
from . import keys, ledger
from .audit import audit
from .cancellation import cancel_job
from .database import ApiKey, Database, Job, Plan
from .errors import CannotStartError, RequestRefusedError
from .plans import PlanChanges, all_plans, set_plan
from .storage import Storage, open_data_folder


def administer(options: argparse.Namespace) -> None:
    """Run the command that `options` names; raises CannotStartError."""
    data = open_data_folder(options.data)
    database = Database(data, options.database)
    try:
        match options.command, getattr(options, "subcommand", None):
            case "keys", "list":
                _print_keys(database)
            case "keys", command:
                _change_keys(database, str(command), options)
            case "plans", "list":
                with database.read() as session:
                    _print_plans(all_plans(session))
            case "plans", _:
                _set_plan(database, options)
            case "jobs", "list":
                _print_jobs(database, options)
            case "jobs", _:
                _cancel_jobs(database, Storage(data), options.job_ids)
            case _:
                _print_ledger(database)
    finally:
        database.close()


def _change_keys(database: Database, command: str, options: argparse.Namespace) -> None:
    made = None
    with database.write() as session:
        match command:
            case "create":
                made = keys.create_key(session, options.plan, options.credits)
            case "grant":
                keys.grant_credits(session, options.key_id, options.credits)
            case "move":
                keys.move_to_plan(session, options.key_id, options.plan)
            case _:
                keys.set_active(session, options.key_id, command == "activate")
    if made is not None:
        print(made)


def _print_keys(database: Database) -> None:
    with database.read() as session:
        for key in session.scalars(select(ApiKey).order_by(ApiKey.id)):
            credit = ledger.balance(session, key.id)
            print(
                f"{key.id}  sk-...{key.hint}  {key.plan_name}  {_state(key.active)}  {credit} v-credits  "
                f"{_moment(key.created_at)}"
            )


def _set_plan(database: Database, options: argparse.Namespace) -> None:
    changes = PlanChanges(
        options.max_seconds, options.max_megabytes, options.max_active, options.retention_days, options.active
    )
    with database.write() as session:
        plan = set_plan(session, options.name, changes)
    _print_plans([plan])


def _print_plans(plans: list[Plan]) -> None:
    for plan in plans:
        print(
            f"{plan.name}  {_state(plan.active)}  {plan.max_window_sec:g} s  {plan.max_file_bytes // 1024**2} MB  "
            f"{plan.max_active_jobs} at once  {plan.retention_days} days"
        )


def _print_jobs(database: Database, options: argparse.Namespace) -> None:
    query = select(Job).order_by(Job.created_at.desc(), Job.id).limit(max(options.limit, 0))
    if options.status is not None:
        query = query.where(Job.status == options.status)
    if options.key is not None:
        query = query.where(Job.key_id == options.key)
    with database.read() as session:
        for job in session.scalars(query):
            cost = "-" if job.cost is None else job.cost
            print(
                f"{job.id}  {job.status}  key:{job.key_id}  {cost} v-credits  {_moment(job.created_at)}  "
                f"{job.error_code or '-'}  {job.title or job.source_filename}"
            )


def _cancel_jobs(database: Database, storage: Storage, job_ids: list[str]) -> None:
    refused = []
    for job_id in job_ids:
        try:
            cancel_job(database, storage, job_id)
        except RequestRefusedError as refusal:
            refused.append(
                f"There is no job {job_id}: `jobs list` shows the jobs."
                if refusal.status == 404
                else f"{job_id}: {refusal.message}"
            )
        else:
            print(f"{job_id}  {JobStatus.CANCELED}")
    if refused:
        raise CannotStartError("\n".join(refused))


def _print_ledger(database: Database) -> None:
    with database.read() as session:
        for movement in ledger.transactions(session):
            entries = ", ".join(f"{entry.account} {entry.amount:+d}" for entry in movement.entries)
            print(f"{_moment(movement.time)}  {movement.kind}  {entries}  {movement.job_id or '-'}  {movement.memo}")
        outcome = audit(session)
    print()
    for account, amount in outcome.balances.items():
        print(f"balance  {account}  {amount}")
    if outcome.findings:
        raise CannotStartError("\n".join(("The books are not in order.", *outcome.findings)))
    print(f"The books are in order: all accounts together are {sum(outcome.balances.values())}.")


def _state(active: bool) -> str:
    return "active" if active else "inactive"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(sep=" ", timespec="seconds")
