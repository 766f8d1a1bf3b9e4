# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the roles of bones by shape, for skeletons whose names say nothing.

A human body at rest has a mirror plane. Two pairs of limbs hang from bones in that plane: legs that point against the
direction from legs to arms, and arms. Within a limb the joints are told apart by proportions. Left and right follow
from where the toes point.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .roles import FINGERS, Mapping, completeness
from .rotations import Array, normalize
from .skeleton import Skeleton
from .symmetry import Mirror, Tree, find_mirror

FAMILY = "Found by shape"
_UNSURE = "The names of the bones say nothing, so that they were told by their shape: look whether every limb moves."

# Upper to lower part of a limb; source of these proportions and of those below: D. A. Winter, "Biomechanics and Motor
# Control of Human Movement", table of segment lengths. Stylised characters keep them better than total lengths.
_ARM_RATIO = 1.15
_LEG_RATIO = 1.0
# How much (natural logarithm) the ratio may be off at the cost of 1.
_RATIO_SPREAD = 0.25
# A joint that is passed over lies this close to the line of its limb part, in lengths of that.
_STRAIGHT = 0.06
# Share of a leg's drop that ends at the ankle, and of an arm's length that ends at the wrist, at least.
_LEG_COVER = 0.85
_ARM_COVER = 0.6
# Degrees by which a foot bends away from the shin.
_ANKLE_BEND = 25.0
# Cosine of the angle between legs and the body's downward direction, at least.
_HANGING = 0.8
# Leg lengths per length of the trunk, and arm lengths per leg length.
_LEG_PER_TRUNK = (0.6, 4.0)
_ARM_PER_LEG = (0.35, 1.6)
# A fit that costs more than this is no limb.
_WORST = 4.0
# In sizes of the skeleton: joints closer than this are one.
_SAME = 0.004


class Guess(NamedTuple):
    """A mapping, or None with a clause that says why there is none."""

    mapping: Mapping | None
    reason: str


class _Limb(NamedTuple):
    """Bones of one side: what is before the limb (clavicle) or -1, upper part, lower part, end, and what it costs."""

    before: int
    upper: int
    lower: int
    end: int
    cost: float


class _Body(NamedTuple):
    legs: _Limb
    arms: _Limb
    hips: int
    spine: tuple[int, ...]
    up: Array
    cost: float


def guess(skeleton: Skeleton) -> Guess:
    """Return the mapping of a humanoid skeleton by its shape at rest, whatever its names, order, units and axes.

    Animals, props and skeletons without two legs, two arms, a spine and a head are refused.
    """
    tree = Tree.of(skeleton)
    if len(tree.parents) < len(("hips", "spine", "head")) + 2 * 3 * 2 or tree.size <= 0.0:
        return Guess(None, "it has too few bones for a body")
    mirror = find_mirror(tree)
    tree = tree.without_burdens(mirror.twin)
    pairs = _limb_pairs(tree, mirror)
    if len(pairs) < 2:
        return Guess(None, "it has no two pairs of limbs that mirror each other")
    found = [_body(tree, mirror, legs, arms) for legs in pairs for arms in pairs if legs != arms]
    bodies = sorted((body for body in found if isinstance(body, _Body)), key=lambda body: body.cost)
    if not bodies:
        reasons = [reason for reason in found if isinstance(reason, str)]
        return Guess(None, max(reasons, key=_REASONS.index))
    body = bodies[0]
    head = _head(tree, mirror, body)
    if head is None:
        return Guess(None, "it has no head above its arms")
    forward = _forward(tree, mirror, body)
    if forward is None:
        return Guess(None, "it does not show which way it faces")
    bones = _roles(tree, mirror, body, head, forward)
    score, missing = completeness(bones)
    margin = 1.0 - (1.0 + body.cost) / (1.0 + bodies[1].cost) if len(bodies) > 1 else 1.0
    names = {role: skeleton.names[bone] for role, bone in bones.items()}
    score /= 1.0 + 0.05 * body.cost
    return Guess(Mapping(FAMILY, names, score, missing, margin, warnings=(_UNSURE,)), "")


_NO_TRUNK = "its limbs do not hang from one spine"
_NOT_UPRIGHT = "its legs do not hang down from an upright body, so it looks like an animal"
_NO_PROPORTIONS = "its limbs have not the proportions of arms and legs on both sides"
# From the vaguest to what comes nearest to a body.
_REASONS = (_NO_TRUNK, _NOT_UPRIGHT, _NO_PROPORTIONS)


