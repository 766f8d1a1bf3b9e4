# SPDX-License-Identifier: GPL-3.0-or-later
"""What all tests share: no test may hang.

A test that takes longer than `faulthandler_timeout` (pyproject.toml) has every thread's stack printed and ends the run
as failed. pytest does that itself, but stops watching once a test has failed, so its teardown is watched again here.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from collections.abc import Generator

import pytest

_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_STDERR] = os.dup(sys.__stderr__.fileno())  # before pytest begins to capture it


@pytest.hookimpl(tryfirst=True, wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    seconds = float(item.config.getini("faulthandler_timeout") or 0)
    if seconds:
        exit_then = bool(item.config.getini("faulthandler_exit_on_timeout"))
        faulthandler.dump_traceback_later(seconds, file=item.config.stash[_STDERR], exit=exit_then)
    return (yield)  # pytest itself ends the watch when the test is over
