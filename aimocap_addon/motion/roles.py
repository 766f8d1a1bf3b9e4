# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the body that a bone can play.

Roles are named `hips`, `spine_1`.., `neck_1`.., `head` and, with `left_` or `right_` before them, `clavicle`,
`upper_arm`, `lower_arm`, `hand`, `thigh`, `calf`, `foot`, `toe`, `index_metacarpal` (any finger), `index_1`..`index_3`
(from the knuckle outwards) and `lower_arm_twist_1`.. (any limb bone; helpers that share its roll).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

Bone = TypeVar("Bone", str, int)  # by name or by index

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
# What a whole humanoid has.
CORE = (
    "hips",
    "spine_1",
    "neck_1",
    "head",
    *(f"{side}_{part}" for side in SIDES for part in (*ARM, *LEG)),
    *(f"{side}_{finger}_1" for side in SIDES for finger in FINGERS),
)
_ROLE = re.compile(
    r"hips|head|(spine|neck)_[1-9]\d?|(left|right)_(?:"
    + "|".join((*ARM, *LEG))
    + rf"|({'|'.join(FINGERS)})_(?:metacarpal|[123])|(?:upper_arm|lower_arm|thigh|calf)_twist_[1-9])"
)


@dataclass(frozen=True)
class Mapping:
    """Roles found on one skeleton.

    `bones` maps role to bone name, `missing` lists the core roles without a bone. `score` (0..1) is the share of a
    whole humanoid that was found, `margin` (0..1) by how much the next best reading of the same bones stays behind.
    Where `controls` is true the bones are an animator's controls, and `travel` names the one that carries the hips
    through space if that is another than the hips. `by_hand` tells that a person made it. `warnings` are sentences
    about what may be wrong.
    """

    family: str
    bones: dict[str, str]
    score: float
    missing: tuple[str, ...]
    margin: float = 1.0
    controls: bool = False
    travel: str = ""
    warnings: tuple[str, ...] = ()
    by_hand: bool = False

    def chain(self, name: str) -> tuple[str, ...]:
        """Return the roles `name`_1, `name`_2, .. that have a bone, from the root outwards."""
        return tuple(_counted(name, self.bones))


def is_role(text: str) -> bool:
    """Tell whether `text` names a part of the body."""
    return _ROLE.fullmatch(text) is not None


def completeness(roles: Collection[str]) -> tuple[float, tuple[str, ...]]:
    """Return the share (0..1) of a whole humanoid among `roles`, and the core roles that are missing.

    The five fingers of a hand together weigh as much as one bone of the body: a rig without fingers is nearly whole.
    """
    missing = tuple(role for role in CORE if role not in roles)
    lost = sum(_weight(role) for role in missing)
    return 1.0 - lost / sum(_weight(role) for role in CORE), missing


def renumbered(found: dict[str, Bone]) -> dict[str, Bone]:
    """Return `found` (role -> bone) with the bones of spine and neck counted without gaps."""
    result = {role: bone for role, bone in found.items() if not role.startswith(("spine_", "neck_"))}
    for chain in ("spine", "neck"):
        links = sorted(
            (role for role in found if role.startswith(f"{chain}_")), key=lambda role: int(role.rpartition("_")[2])
        )
        result |= {f"{chain}_{i}": found[role] for i, role in enumerate(links, 1)}
    return result


def missing_words(missing: Collection[str]) -> tuple[str, ...]:
    """Return core roles in plain words, the fingers of a hand that has none of them as one."""
    words: list[str] = []
    for side in SIDES:
        fingers = [f"{side}_{finger}_1" for finger in FINGERS]
        if all(role in missing for role in fingers):
            words.append(f"{side} fingers")
            missing = [role for role in missing if role not in fingers]
    return (*(role_words(role) for role in missing), *words)


def role_words(role: str) -> str:
    """Return a role in plain words; the first of several bones stands for the whole part."""
    return role.removesuffix("_1").replace("_", " ")


@cache
def role_parents(role: str) -> tuple[str, ...]:
    """Return the roles from which `role` hangs, nearest first; a chain stands as its bare name ("spine")."""
    side, _, part = role.partition("_")
    if side not in SIDES:
        trunk = {"hips": (), "spine": ("hips",), "neck": ("spine", "hips"), "head": ("neck", "spine", "hips")}
        return trunk[side]
    if part in LEG:
        # 3ds Max Biped may hang legs from the spine, and arms from the neck
        return (*(f"{side}_{p}" for p in reversed(LEG[: LEG.index(part)])), "hips", "spine")
    if part in ARM:
        return (*(f"{side}_{p}" for p in reversed(ARM[: ARM.index(part)])), "spine", "hips", "neck")
    limb, is_twist, _ = part.partition("_twist_")
    if is_twist:
        return (f"{side}_{limb}", *role_parents(f"{side}_{limb}"))
    finger, _, number = part.partition("_")
    inner = [f"{side}_{finger}_{n}" for n in range(int(number) - 1, 0, -1)] if number.isdigit() else []
    # Rigify hangs the thumb from the index finger's metacarpal
    metacarpals = [f"{side}_{f}_metacarpal" for f in (finger, *FINGERS)] if number.isdigit() else []
    return (*inner, *metacarpals, f"{side}_hand", *role_parents(f"{side}_hand"))


def _weight(role: str) -> float:
    side, _, part = role.partition("_")
    return 1.0 / len(FINGERS) if side in SIDES and part not in (*ARM, *LEG) else 1.0


def _counted(name: str, bones: Collection[str]) -> Iterator[str]:
    number = 1
    while f"{name}_{number}" in bones:
        yield f"{name}_{number}"
        number += 1
