# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from one humanoid skeleton to another, all frames at once.

What is carried over is each bone's turn away from rest, as seen in armature space after both bodies were laid over
each other by their up and left directions; bone rolls and axes do not matter. Where the rest poses differ (A-pose,
T-pose), a calibration C turns the target's limb, at rest, into the source's:

    R_target(f) = R_source(f) * R_source_rest^-1 * C * R_target_rest

See `calibration` for arms, legs, hands and feet. Hips, spine, neck, head and clavicles have no C: upright is upright on
every skeleton, and the shape of the shoulders belongs to the character.

The path of the hips is that of the midpoint of the hip joints, scaled by the ratio of leg lengths, then raised or
lowered once so that planted toes are as high as they are at rest. Then `standing` holds planted feet in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .body import RestBody, body_axes
from .calibration import calibrations, palm_frame, palm_knuckles
from .heading import heading
from .mapping import FINGERS, SIDES, Mapping
from .pose import Pose, Target, channels, heads_below, location_channel, pose_of, posed_again, turned_away
from .rotations import (
    Array,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
    quaternion_slerp,
)
from .skeleton import IDENTITY, Motion, Skeleton
from .standing import lift_to_ground, planted_feet, standing_feet
from .twist import twist_bones, twist_rotations, with_rows


@dataclass(frozen=True)
class Solution:
    """Pose channels of the target.

    `rotations` maps bone index to (F, 4), relative to rest, signs continuous; `angles` holds the same as (F, 3) radians
    for bones with locked angles. `locations` maps bone index to (F, 3): the hips or the control that carries them, and
    the root bone if that travels.
    """

    rotations: dict[int, Array]
    angles: dict[int, Array]
    locations: dict[int, Array]


@dataclass(frozen=True)
class Options:
    """What a person may choose.

    `root_motion` is one of ROOT_MOTIONS: the hips travel as captured; stay over their place and only rise and sink;
    leave the travel over the ground, and the turning of the body about the vertical, to the bone at the top of the
    skeleton; or travel at one height. `path_scale` is what the path over the ground is multiplied by, None for the
    ratio of leg lengths. `ground_offset` raises the character, in units of the target's armature space. `hold_contacts`
    pins planted feet, see `standing`. `turn_carrier` turns the control that carries the hips with them.
    """

    root_motion: str = "CAPTURED"
    path_scale: float | None = None
    ground_offset: float = 0.0
    hold_contacts: bool = True
    turn_carrier: bool = False


ROOT_MOTIONS = ("CAPTURED", "IN_PLACE", "ROOT_BONE", "HORIZONTAL")


def solve(
    source: Skeleton,
    source_mapping: Mapping,
    motion: Motion,
    target: Target,
    target_mapping: Mapping,
    options: Options = Options(),
) -> Solution:
    """Return the target's pose channels for every frame of `motion`.

    `motion` must hold all bones of `source_mapping`. Where the root bone is to travel but the hips hang from none, the
    hips travel. Raises ValueError for a skeleton whose joints lie on each other.
    """
    axes = body_axes(target.skeleton, target_mapping)
    up = axes[2]
    turn = quaternion_from_matrix(axes.T @ body_axes(source, source_mapping))
    rest_s = RestBody.of(source, source_mapping, turn)
    rest_t = RestBody.of(target.skeleton, target_mapping, IDENTITY)
    if min(rest_s.leg_length(), rest_t.leg_length()) < 1e-6:
        raise ValueError("the joints of the legs lie on each other")
    target = _twists_at_rest(target, rest_t)
    hips = rest_t.bones["hips"]
    root = target.skeleton.with_ancestors([hips])[0]
    ratio = rest_t.leg_length() / rest_s.leg_length()
    row = {bone: i for i, bone in enumerate(motion.bones)}
    rotations = quaternion_multiply(turn, motion.rotations)
    turned = {role: rotations[row[bone]] for role, bone in rest_s.bones.items()}
    placed = {
        role: quaternion_rotate(turn, motion.positions[row[rest_s.bones[role]]])
        for role in _PLACED
        if role in rest_s.bones
    }

    turned = with_rows(source, rest_s, turned, placed)
    wanted = _limbs(rest_s, rest_t, turned, up) | _trunk(rest_s, rest_t, turned, source_mapping, target_mapping)
    carrier = target.skeleton.index[target_mapping.travel] if target_mapping.travel else hips
    posed = {rest_t.bones[role]: r for role, r in wanted.items()}
    if options.turn_carrier and carrier != hips:
        below = quaternion_conjugate(rest_t.rotations["hips"])
        apart = quaternion_multiply(below, target.skeleton.rest_rotations[carrier])
        posed[carrier] = quaternion_multiply(wanted["hips"], apart)
    pose = pose_of(target, posed)
    pose = _with_palms(target, rest_s, rest_t, pose, placed)

    path = (placed["left_thigh"] + placed["right_thigh"]) / 2.0 - rest_s.hip_midpoint()
    height = (path @ up)[:, None] * up
    travel = (path - height) * (ratio if options.path_scale is None else options.path_scale)
    height = height * ratio
    if options.root_motion == "HORIZONTAL":
        height = np.median(height, axis=0)
    head = _hips_head(target, rest_t, pose.world, travel + height)
    stands = standing_feet(rest_s, rest_t, pose.world, placed, up, motion.rate)
    head = head + up * (lift_to_ground(target, rest_t, pose.world, head, stands, up) + options.ground_offset)
    if options.hold_contacts:
        ways = {"IN_PLACE": axes[2:], "HORIZONTAL": axes[:2]}.get(options.root_motion, axes)
        pose, move = planted_feet(target, rest_t, pose, head, stands, axes, motion.rate, options.ground_offset, ways)
        head = head + move
    twists = {rest_t.bones[role]: r for role, r in twist_rotations(target.skeleton, rest_t, pose.world).items()}
    if twists:
        pose = posed_again(target, pose, twists)

    if options.root_motion == "IN_PLACE":
        head = head - travel
    locations: dict[int, Array] = {}
    if options.root_motion == "ROOT_BONE" and root not in (hips, carrier):
        pose, locations[root] = _rooted(target, rest_t, root, pose, travel, up, motion.rate)
    if carrier != hips:  # another bone takes the hips along
        head = head - heads_below(target, carrier, [hips], pose.world, np.zeros(3))[0]
    locations[carrier] = location_channel(target, carrier, pose.world, head, locations)
    return Solution(channels(target, pose), pose.held, locations)


