# SPDX-License-Identifier: GPL-3.0-or-later
"""Wire models of the AIMoCap API.

Python names are snake_case; on the wire every field carries exactly the API's camelCase name.
Requests are strict about what we send; answers ignore fields they do not know.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

API_PREFIX = "/api/v1/mocap"
EXPORT_RATES = (24, 30, 60, 120)
DEFAULT_EXPORT_FPS = 30


class MocapType(StrEnum):
    """What of the person is captured."""

    FULL_BODY = "full_body"
    UPPER_BODY = "upper_body"


class Target(StrEnum):
    """An output that a job can be asked for."""

    DEFAULT = "default"
    UNITREE_G1 = "unitree_g1"


class ResultType(StrEnum):
    """The kind of file that a target yields."""

    FBX = "fbx"
    ROBOT_MOTION_JSON = "robot_motion_json"


class JobStatus(StrEnum):
    """The API's job states; a status we do not know reads as still processing."""

    DRAFT = "draft"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        return self in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELED)


def _read_status(value: Any) -> Any:
    """Read a status leniently: any case, both spellings of canceled, unknown words as still running."""
    if not isinstance(value, str):
        return JobStatus.PROCESSING
    word = value.strip().lower()
    if word == "cancelled":
        return JobStatus.CANCELED
    try:
        return JobStatus(word)
    except ValueError:
        return JobStatus.PROCESSING


def _read_timestamp(value: Any) -> Any:
    """Read ISO 8601 text or an epoch number in seconds or milliseconds; unreadable ones become None."""
    try:
        if isinstance(value, int | float):
            seconds = value / 1000.0 if value > 1e11 else float(value)
            return datetime.fromtimestamp(seconds, tz=UTC)
        if isinstance(value, str):
            return datetime.fromisoformat(value)
    except (ValueError, OverflowError, OSError):
        return None
    return None if not isinstance(value, datetime) else value


def _read_objects(value: Any) -> Any:
    """Keep the objects of a list and drop anything else in it; what is no list counts as empty."""
    return [item for item in value if isinstance(item, dict | BaseModel)] if isinstance(value, list) else []


def _read_text(value: Any) -> Any:
    return value if isinstance(value, str) and value else None


def _read_texts(value: Any) -> Any:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


Status = Annotated[JobStatus, BeforeValidator(_read_status)]
Timestamp = Annotated[datetime | None, BeforeValidator(_read_timestamp)]
OptionalText = Annotated[str | None, BeforeValidator(_read_text)]
Texts = Annotated[list[str], BeforeValidator(_read_texts)]


class WireModel(BaseModel):
    """Base of all wire models: snake_case here, camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object to send, without the fields that are unset."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class CreateJobRequest(WireModel):
    """Body of create: optional fields left at None are not sent, so that the service's defaults hold."""

    source_filename: str
    target_ids: list[str]
    title: str | None = None
    source_duration_sec: float | None = None
    trim_start_sec: float | None = None
    trim_end_sec: float | None = None
    export_fps: int | None = None
    mocap_type: str | None = None


class CreatedJob(WireModel):
    """Answer of create."""

    job_id: str = Field(min_length=1, max_length=500, pattern=r"[^.]")  # it becomes a part of a path, never ".."
    status: Status = JobStatus.DRAFT
    mocap_type: OptionalText = None
    upload_url: str = Field(min_length=1)
    source_key: OptionalText = None


class JobOutput(WireModel):
    """One delivered target of a finished job."""

    target_id: str = ""
    result_type: OptionalText = None
    fbx_url: OptionalText = None
    motion_json_url: OptionalText = None

    @model_validator(mode="before")
    @classmethod
    def _name_target(cls, values: Any) -> Any:
        """Name the target after the kind of file where the service leaves it out."""
        if not isinstance(values, dict) or _read_text(values.get("targetId", values.get("target_id"))) is not None:
            return values
        robot = values.get("motionJsonUrl") and not values.get("fbxUrl")
        return {**values, "targetId": str(Target.UNITREE_G1 if robot else Target.DEFAULT)}

    @property
    def url(self) -> str | None:
        """Where the file of this target can be fetched, if it was delivered."""
        return self.fbx_url or self.motion_json_url

    @property
    def kind(self) -> ResultType:
        """The kind of file; a target that is not the robot is an FBX."""
        if self.result_type == ResultType.ROBOT_MOTION_JSON or (self.motion_json_url and not self.fbx_url):
            return ResultType.ROBOT_MOTION_JSON
        return ResultType.FBX


class JobInfo(WireModel):
    """The `job` object of poll and result."""

    id: OptionalText = None
    status: Status = JobStatus.PROCESSING
    target_ids: Texts = Field(default_factory=list)
    title: OptionalText = None
    mocap_type: OptionalText = None
    export_fps: Any = None
    created_at: Timestamp = None
    updated_at: Timestamp = None
    completed_at: Timestamp = None
    error_code: OptionalText = None
    error_message: OptionalText = None


class JobResult(WireModel):
    """What a finished job delivers, read from the newest shape or the older flat one."""

    job: JobInfo = Field(default_factory=JobInfo)
    preview_video_url: OptionalText = None
    warnings: Texts = Field(default_factory=list)
    outputs: Annotated[list[JobOutput], BeforeValidator(_read_objects)] = Field(default_factory=list)


class JobPoll(WireModel):
    """What a poll tells: the job, the newest event's text and the result once there is one."""

    job: JobInfo
    message: str | None = None
    progress: float | None = None
    result: JobResult | None = None
