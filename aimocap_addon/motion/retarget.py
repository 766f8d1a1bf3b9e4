# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from one humanoid skeleton to another, all frames at once.

What is carried over is each bone's turn away from rest, as seen in armature space after both bodies were laid over
each other by their up and left directions; bone rolls and axes do not matter. Where the rest poses differ (A-pose,
T-pose), a calibration C turns the target's limb, at rest, into the source's:

    R_target(f) = R_source(f) * R_source_rest^-1 * C * R_target_rest

See `calibration` for arms, legs and hands. Hips, spine, neck, head, clavicles, feet and toes have no C: upright is
upright and a sole is flat on every skeleton, and the shape of the shoulders belongs to the character.

The path of the hips is that of the midpoint of the hip joints, scaled by the ratio of leg lengths, then raised or
lowered once so that planted toes are as high as they are at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .body import RestBody, body_axes
from .calibration import calibrations
from .contacts import planted
from .mapping import SIDES, Mapping
from .rotations import (
    Array,
    euler_from_quaternion,
    make_continuous,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
    quaternion_slerp,
)
from .skeleton import IDENTITY, Motion, Skeleton
from .twist import twist_rotations


@dataclass(frozen=True)
class Target:
    """The skeleton that receives motion, with what its bones allow.

    The present pose, relative to rest: `rotations` (B, 4) and `locations` (B, 3). Bones without a role keep it.
    `locked` (B, 3) marks the angles (x, y, z) that must stay; for bones with any, `angles` (B, 3) holds the present
    ones in radians, in the order `orders` (B) of each bone ("XYZ"..). `inherits_rotation` (B) and `local_location` (B)
    are the bone settings of these names in Blender.
    """

    skeleton: Skeleton
    rotations: Array
    angles: Array
    orders: Sequence[str]
    locations: Array
    locked: NDArray[np.bool_]
    inherits_rotation: NDArray[np.bool_]
    local_location: NDArray[np.bool_]


@dataclass(frozen=True)
class Solution:
    """Pose channels of the target.

    `rotations` maps bone index to (F, 4), relative to rest, signs continuous; `angles` holds the same as (F, 3) radians
    for bones with locked angles. `location` (F, 3) belongs to the bone `hips`. `leg_ratio` is target leg / source leg.
    """

    rotations: dict[int, Array]
    angles: dict[int, Array]
    hips: int
    location: Array
    leg_ratio: float


def solve(
    source: Skeleton,
    source_mapping: Mapping,
    motion: Motion,
    target: Target,
    target_mapping: Mapping,
    *,
    in_place: bool = False,
) -> Solution:
    """Return the target's pose channels for every frame of `motion`.

    `motion` must hold all bones of `source_mapping`. With `in_place` the hips stay over their place at rest and only
    rise and sink. Raises ValueError for a skeleton whose joints lie on each other.
    """
    axes = body_axes(target.skeleton, target_mapping)
    up = axes[2]
    turn = quaternion_from_matrix(axes.T @ body_axes(source, source_mapping))
    rest_s = RestBody.of(source, source_mapping, turn)
    rest_t = RestBody.of(target.skeleton, target_mapping, IDENTITY)
    if min(rest_s.leg_length(), rest_t.leg_length()) < 1e-6:
        raise ValueError("the joints of the legs lie on each other")
    ratio = rest_t.leg_length() / rest_s.leg_length()
    row = {bone: i for i, bone in enumerate(motion.bones)}
    turned = {role: quaternion_multiply(turn, motion.rotations[row[bone]]) for role, bone in rest_s.bones.items()}
    placed = {
        role: quaternion_rotate(turn, motion.positions[row[rest_s.bones[role]]])
        for role in _FEET
        if role in rest_s.bones
    }

    wanted = _limbs(rest_s, rest_t, turned) | _trunk(rest_s, rest_t, turned, source_mapping, target_mapping)
    rotations, angles, world = _pose(target, {rest_t.bones[role]: r for role, r in wanted.items()})
    twists = {rest_t.bones[role]: r for role, r in twist_rotations(rest_t, world).items()}
    if twists:
        rotations, angles, world = _pose(target, {bone: world[bone] for bone in rotations} | twists)

    path = ((placed["left_thigh"] + placed["right_thigh"]) / 2.0 - rest_s.hip_midpoint()) * ratio
    if in_place:
        path = (path @ up)[:, None] * up
    head = _hips_head(rest_t, world, path)
    head = head + up * _lift(target, rest_s, rest_t, world, head, placed, up, motion.rate)
    hips = rest_t.bones["hips"]
    continuous = {bone: make_continuous(r) for bone, r in rotations.items()}
    return Solution(continuous, angles, hips, _location(target, hips, world, head), ratio)


