# SPDX-License-Identifier: GPL-3.0-or-later
"""Helper bones that share a limb's roll, so that its skin does not wring.

They hang beside the limb's bone, as in Unreal's skeletons, or stand in a row with it, so that the next limb hangs from
the last of them, as in Daz's and MakeHuman's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from .body import RestBody
from .mapping import SIDES
from .rotations import (
    Array,
    make_continuous,
    normalize,
    quaternion_between,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)
from .skeleton import Skeleton

# Limbs with the joint at their far end. The roll of the upper ones grows from none at the near end; that of the lower
# ones grows towards the hand or foot.
_UPPER = {"upper_arm": "lower_arm", "thigh": "calf"}
_LOWER = {"lower_arm": "hand", "calf": "foot"}


def twist_bones(body: RestBody) -> list[int]:
    """Return the indices of the twist bones of `body`."""
    return [bone for role, bone in body.bones.items() if "_twist_" in role]


def with_rows(
    skeleton: Skeleton, body: RestBody, turned: dict[str, Array], placed: dict[str, Array]
) -> dict[str, Array]:
    """Return rotations `turned` (F, 4), by role, with the whole roll of limbs that are bones in a row.

    Where the bones of a row turn against each other, the first one tells neither the roll of an upper limb nor where
    the far joint is: the roll is that of the last, and all limbs point from joint to joint, which are `placed` (F, 3),
    by role.
    """
    found = dict(turned)
    for near, far, twists in _limbs(body):
        order = {bone: i for i, bone in enumerate(skeleton.with_ancestors([body.bones[far]]))}
        row = [role for role in twists if body.bones[role] in order]
        if row:
            is_upper = near.partition("_")[2] in _UPPER
            teller = max(row, key=lambda role: order[body.bones[role]]) if is_upper else near
            away = quaternion_multiply(turned[teller], quaternion_conjugate(body.rotations[teller]))
            along = quaternion_rotate(away, body.direction(near, far))
            away = quaternion_multiply(quaternion_between(along, placed[far] - placed[near]), away)
            found[near] = quaternion_multiply(away, body.rotations[near])
    return found


def twist_rotations(skeleton: Skeleton, body: RestBody, world: dict[int, Array]) -> dict[str, Array]:
    """Return the rotation (F, 4) bone to armature of each twist bone of `body`, by role.

    `world` holds the rotations of the limbs, by bone index. A twist bone takes as much of the roll as its head lies
    along the limb (0 at the near joint, 1 at the far one). Of upper limbs with twist bones in a row, the last takes all
    of the roll and the limb's own bone, which is then among the roles too, takes none. Each bone in a row rolls about
    the line to the head of the next, so that no joint leaves its place.
    """
    found: dict[str, Array] = {}
    for near, far, twists in _limbs(body):
        along = body.direction(near, far)
        share = {role: np.dot(body.direction(near, role), along) / np.dot(along, along) for role in twists}
        above = skeleton.with_ancestors([body.bones[far]])
        row = sorted((role for role in twists if body.bones[role] in above), key=lambda role: share[role])
        is_upper = near.partition("_")[2] in _UPPER
        if is_upper and row:
            last = max(share[row[-1]], 1e-6)
            share |= {role: share[role] / last for role in row} | {near: 0.0}
            row = [near, *row]
        lines = dict.fromkeys(twists, along) | {role: body.direction(role, end) for role, end in pairwise([*row, far])}
        to_limb = quaternion_conjugate(body.rotations[near])
        axis = normalize(quaternion_rotate(to_limb, along))
        if is_upper:
            roll = _roll(body, world, _holder(skeleton, body, near), near, axis)
        else:
            roll = _roll(body, world, near, far, axis)
        for role, line in lines.items():
            own = np.clip(share[role], 0.0, 1.0) - (1.0 if is_upper else 0.0)
            turn = quaternion_from_axis_angle(normalize(quaternion_rotate(to_limb, line)), roll * own)
            rest = quaternion_multiply(to_limb, body.rotations[role])
            found[role] = quaternion_multiply(quaternion_multiply(world[body.bones[near]], turn), rest)
    return found


def _limbs(body: RestBody) -> Iterator[tuple[str, str, Sequence[str]]]:
    """Yield the roles of each limb with twist bones: its own, that of the joint at its far end, the twist bones'."""
    for side in SIDES:
        for limb, end in (_UPPER | _LOWER).items():
            near, far = f"{side}_{limb}", f"{side}_{end}"
            twists = [role for role in body.bones if role.startswith(f"{near}_twist_")]
            if twists and near in body.bones and far in body.bones:
                yield near, far, twists


def _holder(skeleton: Skeleton, body: RestBody, role: str) -> str:
    """Return the role of the nearest bone above that of `role`."""
    roles = {bone: name for name, bone in body.bones.items()}
    bone = int(skeleton.parents[body.bones[role]])
    while bone >= 0 and bone not in roles:
        bone = int(skeleton.parents[bone])
    return roles.get(bone, "hips")


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
