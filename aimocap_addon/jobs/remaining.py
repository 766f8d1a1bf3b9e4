# SPDX-License-Identifier: GPL-3.0-or-later
"""How long captures still take, told from how fast the service's progress has grown, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from .record import CaptureRecord, Stage

_LEAST_GROWTH = 0.1  # of the stage, before its speed says anything
_LEAST_SECONDS = 3.0


@dataclass(frozen=True)
class _Course:
    """The progress of a stage when it was first seen and when it last grew, with the times of both."""

    first: tuple[float, float]
    last: tuple[float, float]


class RemainingTimes:
    """Watches captures; times are seconds of one clock, the caller's."""

    def __init__(self) -> None:
        self._courses: dict[str, _Course] = {}

    def see(self, record: CaptureRecord, now: float) -> None:
        """Note how far a capture is."""
        if record.stage is not Stage.PROCESSING:  # the one stage that is most of the whole
            self._courses.pop(record.capture_id, None)
            return
        point = (now, record.progress)
        before = self._courses.get(record.capture_id)
        if before is None or point[1] < before.last[1]:
            self._courses[record.capture_id] = _Course(point, point)
        elif point[1] > before.last[1]:
            self._courses[record.capture_id] = _Course(before.first, point)

    def seconds(self, capture_id: str, now: float) -> float | None:
        """Return the seconds that are left, None while they cannot be told or turned out to be wrong."""
        course = self._courses.get(capture_id)
        if course is None:
            return None
        spent, growth = course.last[0] - course.first[0], course.last[1] - course.first[1]
        if spent < _LEAST_SECONDS or growth < _LEAST_GROWTH:
            return None
        left = (1.0 - course.last[1]) * spent / growth - (now - course.last[0])
        return left if left > 0.0 else None
