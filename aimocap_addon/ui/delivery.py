# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of captures without a person asking: found ones go on, ready ones reach the file they came from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..jobs.reading import Reading
from ..jobs.record import CaptureRecord, Stage
from ..jobs.store import StoreError
from .addon import CaptureError
from .bind_options import stored_options
from .capture_flow import usable_service
from .origin import belongs_here
from .session import session

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import WmReportItems

    Report = tuple[set[WmReportItems], str]


def resume_found(context: bpy.types.Context, reading: Reading | None = None) -> int:
    """Go on with the captures that no Blender is at, if the service may be used; returns how many.

    Raises StoreError.
    """
    current = session()
    reading = reading or current.read()
    pending = [record for record in current.pending(reading) if not record.stage.is_final]
    found = [record for record in pending if record.capture_id not in reading.claimed]
    if not found:
        return 0
    try:
        service = usable_service(context)
    except CaptureError:
        return 0  # the panel says what is missing
    resumed = 0
    for record in found:
        if record.request.service_url == service.base_url:
            current.start(record, service, found=True)
            resumed += 1
    return resumed


def deliverable(reading: Reading | None = None) -> list[CaptureRecord]:
    """Return the ready captures that wait for the file that is open; raises StoreError."""
    return [record for record in session().pending(reading) if record.stage is Stage.READY and belongs_here(record)]


def conclude(record: CaptureRecord) -> Report:
    """Bring in the motion of a finished capture, once and as one undo step, or say why there is none here."""
    title = record.request.title
    if record.stage is Stage.FAILED and record.failure is not None:
        return {"ERROR"}, f"“{title}”: {record.failure.sentence}"
    if record.stage is Stage.STOPPED:
        return {"INFO"}, f"“{title}” was stopped."
    if not belongs_here(record):
        return {"INFO"}, f"“{title}” is ready. {_where(record)}"
    return _deliver(record)


def _deliver(record: CaptureRecord) -> Report:
    title = record.request.title
    try:
        if session().take_delivery(record.capture_id) is None:
            sentence = f"“{title}” was brought in by another Blender: import it from the AIMoCap panel to have it here."
            return {"INFO"}, sentence
        _import(record)
    except StoreError as error:
        return {"ERROR"}, str(error)
    except RuntimeError as error:  # the operator's own report
        return {"ERROR"}, str(error).partition(": ")[2].strip()  # before that stands “Error”, in the person's language
    if record.message:  # what was asked for and did not come
        return {"WARNING"}, f"“{title}” is captured. {record.message}"
    return {"INFO"}, f"“{title}” is captured."


def _where(record: CaptureRecord) -> str:
    name = Path(record.request.placement.blend_file).name
    if not name:
        return "It was begun in a file that is not open: import it from the AIMoCap panel."
    return f"It is brought in when {name} is opened; to have it here, import it from the AIMoCap panel."


def _import(record: CaptureRecord) -> None:
    """Raises RuntimeError."""
    options = dataclasses.asdict(stored_options(record.request.placement.options))
    bring_in = bpy.ops.aimocap.import_capture  # type: ignore[attr-defined]
    bring_in("EXEC_DEFAULT", True, capture_id=record.capture_id, **options)
