# SPDX-License-Identifier: GPL-3.0-or-later
"""The video on disk: whether it is still the one that the person chose."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..api.errors import SourceFileError

_END_BYTES = 64 * 1024


def fingerprint(video: Path) -> str:
    """Return what tells this content from another: size, time of change, and a hash of both ends of the file.

    Quick for any size. Raises SourceFileError if the file is gone, empty or cannot be read.
    """
    try:
        with video.open("rb") as stream:
            state = video.stat()
            digest = hashlib.sha256(stream.read(_END_BYTES))
            if state.st_size > _END_BYTES:
                stream.seek(max(_END_BYTES, state.st_size - _END_BYTES))
                digest.update(stream.read(_END_BYTES))
    except FileNotFoundError as error:
        raise SourceFileError(f"The video {video} is not there any more: choose it again.") from error
    except OSError as error:
        raise SourceFileError(
            f"The video {video} cannot be read ({error.strerror or error}): check the file and capture again."
        ) from error
    if state.st_size == 0:
        raise SourceFileError(f"The video {video} is empty: choose another one.")
    return f"{state.st_size}:{state.st_mtime_ns}:{digest.hexdigest()}"


def check_source(video: Path, expected: str = "") -> str:
    """Return the video's fingerprint; raises SourceFileError if it is no longer what `expected` tells of, if given.

    A file that was only touched or copied, with the same size and ends, counts as the same.
    """
    found = fingerprint(video)
    if expected and content(found) != content(expected):
        raise SourceFileError(f"The video {video} has changed since the capture began: capture it again.")
    return found


def content(fingerprint: str) -> tuple[str, str]:
    """Return the part of a fingerprint that tells of the content alone, not of when it was written."""
    size, _, digest = fingerprint.split(":")
    return size, digest
