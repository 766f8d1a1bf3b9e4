# SPDX-License-Identifier: GPL-3.0-or-later
"""From a window of a video to the files of a job, by whichever solver."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...motion.g1.robot_motion import robot_motion_json
from ..fbx.writer import BlenderCommand, write_fbx
from .interface import ProgressCallback, SolvedMotion, Solver, SolveRequest
from .preview import PreviewError, write_preview
from .robot import robot_motion

# Shares of the whole job, at which each step begins.
_ROBOT_SHARE, _FBX_SHARE, _PREVIEW_SHARE = 0.83, 0.85, 0.92


def solve_to_files(
    request: SolveRequest,
    blender: BlenderCommand,
    progress: ProgressCallback,
    *,
    solver: Solver | None = None,
    fbx_path: Path | None = None,
    robot_path: Path | None = None,
    preview_path: Path | None = None,
) -> SolvedMotion:
    """Solve the window once, with the built-in solver if none is given, and write what is asked for: the motion as
    FBX, the motion of a Unitree G1 as JSON, a preview video.

    Raises SolveError, FbxWriteError or OSError; no FBX is then left. Without a preview, which is no reason to fail,
    the motion returned has a warning.
    """
    motion = (solver or _builtin()).solve(request, lambda done, text: progress(done * _ROBOT_SHARE, text))
    if robot_path is not None:
        progress(_ROBOT_SHARE, "Solving robot motion")
        robot_path.write_text(robot_motion_json(robot_motion(motion)), encoding="utf-8")
    if fbx_path is not None:
        progress(_FBX_SHARE, "Writing FBX")
        write_fbx(motion, fbx_path, blender)
    if preview_path is not None:
        share = 1.0 - _PREVIEW_SHARE
        try:
            write_preview(
                request, motion, preview_path, lambda done, text: progress(_PREVIEW_SHARE + done * share, text)
            )
        except PreviewError as error:
            motion = replace(motion, warnings=(*motion.warnings, str(error)))
    progress(1.0, "Writing files")
    return motion


def _builtin() -> Solver:
    from .run import MediaPipeSolver  # another solver need not have MediaPipe

    return MediaPipeSolver()
