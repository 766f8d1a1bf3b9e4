# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about one capture, as plain data that survives a restart. It never holds a key."""

from __future__ import annotations

import dataclasses
import json
import time
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

CHARACTER_TARGET = "default"
ROBOT_TARGET = "unitree_g1"


class Stage(StrEnum):
    """Where a capture stands."""

    CREATED = "created"  # recorded here, nothing sent yet
    UPLOADING = "uploading"  # a draft exists at the service
    ADMITTED = "admitted"  # submitted, waits in the service's queue
    PROCESSING = "processing"  # the service is solving
    DOWNLOADING = "downloading"  # solved, files are on their way
    READY = "ready"  # files are on disk
    FAILED = "failed"
    STOPPED = "stopped"  # a person stopped waiting

    @property
    def is_final(self) -> bool:
        return self in (Stage.READY, Stage.FAILED, Stage.STOPPED)


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.CREATED: frozenset({Stage.UPLOADING, Stage.FAILED, Stage.STOPPED}),
    # Back to created when the upload address has expired: a new draft is needed.
    Stage.UPLOADING: frozenset({Stage.CREATED, Stage.ADMITTED, Stage.FAILED, Stage.STOPPED}),
    # Back to uploading when the service tells the job as a draft still.
    Stage.ADMITTED: frozenset({Stage.UPLOADING, Stage.PROCESSING, Stage.DOWNLOADING, Stage.FAILED, Stage.STOPPED}),
    Stage.PROCESSING: frozenset({Stage.ADMITTED, Stage.DOWNLOADING, Stage.FAILED, Stage.STOPPED}),
    Stage.DOWNLOADING: frozenset({Stage.READY, Stage.FAILED, Stage.STOPPED}),
    Stage.READY: frozenset(),
    # Retry and resume go on with the same job where there is one, otherwise from the start.
    Stage.FAILED: frozenset({Stage.CREATED, Stage.UPLOADING}),
    Stage.STOPPED: frozenset({Stage.CREATED, Stage.UPLOADING}),
}
"""The state machine: which stage may follow which."""


NO_JOB = {"job_id": None, "upload_url": None, "submit_sent": False, "waiting_since": None}
"""What a record has of a job before there is one."""


class IllegalTransitionError(Exception):
    """A stage was to follow one that it cannot follow: a fault in the program, not in the input."""


@dataclass(frozen=True)
class Placement:
    """Where the motion belongs in Blender: re-resolved by name when it arrives.

    `blend_file` is the path of the file, empty for one that was not saved yet; `file_id` is the same for all that
    was begun in one file, and is saved with it. `frame_start` is the scene frame of the motion's first frame,
    `frames_per_second` the scene frames that one second of video takes (the scene's rate, unless the strip itself
    plays slower or faster). `more_armatures` receive the motion along with `armature`. `options` says how the motion
    is bound, by the names of `scene.binding.BindOptions`; what it leaves out takes its default.
    """

    frame_start: float
    frames_per_second: float
    armature: str = ""
    blend_file: str = ""
    file_id: str = ""
    scene: str = ""
    options: dict[str, str | float | bool] = field(default_factory=dict)
    more_armatures: tuple[str, ...] = ()


@dataclass(frozen=True)
class CaptureRequest:
    """What is asked for. Times are seconds of the video file; None means the file's own start or end."""

    video: str
    title: str
    service_url: str
    fingerprint: str = ""  # of the video as it was chosen; empty: not known
    duration_sec: float | None = None
    trim_start_sec: float | None = None
    trim_end_sec: float | None = None
    export_fps: int = 30
    mocap_type: str = "full_body"
    targets: tuple[str, ...] = (CHARACTER_TARGET,)
    placement: Placement = field(default_factory=lambda: Placement(1.0, 30.0))

    @property
    def window_sec(self) -> float | None:
        """Length of the window in seconds, as far as known."""
        end = self.trim_end_sec if self.trim_end_sec is not None else self.duration_sec
        return None if end is None else max(0.0, end - (self.trim_start_sec or 0.0))


@dataclass(frozen=True)
class Failure:
    """Why a capture failed: a sentence for the person, a code for support, whether the same job can still succeed.

    A retry goes on with the job if so and starts a new one, which is charged anew, if not.
    """

    sentence: str
    code: str | None = None
    retryable: bool = False


