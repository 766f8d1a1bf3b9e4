# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the real local service as a process of its own, for the demo and the tests.

Needs the standard library alone, so that it works in any Python: the service itself runs
in the local service's environment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULE = "aimocap_addon.local_service"
_START_SEC = 60.0
_END_SEC = 20.0
_LINE = "AIMoCap local service listening on "


def service_python() -> str:
    """Return the Python that can run the service: what AIMOCAP_SERVICE_PYTHON names, its environment's, or this one."""
    if named := os.environ.get("AIMOCAP_SERVICE_PYTHON"):
        return named
    python = ROOT / ".venv/service/bin/python"
    return str(python) if python.exists() else sys.executable


def run_command(*arguments: str, module: str = MODULE, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run one of the service's commands to its end."""
    command = [service_python(), "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)


def create_key(data: Path, credits_granted: int = 1000, plan: str = "local") -> str:
    """Return a new API key of the service with this data folder."""
    done = run_command("keys", "create", "--data", str(data), "--credits", str(credits_granted), "--plan", plan)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@dataclass
class ServiceProcess:
    """A running service. `log` is its standard error."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
    log: Path

    def create_key(self, credits_granted: int = 1000, plan: str = "local") -> str:
        """Return a new API key."""
        return create_key(self.data, credits_granted, plan)

    def stop(self) -> int:
        """End the service as Ctrl-C would; returns its exit status."""
        self.process.terminate()
        return self.process.wait(_END_SEC)

    def kill(self) -> None:
        """End the service as a power cut would."""
        self.process.kill()
        self.process.wait(_END_SEC)


@contextlib.contextmanager
def running_service(
    data: Path,
    *arguments: str,
    module: str = MODULE,
    environment: Mapping[str, str] | None = None,
    python: str | None = None,
) -> Iterator[ServiceProcess]:
    """Start the service on a free port, wait until it answers, and end it afterwards.

    `python` runs it, by default that of its environment.
    """
    data.mkdir(parents=True, exist_ok=True)
    output, log = data.with_name(f"{data.name}.out"), data.with_name(f"{data.name}.log")
    command: Sequence[str] = [
        python or service_python(), "-m", module, "serve", "--port", "0", "--data", str(data), *arguments,
    ]  # fmt: skip
    with output.open("wb") as out, log.open("ab") as err:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield ServiceProcess(_wait_for_url(process, output, log), data, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_END_SEC)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for_url(process: subprocess.Popen[bytes], output: Path, log: Path) -> str:
    deadline = time.monotonic() + _START_SEC
    while time.monotonic() < deadline:
        said = output.read_text()
        if _LINE in said and said.endswith("\n"):
            return said.split(_LINE, 1)[1].splitlines()[0]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"The service did not start: {log.read_text()}")
