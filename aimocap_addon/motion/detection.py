# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the roles of bones by the names that known rig families give them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from .presets import PRESETS, Preset
from .roles import ARM, LEG, REQUIRED, SIDES, Mapping, completeness, renumbered, role_parents

# A control rig contains a skeleton that deforms the skin and that the controls move. From this score on it is the
# controls that are meant.
_CONTROLS_SCORE = 0.75
_SEPARATORS = re.compile(r"[\s._\-]+")


class _Known(NamedTuple):
    """A preset with its names by role: as they are written, and with plain separators; both in lower case."""

    preset: Preset
    spelt: dict[str, tuple[str, ...]]
    wanted: dict[str, tuple[str, ...]]


class _Bones:
    """The names of a skeleton, prepared once for all presets: in lower case, and with plain separators."""

    def __init__(self, names: Sequence[str], parents: Sequence[int]) -> None:
        self.names = names
        self.parents = parents
        self.folded = [name.casefold() for name in names]
        self.text = "\n".join(self.folded)
        self._plain = [_SEPARATORS.sub("_", name) for name in self.folded]
        self.hips = [name for name in self._plain if name.endswith(_HIPS)]
        self._by_prefix: dict[str, dict[str, int]] = {}

    def without(self, prefix: str) -> dict[str, int]:
        """Return the index of each bone whose plain name begins with `prefix`, by what comes after that."""
        found = self._by_prefix.get(prefix)
        if found is None:
            found = {}
            for index, name in enumerate(self._plain):
                if name.startswith(prefix):
                    found.setdefault(name[len(prefix) :], index)
            self._by_prefix[prefix] = found
        return found


class _Reading(NamedTuple):
    """One way to read the names, with what ranks it."""

    rank: tuple[bool, float, int, int, int]
    mapping: Mapping


def detect(names: Sequence[str], parents: Sequence[int]) -> Mapping | None:
    """Return the mapping of the rig family that fits a skeleton best, or None when none fits.

    `parents` holds the index of each bone's parent, -1 for none. Case does not matter, nor do the separators between
    words, nor what stands before the names ("mixamorig:", "Character1_"). A bone that hangs from the wrong part of the
    body is not taken.
    """
    bones = _Bones(names, parents)
    readings = [reading for known in _KNOWN for reading in _readings(known, bones)]
    if not readings:
        return None
    best = max(readings, key=lambda reading: reading.rank).mapping
    rivals = [other.mapping.score for other in readings if _contradicts(other.mapping, best)]
    return replace(best, margin=max(0.0, best.score - max(rivals, default=0.0)))


def misplaced(found: dict[str, int], parents: Sequence[int]) -> tuple[str, ...]:
    """Return the roles whose bone does not hang from the part of the body from which the role does.

    `found` holds bone indices by role, `parents` the index of each bone's parent, -1 for none.
    """
    right = _in_order(found, parents)
    return tuple(role for role in found if role not in right)


def families() -> tuple[str, ...]:
    """Return the names of the rig families that `detect` knows."""
    return tuple(dict.fromkeys(preset.family for preset in PRESETS))


def _readings(known: _Known, bones: _Bones) -> Iterator[_Reading]:
    """Yield the readings of the names as those of a preset, one for each prefix that they may have."""
    preset, spelt, wanted = known
    prefixes = {name.removesuffix(hips) for hips in wanted["hips"] for name in bones.hips if name.endswith(hips)}
    for prefix in sorted(prefixes):
        at = bones.without(prefix)
        found = _assigned(wanted, at)
        if not _has_body(found):
            continue
        if not preset.controls:
            found = _in_order(found, bones.parents)
        found = renumbered(found)
        if not all(role in found for role in REQUIRED):
            continue
        score, missing = completeness(found)
        if preset.controls and score < _CONTROLS_SCORE:
            continue
        travel = at.get(_plain(preset.travel), -1)
        mapping = Mapping(
            preset.family,
            {role: bones.names[index] for role, index in found.items()},
            score,
            missing,
            controls=preset.controls,
            travel=bones.names[travel] if travel >= 0 else "",
        )
        marks = sum(mark.casefold() in bones.text for mark in preset.marks)
        exact = sum(bones.folded[index].endswith(spelt.get(role, ())) for role, index in found.items())
        yield _Reading((preset.controls, score, len(found), marks, exact), mapping)