# Cosine of the largest tilt of a standing foot.
_FLAT = np.cos(np.radians(30.0))
# Joints whose place matters, not only their rotation.
_FEET = tuple(f"{side}_{part}" for side in SIDES for part in ("thigh", "foot", "toe"))


def _limbs(source: RestBody, target: RestBody, turned: dict[str, Array]) -> dict[str, Array]:
    """Return rotations (F, 4) bone to armature of everything but the trunk, by role."""
    limbs = calibrations(source, target)
    for side in SIDES:
        limbs |= {f"{side}_{part}": IDENTITY for part in ("clavicle", "foot", "toe")}
    found = {}
    for role, calibration in limbs.items():
        if role in source.bones and role in target.bones:
            rest = quaternion_multiply(calibration, target.rotations[role])
            constant = quaternion_multiply(quaternion_conjugate(source.rotations[role]), rest)
            found[role] = quaternion_multiply(turned[role], constant)
    return found


def _trunk(
    source: RestBody, target: RestBody, turned: dict[str, Array], source_mapping: Mapping, target_mapping: Mapping
) -> dict[str, Array]:
    """Return rotations (F, 4) bone to armature of hips, spine, neck and head, by role."""
    roles = ("hips", *source_mapping.chain("spine"), *source_mapping.chain("neck"), "head")
    deltas = {
        role: quaternion_multiply(turned[role], quaternion_conjugate(source.rotations[role]))
        for role in roles
        if role in turned
    }
    wanted = {"hips": deltas["hips"]}
    base = deltas["hips"]
    for chain in ("spine", "neck"):
        links, receivers = source_mapping.chain(chain), target_mapping.chain(chain)
        if len(links) == len(receivers):
            wanted |= {role: deltas[role] for role in links}
        elif links:
            knots = (0.0, *_ends(source, links))
            values = [base, *(deltas[role] for role in links)]
            for role, end in zip(receivers, _ends(target, receivers), strict=True):
                upper = int(np.clip(np.searchsorted(knots, end), 1, len(links)))
                share = (end - knots[upper - 1]) / (knots[upper] - knots[upper - 1])
                wanted[role] = quaternion_slerp(values[upper - 1], values[upper], share)
        else:
            above = deltas.get("head", base)
            for i, role in enumerate(receivers, 1):
                wanted[role] = quaternion_slerp(base, above, i / (len(receivers) + 1))
        base = deltas[links[-1]] if links else base
    if "head" in target.bones:
        wanted["head"] = deltas.get("head", base)
    return {role: quaternion_multiply(delta, target.rotations[role]) for role, delta in wanted.items()}


def _ends(body: RestBody, chain: Sequence[str]) -> Array:
    """Return where along the chain (0..1 of its length) each of its bones ends; the last is 1."""
    after = [role for role in ("neck_1", "head") if role in body.bones and role not in chain]
    heads = [body.positions[role] for role in (*chain, *after[:1])]
    lengths = np.linalg.norm(np.diff(heads, axis=0), axis=-1)
    if not after:
        lengths = np.append(lengths, lengths.mean() if len(lengths) else 1.0)
    lengths = np.maximum(lengths, 1e-9)
    return np.cumsum(lengths) / lengths.sum()


