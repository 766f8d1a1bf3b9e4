# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: takes a capture from one stage to the next until it is ready, failed or stopped.

Every step is safe to repeat. The record is on disk before the request that it is about, so that a
capture found after a crash goes on without being paid for twice: a create whose answer was lost leaves
an unpaid draft, and complete-upload is never sent again before the service was asked for the status. A
submitted job is never given up for a new one, unless the service said that it ended.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from ..api.client import AimocapClient
from ..api.errors import (
    API_ERROR_SENTENCES,
    AimocapError,
    ApiError,
    ConnectionFailedError,
    KeyRefusedError,
    SourceFileError,
    TransferCanceledError,
    UnexpectedAnswerError,
    UnreachableError,
    UnusableResultError,
    sentence_for,
)
from ..api.models import JobOutput, JobPoll, JobResult, JobStatus
from ..api.results import PREVIEW_KIND, RESULT_KINDS
from .record import NO_JOB, CaptureRecord, Failure, Stage
from .source import check_source, fingerprint
from .store import CaptureStore, StoreError
from .translation import create_request, preview_name, result_name
from .waiting import CLOUD_PACE, Pace, StopSignal

EmitRecord = Callable[[CaptureRecord], None]

_GONE_JOB = frozenset({404, 410})
_GONE_UPLOAD = frozenset({400, 401, 403, 404, 410})  # 400: an expired token at some storages
_GONE_RESULT = frozenset({401, 403, 404, 409, 410})  # 409: not packed yet
_STATE_WRONG = frozenset({400, 404, 409, 410, 422})  # what services may say when the video has not arrived
_MAX_DRAFTS = 3
_MAX_UPLOADS = 2
_MAX_UNUSABLE = 3
_MAX_OUTPUTS = 16  # far more than there are targets
_MAX_WARNINGS, _MAX_MESSAGE = 4, 600
_DRAFTS_IN_A_ROW = 3  # after which a submitted job counts as not submitted
_NO_PLACE = "api_concurrency_limit_exceeded"
WAITS_FOR_A_PLACE = "Waits for a place: the service is at as many captures as your plan allows."
_PROGRESS_PERIOD = 0.1  # seconds between two progress reports


