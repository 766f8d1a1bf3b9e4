# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading request bodies from clients that may be slow, send too much or send something else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .errors import RequestRefusedError

# A body of which nothing arrives for so long is given up. Generous: a laptop's wireless link may pause.
IDLE_SEC = 60.0
_MAX_JSON_BYTES = 64 * 1024


async def pieces(request: Request, idle_sec: float) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; raises RequestRefusedError (408) when nothing came for `idle_sec`."""
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(idle_sec):
                piece = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise RequestRefusedError(
                HTTPStatus.REQUEST_TIMEOUT,
                "request_timeout",
                f"Nothing arrived for {idle_sec:g} seconds: check the connection and send the request again.",
            ) from error
        yield piece


async def read_json(request: Request, idle_sec: float) -> Any:
    """Return the body as JSON; raises RequestRefusedError (400, 408, 413, 415)."""
    check_content_type(request, lambda kind: kind == "application/json" or kind.endswith("+json"), "application/json")
    body = bytearray()
    try:
        async for piece in pieces(request, idle_sec):
            body += piece
            if len(body) > _MAX_JSON_BYTES:
                raise RequestRefusedError(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    "request_invalid",
                    "The body is too large for a create call: the video goes to the uploadUrl of the answer.",
                )
        return json.loads(body)
    except (ValueError, RecursionError, ClientDisconnect) as error:
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST, "request_invalid", "The body is not JSON that can be read: send a JSON object."
        ) from error


def check_content_type(request: Request, is_right: Callable[[str], bool], right: str) -> None:
    """Raise RequestRefusedError (415) for a body of a kind that is named and not right; no name is no lie."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not is_right(kind):
        raise RequestRefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_type_unsupported",
            f"A body of this kind is not taken here: send it with the header “Content-Type: {right}”.",
        )
