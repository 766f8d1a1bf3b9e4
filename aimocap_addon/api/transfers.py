# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving files: a video streamed from disk, a result streamed to a temporary name and renamed when whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from .answers import error_from_response
from .errors import SourceFileError, TransferCanceledError, TransferError

CHUNK_BYTES = 256 * 1024
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
    """Yield exactly `size` bytes of the file in chunks.

    Raises TransferCanceledError when asked to stop, SourceFileError if the file is shorter than `size`
    (it changed since it was measured) or cannot be read.
    """
    done = 0
    try:
        with path.open("rb") as stream:
            while done < size:
                if is_canceled():
                    raise TransferCanceledError
                chunk = stream.read(min(CHUNK_BYTES, size - done))
                if not chunk:
                    raise SourceFileError(f"“{path.name}” changed while it was being sent: capture it again.")
                yield chunk
                done += len(chunk)
                on_progress(done, size)
    except OSError as error:
        raise SourceFileError(
            f"“{path.name}” cannot be read ({error.strerror or error}): check the file and capture again."
        ) from error


def save_response(
    response: httpx.Response,
    destination: Path,
    on_progress: TransferProgress = ignore_progress,
    is_canceled: IsCanceled = never_canceled,
) -> None:
    """Write a streamed answer to `destination`, which appears only when every byte is there.

    Raises ApiError for a non-2xx answer, TransferError for a short body or a disk error,
    TransferCanceledError when asked to stop. Nothing is left behind but a whole file.
    """
    if not response.is_success:
        response.read()
        raise error_from_response(response, with_key=False)
    header = response.headers.get("Content-Length", "")
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    total = int(header) if header.isdecimal() and not encoded else None
    part = destination.with_name(destination.name + PART_SUFFIX)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            done = 0
            for chunk in response.iter_bytes(CHUNK_BYTES):
                if is_canceled():
                    raise TransferCanceledError
                stream.write(chunk)
                done += len(chunk)
                on_progress(done, total)
            stream.flush()
            os.fsync(stream.fileno())
        if done == 0 or (total is not None and done != total):
            raise TransferError("The result did not arrive whole: it is fetched again on the next try.")
        part.replace(destination)
    except OSError as error:
        raise TransferError(
            f"The result cannot be written to {destination.parent} ({error.strerror or error}): make room or choose "
            "another results folder, then retry."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the error under way counts more than one of tidying up
            part.unlink(missing_ok=True)
