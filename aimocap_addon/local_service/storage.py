# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the service: uploaded videos, work in progress, results, all under one data folder.

uploads/JOB/TOKEN/NAME   a video; the job's row says which upload counts
uploads/JOB/*.part       a video on its way in
work/JOB/                what a worker writes
results/JOB/NAME         what is delivered
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from pathlib import Path

from .errors import CannotStartError

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
    """Where each file of a job is."""

    def __init__(self, data: Path) -> None:
        self._uploads = data / "uploads"
        self._work = data / "work"
        self._results = data / "results"

    def clean(self) -> None:
        """Remove what an earlier run left half-done. Call only while no other service uses the folder."""
        shutil.rmtree(self._work, ignore_errors=True)
        for part in self._uploads.glob("*/*.part"):
            part.unlink(missing_ok=True)

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

    def new_work(self, job_id: str) -> Path:
        """Return an empty folder for a worker to write to."""
        folder = self._work / job_id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def discard_work(self, job_id: str) -> None:
        """Remove a job's work folder."""
        shutil.rmtree(self._work / job_id, ignore_errors=True)

    def keep_result(self, made: Path, job_id: str) -> str:
        """Make a worker's file a result; returns its file name, see `result_path`."""
        destination = self.result_path(job_id, made.name)
        destination.parent.mkdir(parents=True, exist_ok=True)
        with made.open("rb") as stream:
            os.fsync(stream.fileno())
        made.replace(destination)
        return made.name

    def result_path(self, job_id: str, filename: str) -> Path:
        """Return the path of a result."""
        return self._results / job_id / filename


def _safe_name(filename: str) -> str:
    """Return a file name for any system, still known to whoever sent it: it appears in messages."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", re.split(r"[/\\]", filename)[-1]).lstrip("._-")
    return name[-_MAX_NAME:] or "video"