@dataclass(frozen=True)
class CaptureRecord:
    """One capture. Immutable: every change makes a new record, which the store then keeps."""

    capture_id: str
    request: CaptureRequest
    stage: Stage = Stage.CREATED
    created_at: float = 0.0
    updated_at: float = 0.0
    revision: int = 0  # grows with every change, so that an older state never replaces a newer one
    job_id: str | None = None
    upload_url: str | None = None
    submit_sent: bool = False  # complete-upload was sent at least once; its answer may be lost
    waiting_since: float | None = None  # when it was submitted or, later, resumed by a person
    failure: Failure | None = None
    files: dict[str, str] = field(default_factory=dict)  # target id -> path on disk
    preview: str | None = None
    delivered: bool = False  # the motion was brought into a file, or that was tried
    progress: float = 0.0  # share of the present stage, 0..1
    message: str = ""

    @classmethod
    def new(cls, request: CaptureRequest) -> Self:
        """Start a record for a request."""
        now = time.time()
        return cls(capture_id=uuid.uuid4().hex, request=request, created_at=now, updated_at=now)

    def moved_to(self, stage: Stage, **changes: Any) -> Self:
        """Return the record at another stage; raises IllegalTransitionError if that cannot follow."""
        if stage not in TRANSITIONS[self.stage]:
            raise IllegalTransitionError(f"{self.stage} cannot become {stage}")
        return self.changed(stage=stage, progress=0.0, message="", **changes)

    def changed(self, **changes: Any) -> Self:
        """Return the record with other values at the same stage."""
        return dataclasses.replace(self, updated_at=time.time(), revision=self.revision + 1, **changes)

    def failed(self, failure: Failure) -> Self:
        """Return the record as failed."""
        return self.moved_to(Stage.FAILED, failure=failure)

    def resumed(self) -> Self:
        """Return a failed or stopped record at the stage from which it goes on.

        With a job at the service it goes on from uploading, where the engine asks for the job's status
        before anything else, so nothing is submitted twice. Only what failed for good (a job that the
        service ended, or that was never submitted) starts anew.
        """
        if self.job_id is None or (self.failure is not None and not self.failure.retryable):
            return self.moved_to(Stage.CREATED, failure=None, files={}, **NO_JOB)
        return self.moved_to(Stage.UPLOADING, failure=None, waiting_since=time.time() if self.submit_sent else None)

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be done with the capture without a person asking for it."""
        return not self.stage.is_final or (self.stage is Stage.READY and not self.delivered)

    @property
    def can_go_on(self) -> bool:
        """Whether the capture was interrupted, or failed in a way that a retry can mend without a new job."""
        return not self.stage.is_final or (self.failure is not None and self.failure.retryable)

    @property
    def motion_file(self) -> Path | None:
        """The FBX on disk, if it arrived."""
        path = next((path for target, path in self.files.items() if target != ROBOT_TARGET), None)
        return Path(path) if path else None

    @property
    def robot_file(self) -> Path | None:
        """The robot's motion on disk, if it arrived."""
        path = self.files.get(ROBOT_TARGET)
        return Path(path) if path else None

    def to_json(self) -> str:
        """Return the record as JSON text: in ASCII, since a file name may hold bytes that are no Unicode text."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; fields of other versions are ignored, missing ones take defaults.

        Raises ValueError if the text is no record.
        """
        try:
            data = json.loads(text)
            request_data = _known(CaptureRequest, data["request"])
            if "placement" in request_data:
                placement = Placement(**_known(Placement, request_data["placement"]))
                more = tuple(placement.more_armatures)
                request_data["placement"] = dataclasses.replace(placement, more_armatures=more)
            request_data["targets"] = tuple(request_data.get("targets", (CHARACTER_TARGET,)))
            values = _known(cls, data)
            values["request"] = CaptureRequest(**request_data)
            values["stage"] = Stage(values["stage"])
            if values.get("failure"):
                values["failure"] = Failure(**_known(Failure, values["failure"]))
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a capture record: {error}") from error


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    names = {each.name for each in dataclasses.fields(kind)}
    return {key: value for key, value in values.items() if key in names}
