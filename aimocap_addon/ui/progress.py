# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress lines on the terminal for captures that run without an interface."""

from __future__ import annotations

import sys
from typing import TextIO

from ..jobs.listing import STAGE_LABELS
from ..jobs.record import CaptureRecord, Stage


class ProgressPrinter:
    """Prints a line when the stage changes and at every tenth of a stage; called with each new record."""

    def __init__(self, stream: TextIO | None = None, prefix: str = "") -> None:
        self._stream = stream or sys.stdout
        self._prefix = prefix
        self._last: tuple[Stage | None, int, str] = (None, -1, "")

    def __call__(self, record: CaptureRecord) -> None:
        tenth = int(record.progress * 10)
        now = (record.stage, tenth, record.message)
        if now == self._last or (record.stage is self._last[0] and tenth < self._last[1]):
            return
        self._last = now
        share = f" {tenth * 10:3d} %" if 0.0 < record.progress <= 1.0 and not record.stage.is_final else ""
        text = f": {record.message}" if record.message else ""
        print(f"AIMoCap | {self._prefix}{STAGE_LABELS[record.stage]}{share}{text}", file=self._stream, flush=True)
