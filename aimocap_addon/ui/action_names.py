# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the actions that captures make, after a template of the person."""

from __future__ import annotations

import string
import time

from ..jobs.record import CaptureRecord

DEFAULT = "{armature} {clip}"
_FIELDS = ("armature", "clip", "date", "type")
_LONGEST = 63  # bytes of a data block's name up to 4.5


def fault(template: str) -> str:
    """Return why the template cannot be used, as a sentence, or ""."""
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError:
        return "A brace is not closed: write parts of the name as {clip}."
    for _, name, form, conversion in parts:
        if name is not None and (name not in _FIELDS or form or conversion):
            return "A name can hold {armature}, {clip}, {date} and {type}: take out what else stands in braces."
    if not template.strip():
        return "The template is empty: write {armature} {clip}, for example."
    return ""


def action_name(template: str, record: CaptureRecord, armature: str) -> str:
    """Return the name of the action that a capture gives to an armature; a faulty template counts as the default."""
    values = {
        "armature": armature,
        "clip": record.request.title,
        "date": time.strftime("%Y-%m-%d", time.localtime(record.created_at)),
        "type": record.request.mocap_type.replace("_", " "),
    }
    name = (DEFAULT if fault(template) else template).format(**values).strip()
    return name.encode()[:_LONGEST].decode(errors="ignore") or DEFAULT.format(**values)
