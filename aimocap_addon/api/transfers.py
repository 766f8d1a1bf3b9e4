# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving files: a video streamed from disk, a result streamed to a temporary name and renamed when whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from .answers import error_from_response
from .errors import SourceFileError, TransferCanceledError, TransferError, UnexpectedAnswerError, UnusableResultError
from .results import FileKind

CHUNK_BYTES = 256 * 1024
_SMALLEST_CHUNK, _BIGGEST_CHUNK = 64 * 1024, 1024 * 1024  # of an upload: as the connection takes them
_QUICK_SEC, _SLOW_SEC = 0.05, 0.5
MAX_ANSWER_BYTES = 8 * 1024 * 1024  # of an answer that is no file; the service's own have some kilobytes
_MAX_ERROR_BYTES = 64 * 1024
_ERROR_SEC = 30.0
PART_SUFFIX = ".part"

# Called with (bytes done, bytes in all or None); called often, so it must be cheap.
TransferProgress = Callable[[int, int | None], None]
IsCanceled = Callable[[], bool]


def never_canceled() -> bool:
    """The default of the transfers' `is_canceled`."""
    return False


def ignore_progress(_done: int, _total: int | None) -> None:
    """The default of the transfers' `on_progress`."""


def read_video(path: Path, size: int, on_progress: TransferProgress, is_canceled: IsCanceled) -> Iterator[bytes]:
    """Yield exactly `size` bytes of the file in chunks, bigger ones where they go quickly.

    Raises TransferCanceledError when asked to stop, SourceFileError if the file is shorter than `size`
    (it changed since it was measured) or cannot be read.
    """
    done, length = 0, CHUNK_BYTES
    try:
        with path.open("rb", buffering=0) as stream:
            while done < size:
                if is_canceled():
                    raise TransferCanceledError
                chunk = stream.read(min(length, size - done))
                if not chunk:
                    raise SourceFileError(f"“{path.name}” changed while it was being sent: capture it again.")
                began = time.monotonic()
                yield chunk
                took = time.monotonic() - began
                if took < _QUICK_SEC:
                    length = min(2 * length, _BIGGEST_CHUNK)
                elif took > _SLOW_SEC:
                    length = max(length // 2, _SMALLEST_CHUNK)
                done += len(chunk)
                on_progress(done, size)
    except OSError as error:
        raise SourceFileError(
            f"“{path.name}” cannot be read ({error.strerror or error}): check the file and capture again."
        ) from error


def read_answer(response: httpx.Response, seconds: float) -> httpx.Response:
    """Return a streamed answer read to its end, of an error no more than its beginning.

    Raises UnexpectedAnswerError for a success that is longer than any answer of the API, httpx.ReadTimeout if it
    trickles in for longer than `seconds`.
    """
    until = time.monotonic() + seconds
    limit = MAX_ANSWER_BYTES if response.is_success else _MAX_ERROR_BYTES
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > limit:
            if response.is_success:
                raise UnexpectedAnswerError("The service's answer is far too long: check the base URL.")
            break
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer takes too long", request=response.request)
    framing = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.raw if name.lower().decode("latin-1") not in framing]
    return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=response.request)


def save_response(
    response: httpx.Response,
    destination: Path,
    kind: FileKind,
    on_progress: TransferProgress = ignore_progress,
    is_canceled: IsCanceled = never_canceled,
) -> None:
    """Write a streamed answer to `destination`, which appears only when every byte is there and `kind` accepts it.

    Raises ApiError for a non-2xx answer, TransferError for a short body or a disk error, UnusableResultError for
    content that is not what it should be, TransferCanceledError when asked to stop. Nothing is left behind but a
    whole file.
    """
    if not response.is_success:
        raise error_from_response(read_answer(response, _ERROR_SEC), with_key=False)
    total = _promised(response)
    part = destination.with_name(destination.name + PART_SUFFIX)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        if total is not None:
            _check_room(destination.parent, total, kind)
        with part.open("wb") as stream:
            done = 0
            for chunk in response.iter_bytes(CHUNK_BYTES):
                if is_canceled():
                    raise TransferCanceledError
                done += len(chunk)
                if done > kind.max_bytes:
                    raise _too_big(kind)
                stream.write(chunk)
                on_progress(done, total)
            stream.flush()
            os.fsync(stream.fileno())
        if done == 0 or (total is not None and done != total):
            raise TransferError("The result did not arrive whole: it is fetched again on the next try.")
        _check_content(part, kind)
        part.replace(destination)
        _flush_folder(destination.parent)
    except OSError as error:
        raise TransferError(
            f"The result cannot be written to {destination.parent} ({error.strerror or error}): make room or choose "
            "another results folder, then retry."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the error under way counts more than one of tidying up
            part.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Have a new name outlast a power cut; Windows has no such call and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _promised(response: httpx.Response) -> int | None:
    """Return how many bytes the body should have, as far as that is known."""
    header = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    return int(header) if header.isdecimal() and not encoded else None


def _check_room(folder: Path, size: int, kind: FileKind) -> None:
    if size > kind.max_bytes:
        raise _too_big(kind)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise TransferError(
            f"The result of {size / 1e6:.0f} MB does not fit in {folder}, where {free / 1e6:.0f} MB are free: make "
            "room, then retry."
        )


def _check_content(part: Path, kind: FileKind) -> None:
    try:
        kind.check(part)
    except (ValueError, MemoryError) as error:
        raise UnusableResultError(
            f"The service sent a result that cannot be used ({str(error) or 'it is too big'}): it was thrown away. "
            "Retry in a while, or write to the service's support."
        ) from error


def _too_big(kind: FileKind) -> UnusableResultError:
    return UnusableResultError(
        f"The service sent a result of more than {kind.max_bytes / 1e6:.0f} MB: it was thrown away. Retry in a while, "
        "or write to the service's support."
    )
