# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service takes: the create request, and the limits of a plan, each with the API's own code.

A limit is checked as soon as what it needs is known: at create from what the client says, and again when
the upload is complete, from the file itself.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..api.models import DEFAULT_EXPORT_FPS, EXPORT_RATES, JobStatus, MocapType, Target
from . import ledger
from .database import ApiKey, Job
from .errors import RequestRefusedError
from .video_probe import VideoFacts

SUPPORTED_TARGETS = (Target.DEFAULT, Target.UNITREE_G1)
MAX_TEXT = 500
# Control characters, halves of surrogate pairs, separators of lines: no part of one line of text. Other unusual
# signs are: macOS writes a narrow no-break space into the names of screen recordings.
_NO_LINE = frozenset({"Cc", "Cs", "Zl", "Zp"})
MAX_DURATION_SEC = 7 * 24 * 3600.0
# An editor's idea of where a video ends and the decoder's differ by rounded frame rates; a trim end this
# little (and one frame) past the end means the end.
_TRIM_TOLERANCE_SEC = 0.1
_MIN_WINDOW_FRAMES = 2
_ACTIVE = (JobStatus.QUEUED, JobStatus.PROCESSING)


@dataclass(frozen=True)
class JobSpec:
    """A create request that is in order. Times in seconds of the video; None where the client did not say."""

    source_filename: str
    target_ids: list[str]
    title: str | None
    source_duration_sec: float | None
    trim_start_sec: float
    trim_end_sec: float | None
    export_fps: int
    mocap_type: str

    @property
    def window_sec(self) -> float | None:
        """The window's length, as far as it is known before the upload."""
        end = self.trim_end_sec if self.trim_end_sec is not None else self.source_duration_sec
        return None if end is None else end - self.trim_start_sec


def read_create(body: Any) -> JobSpec:
    """Read the body of create; fields it does not know are ignored. Raises RequestRefusedError."""
    if not isinstance(body, dict):
        raise _refused(
            HTTPStatus.BAD_REQUEST, "request_invalid", "The body must be a JSON object: send the job's fields."
        )
    filename = _text(body, "sourceFilename")
    if not filename:
        raise _refused(
            HTTPStatus.BAD_REQUEST, "source_filename_required", "sourceFilename is missing: send the video's file name."
        )
    title = _text(body, "title")
    export_fps = _export_fps(body.get("exportFps"))
    mocap_type = _mocap_type(body.get("mocapType"))
    targets = _targets(body.get("targetIds"))
    duration = _duration(body.get("sourceDurationSec"))
    start, end = _trim(body.get("trimStartSec"), body.get("trimEndSec"), duration)
    return JobSpec(filename, targets, title or None, duration, start, end, export_fps, mocap_type)


def check_create(session: Session, key: ApiKey, spec: JobSpec) -> None:
    """Check what the account allows, as far as it is known at create; raises RequestRefusedError."""
    check_active(key)
    window_sec = spec.window_sec
    if window_sec is not None:
        check_window_length(key, window_sec)
    check_concurrency(session, key)
    check_credits(session, key, ledger.price(window_sec or 0.0))


def admitted_window(facts: VideoFacts, trim_start_sec: float, trim_end_sec: float | None) -> tuple[float, float]:
    """Return the window (start, end) in seconds of the file; raises RequestRefusedError if it is not in the file."""
    duration = facts.duration_sec
    end = duration if trim_end_sec is None else trim_end_sec
    if end > duration + _TRIM_TOLERANCE_SEC + 1.0 / facts.fps:
        raise _trim_refused(f"The trim ends at {end:.2f} s, but the video at {duration:.2f} s: trim within the video.")
    end = min(end, duration)
    if (end - trim_start_sec) * facts.fps < _MIN_WINDOW_FRAMES - 1e-3:
        raise _trim_refused(
            f"From {trim_start_sec:.2f} s to {end:.2f} s the video has less than two frames: choose a longer window."
        )
    return trim_start_sec, end


def check_active(key: ApiKey) -> None:
    """Raise RequestRefusedError if the key or its plan is not active."""
    if not (key.active and key.plan.active):
        raise _refused(
            HTTPStatus.FORBIDDEN, "api_plan_inactive", "The key's API plan is not active: ask the service's operator."
        )


def check_file_size(key: ApiKey, size: int) -> None:
    """Raise RequestRefusedError if a file of so many bytes is over the plan's limit."""
    limit = key.plan.max_file_bytes
    if size > limit:
        raise _refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "api_file_size_limit_exceeded",
            f"The file is larger than the {limit // (1024 * 1024)} MB of the plan “{key.plan_name}”: "
            "send a smaller or trimmed file.",
        )


