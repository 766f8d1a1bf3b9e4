# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking in a video: streamed to disk in pieces, never held in memory, kept only when whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

from starlette.requests import ClientDisconnect, Request

from . import admission, bodies, jobs
from .database import ApiKey, Database
from .errors import RequestRefusedError
from .storage import Storage

# An upload that is refused for its size is read on (and thrown away) for so long: a client that is still
# sending when the connection closes would see a broken connection instead of the reason.
_READ_ON_SEC = 30.0
_CHECK_SPACE_BYTES = 16 * 1024 * 1024


async def receive_video(request: Request, database: Database, storage: Storage, job_id: str, idle_sec: float) -> None:
    """Make the request's body the video of a draft; raises RequestRefusedError, and then keeps nothing.

    A body that stops arriving for `idle_sec` is refused.
    """
    bodies.check_content_type(
        request, lambda kind: kind.startswith("video/") or kind == "application/octet-stream", "video/mp4"
    )
    limit, filename = await asyncio.to_thread(_expected, database, job_id)
    part = storage.new_part(job_id)
    try:
        size = await _stream_to(request, storage, part, limit, idle_sec)
        if size > limit:
            raise await asyncio.to_thread(_refuse_size, database, storage, job_id, size)
        if not size:
            raise RequestRefusedError(
                HTTPStatus.BAD_REQUEST, "upload_empty", "The upload has no bytes: send the video's content."
            )
        await asyncio.to_thread(_keep, database, storage, job_id, part, filename)
    except ClientDisconnect as error:
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST, "upload_interrupted", "The upload broke off: send the video again."
        ) from error
    except OSError as error:
        raise RequestRefusedError(
            HTTPStatus.INSUFFICIENT_STORAGE,
            "upload_not_stored",
            f"The service cannot store the video ({error.strerror}): make room in its data folder and send it again.",
        ) from error
    finally:
        part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            part.parent.rmdir()  # unless an upload of the job is kept there


async def _stream_to(request: Request, storage: Storage, part: Path, limit: int, idle_sec: float) -> int:
    """Write the body to `part`; returns its size, or some size over `limit` once it is known to be over."""
    chunks = bodies.pieces(request, idle_sec)
    length = request.headers.get("Content-Length", "")
    declared = int(length) if length.isdigit() else 0
    if declared > limit:
        await _read_on(chunks)
        return declared
    size = checked = 0
    try:
        await asyncio.to_thread(storage.require_space, declared)
        with part.open("wb") as stream:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    break
                await asyncio.to_thread(stream.write, chunk)
                if size - checked > _CHECK_SPACE_BYTES:
                    checked = size
                    await asyncio.to_thread(storage.require_space, max(declared - size, 0))
            stream.flush()
            await asyncio.to_thread(os.fsync, stream.fileno())
    except OSError:
        await _read_on(chunks)
        raise
    if size > limit:
        await _read_on(chunks)
    return size


async def _read_on(chunks: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_READ_ON_SEC):
            async for _ in chunks:
                pass


def _expected(database: Database, job_id: str) -> tuple[int, str]:
    """Return the size limit in bytes and the file name of a draft's video."""
    with database.read() as session:
        job = jobs.find_draft(session, job_id)
        return session.get_one(ApiKey, job.key_id).plan.max_file_bytes, job.source_filename


def _refuse_size(database: Database, storage: Storage, job_id: str, size: int) -> RequestRefusedError:
    """Fail the draft for its video's size; returns the refusal."""
    with database.write() as session:
        job = jobs.find_draft(session, job_id)
        try:
            admission.check_file_size(session.get_one(ApiKey, job.key_id), size)
        except RequestRefusedError as refusal:
            jobs.fail(session, job, refusal.code, refusal.message)
            return refusal
    raise AssertionError("only called for a size over the limit")


def _keep(database: Database, storage: Storage, job_id: str, part: Path, filename: str) -> None:
    source_file = storage.keep_part(part, filename)
    try:
        with database.write() as session:
            replaced = jobs.attach_source(session, job_id, source_file)
    except BaseException:
        storage.discard_source(job_id, source_file)
        raise
    if replaced is not None:
        storage.discard_source(job_id, replaced)