def _has_body(found: Collection[str]) -> bool:
    """Tell whether every required part was found; the spine may begin with any of its bones."""
    return all(role in found for role in REQUIRED if role != "spine_1") and any(r.startswith("spine_") for r in found)


def _contradicts(other: Mapping, best: Mapping) -> bool:
    """Tell whether another family gives a role to another bone; a control rig's own skeleton is no rival."""
    if other.family == best.family or other.controls != best.controls:
        return False
    return any(best.bones.get(role, bone) != bone for role, bone in other.bones.items())


def _plain(name: str) -> str:
    return _SEPARATORS.sub("_", name.casefold())


@cache
def _spelt(preset: Preset) -> dict[str, tuple[str, ...]]:
    """Return role -> bone names (lower case) of a preset; chains are in order from the root outwards."""
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
        roles |= {f"{side}_{part}": name.format(side=text, initial=text[0]) for part, name in sided.items()}
    return {role: tuple(names.casefold().split("|")) for role, names in roles.items()}


def _assigned(wanted: dict[str, tuple[str, ...]], at: dict[str, int]) -> dict[str, int]:
    """Return role -> bone index; no bone gets two roles."""
    found: dict[str, int] = {}
    taken: set[int] = set()
    for role, names in wanted.items():
        index = next((at[name] for name in names if name in at and at[name] not in taken), None)
        if index is not None:
            found[role] = index
            taken.add(index)
    return found


def _in_order(found: dict[str, int], parents: Sequence[int]) -> dict[str, int]:
    """Return `found` without the bones whose nearest ancestor with a role is not one from which the role hangs."""
    role_of = {index: role for role, index in found.items()}
    kept = {}
    for role, index in found.items():
        ancestor = parents[index]
        while ancestor >= 0 and (ancestor not in role_of or ("_twist_" in role_of[ancestor] and "_twist_" not in role)):
            ancestor = parents[ancestor]  # a twist bone between two bones of a limb is only a helper
        if ancestor < 0:
            fits = role == "hips"
        else:
            above = role_of[ancestor]
            base, _, number = above.rpartition("_")
            name = base if base in ("spine", "neck") and number.isdigit() else above
            hangs_right = name in role_parents(role) and _from_its_own_limb(role, above, found)
            fits = hangs_right or _earlier_in_chain(above, role)
        if fits:
            kept[role] = index
    return kept


def _from_its_own_limb(role: str, above: str, found: dict[str, int]) -> bool:
    """Tell whether a bone of a limb hangs from the one before it, and a twist bone from its limb, if that was found."""
    side, _, part = role.partition("_")
    limb, is_twist, _ = part.partition("_twist_")
    before = f"{side}_{limb}" if is_twist else ""
    for chain in (ARM, LEG):
        if part in chain[2:]:
            before = f"{side}_{chain[chain.index(part) - 1]}"
    return above == before or before not in found


def _earlier_in_chain(above: str, role: str) -> bool:
    a, _, a_number = above.rpartition("_")
    b, _, b_number = role.rpartition("_")
    return a == b and a_number.isdigit() and b_number.isdigit() and int(a_number) < int(b_number)


_KNOWN = tuple(
    _Known(preset, spelt, {role: tuple(map(_plain, names)) for role, names in spelt.items()})
    for preset in PRESETS
    for spelt in (_spelt(preset),)
)
_HIPS = tuple({name for known in _KNOWN for name in known.wanted["hips"]})
