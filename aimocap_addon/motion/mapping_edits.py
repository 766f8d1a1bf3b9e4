# SPDX-License-Identifier: GPL-3.0-or-later
"""Edits of a whole mapping at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from .skeleton import Skeleton
from .symmetry import Tree, find_mirror

_WORD = re.compile("left", re.IGNORECASE)
# a letter that stands alone ("hand.L", "J_Bip_L_Hand"), or before a word ("lHand", "LThumb")
_LETTER = re.compile(r"(?<![A-Za-z])[lL](?![A-Za-z])|(?<![A-Za-z])[lL](?=[A-Z][a-z])")


def mirrored(bones: dict[str, str], skeleton: Skeleton) -> dict[str, str]:
    """Return `bones` (role -> bone name) with the right side mapped as the left one is.

    The bone on the right is told by its name, else by its place in the rest pose. Where there is none, the role keeps
    the bone that it had; a bone that had another role loses that.
    """
    left = {role: bone for role, bone in bones.items() if role.startswith("left_")}
    twins = _Twins(skeleton)
    right: dict[str, str] = {}
    for role, bone in left.items():
        twin = twins.of(bone)
        if twin is not None and twin not in left.values() and twin not in right.values():
            right["right_" + role.removeprefix("left_")] = twin
    mirror_roles = {"right_" + role.removeprefix("left_") for role in left}
    kept = {
        role: bone
        for role, bone in bones.items()
        if role not in right and bone not in right.values() and (not role.startswith("right_") or role in mirror_roles)
    }
    return kept | right


class _Twins:
    """The bones of the right side; their places are looked at only if a name says nothing."""

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._by_place: list[int] | None = None

    def of(self, bone: str) -> str | None:
        names = self._skeleton.names
        for name in _right_names(bone):
            if name in self._skeleton.index:
                return name
        if self._by_place is None:
            self._by_place = list(find_mirror(Tree.of(self._skeleton)).twin)
        twin = self._by_place[self._skeleton.index[bone]]
        return names[twin] if twin >= 0 and names[twin] != bone else None


def _right_names(left: str) -> Iterator[str]:
    """Yield what the bone on the other side may be called, for one mark of the left side after the other."""
    for pattern, right in ((_WORD, "right"), (_LETTER, "r")):
        matches = list(pattern.finditer(left))
        for chosen in ([match] for match in matches):
            yield _replaced(left, chosen, right)
        if len(matches) > 1:
            yield _replaced(left, matches, right)


def _replaced(text: str, matches: Collection[re.Match[str]], right: str) -> str:
    for match in sorted(matches, key=lambda m: -m.start()):
        text = text[: match.start()] + _like(match.group(), right) + text[match.end() :]
    return text


def _like(model: str, word: str) -> str:
    """Return `word` in the case of `model`."""
    if model.isupper():
        return word.upper()
    return word.capitalize() if model[0].isupper() else word
