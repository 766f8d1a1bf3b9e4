# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the service's answers: the optional `data` envelope, errors in any shape, both result shapes."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import ValidationError

from .errors import (
    API_ERROR_SENTENCES,
    ApiError,
    KeyRefusedError,
    UnexpectedAnswerError,
    find_code,
    one_line,
    sentence_for,
)
from .models import JobInfo, JobPoll, JobResult, JobStatus

_ERROR_OBJECT_KEYS = ("error", "failure")
_CODE_KEYS = ("code", "errorCode", "failureCode")
_MESSAGE_KEYS = ("message", "errorMessage", "failureReason", "msg", "reason", "detail")
_LOGGED_BODY = 2000
_DEEPEST_FAILURE = 4  # levels of objects in which a code or text is looked for


def unwrap(body: Any) -> dict[str, Any]:
    """Return the payload of a JSON answer, with or without the `data` envelope.

    Raises UnexpectedAnswerError if the body is no JSON object.
    """
    if isinstance(body, dict):
        data = body.get("data")
        return data if isinstance(data, dict) else body
    raise UnexpectedAnswerError(
        "The service's answer cannot be read: check the base URL in the preferences.",
        detail=json.dumps(body)[:_LOGGED_BODY],
    )


def read_json(response: httpx.Response, secret: str = "") -> dict[str, Any]:
    """Return the payload of a successful answer, without a secret that the service repeats in it.

    Raises UnexpectedAnswerError if it is not JSON.
    """
    try:
        body = response.json()
        body = _without_secret(body, secret) if secret else body
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswerError(
            "The service's answer cannot be read: check the base URL in the preferences.",
            detail=body_text(response),
        ) from error
    return unwrap(body)


def _without_secret(value: Any, secret: str) -> Any:
    if isinstance(value, str):
        return value.replace(secret, "…")
    if isinstance(value, list):
        return [_without_secret(each, secret) for each in value]
    if isinstance(value, dict):
        return {key: _without_secret(each, secret) for key, each in value.items()}
    return value


