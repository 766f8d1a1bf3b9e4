# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that run inside Blender (`bpy` as a module)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests" / "blender"), str(ROOT / "tests" / "motion")]


@pytest.fixture(autouse=True)
def empty_file() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_STATUS] = int(exitstatus)


def pytest_unconfigure(config: pytest.Config) -> None:
    # bpy can crash or hang while the interpreter ends, which would hide the result
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(_STATUS, 1))


_STATUS = pytest.StashKey[int]()
