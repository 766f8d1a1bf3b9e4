# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from one humanoid skeleton to another, all frames at once.

What is carried over is each bone's turn away from rest, as seen in armature space after both bodies were laid over
each other by their up and left directions; bone rolls and axes do not matter. Where the rest poses differ (A-pose,
T-pose), a calibration C turns the target's limb, at rest, into the source's:

    R_target(f) = R_source(f) * R_source_rest^-1 * C * R_target_rest

See `calibration` for arms, legs, hands and feet. Hips, spine, neck, head and clavicles have no C: upright is upright on
every skeleton, and the shape of the shoulders belongs to the character.

The path of the hips is that of the midpoint of the hip joints, scaled by the ratio of leg lengths, then raised or
lowered once so that planted toes are as high as they are at rest. Then `feet` holds planted feet in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import feet
from .body import RestBody, body_axes
from .calibration import calibrations, palm_frame, palm_knuckles
from .contacts import planted
from .heading import heading
from .legs import Leg
from .mapping import FINGERS, SIDES, Mapping
from .rotations import (
    Array,
    cross,
    euler_from_quaternion,
    make_continuous,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_euler,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
    quaternion_slerp,
)
from .skeleton import IDENTITY, Motion, Skeleton, stacked
from .twist import twist_bones, twist_rotations


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
    pins planted feet, see `feet`. `turn_carrier` turns the control that carries the hips with them.
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

    wanted = _limbs(rest_s, rest_t, turned, up) | _trunk(rest_s, rest_t, turned, source_mapping, target_mapping)
    carrier = target.skeleton.index[target_mapping.travel] if target_mapping.travel else hips
    posed = {rest_t.bones[role]: r for role, r in wanted.items()}
    if options.turn_carrier and carrier != hips:
        below = quaternion_conjugate(rest_t.rotations["hips"])
        apart = quaternion_multiply(below, target.skeleton.rest_rotations[carrier])
        posed[carrier] = quaternion_multiply(wanted["hips"], apart)
    pose = _pose(target, posed)
    pose = _with_palms(target, rest_s, rest_t, pose, placed)

    path = (placed["left_thigh"] + placed["right_thigh"]) / 2.0 - rest_s.hip_midpoint()
    height = (path @ up)[:, None] * up
    travel = (path - height) * (ratio if options.path_scale is None else options.path_scale)
    height = height * ratio
    if options.root_motion == "HORIZONTAL":
        height = np.median(height, axis=0)
    head = _hips_head(rest_t, pose.world, travel + height)
    stands = _standing_feet(rest_s, rest_t, pose.world, placed, up, motion.rate)
    head = head + up * (_lift(target, rest_t, pose.world, head, stands, up) + options.ground_offset)
    if options.hold_contacts:
        pose, rise = _planted_feet(target, rest_t, pose, head, stands, axes, ratio, motion.rate, options)
        head = head + rise[:, None] * up
    twists = {rest_t.bones[role]: r for role, r in twist_rotations(target.skeleton, rest_t, pose.world).items()}
    if twists:
        pose = _posed_again(target, pose, twists)

    if options.root_motion == "IN_PLACE":
        head = head - travel
    locations: dict[int, Array] = {}
    if options.root_motion == "ROOT_BONE" and root not in (hips, carrier):
        pose, locations[root] = _rooted(target, rest_t, root, pose, travel, up, motion.rate)
    if carrier != hips:  # another bone takes the hips along
        head = head - _below(target, carrier, hips, pose.world, np.zeros(3))
    locations[carrier] = _location(target, carrier, pose.world, head, locations)
    return Solution(_channels(target, pose), pose.held, locations)


def _rooted(
    target: Target, body: RestBody, root: int, pose: _Pose, travel: Array, up: Array, rate: float
) -> tuple[_Pose, Array]:
    """Return the pose with the bone `root` turned as the body faces, and the root's location channel (F, 3).

    What is posed keeps its rotation in space. `travel` (F, 3) is the root's way from its rest: where an earlier motion
    has left it does not count.
    """
    skeleton = target.skeleton
    facing = quaternion_from_axis_angle(up, heading(_delta(body, pose.world, "hips"), up, rate))
    pose = _posed_again(target, pose, {root: quaternion_multiply(facing, skeleton.rest_rotations[root])})
    return pose, _location(target, root, pose.world, travel + skeleton.rest_positions[root], {})