def check_window_length(key: ApiKey, window_sec: float) -> None:
    """Raise RequestRefusedError if a window is longer than the plan's limit. What is trimmed away does not count."""
    limit = key.plan.max_window_sec
    if window_sec > limit + _TRIM_TOLERANCE_SEC:
        raise _refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "api_duration_limit_exceeded",
            f"The clip is {window_sec:.1f} s long, over the {limit:g} s of the plan “{key.plan_name}”: trim it.",
        )


def check_concurrency(session: Session, key: ApiKey) -> None:
    """Raise RequestRefusedError if as many of the key's jobs wait or run as its plan allows."""
    query = select(func.count()).select_from(Job).where(Job.key_id == key.id, Job.status.in_(_ACTIVE))
    active, limit = session.scalars(query).one(), key.plan.max_active_jobs
    if active >= limit:
        raise _refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            "api_concurrency_limit_exceeded",
            f"{active} jobs are at work, as many as the plan “{key.plan_name}” allows: wait until one is done.",
        )


def check_credits(session: Session, key: ApiKey, cost: int) -> None:
    """Raise RequestRefusedError if the balance does not cover `cost` beside the jobs that wait to be charged."""
    waiting = select(func.sum(Job.cost)).where(Job.key_id == key.id, Job.status == JobStatus.QUEUED)
    available = ledger.balance(session, key.id) - (session.scalars(waiting).one() or 0)
    if cost > available:
        raise _refused(
            HTTPStatus.PAYMENT_REQUIRED,
            "insufficient_api_v_credits",
            f"The job needs {cost} v-credits and {max(available, 0)} are left: top up the key or trim the clip.",
        )


def _refused(status: HTTPStatus, code: str, message: str) -> RequestRefusedError:
    return RequestRefusedError(status, code, message)


def _trim_refused(message: str) -> RequestRefusedError:
    return _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "api_trim_range_invalid", message)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if (
        not isinstance(value, str)
        or len(value) > MAX_TEXT
        or any(unicodedata.category(sign) in _NO_LINE for sign in value)
    ):
        raise _refused(
            HTTPStatus.BAD_REQUEST,
            "request_invalid",
            f"{name} must be one line of text of at most {MAX_TEXT} characters: shorten or correct it.",
        )
    return value.strip()


def _number(value: Any) -> float | None:
    """Return a finite JSON number as float, None for anything else (true and false are no numbers)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _export_fps(value: Any) -> int:
    if value is None:
        return DEFAULT_EXPORT_FPS
    rate = _number(value)
    if rate not in EXPORT_RATES:
        raise _refused(HTTPStatus.BAD_REQUEST, "export_fps_invalid", "exportFps must be one of 24, 30, 60 and 120.")
    return int(rate)


def _mocap_type(value: Any) -> str:
    if value is None:
        return MocapType.FULL_BODY
    if value not in tuple(MocapType):
        raise _refused(HTTPStatus.BAD_REQUEST, "mocap_type_invalid", "mocapType must be full_body or upper_body.")
    return str(value)


def _targets(value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        raise _refused(
            HTTPStatus.BAD_REQUEST, "api_target_ids_required", "targetIds must be a list with at least one target."
        )
    for target in value:
        if target not in SUPPORTED_TARGETS:
            names = " or ".join(SUPPORTED_TARGETS)
            shown = f"“{target[:40]}”" if isinstance(target, str) else "that value"
            raise _refused(
                HTTPStatus.BAD_REQUEST,
                "api_target_unsupported",
                f"This service cannot make the target {shown}: ask for {names}.",
            )
    return list(dict.fromkeys(value))


def _duration(value: Any) -> float | None:
    if value is None:
        return None
    seconds = _number(value)
    if seconds is None or not 0.0 < seconds <= MAX_DURATION_SEC:
        raise _refused(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "api_source_duration_invalid",
            "sourceDurationSec must be the video's length in seconds, more than 0: correct it or leave it out.",
        )
    return seconds


def _trim(start_value: Any, end_value: Any, duration: float | None) -> tuple[float, float | None]:
    start = 0.0 if start_value is None else _number(start_value)
    end = None if end_value is None else _number(end_value)
    if start is None or not 0.0 <= start <= MAX_DURATION_SEC:
        raise _trim_refused("trimStartSec must be a number of seconds from 0 up.")
    if end_value is not None and (end is None or end > MAX_DURATION_SEC):
        raise _trim_refused("trimEndSec must be a number of seconds.")
    if end is not None and end <= start:
        raise _trim_refused("The trim ends before it starts: trimEndSec must be greater than trimStartSec.")
    if duration is not None and (start >= duration or (end or 0.0) > duration + _TRIM_TOLERANCE_SEC):
        raise _trim_refused(f"The trim is not within the video's {duration:.2f} s: trim within the video.")
    return start, end
