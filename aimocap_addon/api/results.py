# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result file must be before anything else reads it: its greatest size and a check of its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .fbx_check import check_fbx
from .models import ResultType

_MB = 1024 * 1024
_VIDEO_BOX = b"ftyp"  # at byte 4 of MP4 and QuickTime, ISO/IEC 14496-12
_MATROSKA = b"\x1a\x45\xdf\xa3"

Number = Annotated[float, Field(allow_inf_nan=False)]


class RobotMotion(BaseModel):
    """A robot motion file, as far as a reader of any robot can rely on it.

    F frames and N joints are whatever the arrays have; `frameCount` and the robot's type are not relied on.
    """

    model_config = ConfigDict(extra="ignore")

    fps: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    root_pos: Annotated[list[tuple[Number, Number, Number]], Field(min_length=1)]  # F, metres
    root_rot_xyzw: list[tuple[Number, Number, Number, Number]]  # F, quaternions
    dof_pos: list[list[Number]]  # F x N, radians

    @model_validator(mode="after")
    def _same_shapes(self) -> Self:
        if not len(self.root_pos) == len(self.root_rot_xyzw) == len(self.dof_pos):
            raise ValueError("its arrays have different numbers of frames")
        if len({len(row) for row in self.dof_pos}) != 1 or not self.dof_pos[0]:
            raise ValueError("its frames have different numbers of joints")
        if not all(any(rotation) for rotation in self.root_rot_xyzw):
            raise ValueError("a rotation of the root is zero")
        return self


def check_robot_motion(path: Path) -> None:
    """Raise ValueError, with a short reason, unless the file is robot motion with whole arrays of finite numbers."""
    try:
        RobotMotion.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][:3])
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def robot_motion_fps(path: Path) -> float:
    """Return the frames per second of a file that `check_robot_motion` found in order."""
    return RobotMotion.model_validate_json(path.read_bytes()).fps


def check_video(path: Path) -> None:
    """Raise ValueError unless the file begins like a video of one of the usual containers."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if head[4:8] != _VIDEO_BOX and not head.startswith(_MATROSKA):
        raise ValueError("it is no video")


@dataclass(frozen=True)
class FileKind:
    """A kind of result file. `check` raises ValueError with a short reason."""

    max_bytes: int
    check: Callable[[Path], None]


RESULT_KINDS = {
    ResultType.FBX: FileKind(1024 * _MB, check_fbx),
    ResultType.ROBOT_MOTION_JSON: FileKind(128 * _MB, check_robot_motion),
}
PREVIEW_KIND = FileKind(1024 * _MB, check_video)
