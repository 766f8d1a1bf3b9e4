# SPDX-License-Identifier: GPL-3.0-or-later
"""A mapping as a table for people: all parts of the body that a rig of its kind can have, with and without a bone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from .detection import misplaced
from .roles import ARM, CORE, FINGERS, LEG, REQUIRED, SIDES
from .roles import Mapping as RigMapping
from .skeleton import Skeleton

# How many bones of a chain are shown at least, and how many have a row.
_SHOWN = {"spine": 4, "neck": 2, "twist": 2}
_MOST = {"spine": 10, "neck": 10, "twist": 4}
_LIMBS = ("upper_arm", "lower_arm", "thigh", "calf")


class RowState(Enum):
    """What is to be said of a row."""

    FOUND = "found"
    DOUBTFUL = "doubtful"
    EDITED = "edited by hand"
    WRONG = "no such bone, or one that plays another part too"
    NEEDED = "missing, and without it there is no body to move"
    MISSING = "missing"
    ABSENT = "a part that many rigs do not have"


class Row(NamedTuple):
    """One part of the body: the `group` under which it stands, its `side` ("" in the middle) and its plain words."""

    role: str
    group: str
    side: str
    words: str


GROUPS = ("Trunk", "Arms", "Legs", "Hands", "Twist Bones")


def rows(bones: Iterable[str] = ()) -> tuple[Row, ...]:
    """Return the rows for a mapping of the roles `bones`, in the order of the groups; left before right.

    They are the same for all mappings but those with very long chains; `is_shown` tells which of them to show.
    """
    known = set(bones)
    trunk = ["hips", *_counted("spine", known, _MOST["spine"]), *_counted("neck", known, _MOST["neck"]), "head"]
    table = [Row(role, "Trunk", "", _words(role)) for role in trunk]
    fingers = [f"{finger}_{part}" for finger in FINGERS for part in ("metacarpal", 1, 2, 3)]
    for group, parts in (("Arms", ARM), ("Legs", LEG), ("Hands", fingers)):
        table += [Row(f"{side}_{part}", group, side, _words(part)) for side in SIDES for part in parts]
    for side in SIDES:
        for limb in _LIMBS:
            twists = _counted(f"{side}_{limb}_twist", known, _MOST["twist"])
            table += [Row(role, "Twist Bones", side, _words(role.partition("_")[2])) for role in twists]
    return tuple(table)


def is_shown(role: str, bones: Iterable[str]) -> bool:
    """Tell whether a row is to be shown beside the roles `bones`: of a chain that is one more than has a bone."""
    chain, _, number = role.rpartition("_")
    least = _SHOWN.get(chain.rpartition("_")[2])
    return least is None or int(number) <= max(least, _last(chain, bones) + 1)


def states(
    bones: Mapping[str, str], skeleton: Skeleton, detected: RigMapping | None, *, controls: bool = False
) -> dict[str, RowState]:
    """Return what is to be said of each role in `bones` (role -> bone name, "" for none).

    `detected` is what was found without a person's help.
    """
    given = {role: bone for role, bone in bones.items() if bone}
    played = list(given.values())
    found = {role: skeleton.index[bone] for role, bone in given.items() if bone in skeleton.index}
    doubtful = set() if controls else set(misplaced(found, skeleton.parents.tolist()))
    automatic = detected.bones if detected is not None else {}
    if detected is not None and detected.warnings:
        doubtful |= {role for role, bone in given.items() if automatic.get(role) == bone}
    result = {}
    for role, bone in bones.items():
        if not bone:
            lacking = RowState.NEEDED if role in REQUIRED else RowState.MISSING
            result[role] = lacking if role in CORE else RowState.ABSENT
        elif role not in found or played.count(bone) > 1:
            result[role] = RowState.WRONG
        elif role in doubtful:
            result[role] = RowState.DOUBTFUL
        else:
            result[role] = RowState.FOUND if automatic.get(role) == bone else RowState.EDITED
    return result


def _counted(chain: str, known: set[str], least: int) -> list[str]:
    return [f"{chain}_{n}" for n in range(1, max(least, _last(chain, known)) + 1)]


def _last(chain: str, known: Iterable[str]) -> int:
    return max((int(role.rpartition("_")[2]) for role in known if role.rpartition("_")[0] == chain), default=0)


def _words(part: str) -> str:
    return part.replace("_", " ").title()
