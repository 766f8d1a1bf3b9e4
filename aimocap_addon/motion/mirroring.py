# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion as a mirror shows it: left and right change places.

The whole performer is mirrored, rest pose and motion alike, so that nothing has to be symmetric: bone X of the left arm
becomes bone X of a right arm. A rotation R is mirrored as M R S, where M reflects space across the body's sagittal
plane and S reflects the bone's own X axis, which keeps the result a rotation; a turn away from rest, R R_rest^-1, then
becomes M R R_rest^-1 M whatever the bone's axes are.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .body import body_axes
from .roles import SIDES, Mapping
from .rotations import Array, quaternion_from_matrix, quaternion_multiply
from .skeleton import Motion, Skeleton

_OWN_X = np.array((-1.0, 1.0, 1.0))  # the diagonal of S


def mirrored(skeleton: Skeleton, mapping: Mapping, motion: Motion) -> tuple[Skeleton, Mapping, Motion]:
    """Return the performer and the motion mirrored across the plane between left and right of the body at rest.

    The plane goes through the midpoint of the hip joints; armature space throughout. Bones keep their names and places
    in the arrays, roles change sides. Raises ValueError when the body has no direction, see `body_axes`.
    """
    left = body_axes(skeleton, mapping)[0]
    middle = sum(skeleton.rest_positions[skeleton.index[mapping.bones[f"{side}_thigh"]]] for side in SIDES) / 2.0
    reflection = np.eye(3) - 2.0 * np.outer(left, left)
    origin = middle - reflection @ middle

    rest = skeleton.rest.copy()
    rest[:, :3, :3] = reflection @ rest[:, :3, :3] * _OWN_X
    rest[:, :3, 3] = rest[:, :3, 3] @ reflection + origin
    return (
        dataclasses.replace(skeleton, rest=rest),
        dataclasses.replace(mapping, bones={other_side(role): bone for role, bone in mapping.bones.items()}),
        dataclasses.replace(
            motion,
            rotations=_reflected(motion.rotations, reflection),
            positions=motion.positions @ reflection + origin,
        ),
    )


def other_side(role: str) -> str:
    """Return the role of the same part on the other side of the body; those of the trunk have none."""
    side, _, part = role.partition("_")
    return f"{SIDES[1 - SIDES.index(side)]}_{part}" if side in SIDES else role


def _reflected(rotations: Array, reflection: Array) -> Array:
    """Return M R S of rotations (..., 4).

    M S is a rotation K, and S R S turns about the axis of R reflected, the other way round.
    """
    within = rotations * np.array((1.0, 1.0, -1.0, -1.0))
    return quaternion_multiply(quaternion_from_matrix(reflection * _OWN_X), within)
