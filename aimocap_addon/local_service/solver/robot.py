# SPDX-License-Identifier: GPL-3.0-or-later
"""From motion on the solver's skeleton to that of a Unitree G1."""

from __future__ import annotations

import numpy as np

from ...motion.g1.robot_motion import RobotMotion
from ...motion.g1.solve import solve_g1
from ...motion.mapping import mapping_for
from ...motion.skeleton import Motion, Skeleton, forward_kinematics, stacked
from .interface import SolvedMotion


def robot_motion(solved: SolvedMotion) -> RobotMotion:
    """Return the G1's motion, frame by frame that of `solved`. With captured legs at rest it stands in place."""
    skeleton = Skeleton(solved.names, solved.parents, solved.rest_matrices)
    bones = tuple(range(len(solved.names)))
    rotations = {bone: solved.rotations[:, bone] for bone in bones}
    locations = {bone: solved.locations[:, bone] for bone in bones if np.any(solved.locations[:, bone])}
    turned, placed = forward_kinematics(skeleton, bones, rotations, locations)
    frames, rate = len(solved.rotations), float(solved.fps)
    motion = Motion(
        bones,
        stacked([turned[bone] for bone in bones], frames),
        stacked([placed[bone] for bone in bones], frames),
        rate,
    )
    return solve_g1(skeleton, mapping_for(skeleton), motion, rate)
