# SPDX-License-Identifier: GPL-3.0-or-later
"""A test that hangs ends the run as failed, and every thread's stack says where it hung."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HANGS = {
    "in the test": "import time\ndef test_it(): time.sleep(100)\n",
    "in C code that keeps the interpreter": "import re\ndef test_it(): re.match('(a+)+$', 'a' * 60 + 'b')\n",
    "after the test failed": (
        "import time, pytest\n"
        "@pytest.fixture\ndef thing():\n    yield\n    time.sleep(100)\n"
        "def test_it(thing): assert False\n"
    ),
}


@pytest.mark.parametrize("where", HANGS)
def test_a_hang_ends_the_run(tmp_path: Path, where: str) -> None:
    for name in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "test_hang.py").write_text(HANGS[where], encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-o", "faulthandler_timeout=0.5", "."]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "Timeout (" in done.stderr
    assert "test_hang.py" in done.stderr
