# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sends to support about a capture: enough to find its cause, and nothing that is secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from .record import CaptureRecord

_URL = re.compile(r"https?://[^\s\"'<>“”]+", re.IGNORECASE)
_BEARER = re.compile(r"(?i)(bearer\s+)\S+")
_HIDDEN = "…"


def diagnostics(
    record: CaptureRecord, versions: Mapping[str, str], secrets: Iterable[str], home: Path | None = None
) -> str:
    """Return lines of text about the capture, redacted; `versions` stand first, `home` is the person's own folder.

    Left out are the `secrets`, whatever follows "Bearer", user names, passwords and queries of URLs, the upload
    address, and where the home folder is.
    """
    request, failure = record.request, record.failure
    whole = "the whole video" if request.window_sec is None else f"{request.window_sec:.3f} s"
    facts = {
        **versions,
        "Service": request.service_url,
        "Capture ID": record.capture_id,
        "Job ID": record.job_id or "none",
        "Stage": f"{record.stage} at {record.progress:.0%}, change {record.revision}",
        "Begun": _time(record.created_at),
        "Changed": _time(record.updated_at),
        "Submitted": "yes" if record.submit_sent else "no",
        "Error": failure.sentence if failure is not None else "none",
        "Error code": (failure.code if failure is not None else None) or "none",
        "Can be retried": "yes" if record.can_go_on else "no",
        "Message": record.message or "none",
        "Video": f"{request.video}, {whole}",
        "Asked for": f"{request.mocap_type}, {request.export_fps} fps, {', '.join(request.targets)}",
        "Files": ", ".join(record.files.values()) or "none",
    }
    text = "\n".join(f"{name}: {value}" for name, value in facts.items())
    return redacted(text, secrets, home or Path.home())


def redacted(text: str, secrets: Iterable[str], home: Path) -> str:
    """Return the text without the secrets, without what URLs can hide, and with "~" for the home folder."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _URL.sub(lambda found: _plain(found.group()), text)
    text = _BEARER.sub(rf"\1{_HIDDEN}", text)
    for folder in {str(home), home.as_posix()} - {home.anchor, "/"}:
        text = re.sub(rf"{re.escape(folder)}(?=[\\/\s,:;]|$)", "~", text)
    return text


def _plain(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return _HIDDEN
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" + (f"?{_HIDDEN}" if parts.query or parts.fragment else "")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
