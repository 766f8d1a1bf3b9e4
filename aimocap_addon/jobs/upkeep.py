# SPDX-License-Identifier: GPL-3.0-or-later
"""How much space captures take, and giving it back. Blocks; called from a thread or by a command."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from .errand import ErrandError
from .store import RESULTS_NAME, CaptureStore, StoreError

_DAY = 86400.0
_ALL = 1_000_000


def space_sentence(folder: Path) -> str:
    """Return how much the results in the captures' folder take."""
    size = count = 0
    results = folder / RESULTS_NAME
    for path in results.rglob("*") if results.is_dir() else ():
        with contextlib.suppress(OSError):  # gone meanwhile
            if path.is_file():
                size += path.stat().st_size
                count += 1
    return f"{count} files, {size / 1e6:.1f} MB."


def clean_up(store: CaptureStore, days: float) -> str:
    """Delete captures that are done with and older than `days`, with their files; returns how many as a sentence.

    Kept are those under way, those that a worker is at, and ready ones that no file has received yet. Raises
    ErrandError.
    """
    before = time.time() - days * _DAY
    try:
        old = [
            record
            for record in store.recent(_ALL)
            if record.created_at < before and record.stage.is_final and not record.is_pending
        ]
        removed = sum(store.remove(record.capture_id) for record in old)
    except StoreError as error:
        raise ErrandError(str(error)) from error
    return f"{removed} captures were removed."
