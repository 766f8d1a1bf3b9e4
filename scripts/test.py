# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the whole test suite: makes the environments, builds the extension, then lint, types and tests.

    python3 scripts/test.py               everything
    python3 scripts/test.py --only dev    one part: lint, dev, bpy-4.2, bpy-4.5 or bpy-5.2
    python3 scripts/test.py -- -k strip   what follows `--` goes to pytest

Tests in tests/blender run on the source tree inside Blender's Python, those in tests/extension on the built
and installed zip there; all others need no Blender.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import build
import environments
from environments import BPY_42, BPY_45, BPY_52, ROOT, Environment, SetupError

BLENDER_FOLDERS = ("blender", "extension")
PARTS = ("lint", "dev", BPY_42.name, BPY_45.name, BPY_52.name)
TIMEOUT = 1500  # seconds for one run of pytest


@dataclass
class Outcome:
    """What one step came to; `note` says why it did not run."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""


def run_check(name: str, command: list[str]) -> Outcome:
    """Run a tool that passes or fails as a whole."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    code = subprocess.run(command, cwd=ROOT).returncode
    ok = code == 0
    return Outcome(name, passed=int(ok), failed=int(not ok), seconds=time.monotonic() - started)


def run_pytest(name: str, python: Path, arguments: list[str], variables: dict[str, str]) -> Outcome:
    """Run pytest in an environment and count its outcomes; a crash counts as a failure."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.xml"
        command = [str(python), "-m", "pytest", "-q", f"--junitxml={report}", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, start_new_session=True)
        try:
            code = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            code = 1
            print(f"{name} did not end within {TIMEOUT} s.", flush=True)
            process.send_signal(signal.SIGABRT)  # pytest has every thread's stack printed then
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        finally:
            _end_group(process)
        outcome = _count(name, report)
    if code not in (0, 5) and outcome.failed == 0:
        outcome.failed, outcome.note = 1, f"pytest ended with status {code}"
    outcome.seconds = time.monotonic() - started
    return outcome


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started, such as the services of a run that was cut short."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _count(name: str, report: Path) -> Outcome:
    outcome = Outcome(name)
    if not report.is_file():
        return outcome
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        elif case.find("skipped") is not None:
            outcome.skipped += 1
        else:
            outcome.passed += 1
    return outcome


def run_lint(python: Path) -> list[Outcome]:
    """Run the linter, the formatter's check and the type checker."""
    places = ["aimocap_addon", "scripts", "tests"]
    return [
        run_check("ruff", [str(python), "-m", "ruff", "check", *places]),
        run_check("ruff format", [str(python), "-m", "ruff", "format", "--check", *places]),
        run_check("pyright", [str(python), "-m", "pyright"]),
    ]


def run_blender(environment: Environment, extension: Path, extra: list[str]) -> list[Outcome]:
    """Run the tests that need Blender in one of its versions."""
    if environment.python != "3.11" and environments.find_python(environment.python) is None:
        note = f"not run: needs Python {environment.python}"
        return [Outcome(f"{environment.name} {folder}", note=note) for folder in BLENDER_FOLDERS]
    python = environments.ensure(environment)
    outcomes = []
    for folder in BLENDER_FOLDERS:
        with tempfile.TemporaryDirectory() as resources:
            variables = {"BLENDER_USER_RESOURCES": resources, "AIMOCAP_EXTENSION_ZIP": str(extension)}
            outcomes.append(run_pytest(f"{environment.name} {folder}", python, [f"tests/{folder}", *extra], variables))
    return outcomes


def print_table(outcomes: list[Outcome]) -> None:
    """Print what ran, and a closing line with the sums."""
    print("\n{:<22}{:>8}{:>8}{:>9}{:>10}".format("", "passed", "failed", "skipped", "seconds"))
    for each in outcomes:
        if each.note.startswith("not run"):
            print(f"{each.name:<22}{each.note}")
        else:
            line = f"{each.name:<22}{each.passed:>8}{each.failed:>8}{each.skipped:>9}{each.seconds:>10.1f}"
            print(f"{line}  {each.note}".rstrip())
    passed, failed, skipped = (
        sum(getattr(each, name) for each in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)


def run_all(only: str | None, extra: list[str]) -> list[Outcome]:
    """Run the chosen parts; raises SetupError if an environment cannot be made."""
    outcomes: list[Outcome] = []
    wanted = PARTS if only is None else (only,)
    if "lint" in wanted or "dev" in wanted:
        python = environments.ensure(environments.dev())
        if "lint" in wanted:
            outcomes += run_lint(python)
        if "dev" in wanted:
            environments.ensure(environments.service())
            environments.ensure(BPY_45)  # the service writes its FBX with it
            ignored = [f"--ignore=tests/{folder}" for folder in BLENDER_FOLDERS]
            outcomes.append(run_pytest("without Blender", python, ["tests", *ignored, *extra], {}))
    blenders = [each for each in (BPY_42, BPY_45, BPY_52) if each.name in wanted]
    if blenders:
        environments.ensure(environments.service())
        extension = build.build(build.this_platform())
        for each in blenders:
            outcomes += run_blender(each, extension, extra)
    return outcomes


def main() -> int:
    """Exit status 0 only if everything that ran passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("pytest_arguments", nargs="*", help="arguments for pytest, after `--`")
    arguments = parser.parse_args()
    try:
        outcomes = run_all(arguments.only, arguments.pytest_arguments)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print_table(outcomes)
    return 1 if any(each.failed for each in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
