# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest solver that another package could bring: a neck and a head that nods once a second."""

from __future__ import annotations

import numpy as np

from aimocap_addon.local_service.solver.interface import ProgressCallback, SolvedMotion, SolveError, SolveRequest


class NoddingSolver:
    def solve(self, request: SolveRequest, progress: ProgressCallback) -> SolvedMotion:
        if request.mocap_type == "upper_body":
            raise SolveError("This solver nods with the whole body alone: capture the full body.")
        frames = round((request.end_sec - request.start_sec) * request.export_fps)
        progress(0.5, "Nodding")
        upwards = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])  # bone Y is up
        rest = np.stack([upwards, upwards])
        rest[:, 2, 3] = 140.0, 155.0
        angle = 0.3 * np.sin(2.0 * np.pi * np.arange(frames) / request.export_fps)
        rotations = np.tile((1.0, 0.0, 0.0, 0.0), (frames, 2, 1))
        rotations[:, 1, 0], rotations[:, 1, 1] = np.cos(angle / 2), np.sin(angle / 2)
        return SolvedMotion(
            fps=request.export_fps,
            names=("neck", "head"),
            parents=np.array([-1, 0]),
            rest_matrices=rest,
            lengths=np.array([15.0, 20.0]),
            rotations=rotations,
            locations=np.zeros((frames, 2, 3)),
            warnings=("Only the head was captured.",),
        )
