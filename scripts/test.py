# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the whole test suite: makes the environments, builds the extension, then lint, types and tests.

    python3 scripts/test.py                     everything, in two lanes where there are two processors
    python3 scripts/test.py --only bpy-5.0      one part: lint, dev or one of Blender's versions
    python3 scripts/test.py --coverage          measures what the tests without Blender leave untried
    python3 scripts/test.py -- -k strip         what follows `--` goes to pytest

Tests in tests/blender run on the source tree inside Blender's Python, those in tests/extension on the built
and installed zip there; all others need no Blender.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import build
import environments
import steps
from environments import BLENDERS, BPY_45, ROOT, Environment, SetupError
from steps import Outcome, Step

BLENDER_FOLDERS = ("blender", "extension")
PARTS = ("lint", "dev", *(each.name for each in BLENDERS))
FACTS = ("Blender", "Python", "numpy", "httpx", "pydantic")  # as tests/extension/conftest.py states them
LANES = 2  # more would let the tests of one wait too long for those of the others


def lint_steps(python: Path) -> list[Step]:
    """Return the linter, the formatter's check, the rooms' contracts and the type checker."""
    places = ["aimocap_addon", "scripts", "tests"]
    return [
        steps.tool("ruff", [str(python), "-m", "ruff", "check", *places]),
        steps.tool("ruff format", [str(python), "-m", "ruff", "format", "--check", *places]),
        steps.tool("import-linter", [str(python.with_name("lint-imports")), "--no-cache"]),
        steps.tool("pyright", [str(python), "-m", "pyright"]),
    ]


def dev_step(python: Path, extra: Sequence[str], coverage: bool) -> Step:
    """Return the tests that need no Blender; with `coverage` they fail when they leave too much untried.

    The service then runs in the same environment as the tests, where it is measured as a process of its own.
    """
    tests = ["pytest", "-q", "tests", *(f"--ignore=tests/{folder}" for folder in BLENDER_FOLDERS), *extra]
    if not coverage:
        return steps.pytest("without Blender", [str(python), "-m", *tests], {})
    measure = [str(python), "-m", "coverage"]
    variables = {"COVERAGE_FILE": str(ROOT / ".coverage"), "AIMOCAP_SERVICE_PYTHON": str(python)}
    step = steps.pytest("without Blender", [*measure, "run", "-m", *tests], variables)
    return steps.followed_by(step, "too little covered", variables, [*measure, "combine", "-q"], [*measure, "report"])


def blender_steps(environment: Environment, extension: Path, extra: Sequence[str]) -> Iterator[Step]:
    """Yield the tests that need Blender in one of its versions; raises SetupError."""
    if environment.python != "3.11" and environments.find_python(environment.python) is None:
        for folder in BLENDER_FOLDERS:
            yield steps.not_run(f"{environment.name} {folder}", f"needs Python {environment.python}")
        return
    python = environments.ensure(environment)
    for folder in BLENDER_FOLDERS:
        command = [str(python), "-m", "pytest", "-q", f"tests/{folder}", *extra]
        yield steps.pytest(f"{environment.name} {folder}", command, {"AIMOCAP_EXTENSION_ZIP": str(extension)})


def choose_steps(only: str | None, extra: Sequence[str], coverage: bool = False) -> list[Step]:
    """Return what is to be run, the long before the short, so that lanes end together; raises SetupError.

    All environments and the extension are made here, before anything runs beside something else.
    """
    wanted = PARTS if only is None else (only,)
    chosen: list[Step] = []
    if only != "lint":
        environments.ensure(environments.service())
        environments.ensure(BPY_45)  # the service writes its FBX with it
    if "dev" in wanted:
        chosen.append(dev_step(environments.ensure(environments.dev()), extra, coverage))
    blenders = [each for each in BLENDERS if each.name in wanted]
    if blenders:
        extension = build.build(build.this_platform())
        for each in blenders:
            chosen += blender_steps(each, extension, extra)
    if "lint" in wanted:
        chosen += lint_steps(environments.ensure(environments.dev()))
    return chosen


def print_table(outcomes: Sequence[Outcome]) -> None:
    """Print what ran, in which versions, and a closing line with the sums."""
    print("\n{:<22}{:>8}{:>8}{:>9}{:>10}".format("", "passed", "failed", "skipped", "seconds"))
    for each in outcomes:
        if each.note.startswith("not run"):
            print(f"{each.name:<22}{each.note}")
        else:
            line = f"{each.name:<22}{each.passed:>8}{each.failed:>8}{each.skipped:>9}{each.seconds:>10.1f}"
            print(f"{line}  {each.note}".rstrip())
    installed = [each for each in outcomes if each.facts]
    if installed:
        print("\n{:<22}".format("installed in") + "".join(f"{fact:>10}" for fact in FACTS))
        for each in installed:
            print(f"{each.name:<22}" + "".join(f"{each.facts.get(fact, '?'):>10}" for fact in FACTS))
    passed, failed, skipped = (
        sum(getattr(each, name) for each in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)


def main() -> int:
    """Exit status 0 only if everything that ran passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--lanes", type=int, choices=(1, 2), help="how much runs at the same time")
    parser.add_argument("--coverage", action="store_true", help="fail when the rooms without Blender are little tested")
    parser.add_argument("pytest_arguments", nargs="*", help="arguments for pytest, after `--`")
    arguments = parser.parse_args()
    lanes = arguments.lanes or (1 if arguments.only else min(LANES, os.cpu_count() or 1))
    try:
        chosen = choose_steps(arguments.only, arguments.pytest_arguments, arguments.coverage)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    outcomes = steps.run_steps(chosen, lanes)
    print_table(outcomes)
    return 1 if any(each.failed for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
