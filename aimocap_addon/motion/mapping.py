# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone plays which part of the body.

Roles are named `hips`, `spine_1`.., `neck_1`.., `head` and, with `left_` or `right_` before them, `clavicle`,
`upper_arm`, `lower_arm`, `hand`, `thigh`, `calf`, `foot`, `toe`, `index_metacarpal` (any finger), `index_1`..`index_3`
(from the knuckle outwards) and `lower_arm_twist_1`.. (any limb bone; helpers that share its roll).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .presets import PRESETS, Preset

SIDES = ("left", "right")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
ARM = ("clavicle", "upper_arm", "lower_arm", "hand")
LEG = ("thigh", "calf", "foot", "toe")

# Without these there is no body to move.
REQUIRED = (
    "hips",
    "spine_1",
    *(f"{side}_{part}" for side in SIDES for part in ("upper_arm", "lower_arm", "thigh", "calf", "foot")),
)
# What a whole humanoid has; the score is the share of these that were found.
CORE = (
    "hips",
    "spine_1",
    "neck_1",
    "head",
    *(f"{side}_{part}" for side in SIDES for part in (*ARM, *LEG)),
    *(f"{side}_{finger}_1" for side in SIDES for finger in FINGERS),
)


@dataclass(frozen=True)
class Mapping:
    """Roles found on one skeleton: `bones` maps role to bone name, `missing` lists the core roles without a bone."""

    family: str
    bones: dict[str, str]
    score: float
    missing: tuple[str, ...]

    def chain(self, name: str) -> tuple[str, ...]:
        """Return the roles `name`_1, `name`_2, .. that have a bone, from the root outwards."""
        return tuple(_counted(name, self.bones))


def detect(names: Sequence[str], parents: Sequence[int]) -> Mapping | None:
    """Return the mapping of the rig family that fits a skeleton best, or None when none fits.

    `parents` holds the index of each bone's parent, -1 for none. Case does not matter, and neither does what stands
    before the names ("mixamorig:", "Character1_"). A bone that hangs from the wrong part of the body is not taken.
    """
    lowered = [name.casefold() for name in names]
    best: Mapping | None = None
    for preset in PRESETS:
        wanted = _roles(preset)
        hips = preset.hips.casefold()
        prefixes = sorted({name.removesuffix(hips) for name in lowered if name.endswith(hips)})
        for prefix in prefixes:
            stripped = {name.removeprefix(prefix): i for i, name in enumerate(lowered) if name.startswith(prefix)}
            found = {role: stripped[bone] for role, bone in wanted.items() if bone in stripped}
            found = _in_order(found, parents)
            if not all(role in found for role in REQUIRED):
                continue
            missing = tuple(role for role in CORE if role not in found)
            score = 1.0 - len(missing) / len(CORE)
            if best is None or (score, len(found)) > (best.score, len(best.bones)):
                bones = {role: names[index] for role, index in found.items()}
                best = Mapping(preset.family, bones, score, missing)
    return best


def families() -> tuple[str, ...]:
    """Return the names of the rig families that `detect` knows."""
    return tuple(preset.family for preset in PRESETS)


def role_parents(role: str) -> tuple[str, ...]:
    """Return the roles from which `role` hangs, nearest first; a chain stands as its bare name ("spine")."""
    side, _, part = role.partition("_")
    if side not in SIDES:
        trunk = {"hips": (), "spine": ("hips",), "neck": ("spine", "hips"), "head": ("neck", "spine", "hips")}
        return trunk[side]
    if part in LEG:
        return (*(f"{side}_{p}" for p in reversed(LEG[: LEG.index(part)])), "hips")
    if part in ARM:
        return (*(f"{side}_{p}" for p in reversed(ARM[: ARM.index(part)])), "spine", "hips")
    limb, is_twist, _ = part.partition("_twist_")
    if is_twist:
        return (f"{side}_{limb}", *role_parents(f"{side}_{limb}"))
    finger, _, number = part.partition("_")
    inner = [f"{side}_{finger}_{n}" for n in range(int(number) - 1, 0, -1)] if number.isdigit() else []
    # Rigify hangs the thumb from the index finger's metacarpal
    metacarpals = [f"{side}_{f}_metacarpal" for f in (finger, *FINGERS)] if number.isdigit() else []
    return (*inner, *metacarpals, f"{side}_hand", *role_parents(f"{side}_hand"))


def _roles(preset: Preset) -> dict[str, str]:
    """Return role -> bone name (lower case) of a preset; chains are in order from the root outwards."""
    roles = {"hips": preset.hips, "head": preset.head}
    roles |= {f"spine_{i}": name for i, name in enumerate(preset.spine, 1)}
    roles |= {f"neck_{i}": name for i, name in enumerate(preset.neck, 1)}
    for side, text in zip(SIDES, preset.sides, strict=True):
        sided = dict(preset.limbs)
        for finger, names in preset.fingers.items():
            sided |= {f"{finger}_{i}": name for i, name in enumerate(names, 1)}
        sided |= {f"{finger}_metacarpal": name for finger, name in preset.metacarpals.items()}
        for limb, names in preset.twists.items():
            sided |= {f"{limb}_twist_{i}": name for i, name in enumerate(names, 1)}
        roles |= {f"{side}_{part}": name.format(side=text) for part, name in sided.items()}
    return {role: name.casefold() for role, name in roles.items()}


def _in_order(found: dict[str, int], parents: Sequence[int]) -> dict[str, int]:
    """Return `found` without the bones whose nearest ancestor with a role is not one from which the role hangs."""
    role_of = {index: role for role, index in found.items()}
    kept = {}
    for role, index in found.items():
        ancestor = parents[index]
        while ancestor >= 0 and ancestor not in role_of:
            ancestor = parents[ancestor]
        if ancestor < 0:
            fits = role == "hips"
        else:
            above = role_of[ancestor]
            base, _, number = above.rpartition("_")
            name = base if base in ("spine", "neck") and number.isdigit() else above
            fits = name in role_parents(role) or _earlier_in_chain(above, role)
        if fits:
            kept[role] = index
    return kept


def _earlier_in_chain(above: str, role: str) -> bool:
    a, _, a_number = above.rpartition("_")
    b, _, b_number = role.rpartition("_")
    return a == b and a_number.isdigit() and b_number.isdigit() and int(a_number) < int(b_number)


def _counted(name: str, bones: dict[str, str]) -> Iterator[str]:
    number = 1
    while f"{name}_{number}" in bones:
        yield f"{name}_{number}"
        number += 1
