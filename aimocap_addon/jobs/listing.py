# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures as a list shows them: which of them, how old, how far, and in which words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .record import CaptureRecord, Stage

STAGE_LABELS = {
    Stage.CREATED: "Starting",
    Stage.UPLOADING: "Uploading",
    Stage.ADMITTED: "Waiting in the Queue",
    Stage.PROCESSING: "Solving",
    Stage.DOWNLOADING: "Downloading",
    Stage.READY: "Ready",
    Stage.FAILED: "Failed",
    Stage.STOPPED: "Stopped",
}
INTERRUPTED = "Interrupted"

# Share of the whole at which a stage begins, from its usual share of the time.
_STAGE_BEGINS = {
    Stage.CREATED: 0.0,
    Stage.UPLOADING: 0.02,
    Stage.ADMITTED: 0.12,
    Stage.PROCESSING: 0.15,
    Stage.DOWNLOADING: 0.95,
    Stage.READY: 1.0,
}


class Shown(StrEnum):
    """Which captures a list shows."""

    ALL = "ALL"
    HERE = "HERE"  # begun in the open file
    RUNNING = "RUNNING"  # not at an end yet, whether a worker is at them or not
    FAILED = "FAILED"  # failed or stopped: those that can be tried again


def is_listed(record: CaptureRecord, shown: Shown, words: str = "", *, is_of_this_file: bool = False) -> bool:
    """Whether a list shows the capture; `words`, in any order, have to occur in its title, video path or job id."""
    fits = {
        Shown.ALL: True,
        Shown.HERE: is_of_this_file,
        Shown.RUNNING: not record.stage.is_final,
        Shown.FAILED: record.stage in (Stage.FAILED, Stage.STOPPED),
    }
    if not fits[shown]:
        return False
    text = f"{record.request.title}\n{record.request.video}\n{record.job_id or ''}".casefold()
    return all(word in text for word in words.casefold().split())


def state_words(record: CaptureRecord, *, is_running: bool) -> str:
    """Return where the capture stands, in a word or three; `is_running`: a worker of this Blender is at it."""
    return STAGE_LABELS[record.stage] if is_running or record.stage.is_final else INTERRUPTED


def age_words(seconds: float) -> str:
    """Return how long ago something was, in its greatest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def overall_progress(record: CaptureRecord) -> float:
    """Return how far the whole capture is, 0..1."""
    begins = list(_STAGE_BEGINS.values())
    begin = _STAGE_BEGINS.get(record.stage, 0.0)
    following = next((value for value in begins if value > begin), 1.0)
    return begin + (following - begin) * record.progress


def batch_progress(records: Iterable[CaptureRecord]) -> tuple[int, int, float]:
    """Return how many of the captures have ended, how many there are, and how far all of them are, 0..1.

    A capture counts by the seconds of its video; one that failed or was stopped is at its end, too.
    """
    ended = count = 0
    whole = done = 0.0
    for record in records:
        seconds = record.request.window_sec or 1.0
        count += 1
        ended += record.stage.is_final
        whole += seconds
        done += seconds * (1.0 if record.stage.is_final else overall_progress(record))
    return ended, count, done / whole if whole else 0.0


def clock_words(seconds: float) -> str:
    """Return a span of time as minutes and seconds, or with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
