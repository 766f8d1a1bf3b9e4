# SPDX-License-Identifier: GPL-3.0-or-later
"""A batch of captures: which capture a row is, whatever run of the batch asks, and what became of each row."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from .record import CaptureRecord, CaptureRequest, Stage
from .source import content


def batch_capture_id(manifest: Path, request: CaptureRequest) -> str:
    """Return the id of the capture that this manifest asks for with this request.

    It is the same in each run, so that a second one finds what the first one began. Rows that ask the service for the
    same share a capture: what it is bound to counts for nothing here.
    """
    asked = {
        "manifest": str(manifest),
        "service": request.service_url,
        "video": [request.video, *content(request.fingerprint)],
        "window": [request.trim_start_sec, request.trim_end_sec],
        "export_fps": request.export_fps,
        "mocap_type": request.mocap_type,
        "targets": request.targets,
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]


class RowState(StrEnum):
    """Where a row stands."""

    WAITING = "waiting"  # nothing was done for it yet
    RUNNING = "running"  # its capture is under way
    DONE = "done"  # its output is written, by this run or before
    FAILED = "failed"  # another run of the batch tries it anew
    UNFINISHED = "unfinished"  # another run of the batch goes on with its capture at no new charge


EXIT_CODES = {RowState.DONE: 0, RowState.FAILED: 1, RowState.UNFINISHED: 3}
"""By the state in which a row ends."""


@dataclass(frozen=True)
class RowReport:
    """What is told about a row. `seconds` is the length of its video."""

    row: int
    video: str
    output: str
    state: RowState = RowState.WAITING
    sentence: str = ""
    capture_id: str | None = None
    job_id: str | None = None
    seconds: float | None = None

    @property
    def exit_code(self) -> int | None:
        """The row's exit code, None while it has none."""
        return EXIT_CODES.get(self.state)


class BatchReport:
    """What became of each row, kept as JSON in a file if one is named."""

    def __init__(self, path: Path | None, manifest: Path, rows: Iterable[RowReport]) -> None:
        self._path = path
        self._manifest = manifest
        self._began = time.time()
        self._rows = {each.row: each for each in rows}

    def __getitem__(self, row: int) -> RowReport:
        return self._rows[row]

    def change(self, row: int, record: CaptureRecord | None = None, **changes: object) -> RowReport:
        """Note what is new about a row, from its capture where given, and return it."""
        if record is not None:
            known = {"capture_id": record.capture_id, "job_id": record.job_id, "seconds": record.request.window_sec}
            changes = known | changes
        self._rows[row] = dataclasses.replace(self._rows[row], **changes)
        return self._rows[row]

    def count(self, state: RowState) -> int:
        """Return how many rows are in this state."""
        return sum(each.state is state for each in self._rows.values())

    @property
    def exit_code(self) -> int | None:
        """That of the batch: 1 if a row failed, else 3 if one is unfinished, else 0; None until all have one."""
        codes = {each.exit_code for each in self._rows.values()}
        if None in codes:
            return None
        return next((code for code in (1, 3) if code in codes), 0)

    def write(self) -> None:
        """Write the file anew, as a whole or not at all; raises OSError."""
        if self._path is None:
            return
        text = json.dumps(self._as_data(), indent=2, ensure_ascii=False)
        part = self._path.with_name(f"{self._path.name}.part")
        with part.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._path)

    def _as_data(self) -> dict[str, object]:
        return {
            "version": 1,
            "manifest": str(self._manifest),
            "began": self._began,
            "changed": time.time(),
            "exit_code": self.exit_code,
            "rows": [dataclasses.asdict(each) | {"exit_code": each.exit_code} for each in self._rows.values()],
        }


def state_of(record: CaptureRecord) -> RowState:
    """Return the state of a row whose capture has ended without a motion that can be used."""
    if record.stage is Stage.READY:
        return RowState.FAILED  # the motion is here and could not be bound
    return RowState.UNFINISHED if record.can_go_on or record.stage is Stage.STOPPED else RowState.FAILED
