# SPDX-License-Identifier: GPL-3.0-or-later
"""`aimocap batch`: the captures of a manifest, several at once, and at every run those that are not done yet.

All rows are checked in their files before anything is sent. Their captures then run side by side, as many as the
service takes, and each row's file is opened again, given its motion and saved as soon as its capture is ready.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy

from ...jobs.batch import BatchReport, RowReport, RowState, batch_capture_id, state_of
from ...jobs.record import CaptureRecord, Stage
from ...scene.blend_file import is_whole
from ..addon import Service
from ..capture_flow import finish, usable_service
from ..progress import ProgressPrinter
from ..session import session
from .capture import ERRORS, begin_capture, check_place, fail, open_file, save_file, tell
from .manifest import ManifestError, Row, read_manifest

_REFUSED = 2
_LOOK_INTERVAL = 0.1  # seconds between two looks at what the workers report


@dataclass(frozen=True)
class _Task:
    """A row that is not done, with its capture as it was checked in the row's file."""

    row: Row
    record: CaptureRecord

    @property
    def capture_id(self) -> str:
        return self.record.capture_id


def run(arguments: argparse.Namespace) -> int:
    """Take the manifest's rows as far as they go and return the exit status."""
    manifest = Path(arguments.manifest).absolute()
    report_path = Path(arguments.report).absolute() if arguments.report else None
    try:
        if report_path is not None:
            check_place(report_path)
        rows = read_manifest(manifest, consent=arguments.consent)
        service = usable_service(bpy.context, consent=arguments.consent)
        done = [row for row in rows if is_whole(row.output)]
        tasks = _checked([row for row in rows if row not in done], manifest)
    except ManifestError as error:
        for sentence in error.sentences:
            fail(sentence)
        return fail("Nothing was sent: mend the manifest and run the batch again.", _REFUSED)
    except ERRORS as error:
        return fail(str(error), _REFUSED)
    report = BatchReport(
        report_path, manifest, [RowReport(row.number, row.arguments.video, str(row.output)) for row in rows]
    )
    for row in done:
        report.change(row.number, state=RowState.DONE, sentence=f"{row.output} is there already.")
    captures = {task.capture_id: task.record.request.window_sec or 0.0 for task in tasks}
    tell(
        f"{len(rows)} rows, {len(done)} done before, {len(captures)} captures of {sum(captures.values()):.1f} s to make"
    )
    return 0 if arguments.check else _Batch(tasks, report).run(service)


def _checked(rows: Iterable[Row], manifest: Path) -> list[_Task]:
    """Check each row in its file; raises ManifestError with all that is wrong. Nothing is sent or stored."""
    tasks, sentences = [], []
    opened: str | None = None
    for row in rows:
        try:
            check_place(row.output)
            if row.blend != opened:  # nothing changes in a file here, so rows of one file need it opened once
                opened = None
                open_file(row.blend)
                opened = row.blend
            record, _service = begin_capture(row.arguments)
        except ERRORS as error:
            sentences.append(f"Row {row.number} of {manifest.name}: {error}")
        else:
            known_as = batch_capture_id(manifest, record.request)
            tasks.append(_Task(row, dataclasses.replace(record, capture_id=known_as)))
    if sentences:
        raise ManifestError(sentences)
    return tasks


class _Batch:
    """One run over the rows that are not done."""

    def __init__(self, tasks: Sequence[_Task], report: BatchReport) -> None:
        self._waiting = list(tasks)
        self._report = report
        self._printers = {
            task.capture_id: ProgressPrinter(prefix=f"Row {task.row.number}: ") for task in reversed(tasks)
        }
        self._is_kept = True

    def run(self, service: Service) -> int:
        """Capture, bind and save what is missing; returns the exit status."""
        self._write()
        for task in list(self._waiting):
            self._start(task, service)
        while self._waiting:
            running = [task for task in self._waiting if session().is_running(task.capture_id)]
            while changed := session().pump():  # all that the ended workers said, before what they left is looked at
                for record in changed:
                    self._printers.get(record.capture_id, lambda _record: None)(record)
            ended = [task for task in self._waiting if task not in running]
            if not ended:
                time.sleep(_LOOK_INTERVAL)
                continue
            self._conclude(ended[0], session().records[ended[0].capture_id])
        report = self._report
        counts = [f"{report.count(state)} {state}" for state in (RowState.DONE, RowState.FAILED, RowState.UNFINISHED)]
        tell(", ".join(counts))
        if report.count(RowState.UNFINISHED):
            tell("Run the batch again to go on with what is unfinished: it is not charged again")
        return (report.exit_code or 0) if self._is_kept else 1

    def _start(self, task: _Task, service: Service) -> None:
        """Begin the row's capture, or go on with the one that an earlier run began."""
        current, store = session(), session().store()
        try:
            known = store.load(task.capture_id)
            if known is not None and known.stage is Stage.READY:
                if all(Path(path).is_file() for path in known.files.values()):
                    current.records[known.capture_id] = known
                    return
                store.remove(known.capture_id)  # somebody deleted its files
                known = None
            record = known or task.record
            if record.stage.is_final:
                record = record.resumed()
            current.start(record, service)
            self._note(task, record, state=RowState.RUNNING)
        except ERRORS as error:
            self._end(task, task.record, RowState.UNFINISHED, str(error))

    def _conclude(self, task: _Task, record: CaptureRecord) -> None:
        """Give the row's file its motion and save it, or note why not."""
        row = task.row
        # The capture may have been begun by another run or for another row: where it goes is this row's own matter.
        request = dataclasses.replace(record.request, placement=task.record.request.placement)
        try:
            if record.stage is Stage.READY:
                open_file(row.blend)
            sentence = finish(bpy.context, dataclasses.replace(record, request=request))
            save_file(row.output)
        except ERRORS as error:
            self._end(task, record, state_of(record), str(error))
        else:
            self._end(task, record, RowState.DONE, sentence)

    def _end(self, task: _Task, record: CaptureRecord, state: RowState, sentence: str) -> None:
        self._waiting.remove(task)
        self._note(task, record, state=state, sentence=sentence)
        if state is RowState.DONE:
            tell(f"Row {task.row.number}: {sentence} Saved as {task.row.output}")
        else:
            fail(f"Row {task.row.number}: {sentence}")

    def _note(self, task: _Task, record: CaptureRecord, **changes: object) -> None:
        self._report.change(task.row.number, record, **changes)
        self._write()

    def _write(self) -> None:
        try:
            self._report.write()
        except OSError as error:
            if self._is_kept:
                fail(f"The report cannot be written ({error}): check free space and permissions. The batch goes on.")
            self._is_kept = False
