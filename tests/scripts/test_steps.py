# SPDX-License-Identifier: GPL-3.0-or-later
"""The test command: what it runs side by side, what it says of it, and how it ends what does not end."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import environments  # noqa: E402 - found by the path set above
import steps  # noqa: E402

BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take ten times as long to load as pytest itself


@pytest.fixture
def suite() -> ModuleType:
    # Not by its name, which is also that of a package in the standard library.
    spec = importlib.util.spec_from_file_location("suite", ROOT / "scripts" / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lanes_run_side_by_side_and_print_each_step_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # Each waits for the other to have begun, so that they pass side by side only.
    meet = (
        "import pathlib, sys, time; me, other = map(pathlib.Path, sys.argv[1:]); me.touch()\n"
        "end = time.monotonic() + 20\n"
        "while not other.exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "[print(me.name, part, flush=True) or time.sleep(0.02) for part in range(5)]\n"
        "sys.exit(not other.exists())"
    )
    a, b = str(tmp_path / "first"), str(tmp_path / "second")
    chosen = [steps.tool("first", [*python(meet), a, b]), steps.tool("second", [*python(meet), b, a])]
    outcomes = steps.run_steps([*chosen, steps.tool("third", python("raise SystemExit(3)"))], lanes=2)
    assert [(each.name, each.passed, each.failed) for each in outcomes] == [
        ("first", 1, 0),
        ("second", 1, 0),
        ("third", 0, 1),
    ]
    printed = capfd.readouterr().out
    for name in ("first", "second"):
        assert "".join(f"{name} {part}\n" for part in range(5)) in printed


def test_outcomes_and_versions_are_read_from_pytest(tmp_path: Path, suite: ModuleType, capsys) -> None:
    (tmp_path / "test_some.py").write_text(
        "import pytest\n"
        "def test_good(record_testsuite_property): record_testsuite_property('Blender', '9.9.9')\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip\ndef test_not(): pass\n",
        encoding="utf-8",
    )
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    [outcome] = steps.run_steps([steps.pytest("some", run, BARE)], lanes=1)
    assert (outcome.passed, outcome.failed, outcome.skipped, outcome.note) == (1, 1, 1, "")
    suite.print_table([outcome])
    printed = capsys.readouterr().out
    assert "9.9.9" in printed
    assert printed.rstrip().endswith("1 passed, 1 failed, 1 skipped")


def test_a_crash_of_pytest_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_crash.py").write_text("import os\ndef test_it(): os._exit(7)\n", encoding="utf-8")
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    [outcome] = steps.run_steps([steps.pytest("crash", run, BARE)], lanes=1)
    assert (outcome.passed, outcome.failed, outcome.note) == (0, 1, "pytest ended with status 7")


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are those of Unix")
def test_a_step_that_does_not_end_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "TIMEOUT", 2)
    beats = tmp_path / "beats"
    beat = f"import time\nwhile True:\n  open({str(beats)!r}, 'a').write('x')\n  time.sleep(0.05)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {beat!r}]); time.sleep(60)"
    [outcome] = steps.run_steps([steps.tool("endless", python(parent))], lanes=1)
    assert outcome.failed == 1
    assert "did not end within 2 s" in capfd.readouterr().out
    size = beats.stat().st_size
    assert size > 0
    time.sleep(1)
    assert beats.stat().st_size == size


def test_blender_without_its_python_is_reported_as_not_run(
    suite: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suite.environments, "find_python", lambda _version: None)
    outcomes = steps.run_steps(list(suite.blender_steps(environments.BPY_52, Path("unused.zip"), [])), lanes=1)
    suite.print_table(outcomes)
    printed = capsys.readouterr().out
    assert printed.count("not run: needs Python 3.13") == 2
    assert printed.rstrip().endswith("0 passed, 0 failed, 0 skipped")