def _rooted(
    target: Target, body: RestBody, root: int, pose: Pose, travel: Array, up: Array, rate: float
) -> tuple[Pose, Array]:
    """Return the pose with the bone `root` turned as the body faces, and the root's location channel (F, 3).

    What is posed keeps its rotation in space. `travel` (F, 3) is the root's way from its rest: where an earlier motion
    has left it does not count.
    """
    skeleton = target.skeleton
    facing = quaternion_from_axis_angle(up, heading(turned_away(body, pose.world, "hips"), up, rate))
    pose = posed_again(target, pose, {root: quaternion_multiply(facing, skeleton.rest_rotations[root])})
    return pose, location_channel(target, root, pose.world, travel + skeleton.rest_positions[root], {})


def _twists_at_rest(target: Target, body: RestBody) -> Target:
    """Return the target with its twist bones at rest: those in a row with a limb are part of it."""
    rotations = target.rotations.copy()
    rotations[twist_bones(body)] = IDENTITY
    return replace(target, rotations=rotations)


# Joints whose place matters, not only their rotation.
_PLACED = tuple(
    f"{side}_{part}"
    for side in SIDES
    for part in (
        "upper_arm",
        "lower_arm",
        "hand",
        "thigh",
        "calf",
        "foot",
        "toe",
        *(f"{finger}_1" for finger in FINGERS[1:]),
    )
)


def _limbs(source: RestBody, target: RestBody, turned: dict[str, Array], up: Array) -> dict[str, Array]:
    """Return rotations (F, 4) bone to armature of everything but the trunk, by role."""
    limbs = calibrations(source, target, up) | {f"{side}_clavicle": IDENTITY for side in SIDES}
    roles = [role for role in limbs if role in source.bones and role in target.bones]
    if not roles:
        return {}
    rest_s, c, rest_t = (
        np.stack([part[role] for role in roles]) for part in (source.rotations, limbs, target.rotations)
    )
    constants = quaternion_multiply(quaternion_conjugate(rest_s), quaternion_multiply(c, rest_t))
    rotations = quaternion_multiply(np.stack([turned[role] for role in roles]), constants[:, None])
    return dict(zip(roles, rotations, strict=True))


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
        elif links and receivers:
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


def _with_palms(target: Target, source: RestBody, body: RestBody, pose: Pose, placed: dict[str, Array]) -> Pose:
    """Return the pose with hands turned so that palms face where the performer's do, also while they arch.

    Only for performers with bones in the palm; without, a palm is rigid and its calibration says it all.
    """
    changed: dict[int, Array] = {}
    for side in SIDES:
        knuckles = palm_knuckles(source, body, side)
        metacarpals = [f"{side}_{finger}_metacarpal" for finger in FINGERS]
        hands = all(f"{side}_hand" in here.bones for here in (source, body))
        if not hands or not knuckles or not any(m in source.bones for m in metacarpals):
            continue
        hand = body.bones[f"{side}_hand"]
        wrist = np.zeros(3)
        here = palm_frame(*heads_below(target, hand, [body.bones[k] for k in knuckles], pose.world, wrist))
        there = palm_frame(*(placed[k] - placed[f"{side}_hand"] for k in knuckles))
        if min(np.abs(np.linalg.det(here)).min(), np.abs(np.linalg.det(there)).min()) < 0.5:
            continue  # knuckles in one line have no plane
        turn = quaternion_from_matrix(there @ np.swapaxes(here, -1, -2))
        for bone in (hand, *(body.bones[m] for m in metacarpals if m in body.bones)):
            changed[bone] = quaternion_multiply(turn, pose.world[bone])
    return posed_again(target, pose, changed) if changed else pose


def _hips_head(target: Target, body: RestBody, world: dict[int, Array], path: Array) -> Array:
    """Return the head (F, 3) of the hips bone when the midpoint of the hip joints is `path` (F, 3) away from rest."""
    hips = body.bones["hips"]
    thighs = heads_below(target, hips, [body.bones[f"{side}_thigh"] for side in SIDES], world, np.zeros(3))
    return body.hip_midpoint() + path - np.mean(thighs, axis=0)
