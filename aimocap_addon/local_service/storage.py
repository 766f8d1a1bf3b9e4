# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the service: uploaded videos, work in progress, results, all under one data folder.

uploads/JOB/TOKEN/NAME   a video; the job's row says which upload counts
uploads/JOB/*.part       a video on its way in
work/JOB/TOKEN/          what a worker writes in one attempt
results/JOB/NAME         what is delivered
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path

from .errors import CannotStartError

DISK_RESERVE_BYTES = 512 * 1024 * 1024
_MAX_NAME = 100


def open_data_folder(folder: Path) -> Path:
    """Make the data folder if need be, readable by its owner alone; returns its absolute path.

    Raises CannotStartError if nothing can be written there.
    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStartError(
            f"The data folder {folder} cannot be written ({error.strerror}): choose another with --data."
        ) from error
    return folder


class Storage:
    """Where each file of a job is. So many bytes of the disk are left for results, the database and others."""

    def __init__(self, data: Path, reserve_bytes: int = DISK_RESERVE_BYTES) -> None:
        self._data = data
        self._reserve_bytes = reserve_bytes
        self._uploads = data / "uploads"
        self._work = data / "work"
        self._results = data / "results"

    def clean(self) -> None:
        """Remove work and uploads that were not finished. Call only while no other service uses the folder."""
        shutil.rmtree(self._work, ignore_errors=True)
        for part in self._uploads.glob("*/*.part"):
            part.unlink(missing_ok=True)

    def require_space(self, size: int) -> None:
        """Raise OSError (ENOSPC) unless the disk has room for so many bytes beside the reserve."""
        if shutil.disk_usage(self._data).free < size + self._reserve_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def source_key(self, job_id: str) -> str:
        """Return the name under which a job's video is stored, as the API tells it."""
        return f"uploads/{job_id}"

    def new_part(self, job_id: str) -> Path:
        """Return a path to stream an upload to."""
        folder = self._uploads / job_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{secrets.token_hex(8)}.part"

    def keep_part(self, part: Path, filename: str) -> str:
        """Make a whole upload a job's video; returns what the job's row remembers, see `source_path`."""
        folder = part.with_suffix("")
        folder.mkdir()
        part.replace(folder / _safe_name(filename))
        _sync_folder(folder)
        _sync_folder(folder.parent)
        return f"{folder.name}/{_safe_name(filename)}"

    def source_path(self, job_id: str, source_file: str) -> Path:
        """Return the path of a job's video."""
        return self._uploads / job_id / source_file

    def discard_source(self, job_id: str, source_file: str) -> None:
        """Remove one upload of a job."""
        shutil.rmtree(self.source_path(job_id, source_file).parent, ignore_errors=True)

    def discard_sources(self, job_id: str) -> None:
        """Remove all uploads of a job."""
        shutil.rmtree(self._uploads / job_id, ignore_errors=True)

    def keep_only_source(self, job_id: str, source_file: str | None) -> None:
        """Remove all uploads of a job but the one that its row remembers, if it does."""
        if source_file is None:
            self.discard_sources(job_id)
            return
        kept = self.source_path(job_id, source_file).parent
        for upload in (self._uploads / job_id).iterdir():
            if upload != kept:
                shutil.rmtree(upload, ignore_errors=True)

    def jobs_with_sources(self) -> set[str]:
        """Return the ids of the jobs that have a folder for uploads."""
        return _names(self._uploads)

    def jobs_with_results(self) -> set[str]:
        """Return the ids of the jobs that have a folder of results."""
        return _names(self._results)

    def new_work(self, job_id: str) -> Path:
        """Return a new, empty folder for a worker to write to.

        It is this attempt's own: a worker elsewhere may not have noticed yet that an earlier one is over.
        """
        folder = self._work / job_id / secrets.token_hex(8)
        folder.mkdir(parents=True)
        return folder

    def discard_work(self, job_id: str) -> None:
        """Remove a job's work folders."""
        shutil.rmtree(self._work / job_id, ignore_errors=True)

    def discard_results(self, job_id: str) -> None:
        """Remove what a job delivered."""
        shutil.rmtree(self._results / job_id, ignore_errors=True)

    def keep_result(self, made: Path, job_id: str) -> str:
        """Make a worker's file a result; returns its file name, see `result_path`."""
        destination = self.result_path(job_id, made.name)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        made.replace(destination)
        _sync_folder(destination.parent)
        return made.name

    def result_path(self, job_id: str, filename: str) -> Path:
        """Return the path of a result."""
        return self._results / job_id / filename


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()


def _sync_folder(folder: Path) -> None:
    """Make sure that a file's new name outlives a power cut; only POSIX opens folders."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _safe_name(filename: str) -> str:
    """Return a file name for any system, still known to whoever sent it: it appears in messages."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", filename)[-1]).lstrip("._-")
    return name[-_MAX_NAME:] or "video"