def _twists_at_rest(target: Target, body: RestBody) -> Target:
    """Return the target with its twist bones at rest: those in a row with a limb are part of it."""
    rotations = target.rotations.copy()
    rotations[twist_bones(body)] = IDENTITY
    return replace(target, rotations=rotations)


@dataclass(frozen=True)
class _Pose:
    """`posed` are the bones with a wanted rotation; `held` maps those with locked angles to all their angles (F, 3).

    `world` maps the posed bones, and all above them, to rotations (F, 4) or (4), bone to armature.
    """

    posed: frozenset[int]
    held: dict[int, Array]
    world: dict[int, Array]


@dataclass(frozen=True)
class _Standing:
    """One foot of the performer: the `role` that stands, its height (F) over its ground, and when it is planted (F).

    `flat` (F) is the part of `planted` in which the sole is on the ground.
    """

    side: str
    role: str
    height: Array
    planted: NDArray[np.bool_]
    flat: NDArray[np.bool_]


# Cosines of the largest tilt of a standing foot, and of one that still stands on its ball.
_FLAT = np.cos(np.radians(30.0))
_ON_BALL = np.cos(np.radians(75.0))
# In lengths from ankle to ball.
_TOE_LENGTH = 0.45
# Joints whose place matters, not only their rotation.
_PLACED = tuple(
    f"{side}_{part}"
    for side in SIDES
    for part in ("thigh", "foot", "toe", "hand", *(f"{finger}_1" for finger in FINGERS[1:]))
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


def _pose(target: Target, wanted: dict[int, Array], known: dict[int, Array] | None = None) -> _Pose:
    """Return the pose in which bones have the rotations `wanted` (F, 4), bone to armature.

    A bone with locked angles turns about its other axes only, and the bones below make up for it. Bones whose rotation
    is `known` (F, 4) are not posed again.
    """
    held: dict[int, Array] = {}
    world: dict[int, Array] = dict(known or {})
    for bone in target.skeleton.with_ancestors(wanted):
        if bone in world:
            continue
        if bone not in wanted:
            world[bone] = quaternion_multiply(_base(target, bone, world), target.rotations[bone])
            continue
        world[bone] = wanted[bone]
        locked = target.locked[bone]
        if locked.any():
            base = _base(target, bone, world)
            channel = quaternion_multiply(quaternion_conjugate(base), wanted[bone])
            angles = euler_from_quaternion(channel, target.orders[bone], target.angles[bone])
            held[bone] = np.where(locked, target.angles[bone], angles)
            world[bone] = quaternion_multiply(base, quaternion_from_euler(held[bone], target.orders[bone]))
    return _Pose(frozenset(wanted), held, world)


def _base(target: Target, bone: int, world: dict[int, Array]) -> Array:
    """Return the rotation (F, 4) or (4), bone to armature, that a bone has while its channels are at rest."""
    parent = int(target.skeleton.parents[bone])
    if parent >= 0 and target.inherits_rotation[bone]:
        return quaternion_multiply(world[parent], target.skeleton.local_rotations[bone])
    return target.skeleton.rest_rotations[bone]


def _channels(target: Target, pose: _Pose) -> dict[int, Array]:
    """Return the rotation channels (F, 4) of the posed bones, signs continuous."""
    bones = sorted(pose.posed)
    skeleton = target.skeleton
    hanging = target.inherits_rotation[bones] & (skeleton.parents[bones] >= 0)
    local = np.where(hanging[:, None], skeleton.local_rotations[bones], skeleton.rest_rotations[bones])
    above = [
        pose.world[int(skeleton.parents[bone])] if hangs else IDENTITY
        for bone, hangs in zip(bones, hanging, strict=True)
    ]
    base = quaternion_multiply(stacked(above), local[:, None])
    channels = quaternion_multiply(quaternion_conjugate(base), stacked([pose.world[bone] for bone in bones]))
    return dict(zip(bones, make_continuous(channels.swapaxes(0, 1)).swapaxes(0, 1), strict=True))


def _posed_again(target: Target, pose: _Pose, changed: dict[int, Array]) -> _Pose:
    """Return `pose` with the bones of `changed` turned to these rotations (F, 4); what was posed below them stays."""
    parents = target.skeleton.parents
    stale: set[int] = set()
    for bone in sorted(pose.world.keys() | changed.keys()):
        if bone in changed or int(parents[bone]) in stale:
            stale.add(bone)
    wanted = {bone: pose.world[bone] for bone in stale if bone in pose.posed} | changed
    known = {bone: rotation for bone, rotation in pose.world.items() if bone not in stale}
    new = _pose(target, wanted, known)
    return _Pose(pose.posed | new.posed, pose.held | new.held, new.world)


def _with_palms(target: Target, source: RestBody, body: RestBody, pose: _Pose, placed: dict[str, Array]) -> _Pose:
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
        here = palm_frame(*(_below(target, hand, body.bones[k], pose.world, wrist) for k in knuckles))
        there = palm_frame(*(placed[k] - placed[f"{side}_hand"] for k in knuckles))
        if min(np.abs(np.linalg.det(here)).min(), np.abs(np.linalg.det(there)).min()) < 0.5:
            continue  # knuckles in one line have no plane
        turn = quaternion_from_matrix(there @ np.swapaxes(here, -1, -2))
        for bone in (hand, *(body.bones[m] for m in metacarpals if m in body.bones)):
            changed[bone] = quaternion_multiply(turn, pose.world[bone])
    return _posed_again(target, pose, changed) if changed else pose


def _hips_head(target: RestBody, world: dict[int, Array], path: Array) -> Array:
    """Return the head (F, 3) of the hips bone when the midpoint of the hip joints is `path` (F, 3) away from rest."""
    rotation = world[target.bones["hips"]]
    delta = quaternion_multiply(rotation, quaternion_conjugate(target.rotations["hips"]))
    middle = target.hip_midpoint()
    return middle + path + quaternion_rotate(delta, target.positions["hips"] - middle)


def _standing_feet(
    source: RestBody, target: RestBody, world: dict[int, Array], placed: dict[str, Array], up: Array, rate: float
) -> list[_Standing]:
    """Return when and how the performer's feet stand, for the feet that both bodies have; heights in source units."""
    found = []
    for side in SIDES:
        role = next((r for r in (f"{side}_toe", f"{side}_foot") if r in placed and r in target.bones), None)
        if role is None:
            continue
        on = planted(placed[role], up, source.leg_length(), rate)
        upright = quaternion_rotate(_delta(target, world, f"{side}_foot"), up) @ up
        # the toes of someone who lies or kneels are not on their soles
        on &= upright > _ON_BALL
        height = placed[role] @ up
        ground = np.percentile(height[on], 20.0) if on.any() else np.percentile(height, 5.0)
        found.append(_Standing(side, role, height - ground, on, on & (upright > _FLAT)))
    return found


def _lift(
    target: Target, body: RestBody, world: dict[int, Array], head: Array, stands: Sequence[_Standing], up: Array
) -> float:
    """Return how far to raise the target so that its planted toes are as high as at rest; 0 if no foot stands."""
    gaps = [np.empty(0)]
    for foot in stands:
        toe = _below(target, body.bones["hips"], body.bones[foot.role], world, head)
        gaps.append((body.positions[foot.role] - toe)[foot.flat] @ up)
    found = np.concatenate(gaps)
    return float(np.median(found)) if len(found) else 0.0


def _planted_feet(
    target: Target,
    body: RestBody,
    pose: _Pose,
    head: Array,
    stands: Sequence[_Standing],
    axes: Array,
    ratio: float,
    rate: float,
    options: Options,
) -> tuple[_Pose, Array]:
    """Return the pose with planted feet pinned and none in the floor, and how far (F) the hips rise for it."""
    if not any(foot.planted.any() for foot in stands):
        return pose, np.zeros(len(head))  # nothing tells where the performer's floor is
    up = axes[2]
    hips = body.bones["hips"]
    legs, plans = [], []
    for foot in stands:
        thigh, knee, ankle, toe = (
            _below(target, hips, body.bones[role], pose.world, head)
            for role in (f"{foot.side}_thigh", f"{foot.side}_calf", f"{foot.side}_foot", foot.role)
        )
        delta = _delta(body, pose.world, f"{foot.side}_thigh")
        legs.append(Leg(thigh, knee, ankle, quaternion_rotate(delta, axes[0])))
        floor = float(body.positions[foot.role] @ up) + options.ground_offset
        plans.append(feet.plan(toe, foot.height * ratio, foot.planted, up, floor, rate))
    turns, rise = feet.pin(legs, plans, up, rate, move_hips=options.root_motion != "HORIZONTAL")
    changed: dict[int, Array] = {}
    for foot, turns_of_leg in zip(stands, turns, strict=True):
        for part, turn in zip(("thigh", "calf"), turns_of_leg, strict=True):
            bone = body.bones[f"{foot.side}_{part}"]
            changed[bone] = quaternion_multiply(turn, pose.world[bone])
    pose = _posed_again(target, pose, changed)
    changed = {}
    for foot, each in zip(stands, plans, strict=True):
        if foot.role.endswith("toe"):
            bone = body.bones[foot.role]
            ahead = body.direction(f"{foot.side}_foot", foot.role)
            length = _TOE_LENGTH * float(np.linalg.norm(ahead))
            ahead = normalize(ahead - (ahead @ up) * up)
            delta = _delta(body, pose.world, foot.role)
            forward, sole_up, left = (quaternion_rotate(delta, axis) for axis in (ahead, up, cross(up, ahead)))
            bend = feet.bend_toe(forward, sole_up, each.height, length, up, rate)
            changed[bone] = quaternion_multiply(quaternion_from_axis_angle(left, -bend), pose.world[bone])
    return (_posed_again(target, pose, changed) if changed else pose), rise


def _delta(body: RestBody, world: dict[int, Array], role: str) -> Array:
    """Return how far (F, 4) the bone of a role is turned from rest, in armature space."""
    return quaternion_multiply(world[body.bones[role]], quaternion_conjugate(body.rotations[role]))


def _below(target: Target, top: int, bone: int, world: dict[int, Array], head: Array) -> Array:
    """Return the head (F, 3) of a bone below the bone `top`, whose own head is at `head` (3 or F, 3)."""
    skeleton = target.skeleton
    chain = [bone]
    while chain[-1] != top:
        chain.append(int(skeleton.parents[chain[-1]]))
    position = head
    for parent, child in zip(chain[:0:-1], chain[-2::-1], strict=True):
        offset = quaternion_rotate(skeleton.local_rotations[child], target.locations[child])
        position = position + quaternion_rotate(world[parent], skeleton.local_positions[child] + offset)
    return position


def _location(target: Target, bone: int, world: dict[int, Array], head: Array, locations: dict[int, Array]) -> Array:
    """Return the location channel (F, 3) that brings the head of `bone` to `head` (F, 3).

    What is above it has no role and stands still, but for bones with channels (F, 3) in `locations`.
    """
    skeleton = target.skeleton
    position, space = np.zeros(3), IDENTITY
    for each in skeleton.with_ancestors([bone]):
        parent = int(skeleton.parents[each])
        above = world[parent] if parent >= 0 else IDENTITY
        position = position + quaternion_rotate(above, skeleton.local_positions[each])
        space = quaternion_multiply(above, skeleton.local_rotations[each]) if target.local_location[each] else above
        if each != bone:
            moved = locations[each] if each in locations else target.locations[each]
            position = position + quaternion_rotate(space, moved)
    return quaternion_rotate(quaternion_conjugate(space), head - position)