def _pose(target: Target, wanted: dict[int, Array]) -> tuple[dict[int, Array], dict[int, Array], dict[int, Array]]:
    """Return three maps by bone: channels (F, 4), angles (F, 3) where some are locked, rotations bone to armature.

    `wanted` (F, 4) are rotations bone to armature; the third map has these bones and all above. A bone with locked
    angles turns about its other axes only, and the bones below make up for it.
    """
    skeleton = target.skeleton
    channels: dict[int, Array] = {}
    held: dict[int, Array] = {}
    world: dict[int, Array] = {}
    for bone in skeleton.with_ancestors(wanted):
        parent = int(skeleton.parents[bone])
        if parent >= 0 and target.inherits_rotation[bone]:
            base = quaternion_multiply(world[parent], skeleton.local_rotations[bone])
        else:
            base = skeleton.rest_rotations[bone]
        if bone not in wanted:
            world[bone] = quaternion_multiply(base, target.rotations[bone])
            continue
        world[bone] = wanted[bone]
        channels[bone] = quaternion_multiply(quaternion_conjugate(base), wanted[bone])
        locked = target.locked[bone]
        if locked.any():
            angles = euler_from_quaternion(channels[bone], target.orders[bone], target.angles[bone])
            held[bone] = np.where(locked, target.angles[bone], angles)
            channels[bone] = quaternion_from_euler(held[bone], target.orders[bone])
            world[bone] = quaternion_multiply(base, channels[bone])
    return channels, held, world


def _hips_head(target: RestBody, world: dict[int, Array], path: Array) -> Array:
    """Return the head (F, 3) of the hips bone when the midpoint of the hip joints is `path` (F, 3) away from rest."""
    rotation = world[target.bones["hips"]]
    delta = quaternion_multiply(rotation, quaternion_conjugate(target.rotations["hips"]))
    middle = target.hip_midpoint()
    return middle + path + quaternion_rotate(delta, target.positions["hips"] - middle)


def _lift(
    target: Target,
    rest_s: RestBody,
    rest_t: RestBody,
    world: dict[int, Array],
    head: Array,
    placed: dict[str, Array],
    up: Array,
    rate: float,
) -> float:
    """Return how far to raise the target so that its planted toes are as high as at rest; 0 if no foot stands."""
    gaps = [np.empty(0)]
    for side in SIDES:
        role = next((r for r in (f"{side}_toe", f"{side}_foot") if r in placed and r in rest_t.bones), None)
        if role is None:
            continue
        on = planted(placed[role], up, rest_s.leg_length(), rate)
        foot = f"{side}_foot"
        tilt = quaternion_multiply(world[rest_t.bones[foot]], quaternion_conjugate(rest_t.rotations[foot]))
        on &= quaternion_rotate(tilt, up) @ up > _FLAT  # the toes of someone who lies or kneels are not on their soles
        toe = _below_hips(target, rest_t.bones["hips"], rest_t.bones[role], world, head)
        gaps.append((rest_t.positions[role] - toe)[on] @ up)
    found = np.concatenate(gaps)
    return float(np.median(found)) if len(found) else 0.0


def _below_hips(target: Target, hips: int, bone: int, world: dict[int, Array], head: Array) -> Array:
    """Return the head (F, 3) of a bone below the hips, whose own head is at `head` (F, 3)."""
    skeleton = target.skeleton
    chain = [bone]
    while chain[-1] != hips:
        chain.append(int(skeleton.parents[chain[-1]]))
    position = head
    for parent, child in zip(chain[:0:-1], chain[-2::-1], strict=True):
        offset = quaternion_rotate(skeleton.local_rotations[child], target.locations[child])
        position = position + quaternion_rotate(world[parent], skeleton.local_positions[child] + offset)
    return position


def _location(target: Target, hips: int, world: dict[int, Array], head: Array) -> Array:
    """Return the location channel (F, 3) that brings the head of the hips bone to `head` (F, 3).

    What is above the hips has no role and so stands still.
    """
    skeleton = target.skeleton
    position, space = np.zeros(3), IDENTITY
    for bone in skeleton.with_ancestors([hips]):
        parent = int(skeleton.parents[bone])
        above = world[parent] if parent >= 0 else IDENTITY
        position = position + quaternion_rotate(above, skeleton.local_positions[bone])
        space = quaternion_multiply(above, skeleton.local_rotations[bone]) if target.local_location[bone] else above
        if bone != hips:
            position = position + quaternion_rotate(space, target.locations[bone])
    return quaternion_rotate(quaternion_conjugate(space), head - position)