def body_text(response: httpx.Response) -> str:
    """Return the beginning of an answer's body for a log.

    Always read as UTF-8: the charset that a service names may be none that yields text.
    """
    return response.content[:_LOGGED_BODY].decode("utf-8", "replace")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def find_failure(payload: Any, depth: int = _DEEPEST_FAILURE) -> tuple[str | None, str | None]:
    """Look for an error code and a text in a JSON value of unknown shape; returns (code, message).

    A published code counts for more than one we do not know, wherever of the two it stands.
    """
    if not isinstance(payload, dict) or depth == 0:
        return None, None
    code = next((text for key in _CODE_KEYS if (text := _text(payload.get(key)))), None)
    message = next((text for key in _MESSAGE_KEYS if (text := _text(payload.get(key)))), None)
    for key in (*_ERROR_OBJECT_KEYS, "data"):
        inner = payload.get(key)
        if isinstance(inner, dict):
            inner_code, inner_message = find_failure(inner, depth - 1)
            code, message = code or inner_code, message or inner_message
        elif key in _ERROR_OBJECT_KEYS and (text := _text(inner)):
            # {"error": "some_code"} or {"error": "Some text."}
            if " " in text:
                message = message or text
            else:
                code = code or text
    if code not in API_ERROR_SENTENCES:
        code = find_code(f"{code} {message}") or (one_line(code) or None if code else None)
    return code, message


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that Retry-After asks for; a moment counts from the service's own clock, if it tells it."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    moment = _moment(value)
    if moment is None:
        return None
    now = _moment(response.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (moment - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def error_from_response(response: httpx.Response, *, with_key: bool) -> ApiError:
    """Turn a non-2xx answer (JSON of any shape, XML, HTML, plain text or nothing) into an ApiError.

    `with_key` says whether the request carried the API key: without it, 401 and 403 speak of an expired
    address, not of the key.
    """
    text = body_text(response)
    try:
        payload = response.json()
    except (ValueError, RecursionError):
        payload = None
    code, message = find_failure(payload)
    if code not in API_ERROR_SENTENCES:
        code = find_code(text) or code
    status = response.status_code
    kind = ApiError
    key_refused = status == 401 if code not in API_ERROR_SENTENCES else code == "api_key_invalid"
    if with_key and (key_refused or (status == 403 and code is None)):
        kind, code = KeyRefusedError, "api_key_invalid"
    sentence = sentence_for(code, message) if code or message else _status_sentence(status, response.reason_phrase)
    return kind(sentence, status=status, code=code, detail=text, retry_after=_retry_after(response))


def _status_sentence(status: int, phrase: str) -> str:
    if status == 429:
        return "The service asks to slow down: try again in a while."
    if 300 <= status < 400:
        return (
            f"The service redirects to another address (HTTP {status}): log in to the network if it asks for that, or "
            "check the base URL in the preferences."
        )
    if status in (401, 403, 404, 410):
        return (
            f"The service has nothing for us at this address (HTTP {status}): it may have expired, or the base URL in "
            "the preferences is wrong."
        )
    if status >= 500:
        return f"The service has a problem of its own (HTTP {status}): try again in a while."
    return f"The service refused the request (HTTP {status} {phrase}): check the settings and try again."


def _event_text(event: Any) -> str | None:
    if isinstance(event, dict):
        text = next((text for key in ("message", "type", "name", "status") if (text := _text(event.get(key)))), None)
    else:
        text = _text(event)
    return one_line(text) or None if text else None


def parse_result(payload: dict[str, Any]) -> JobResult:
    """Read the newest result shape (`job`, `outputs[]`) or the older flat one (`jobId`, `fbxUrl`)."""
    try:
        result = JobResult.model_validate({**payload, "job": _job_object(payload)})
        if not result.outputs and ("fbxUrl" in payload or "motionJsonUrl" in payload):
            flat = {key: value for key, value in payload.items() if key != "outputs"}
            result = JobResult.model_validate({**payload, "job": _job_object(payload), "outputs": [flat]})
    except ValidationError as error:
        raise UnexpectedAnswerError("The service's result cannot be read: try again.", detail=str(error)) from error
    return result


def _job_object(payload: dict[str, Any]) -> dict[str, Any]:
    job = payload.get("job")
    if isinstance(job, dict):
        return job
    return {**payload, "id": payload.get("jobId", payload.get("id"))}


def parse_poll(payload: dict[str, Any]) -> JobPoll:
    """Read a poll answer, `{job, events, result}`; a failed job's reason is looked for wherever it may be.

    Raises UnexpectedAnswerError if it names no status: what the job does then is not for us to guess.
    """
    try:
        fields = _job_object(payload)
        if _text(fields.get("status")) is None:
            raise UnexpectedAnswerError("The service's answer names no status: try again.", detail=str(fields)[:200])
        job = JobInfo.model_validate(fields)
    except ValidationError as error:
        raise UnexpectedAnswerError("The service's answer cannot be read: try again.", detail=str(error)) from error
    events = payload.get("events")
    events = events if isinstance(events, list) else []
    last = events[-1] if events else None
    raw_result = payload.get("result")
    result = parse_result(raw_result) if isinstance(raw_result, dict) and job.status is JobStatus.COMPLETED else None
    if job.status is JobStatus.FAILED:
        for place in (payload.get("job"), payload, last, raw_result):
            code, message = find_failure(place)
            job.error_code = job.error_code or code
            job.error_message = job.error_message or message
        job.error_message = job.error_message or _text(last)
    return JobPoll(
        job=job,
        message=_event_text(last),
        progress=_share(last.get("progress")) if isinstance(last, dict) else None,
        result=result,
    )


def _share(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return float(min(max(value, 0.0), 1.0))