def _limb_pairs(tree: Tree, mirror: Mirror) -> list[int]:
    """Return the fuller one of each pair of long twins that hang from the mirror plane."""
    found = []
    for bone, twin in enumerate(mirror.twin):
        parent = tree.parents[bone]
        hangs = twin not in (-1, bone) and parent >= 0 and mirror.twin[parent] == parent
        is_fuller = hangs and (tree.count[bone], bone) > (tree.count[twin], twin)
        if is_fuller and tree.count[bone] >= 3 and tree.reach[bone] > 0.15 * tree.size:
            found.append(bone)
    return found


def _body(tree: Tree, mirror: Mirror, leg: int, arm: int) -> _Body | str:
    """Return the body with these limbs, each given by its first bone on one side, or a reason against it."""
    above_legs, above_arms = tree.ancestors(tree.parents[leg]), tree.ancestors(tree.parents[arm])
    hips = next((bone for bone in above_legs if bone in above_arms), -1)
    starts = [(tree.heads[bone] + tree.heads[mirror.twin[bone]]) / 2.0 for bone in (leg, arm)]
    upwards = _flat(starts[1] - starts[0], mirror.normal)
    trunk = float(np.linalg.norm(upwards))
    if hips < 0 or hips == above_arms[0] or trunk < 0.05 * tree.size:
        return _NO_TRUNK
    spine = tuple(reversed(above_arms[: above_arms.index(hips)]))
    up = upwards / trunk
    legs, arms = _fit_leg(tree, tree.path(leg), up), _fit_arm(tree, tree.path(arm))
    if legs is None or arms is None or not _on_both_sides(mirror, legs, arms):
        return _NO_PROPORTIONS
    length = _length(tree, legs)
    if np.dot(normalize(tree.heads[legs.end] - tree.heads[legs.upper]), up) > -_HANGING:
        return _NOT_UPRIGHT
    middle = (tree.heads[legs.upper] + tree.heads[mirror.twin[legs.upper]]) / 2.0
    if np.linalg.norm(tree.heads[hips] - middle) > 0.6 * length:
        return _NO_TRUNK
    if not _in_proportion(tree, trunk, legs, arms):
        return _NO_PROPORTIONS
    without_fingers = 0.0 if len(_finger_chains(tree, arms.end)) > 1 else 1.0
    return _Body(legs, arms, hips, spine, up, legs.cost + arms.cost + without_fingers)


def _on_both_sides(mirror: Mirror, legs: _Limb, arms: _Limb) -> bool:
    return all(mirror.twin[bone] >= 0 for bone in (legs.upper, legs.lower, legs.end, arms.upper, arms.lower))


def _in_proportion(tree: Tree, trunk: float, legs: _Limb, arms: _Limb) -> bool:
    leg, arm = _length(tree, legs), _length(tree, arms)
    return _LEG_PER_TRUNK[0] < leg / trunk < _LEG_PER_TRUNK[1] and _ARM_PER_LEG[0] < arm / leg < _ARM_PER_LEG[1]


def _fit_leg(tree: Tree, path: Sequence[int], up: Array) -> _Limb | None:
    path = _joints(tree, path)
    heads = tree.heads[path]
    drops = (heads[0] - heads) @ up
    options = []
    for i, j, k in combinations(range(len(path)), 3):
        cost = _fit(heads, i, j, k, _LEG_RATIO)
        share = (drops[k] - drops[i]) / max(float(drops.max()), 1e-9)
        cost += (max(0.0, _LEG_COVER - share) / 0.1) ** 2
        if k + 1 < len(path):
            bend = _degrees(heads[k] - heads[j], heads[k + 1] - heads[k])
            cost += (max(0.0, _ANKLE_BEND - bend) / 15.0) ** 2
        options.append(_Limb(-1, path[i], path[j], path[k], cost))
    return _cheapest(options)


def _fit_arm(tree: Tree, path: Sequence[int]) -> _Limb | None:
    path = _joints(tree, path)
    hand = next((n for n, bone in enumerate(path) if n > 1 and len(_finger_roots(tree, bone)) > 1), None)
    if hand is not None:
        path = path[: hand + 1]
    heads = tree.heads[path]
    total = float(np.linalg.norm(np.diff(heads, axis=0), axis=-1).sum())
    options = []
    for i, j, k in combinations(range(len(path)), 3):
        if hand is not None and k != hand:
            continue
        cost = _fit(heads, i, j, k, _ARM_RATIO)
        share = (np.linalg.norm(heads[j] - heads[i]) + np.linalg.norm(heads[k] - heads[j])) / max(total, 1e-9)
        cost += (max(0.0, _ARM_COVER - float(share)) / 0.1) ** 2
        options.append(_Limb(path[0] if i > 0 else -1, path[i], path[j], path[k], cost))
    return _cheapest(options)


