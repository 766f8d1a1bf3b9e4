# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service asks of a solver: a window of a video in, motion on a skeleton out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # workers that have nothing to do with arrays yet start sooner
    import numpy as np
    from numpy.typing import NDArray

# Called with the share done (0..1) and a short present-tense text; raises SolveCanceledError to stop.
ProgressCallback = Callable[[float, str], None]


class SolveError(Exception):
    """The video cannot be turned into motion; the message is one sentence for the person who sent it.

    This is a failure on the user's side: nothing is charged for it.
    """

    code = "solve_failed"


class NobodyFoundError(SolveError):
    """No person was found in the window."""

    code = "no_person_found"


class SeveralPeopleError(SolveError):
    """Several people compete, so that it cannot be told whom to follow."""

    code = "several_people"


class UnreadableVideoError(SolveError):
    """The file is not a video that the decoder can read."""

    code = "video_unreadable"


class SolveCanceledError(Exception):
    """The service asked the solver to stop."""


@dataclass(frozen=True)
class SolveOptions:
    """What is known beside the video, and wanted beside the body; each is the built-in solver's own business.

    `actor_height_cm` gives the motion its size, `field_of_view_deg` (along the picture's longer side) its depth.
    `hands` asks for palms and fingers where they are seen, at twice the time.
    """

    actor_height_cm: float | None = None
    field_of_view_deg: float | None = None
    hands: bool = False


@dataclass(frozen=True)
class SolveRequest:
    """A window of a video, in seconds of the file, and what to make of it."""

    video: Path
    start_sec: float
    end_sec: float
    export_fps: int
    mocap_type: str  # "full_body" or "upper_body"
    options: SolveOptions = SolveOptions()


@dataclass(frozen=True)
class SolvedCamera:
    """The camera that a motion was seen by, without lens distortion and with the picture's centre in its middle.

    `focal` is the focal length as a multiple of the picture's longer side. `matrices` (F, 3, 4) take points of the
    skeleton's space, frame by frame, to the camera's: x right, y down, z away, in any unit.
    """

    focal: float
    matrices: NDArray[np.float64]


@dataclass(frozen=True)
class SolvedMotion:
    """Motion on a skeleton, Z up, centimetres, character facing -Y at rest.

    `rest_matrices` (B, 4, 4) are bone-to-armature; bone Y points along the bone.
    `rotations` (F, B, 4) are unit quaternions (w, x, y, z) in each bone's own rest frame, as Blender's
    `pose_bone.rotation_quaternion`; `locations` (F, B, 3) likewise as `pose_bone.location` (zero but
    for the pelvis). `frames_without_person` counts the video's frames in which nobody was found.

    For the preview video: `camera`, without which nothing is drawn over the video, and `standing`, which gives
    for names of bones whether they stand on the floor, (F,) bool. `warnings` are sentences for the person.
    """

    fps: int
    names: tuple[str, ...]
    parents: NDArray[np.intp]
    rest_matrices: NDArray[np.float64]
    lengths: NDArray[np.float64]
    rotations: NDArray[np.float64]
    locations: NDArray[np.float64]
    frames_without_person: int = 0
    camera: SolvedCamera | None = None
    standing: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class Solver(Protocol):
    """The seam at which another solver can stand."""

    def solve(self, request: SolveRequest, progress: ProgressCallback) -> SolvedMotion:
        """Solve the window; raises SolveError or SolveCanceledError."""
        ...
