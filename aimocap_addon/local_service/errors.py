# SPDX-License-Identifier: GPL-3.0-or-later
"""The two ways in which the service says no: to a request, and to whoever starts it."""

from __future__ import annotations

from http import HTTPStatus


class RequestRefusedError(Exception):
    """A request cannot be served; the message is one sentence that says what is wrong and what to do."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class CannotStartError(Exception):
    """A command cannot do its work; the message is the sentence printed before it ends with status 1."""
