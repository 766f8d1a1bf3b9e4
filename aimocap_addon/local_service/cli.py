# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's command line. Every failure is one sentence on standard error and exit status 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CannotStartError

if TYPE_CHECKING:
    from .database import Database
    from .runner import SolverRunner

_URL_LIFETIME_SEC = 3600.0


def main(
    arguments: Sequence[str] | None = None, make_solver: Callable[[str | None], SolverRunner] | None = None
) -> int:
    """Run one command and return its exit status; `make_solver` gives the solver for a Blender path."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "serve":
            _serve(options, make_solver)
        else:
            _administer(options)
    except CannotStartError as error:
        print(error, file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(
            f"This Python ({sys.executable}) lacks {error.name}: start the service with the Python of the local "
            "service's environment.",
            file=sys.stderr,
        )
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aimocap_addon.local_service", description="The AIMoCap local service")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = _command(commands, "serve", "serve the API on this machine")
    serve.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    serve.add_argument("--port", type=int, default=8765, help="port to listen on, 0 for any that is free")
    serve.add_argument("--blender", help="Blender that writes the FBX files (found by itself if not given)")
    serve.add_argument(
        "--end-with-input",
        action="store_true",
        help="end when standard input closes, as it does when the program that started this one is gone",
    )
    serve.add_argument("--workers", type=int, help="jobs at the same time (by default half the number of cores)")
    serve.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let the workers of the Dask cluster with this scheduler (tcp://host:port) do the jobs; they must see "
        "the data folder under the same path and be able to import this package",
    )
    serve.add_argument(
        "--attempts", type=int, default=3, help="times a job is tried whose worker, or the service, goes down with it"
    )
    serve.add_argument("--solve-limit", type=float, default=14400.0, metavar="SECONDS", help="longest time for a job")
    serve.add_argument(
        "--disk-reserve", type=int, default=512, metavar="MB", help="refuse uploads that would leave less disk free"
    )
    serve.add_argument("--url-lifetime", type=float, default=_URL_LIFETIME_SEC, help="seconds that signed URLs work")

    keys = commands.add_parser("keys", help="API keys").add_subparsers(dest="keys_command", required=True)
    create = _command(keys, "create", "make an API key and print it")
    create.add_argument("--credits", type=int, required=True, help="v-credits to begin with")
    create.add_argument("--plan", default="local", help="plan of the key")
    grant = _command(keys, "grant", "add v-credits to a key")
    grant.add_argument("key_id", type=int, metavar="NUMBER")
    grant.add_argument("--credits", type=int, required=True, help="v-credits to add")
    for name, text in (("activate", "let a key send jobs"), ("deactivate", "let a key send no more jobs")):
        _command(keys, name, text).add_argument("key_id", type=int, metavar="NUMBER")
    _command(keys, "list", "list the keys with their balances")

    _command(commands, "ledger", "list all movements of v-credits")
    return parser


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text.capitalize())
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the service's data folder")
    command.add_argument(
        "--database", metavar="URL", help="SQLAlchemy URL of the database (by default SQLite in the data folder)"
    )
    return command


# The commands import what they need when they run: in a Python that lacks a package, the reader gets a sentence.
def _serve(options: argparse.Namespace, make_solver: Callable[[str | None], SolverRunner] | None) -> None:
    from .runner import builtin_solver
    from .server import ServeOptions, serve

    positive = [options.workers, options.url_lifetime, options.attempts, options.solve_limit]
    if any(number is not None and number <= 0 for number in positive) or options.disk_reserve < 0:
        raise CannotStartError(
            "--workers, --url-lifetime, --attempts and --solve-limit must be greater than 0, and --disk-reserve not "
            "negative: correct them."
        )
    solver = (make_solver or builtin_solver)(options.blender)
    serve(
        ServeOptions(
            options.host,
            options.port,
            options.data,
            options.workers,
            options.url_lifetime,
            options.end_with_input,
            options.database,
            options.dask,
            options.attempts,
            options.solve_limit,
            options.disk_reserve * 1024 * 1024,
        ),
        solver,
    )


def _administer(options: argparse.Namespace) -> None:
    from .database import Database
    from .storage import open_data_folder

    database = Database(open_data_folder(options.data), options.database)
    try:
        if options.command == "ledger":
            _print_ledger(database)
        elif options.keys_command == "list":
            _print_keys(database)
        else:
            _change_keys(database, options)
    finally:
        database.close()


def _change_keys(database: Database, options: argparse.Namespace) -> None:
    from . import keys

    with database.write() as session:
        match options.keys_command:
            case "create":
                key = keys.create_key(session, options.plan, options.credits)
            case "grant":
                keys.grant_credits(session, options.key_id, options.credits)
                return
            case command:
                keys.set_active(session, options.key_id, command == "activate")
                return
    print(key)


def _print_keys(database: Database) -> None:
    from sqlalchemy import select

    from . import ledger
    from .database import ApiKey

    with database.read() as session:
        for key in session.scalars(select(ApiKey).order_by(ApiKey.id)):
            state = "active" if key.active else "inactive"
            credit = ledger.balance(session, key.id)
            print(
                f"{key.id}  sk-...{key.hint}  {key.plan_name}  {state}  {credit} v-credits  {_moment(key.created_at)}"
            )


def _print_ledger(database: Database) -> None:
    from . import ledger

    with database.read() as session:
        for movement in ledger.transactions(session):
            entries = ", ".join(f"{entry.account} {entry.amount:+d}" for entry in movement.entries)
            print(f"{_moment(movement.time)}  {movement.kind}  {entries}  {movement.job_id or '-'}  {movement.memo}")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(sep=" ", timespec="seconds")
