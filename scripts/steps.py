# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of the test command: tools and runs of pytest, one after the other or in lanes at the same time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from environments import ROOT

TIMEOUT = 2100  # seconds for one step, beside another


@dataclass
class Outcome:
    """What one step came to; `note` says why it did not run, `facts` what it ran in."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    note: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One thing to run; `run` gets where its output goes, None for the terminal."""

    name: str
    run: Callable[[IO[bytes] | None], Outcome]


def tool(name: str, *commands: Sequence[str]) -> Step:
    """Run commands one after the other, which pass or fail as a whole."""

    def run(output: IO[bytes] | None) -> Outcome:
        ok = all(_run(command, {}, output) == 0 for command in commands)
        return Outcome(name, passed=int(ok), failed=int(not ok))

    return Step(name, run)


def pytest(name: str, command: Sequence[str], variables: Mapping[str, str]) -> Step:
    """Run pytest and count its outcomes; a crash counts as a failure. Every run has its own temporary folder."""

    def run(output: IO[bytes] | None) -> Outcome:
        # What Blender was asked to write into its user folder goes with the rest.
        with tempfile.TemporaryDirectory(prefix="aimocap-", ignore_cleanup_errors=True) as temporary:
            report = Path(temporary) / "report.xml"
            own = {"BLENDER_USER_RESOURCES": str(Path(temporary) / "blender"), **variables}
            code = _run([*command, f"--junitxml={report}"], own, output)
            outcome = _read_report(name, report)
        if code not in (0, 5) and outcome.failed == 0:
            outcome.failed, outcome.note = 1, f"pytest ended with status {code}"
        return outcome

    return Step(name, run)


def followed_by(step: Step, sentence: str, variables: Mapping[str, str], *commands: Sequence[str]) -> Step:
    """Run commands after the step, which fails with `sentence` in the table when one of them does."""

    def run(output: IO[bytes] | None) -> Outcome:
        outcome = step.run(output)
        if not all(_run(command, variables, output) == 0 for command in commands):
            outcome.failed, outcome.note = outcome.failed + 1, sentence
        return outcome

    return Step(step.name, run)


def not_run(name: str, why: str) -> Step:
    """Stand in the table with the reason."""
    return Step(name, lambda _output: Outcome(name, note=f"not run: {why}"))


def run_steps(steps: Sequence[Step], lanes: int) -> list[Outcome]:
    """Run the steps and return their outcomes in the same order.

    With several lanes each takes the next step when it is through with one, and a step's output is printed as a whole
    when it ends, so that it stays readable.
    """
    if lanes == 1:
        return [_run_live(step) for step in steps]
    printing = threading.Lock()
    with ThreadPoolExecutor(lanes) as pool:
        return list(pool.map(lambda step: _run_aside(step, printing), steps))


def _timed(step: Step, output: IO[bytes] | None) -> Outcome:
    started = time.monotonic()
    outcome = step.run(output)
    outcome.seconds = time.monotonic() - started
    return outcome


def _run_live(step: Step) -> Outcome:
    print(f"\n=== {step.name}", flush=True)
    return _timed(step, None)


def _run_aside(step: Step, printing: threading.Lock) -> Outcome:
    with printing:
        print(f"... {step.name} starts", flush=True)
    with tempfile.TemporaryFile() as output:
        outcome = _timed(step, output)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
    with printing:
        print(f"\n=== {step.name} ({outcome.seconds:.0f} s)\n{text}", flush=True)
    return outcome


def _run(command: Sequence[str], variables: Mapping[str, str], output: IO[bytes] | None) -> int:
    """Run a command to its end, for `TIMEOUT` seconds at most, and end what it started; returns its exit code."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **variables},
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # pytest has every thread's stack printed then
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        sentence = f"\n{' '.join(command)}\ndid not end within {TIMEOUT} s.\n"
        if output is None:
            print(sentence, flush=True)
        else:
            output.write(sentence.encode())
        return 1
    finally:
        _end_group(process)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it started, such as the services of a run that was cut short."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _read_report(name: str, report: Path) -> Outcome:
    outcome = Outcome(name)
    if not report.is_file():
        return outcome
    root = ET.parse(report).getroot()
    for case in root.iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed += 1
        elif case.find("skipped") is not None:
            outcome.skipped += 1
        else:
            outcome.passed += 1
    for each in root.iterfind("testsuite/properties/property"):
        outcome.facts[each.attrib["name"]] = each.attrib["value"]
    return outcome
