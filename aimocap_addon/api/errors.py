# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong when talking to the service.

    AimocapError
    ├── ConfigurationError     the base URL or the key cannot be used; nothing was sent
    ├── ConnectionFailedError  no answer: timed out or broken off; the request may have arrived
    │   └── UnreachableError   no connection was made, so the request did not arrive
    ├── ApiError               the service answered with an error
    │   └── KeyRefusedError    a call with the key was answered 401, or 403 without a code of its own
    ├── UnexpectedAnswerError  an answer that is not what the API promises
    ├── SourceFileError        the video on disk cannot be read or changed under way
    ├── TransferError          a download that did not arrive whole or cannot be written
    │   └── UnusableResultError  a download that is too big or not what it should be
    └── TransferCanceledError  the caller asked to stop

Each carries `user_message` (one or two sentences: what happened, what to do), `code` (for support),
`retryable` (whether trying the same again can help) and `detail` (raw text for a log, never the key).
"""

from __future__ import annotations

import re

API_ERROR_SENTENCES = {
    "export_fps_invalid": "The service does not export at this rate: choose 24, 30, 60 or 120 fps.",
    "mocap_type_invalid": "The service does not know this capture type: choose Full Body or Upper Body.",
    "api_target_ids_required": "No output was asked for: choose at least one target.",
    "api_target_unsupported": "The service does not offer this target: choose another one.",
    "api_source_duration_invalid": "The service does not accept the video's length: check that the file plays and "
    "is not empty.",
    "api_trim_range_invalid": "The trimmed part does not lie within the video: set the strip's handles or the trim "
    "anew.",
    "api_duration_limit_exceeded": "The clip is longer than your plan allows: trim it and capture again.",
    "api_file_size_limit_exceeded": "The file is bigger than your plan allows: compress or cut the video and capture "
    "again.",
    "api_concurrency_limit_exceeded": "Your plan's number of captures is running already: wait until one has finished.",
    "api_plan_inactive": "The API account is not active: activate its plan, then capture again.",
    "insufficient_api_v_credits": "There are not enough v-credits for this clip: top up the API account or trim the "
    "clip.",
    "api_key_invalid": "The service does not accept the API key: check the key in the add-on's preferences or in "
    "AIMOCAP_KEY.",
    "no_person_found": "Nobody was found in the video: use a clip that shows one person clearly. Nothing was charged.",
    "several_people": "Several people are in the video and it cannot be told whom to follow: trim or crop it, so that "
    "one person is in view. Nothing was charged.",
    "video_unreadable": "The service cannot read the file as a video: convert it to MP4 (H.264) and capture again. "
    "Nothing was charged.",
}
"""Sentences for the eleven published codes (AimocapError.code) and for those of the local service."""

_LONGEST_MESSAGE = 300  # what a line of Blender's interface can still show

RETRYABLE_CODES = frozenset({"api_concurrency_limit_exceeded"})
RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})

_CODE_PATTERN = re.compile(rf"\b({'|'.join(sorted(API_ERROR_SENTENCES, key=len, reverse=True))})\b")


class AimocapError(Exception):
    """Base of all errors of this room."""

    retryable = False

    def __init__(self, user_message: str, *, code: str | None = None, detail: str = "") -> None:
        super().__init__(user_message)
        self.user_message = user_message
        self.code = code
        self.detail = detail

    def redact(self, secret: str) -> None:
        """Take out a secret that a service repeated in its answer."""
        self.user_message = self.user_message.replace(secret, "…")
        self.detail = self.detail.replace(secret, "…")
        self.code = self.code.replace(secret, "…") if self.code else None
        self.args = (self.user_message,)


class ConfigurationError(AimocapError):
    """The base URL or the key cannot be used; nothing was sent."""


class ConnectionFailedError(AimocapError):
    """No answer came: timed out or broken off. The request may have arrived all the same."""

    retryable = True


class UnreachableError(ConnectionFailedError):
    """No connection was made (refused, unknown host, no certificate): the request did not arrive."""


class ApiError(AimocapError):
    """The service answered with an error."""

    def __init__(
        self,
        user_message: str,
        *,
        status: int,
        code: str | None = None,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(user_message, code=code, detail=detail)
        self.status = status
        self.retry_after = retry_after
        if code in API_ERROR_SENTENCES:
            self.retryable = code in RETRYABLE_CODES
        else:
            self.retryable = status in RETRYABLE_STATUSES


class KeyRefusedError(ApiError):
    """The service does not accept the key."""


class UnexpectedAnswerError(AimocapError):
    """The answer is not what the API promises."""

    retryable = True


class SourceFileError(AimocapError):
    """The video on disk cannot be read or changed under way."""


class TransferError(AimocapError):
    """A download did not arrive whole or cannot be written."""

    retryable = True


class UnusableResultError(TransferError):
    """A download is too big, or its content is not what it should be; it was thrown away."""


class TransferCanceledError(AimocapError):
    """The caller asked to stop."""

    def __init__(self) -> None:
        super().__init__("The transfer was stopped.")


def one_line(text: str) -> str:
    """Return a service's text as one line that can be shown and stored.

    It has no line breaks, no lone surrogates, nothing that steers a terminal or turns the direction of writing.
    """
    text = text[: 10 * _LONGEST_MESSAGE].encode("utf-8", "replace").decode()
    text = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE].rstrip() + "…"


def sentence_for(code: str | None, message: str | None) -> str:
    """Return what to tell a person about a failure with this code and the service's own text, if any."""
    if code in API_ERROR_SENTENCES:
        return API_ERROR_SENTENCES[code]
    if message:
        text = one_line(message)
        return text if text.endswith((".", "!", "?", "…", "。")) else text + "."
    if code:
        return (
            f"The service reported a failure ({one_line(code)}): try again, and write to support with this code if "
            "it stays."
        )
    return "The capture failed and the service gave no reason: try again, or try a shorter or clearer clip."


def find_code(text: str) -> str | None:
    """Return the first published code that occurs in `text`."""
    match = _CODE_PATTERN.search(text)
    return match.group(1) if match else None