def _fit(heads: Array, i: int, j: int, k: int, ratio: float) -> float:
    """Return how badly the joints i, j, k of `heads` (N, 3) fit the ends of a limb's two parts."""
    upper, lower = heads[j] - heads[i], heads[k] - heads[j]
    lengths = float(np.linalg.norm(upper)), float(np.linalg.norm(lower))
    cost = (np.log(lengths[0] / lengths[1] / ratio) / _RATIO_SPREAD) ** 2
    for start, end in ((i, j), (j, k)):
        part = heads[end] - heads[start]
        for between in heads[start + 1 : end] - heads[start]:
            away = between - part * np.dot(between, part) / np.dot(part, part)
            cost += (np.linalg.norm(away) / np.linalg.norm(part) / _STRAIGHT) ** 2
    return float(cost)


def _cheapest(options: Sequence[_Limb]) -> _Limb | None:
    best = min(options, key=lambda limb: limb.cost, default=None)
    return best if best is not None and best.cost < _WORST else None


def _joints(tree: Tree, path: Sequence[int]) -> list[int]:
    """Return `path` without the bones that begin where the one before them does."""
    kept = [path[0]]
    for bone in path[1:]:
        if np.linalg.norm(tree.heads[bone] - tree.heads[kept[-1]]) > _SAME * tree.size:
            kept.append(bone)
    return kept


def _length(tree: Tree, limb: _Limb) -> float:
    heads = tree.heads[[limb.upper, limb.lower, limb.end]]
    return float(np.linalg.norm(np.diff(heads, axis=0), axis=-1).sum())


def _head(tree: Tree, mirror: Mirror, body: _Body) -> tuple[int, ...] | None:
    """Return the bones of neck and head above the arms, from the chest up, or None where there is none."""
    chain: list[int] = []
    bone = body.spine[-1]
    while True:
        above = [c for c in tree.children[bone] if mirror.twin[c] == c and _height(tree, body, bone, c) > 0.0]
        if not above:
            break
        bone = max(above, key=lambda c: _height(tree, body, bone, c))
        chain.append(bone)
    if not chain:
        return None
    # the end of the head is no joint: it lies higher above the shoulders than a neck is long
    shoulders = (tree.heads[body.arms.upper] + tree.heads[mirror.twin[body.arms.upper]]) / 2.0
    middle = (tree.heads[body.legs.upper] + tree.heads[mirror.twin[body.legs.upper]]) / 2.0
    trunk = float(np.dot(shoulders - middle, body.up))
    heights = [float(np.dot(tree.heads[bone] - shoulders, body.up)) for bone in chain]
    low = sum(height < 0.45 * trunk for height in heights) or 1
    faces = [n for n, bone in enumerate(chain[:low], 1) if _has_face(tree, mirror, bone)]
    return tuple(_joints(tree, chain[: faces[0] if faces else low]))


def _height(tree: Tree, body: _Body, start: int, bone: int) -> float:
    """Return how high above the head of `start` the way along `bone` leads."""
    return float(max(np.dot(tree.heads[b] - tree.heads[start], body.up) for b in tree.path(bone)))


def _has_face(tree: Tree, mirror: Mirror, bone: int) -> bool:
    """Tell whether eyes, ears or the like hang from a bone."""
    return any(mirror.twin[child] not in (-1, child) for child in tree.children[bone])


def _forward(tree: Tree, mirror: Mirror, body: _Body) -> Array | None:
    """Return the direction (3) in which the body faces: that of the toes, else that of the knees."""
    leg = _length(tree, body.legs)
    toes = tree.heads[tree.path(body.legs.end)[-1]] - tree.heads[body.legs.end]
    upper, knee, ankle = tree.heads[[body.legs.upper, body.legs.lower, body.legs.end]]
    thigh = ankle - upper
    bow = (knee - upper) - thigh * np.dot(knee - upper, thigh) / np.dot(thigh, thigh)
    for direction, least in ((toes, 0.04), (bow, 0.01)):
        flat = _flat(_flat(direction, mirror.normal), body.up)
        if np.linalg.norm(flat) > least * leg:
            return normalize(flat)
    return None


def _roles(tree: Tree, mirror: Mirror, body: _Body, head: Sequence[int], forward: Array) -> dict[str, int]:
    """Return role -> bone index."""
    bones = {"hips": body.hips, "head": head[-1]}
    bones |= {f"spine_{i}": bone for i, bone in enumerate(body.spine, 1)}
    bones |= {f"neck_{i}": bone for i, bone in enumerate(head[:-1], 1)}
    left = np.cross(body.up, forward)
    leg_is_left, arm_is_left = (
        float(np.dot(tree.heads[limb.lower] - tree.heads[mirror.twin[limb.lower]], left)) > 0.0
        for limb in (body.legs, body.arms)
    )
    limb = {"thigh": body.legs.upper, "calf": body.legs.lower, "foot": body.legs.end}
    toe = _toe(tree, body.legs)
    if toe is not None:
        limb["toe"] = toe
    arm = {"upper_arm": body.arms.upper, "lower_arm": body.arms.lower, "hand": body.arms.end}
    if body.arms.before >= 0:
        arm["clavicle"] = body.arms.before
    arm |= _fingers(tree, mirror, body.arms, forward)
    for parts, is_left in ((limb, leg_is_left), (arm, arm_is_left)):
        for part, bone in parts.items():
            for side in ("left", "right"):
                sided = bone if is_left == (side == "left") else mirror.twin[bone]
                if sided >= 0:
                    bones[f"{side}_{part}"] = sided
    return bones


