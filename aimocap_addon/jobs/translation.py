# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture in the API's terms, and the API's files under names of ours."""

from __future__ import annotations

import re
from pathlib import Path

from ..api.models import CreateJobRequest, JobOutput, MocapType, ResultType
from .record import CaptureRequest

_LONGEST_STEM = 50  # characters of up to 4 bytes, in a name of at most 255 bytes
_RESERVED_NAMES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in range(10))}


def create_request(request: CaptureRequest) -> CreateJobRequest:
    """Translate a capture into the API's create body; what equals the API's default is left out."""
    return CreateJobRequest(
        title=_readable(request.title),
        source_filename=_readable(Path(request.video).name),
        source_duration_sec=request.duration_sec,
        trim_start_sec=request.trim_start_sec,
        trim_end_sec=request.trim_end_sec,
        export_fps=request.export_fps,
        mocap_type=None if request.mocap_type == MocapType.FULL_BODY else request.mocap_type,
        target_ids=list(request.targets),
    )


def _readable(text: str) -> str:
    """Return the text without the surrogates that stand for bytes of a file name that are no Unicode text."""
    return text.encode("utf-8", "replace").decode()


def _safe_stem(title: str) -> str:
    """Return the title as a file name without extension that every system takes."""
    stem = re.sub(r"[^\w\- ]+", "_", title)[:_LONGEST_STEM].strip(" _") or "capture"
    return f"{stem}_" if stem.upper() in _RESERVED_NAMES else stem


def result_name(title: str, output: JobOutput) -> str:
    """Return the file name for an output: ours, never one that the service chose."""
    stem = _safe_stem(title)
    if output.kind is ResultType.ROBOT_MOTION_JSON:
        return f"{stem}_{_safe_stem(output.target_id)}.json"
    return f"{stem}.fbx" if output.target_id == "default" else f"{stem}_{_safe_stem(output.target_id)}.fbx"


def preview_name(title: str) -> str:
    """Return the file name for the preview video."""
    return f"{_safe_stem(title)}_preview.mp4"