class CaptureEngine:
    """Runs one capture on the thread that calls `run`."""

    def __init__(
        self,
        store: CaptureStore,
        client: AimocapClient,
        emit: EmitRecord,
        stop: StopSignal,
        pace: Pace = CLOUD_PACE,
    ) -> None:
        self._store = store
        self._client = client
        self._emit = emit
        self._stop = stop
        self._pace = pace
        self._drafts = 0  # create requests that made a draft, or may have
        self._own_draft: str | None = None  # the job made in this run, whose state is known
        self._uploaded: str | None = None  # the job whose video has arrived in this run
        self._uploads = 0
        self._drafts_seen = 0  # polls in a row that tell a submitted job as a draft
        self._unusable = 0  # results that were thrown away
        self._latest: CaptureRecord | None = None
        self._last_report = 0.0
        self._started = time.monotonic()
        self._submitted: float | None = None  # when this run began to wait for the job

    def run(self, record: CaptureRecord) -> CaptureRecord:
        """Take the capture to a final stage and return it; every state on the way is stored and emitted.

        Where the store knows a later state of the capture, that one counts. A run that the stop signal
        interrupts returns the record at the stage it was at, and so does one of a capture that another thread
        or process is working on.
        """
        try:
            with self._store.claimed(record.capture_id) as ours:
                stored = self._store.load(record.capture_id)
                if stored is not None and (stored.revision > record.revision or not ours):
                    record = stored
                if not ours:
                    record = dataclasses.replace(record, message="This capture is worked on in another Blender.")
                    self._emit(record)
                    return record
                return self._run(record)
        except StoreError as error:
            failure = Failure(str(error), "store_unusable", retryable=True)
            failed = (self._latest or record).changed(stage=Stage.FAILED, failure=failure)
            self._emit(failed)
            return failed

    def _run(self, record: CaptureRecord) -> CaptureRecord:
        record = self._keep(record)
        self._started = time.monotonic()
        failing_since: float | None = None
        attempt = 0
        while not record.stage.is_final:
            if self._stop.is_set():
                return record if self._stop.interrupted else self._keep(record.moved_to(Stage.STOPPED))
            try:
                record = self._advance(record)
            except TransferCanceledError:
                continue
            except AimocapError as error:
                record = self._reload(record)
                if failing_since is None or error.code == _NO_PLACE:  # the service is well, only full
                    failing_since = time.monotonic()
                if not self._worth_repeating(record, error, time.monotonic() - failing_since):
                    # A job that was submitted may be charged: a retry has to go on with it.
                    retryable = error.retryable or record.submit_sent
                    return self._keep(record.failed(Failure(error.user_message, error.code, retryable)))
                if self._is_overdue(record):
                    return self._give_up(record)
                message = WAITS_FOR_A_PLACE if error.code == _NO_PLACE else error.user_message
                self._report(record.changed(message=message), at_once=True)
                if self._stop.rest(self._pause(record, attempt, error)):
                    attempt, failing_since = 0, None  # what failed before the machine slept says nothing of now
                else:
                    attempt += 1
            else:
                attempt, failing_since = 0, None
        return record

    def _advance(self, record: CaptureRecord) -> CaptureRecord:
        """Make one step; returns the stored record."""
        if record.stage is Stage.CREATED:
            return self._create(record)
        if record.stage is Stage.UPLOADING:
            return self._upload_and_submit(record)
        if record.stage is Stage.DOWNLOADING:
            return self._download(record)
        return self._follow(record)

    def _create(self, record: CaptureRecord) -> CaptureRecord:
        check_source(Path(record.request.video), record.request.fingerprint)
        self._drafts += 1
        try:
            created = self._client.create_job(create_request(record.request))
        except (ApiError, UnreachableError):
            self._drafts -= 1
            raise
        self._own_draft = created.job_id
        return self._keep(record.moved_to(Stage.UPLOADING, job_id=created.job_id, upload_url=created.upload_url))

    def _upload_and_submit(self, record: CaptureRecord) -> CaptureRecord:
        job_id, upload_url = record.job_id, record.upload_url
        if job_id is None or upload_url is None:
            return self._keep(record.moved_to(Stage.CREATED))
        if record.submit_sent or job_id != self._own_draft:
            try:
                status = self._client.poll(job_id).job.status
            except ApiError as error:
                return self._without_job(record, error)
            if status is not JobStatus.DRAFT:
                return self._keep(record.moved_to(Stage.ADMITTED, submit_sent=True))
        if self._uploaded != job_id:
            video = Path(record.request.video)
            before = check_source(video, record.request.fingerprint)
            try:
                self._client.upload(
                    upload_url,
                    video,
                    lambda done, total: self._report(record.changed(progress=done / total if total else 0.0)),
                    self._stop.is_set,
                )
            except ApiError as error:
                return self._new_draft(record, error, _GONE_UPLOAD)
            if fingerprint(video) != before:
                raise SourceFileError(f"“{video.name}” changed while it was being sent: capture it again.")
            self._uploaded = job_id
            self._uploads += 1
        if self._stop.is_set():  # the last moment at which stopping costs nothing
            raise TransferCanceledError
        since = record.waiting_since or time.time()
        record = self._keep(record.changed(submit_sent=True, waiting_since=since, progress=1.0))
        try:
            self._client.complete_upload(job_id)
        except ApiError as error:
            return self._after_refusal(record, job_id, error)
        return self._keep(record.moved_to(Stage.ADMITTED))

    def _after_refusal(self, record: CaptureRecord, job_id: str, error: ApiError) -> CaptureRecord:
        """Go on where the service refused complete-upload for no reason that it names to people."""
        if error.code in API_ERROR_SENTENCES or isinstance(error, KeyRefusedError) or error.status not in _STATE_WRONG:
            raise error
        if self._client.poll(job_id).job.status is not JobStatus.DRAFT:
            # An earlier complete-upload did arrive, whatever became of its answer.
            return self._keep(record.moved_to(Stage.ADMITTED))
        if self._uploads >= _MAX_UPLOADS:
            raise error
        # Something else than the service, such as a network that wants a log-in, may have answered to the upload.
        self._uploaded = None
        return record

    def _without_job(self, record: CaptureRecord, error: ApiError) -> CaptureRecord:
        """Go on when the status of an earlier job cannot be had."""
        if record.submit_sent and error.status in _GONE_JOB:
            sentence = (
                "The service does not know this capture any more, and it may have been charged: retry later to ask "
                "again, or see the account's history before capturing the clip anew."
            )
            return self._keep(record.failed(Failure(sentence, "job_unknown", retryable=True)))
        return self._new_draft(record, error, _GONE_JOB)

    def _new_draft(self, record: CaptureRecord, error: ApiError, gone: frozenset[int]) -> CaptureRecord:
        """Begin again when the draft or its upload address has expired, since it was never paid for."""
        if error.status not in gone or error.code in API_ERROR_SENTENCES or self._drafts >= _MAX_DRAFTS:
            raise error
        return self._keep(record.moved_to(Stage.CREATED, **NO_JOB))

    def _follow(self, record: CaptureRecord) -> CaptureRecord:
        """Poll once and wait until the next poll is due."""
        assert record.job_id is not None
        poll = self._client.poll(record.job_id)
        status = poll.job.status
        self._drafts_seen = self._drafts_seen + 1 if status is JobStatus.DRAFT else 0
        if self._drafts_seen >= _DRAFTS_IN_A_ROW:
            # What answered to complete-upload was not the service, so the step is made again.
            self._drafts_seen = 0
            return self._keep(record.moved_to(Stage.UPLOADING))
        if status is JobStatus.COMPLETED:
            return self._keep(record.moved_to(Stage.DOWNLOADING))
        if status is JobStatus.FAILED:
            sentence = sentence_for(poll.job.error_code, poll.job.error_message)
            return self._keep(record.failed(Failure(sentence, poll.job.error_code)))
        if status is JobStatus.CANCELED:
            return self._keep(
                record.failed(Failure("The service canceled the job: capture the clip again.", "canceled"))
            )
        if self._is_overdue(record):
            return self._give_up(record)
        stage = Stage.PROCESSING if status is JobStatus.PROCESSING else Stage.ADMITTED
        if stage is not record.stage:
            record = self._keep(record.moved_to(stage))
        record = self._with_progress(record, poll)
        self._report(record, at_once=True)
        if self._submitted is None:
            self._submitted = time.monotonic()
        self._stop.rest(self._pace.poll_pause(time.monotonic() - self._submitted))
        return record

    def _is_overdue(self, record: CaptureRecord) -> bool:
        """Whether the result is waited for too long, counted from when it was submitted: over restarts of Blender.

        Before that the run's own time counts. Asked after a request, so that a late start still brings the result.
        """
        since = record.waiting_since
        waited = time.monotonic() - self._started if since is None else time.time() - since
        return waited > self._pace.deadline

    def _give_up(self, record: CaptureRecord) -> CaptureRecord:
        sentence = (
            f"No result came within {self._pace.deadline / 3600:g} hours: retry to go on waiting for the same job, or "
            "let captures take longer in the preferences."
        )
        return self._keep(record.failed(Failure(sentence, "deadline", retryable=True)))

    @staticmethod
    def _with_progress(record: CaptureRecord, poll: JobPoll) -> CaptureRecord:
        progress = record.progress if poll.progress is None else poll.progress
        return record.changed(message=poll.message or "", progress=progress)

    def _download(self, record: CaptureRecord) -> CaptureRecord:
        assert record.job_id is not None
        result = self._result(record.job_id)
        wanted = list({output.target_id: output for output in result.outputs if output.url}.values())[:_MAX_OUTPUTS]
        if not wanted:
            sentence = "The service finished but delivered no file: retry in a while, or write to its support."
            return self._keep(record.failed(Failure(sentence, "no_output", retryable=True)))
        folder = self._store.results_folder(record.capture_id)
        for index, output in enumerate(wanted):
            if not self._is_on_disk(record, output):
                path = folder / result_name(record.request.title, output)
                kind = RESULT_KINDS[output.kind]
                share = self._share(record, index, len(wanted))
                self._client.download(str(output.url), path, kind, share, self._stop.is_set)
                files = {**record.files, output.target_id: str(path)}
                record = self._keep(record.changed(files=files, progress=(index + 1) / len(wanted)))
        record = self._fetch_preview(record, result.preview_video_url, folder)
        missing = [target for target in record.request.targets if target not in record.files]
        told = [f"The service delivered no file for {', '.join(missing)}."] if missing else []
        told += result.warnings[:_MAX_WARNINGS]
        return self._keep(record.moved_to(Stage.READY).changed(message=" ".join(told)[:_MAX_MESSAGE], progress=1.0))

    def _result(self, job_id: str) -> JobResult:
        """Ask for the result, which may stand in the poll's answer alone."""
        try:
            result = self._client.result(job_id)
        except ApiError as error:
            if error.status not in _GONE_RESULT or isinstance(error, KeyRefusedError):
                raise
            polled = self._client.poll(job_id).result
            if polled is None:
                raise
            return polled
        if any(output.url for output in result.outputs):
            return result
        return self._client.poll(job_id).result or result

    def _share(self, record: CaptureRecord, index: int, count: int) -> Callable[[int, int | None], None]:
        def report(done: int, total: int | None) -> None:
            self._report(record.changed(progress=(index + (done / total if total else 0.5)) / count))

        return report

    def _fetch_preview(self, record: CaptureRecord, url: str | None, folder: Path) -> CaptureRecord:
        """Fetch the preview video if there is one; the motion is what counts, so its absence is no failure."""
        if url is None or record.preview is not None:
            return record
        path = folder / preview_name(record.request.title)
        try:
            self._client.download(url, path, PREVIEW_KIND, is_canceled=self._stop.is_set)
        except TransferCanceledError:
            raise
        except AimocapError:
            return record
        return record.changed(preview=str(path))

    @staticmethod
    def _is_on_disk(record: CaptureRecord, output: JobOutput) -> bool:
        path = record.files.get(output.target_id)
        return path is not None and Path(path).is_file()

    def _worth_repeating(self, record: CaptureRecord, error: AimocapError, failing_for: float) -> bool:
        if error.code == _NO_PLACE:
            return True  # a place becomes free by itself; the deadline still holds
        if isinstance(error, UnreachableError) and not (record.stage is Stage.CREATED and self._pace.fail_fast):
            return failing_for < self._pace.give_up_offline
        if record.stage is Stage.CREATED:
            if isinstance(error, UnreachableError | UnexpectedAnswerError):
                return False  # most likely a wrong address, and nothing is under way yet: better say so at once
            if isinstance(error, ConnectionFailedError) and self._drafts >= _MAX_DRAFTS:
                return False
        retryable = error.retryable
        if isinstance(error, ApiError) and not isinstance(error, KeyRefusedError) and record.stage is Stage.DOWNLOADING:
            # An expired download address: the next attempt asks for a fresh one.
            retryable = retryable or error.status in _GONE_RESULT
        if isinstance(error, ApiError) and 300 <= error.status < 400:
            retryable = record.submit_sent  # a network that wants a log-in, since the service was there before
        if isinstance(error, UnusableResultError):
            self._unusable += 1
            retryable = self._unusable < _MAX_UNUSABLE
        return retryable and failing_for < self._pace.give_up_after

    def _pause(self, record: CaptureRecord, attempt: int, error: AimocapError) -> float:
        """Seconds to wait: exponential back-off with jitter, or longer if the service asks for more.

        Once submitted, the service is not asked more often than a poll would: it may still be at work on a
        complete-upload whose answer was lost.
        """
        pause = self._pace.backoff(attempt)
        if record.submit_sent:
            pause = max(pause, self._pace.poll_interval)
        asked = error.retry_after if isinstance(error, ApiError) else None
        return min(max(pause, asked or 0.0), self._pace.deadline)

    def _keep(self, record: CaptureRecord) -> CaptureRecord:
        self._latest = record
        self._store.save(record)
        self._emit(record)
        return record

    def _reload(self, record: CaptureRecord) -> CaptureRecord:
        """Return what the interrupted step had stored last."""
        return self._store.load(record.capture_id) or record

    def _report(self, record: CaptureRecord, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._last_report >= _PROGRESS_PERIOD:
            self._last_report = now
            self._emit(record)
