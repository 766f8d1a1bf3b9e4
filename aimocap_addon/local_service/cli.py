# SPDX-License-Identifier: GPL-3.0-or-later
"""The service's command line. Every failure is one sentence on standard error and exit status 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import CannotStartError

if TYPE_CHECKING:
    from .runner import SolverRunner
    from .solver.interface import SolveOptions

    MakeSolver = Callable[[str | None, str | None, SolveOptions], SolverRunner]

_URL_LIFETIME_SEC = 3600.0


def main(
    arguments: Sequence[str] | None = None,
    make_solver: MakeSolver | None = None,
) -> int:
    """Run one command and return its exit status; `make_solver` is given a Blender, a solver's name and options."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "serve":
            _serve(options, make_solver)
        else:
            from .administration import administer

            administer(options)
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
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on, see --tls-cert for others")
    serve.add_argument("--port", type=int, default=8765, help="port to listen on, 0 for any that is free")
    serve.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate (PEM), to serve over https")
    serve.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's key (PEM)")
    serve.add_argument(
        "--insecure-any-host",
        action="store_true",
        help="allow other addresses than loopback without https: keys and videos can be read on their way",
    )
    serve.add_argument("--blender", help="Blender that writes the FBX files (found by itself if not given)")
    serve.add_argument("--solver", metavar="NAME", help="solver of another package in the built-in one's place")
    serve.add_argument(
        "--hands", action="store_true", help="capture palms and fingers where they are seen, in twice the time"
    )
    serve.add_argument(
        "--actor-height", type=float, metavar="CM", help="height of the person in all videos, if it is known"
    )
    serve.add_argument(
        "--field-of-view",
        type=float,
        metavar="DEGREES",
        help="of the camera, along the picture's longer side (else what the video says, or that of a usual camera)",
    )
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

    serve.add_argument(
        "--idle-limit", type=float, default=60.0, metavar="SECONDS", help="give up on requests that stop arriving"
    )
    serve.add_argument("--faults", type=Path, help=argparse.SUPPRESS)  # for tests, see `faults`

    _add_administration(commands)
    return parser


def _add_administration(commands: argparse._SubParsersAction) -> None:
    keys = _group(commands, "keys", "API keys")
    create = _command(keys, "create", "make an API key and print it")
    create.add_argument("--credits", type=int, required=True, help="v-credits to begin with")
    create.add_argument("--plan", default="local", help="plan of the key")
    grant = _command(keys, "grant", "add v-credits to a key")
    grant.add_argument("key_id", type=int, metavar="NUMBER")
    grant.add_argument("--credits", type=int, required=True, help="v-credits to add")
    move = _command(keys, "move", "put a key on another plan")
    move.add_argument("key_id", type=int, metavar="NUMBER")
    move.add_argument("--plan", required=True, help="plan of the key")
    for name, text in (("activate", "let a key send jobs"), ("deactivate", "let a key send no more jobs")):
        _command(keys, name, text).add_argument("key_id", type=int, metavar="NUMBER")
    _command(keys, "list", "list the keys with their balances")

    plans = _group(commands, "plans", "what keys are admitted to")
    _command(plans, "list", "list the plans")
    change = _command(plans, "set", "change a plan, or make a new one")
    change.add_argument("name", metavar="NAME")
    change.add_argument("--max-seconds", type=float, metavar="N", help="longest clip")
    change.add_argument("--max-megabytes", type=int, metavar="N", help="largest file")
    change.add_argument("--max-active", type=int, metavar="N", help="jobs at once")
    change.add_argument("--retention-days", type=int, metavar="N", help="days that ended jobs are kept")
    state = change.add_mutually_exclusive_group()
    state.add_argument("--active", action="store_true", default=None, help="let the plan's keys send jobs")
    state.add_argument("--inactive", action="store_false", dest="active", help="let them send no more jobs")

    jobs = _group(commands, "jobs", "jobs of all keys")
    listing = _command(jobs, "list", "list the newest jobs")
    listing.add_argument("--status", help="only jobs of this status")
    listing.add_argument("--key", type=int, metavar="NUMBER", help="only jobs of this key")
    listing.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many")
    _command(jobs, "cancel", "cancel jobs and refund them").add_argument("job_ids", nargs="+", metavar="JOB")

    _command(commands, "ledger", "list all movements of v-credits and check the books")


def _group(commands: argparse._SubParsersAction, name: str, text: str) -> argparse._SubParsersAction:
    return commands.add_parser(name, help=text).add_subparsers(dest="subcommand", required=True)


def _command(commands: argparse._SubParsersAction, name: str, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text.capitalize())
    command.add_argument("--data", type=Path, required=True, metavar="DIR", help="the service's data folder")
    command.add_argument(
        "--database", metavar="URL", help="SQLAlchemy URL of the database (by default SQLite in the data folder)"
    )
    return command


# The commands import what they need when they run: in a Python that lacks a package, the reader gets a sentence.
def _serve(options: argparse.Namespace, make_solver: MakeSolver | None) -> None:
    from .listening import Listening
    from .runner import find_solver
    from .server import ServeOptions, serve
    from .solver.interface import SolveOptions

    positive = [options.workers, options.url_lifetime, options.attempts, options.solve_limit, options.idle_limit]
    if any(number is not None and number <= 0 for number in positive) or options.disk_reserve < 0:
        raise CannotStartError(
            "--workers, --url-lifetime, --attempts, --solve-limit and --idle-limit must be greater than 0, and "
            "--disk-reserve not negative: correct them."
        )
    if not 50.0 <= (options.actor_height or 175.0) <= 300.0 or not 5.0 <= (options.field_of_view or 45.0) <= 150.0:
        raise CannotStartError(
            "--actor-height must be from 50 to 300 centimetres, and --field-of-view from 5 to 150 degrees: correct it."
        )
    solver = (make_solver or find_solver)(
        options.blender,
        options.solver,
        SolveOptions(options.actor_height, options.field_of_view, options.hands),
    )
    serve(
        ServeOptions(
            Listening(options.host, options.port, options.tls_cert, options.tls_key, options.insecure_any_host),
            options.data,
            options.workers,
            options.url_lifetime,
            options.end_with_input,
            options.database,
            options.dask,
            options.attempts,
            options.solve_limit,
            options.disk_reserve * 1024 * 1024,
            idle_sec=options.idle_limit,
            faults=options.faults,
        ),
        solver,
    )