def _toe(tree: Tree, leg: _Limb) -> int | None:
    """Return the first joint of the foot that is not still at the ankle."""
    shin = np.linalg.norm(tree.heads[leg.end] - tree.heads[leg.lower])
    beyond = tree.path(leg.end)[1:]
    return next((b for b in beyond if np.linalg.norm(tree.heads[b] - tree.heads[leg.end]) > 0.2 * shin), None)


def _finger_roots(tree: Tree, bone: int) -> list[int]:
    """Return the children of a bone that look like fingers: three or more as long as each other, or two alike."""
    chains = [child for child in tree.children[bone] if tree.count[child] > 1]
    longest = max((tree.stretch(child) for child in chains), default=0.0)
    fingers = [child for child in chains if tree.stretch(child) > 0.35 * longest]
    alike = [child for child in chains if tree.stretch(child) > 0.5 * longest]
    return fingers if len(fingers) > 2 else alike


def _finger_chains(tree: Tree, hand: int) -> list[list[int]]:
    """Return the bones of each finger, from the wrist outwards; a thumb may branch off another finger's metacarpal."""
    found = []
    waiting = [child for child in tree.children[hand] if tree.count[child] > 1]
    while waiting:
        chain = tree.path(waiting.pop())
        found.append(chain)
        for bone in chain:
            waiting += [child for child in tree.children[bone] if child not in chain and tree.count[child] > 1]
    longest = max((_chain_length(tree, chain) for chain in found), default=0.0)
    return [chain for chain in found if _chain_length(tree, chain) > 0.3 * longest]


def _chain_length(tree: Tree, chain: Sequence[int]) -> float:
    return float(tree.reach[chain[0]])


def _fingers(tree: Tree, mirror: Mirror, arm: _Limb, forward: Array) -> dict[str, int]:
    """Return finger role, without side, -> bone index.

    In every usual rest pose the thumb is the foremost finger and the little finger the hindmost.
    """
    chains = _finger_chains(tree, arm.end)
    if len(chains) > len(FINGERS):  # one of them is a thing in the hand
        chains = [chain for chain in chains if mirror.twin[chain[0]] >= 0]
    if len(chains) < 2:
        return {}
    wrist = tree.heads[arm.end]
    bodies = [_phalanges(tree, wrist, chain) for chain in chains]
    along = np.mean([tree.heads[fingers[-1]] for _, fingers in bodies], axis=0) - wrist
    across = _flat(forward, normalize(along))  # of a hand that itself points forward the longest finger is foremost
    ahead = [float(np.dot(tree.heads[fingers[0]] + tree.heads[fingers[-1]], across)) for _, fingers in bodies]
    order = sorted(range(len(bodies)), key=lambda n: -ahead[n])
    words = {2: ("thumb", "index"), 3: ("thumb", "index", "middle"), 4: ("thumb", "index", "middle", "pinky")}
    roles: dict[str, int] = {}
    for finger, n in zip(words.get(len(order), FINGERS), order, strict=False):
        metacarpal, phalanges = bodies[n]
        if metacarpal is not None and finger != "thumb":
            roles[f"{finger}_metacarpal"] = metacarpal
        elif metacarpal is not None:
            phalanges = [metacarpal, *phalanges]
        roles |= {f"{finger}_{i}": bone for i, bone in enumerate(phalanges[:3], 1)}
    return roles


def _phalanges(tree: Tree, wrist: Array, chain: Sequence[int]) -> tuple[int | None, list[int]]:
    """Return the metacarpal of a finger, if there is one, and the bones from the knuckle on.

    A metacarpal begins nearer to the wrist than to the knuckle.
    """
    if len(chain) > 3:
        first, second = tree.heads[chain[0]], tree.heads[chain[1]]
        if np.linalg.norm(first - wrist) < 0.8 * np.linalg.norm(second - first):
            return chain[0], list(chain[1:])
    return None, list(chain)


def _flat(vector: Array, normal: Array) -> Array:
    return vector - normal * np.dot(vector, normal)


def _degrees(a: Array, b: Array) -> float:
    return float(np.degrees(np.arccos(np.clip(np.dot(normalize(a), normalize(b)), -1.0, 1.0))))
