# SPDX-License-Identifier: GPL-3.0-or-later
"""Helper bones that share a limb's roll, so that its skin does not wring."""

from __future__ import annotations

import numpy as np

from .body import RestBody
from .mapping import SIDES, role_parents
from .rotations import (
    Array,
    make_continuous,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)

# Limbs with the joint at their far end. The roll of the upper ones grows from none at the near end; that of the lower
# ones grows towards the hand or foot.
_UPPER = {"upper_arm": "lower_arm", "thigh": "calf"}
_LOWER = {"lower_arm": "hand", "calf": "foot"}


def twist_rotations(body: RestBody, world: dict[int, Array]) -> dict[str, Array]:
    """Return the rotation (F, 4) bone to armature of each twist bone of `body`, by role.

    `world` holds the rotations of the limbs, by bone index. A twist bone takes as much of the roll as its head lies
    along the limb (0 at the near joint, 1 at the far one).
    """
    found: dict[str, Array] = {}
    for role in body.bones:
        side, _, part = role.partition("_")
        limb, is_twist, _ = part.partition("_twist_")
        if side not in SIDES or not is_twist or f"{side}_{limb}" not in body.bones:
            continue
        near, far = f"{side}_{limb}", f"{side}_{(_UPPER | _LOWER)[limb]}"
        if far not in body.bones:
            continue
        along = body.direction(near, far)
        share = float(np.clip(np.dot(body.positions[role] - body.positions[near], along) / np.dot(along, along), 0, 1))
        axis = normalize(quaternion_rotate(quaternion_conjugate(body.rotations[near]), along))
        if limb in _UPPER:
            holder = next(r for r in ("hips", *role_parents(near)) if r in body.bones)
            roll = _roll(body, world, holder, near, axis) * (share - 1.0)
        else:
            roll = _roll(body, world, near, far, axis) * share
        rest = quaternion_multiply(quaternion_conjugate(body.rotations[near]), body.rotations[role])
        turned = quaternion_multiply(world[body.bones[near]], quaternion_from_axis_angle(axis, roll))
        found[role] = quaternion_multiply(turned, rest)
    return found


def _roll(body: RestBody, world: dict[int, Array], parent: str, child: str, axis: Array) -> Array:
    """Return by how much (F), radians, `child` rolls against `parent` about the limb's `axis` (3, in limb axes)."""
    rest = quaternion_multiply(quaternion_conjugate(body.rotations[parent]), body.rotations[child])
    now = quaternion_multiply(quaternion_conjugate(world[body.bones[parent]]), world[body.bones[child]])
    # in the limb's own axes: the limb is the parent of its far end, and the child of what holds it
    is_far_end = child.endswith(tuple(_LOWER.values()))
    away = (
        quaternion_multiply(now, quaternion_conjugate(rest))
        if is_far_end
        else quaternion_multiply(quaternion_conjugate(rest), now)
    )
    away = make_continuous(away)
    if away[0, 0] < 0:
        away = -away
    return np.unwrap(2.0 * np.arctan2(away[:, 1:] @ axis, away[:, 0]), period=4.0 * np.pi)
