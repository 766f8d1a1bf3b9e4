# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings that a person made by hand, kept in a folder, one file for each skeleton."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from .detection import misplaced
from .roles import REQUIRED, completeness, is_role, renumbered, role_words
from .roles import Mapping as RigMapping
from .skeleton import Skeleton

_VERSION = 1


class _About(TypedDict):
    """What a file says beside the bones."""

    family: str
    controls: bool
    travel: str


class Saved(NamedTuple):
    """What the folder holds for a skeleton: the mapping, or None if it cannot be used, and sentences about it."""

    mapping: RigMapping | None
    warnings: tuple[str, ...]


def signature(skeleton: Skeleton) -> str:
    """Return a text of 32 hexadecimal digits that is the same for skeletons of the same bones and parents.

    The order of the bones and the rest pose do not count.
    """
    above = (skeleton.names[parent] if parent >= 0 else "" for parent in skeleton.parents)
    lines = sorted(json.dumps(pair) for pair in zip(skeleton.names, above, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def with_role(mapping: RigMapping, role: str, bone: str | None) -> RigMapping:
    """Return `mapping` with `role` played by `bone`, or by none; a bone that had another role loses that.

    Raises ValueError for an unknown role.
    """
    if not is_role(role):
        raise ValueError(f"“{role}” is not a part of the body")
    bones = {r: b for r, b in mapping.bones.items() if r != role and b != bone}
    if bone is not None:
        bones[role] = bone
    score, missing = completeness(bones)
    return replace(mapping, bones=bones, score=score, missing=missing, margin=1.0)


def fault(bones: Mapping[str, str], skeleton: Skeleton) -> str | None:
    """Return why `bones` (role -> bone name) cannot map a skeleton, as a clause, or None if they can."""
    wrong = [role for role in bones if not is_role(role)]
    if wrong:
        return f"these are no parts of the body: {', '.join(wrong)}"
    absent = [bone for bone in bones.values() if bone not in skeleton.index]
    if absent:
        return f"the skeleton has no bones of these names: {', '.join(absent)}"
    twice = {bone: roles for bone, roles in _roles_of(bones).items() if len(roles) > 1}
    for bone, roles in twice.items():
        return f"a bone can play one part of the body only, and “{bone}” plays {' and '.join(map(role_words, roles))}"
    lacking = [role_words(role) for role in REQUIRED if role not in bones]
    if lacking:
        return f"a body needs bones for these too: {', '.join(lacking)}"
    return None


def by_hand(
    bones: Mapping[str, str], skeleton: Skeleton, family: str = "", *, controls: bool = False, travel: str = ""
) -> RigMapping:
    """Return the mapping of a skeleton that a person made; without a `family` it is a "Custom" one.

    The bones of spine and neck are counted without gaps. A bone that hangs from the wrong part of the body counts
    nothing in the score and is told in a warning; with `controls` this is not looked at, as they hang from helpers.
    Raises ValueError with a clause when `bones` cannot map the skeleton.
    """
    bones = renumbered(dict(bones))
    clause = fault(bones, skeleton)
    if clause is not None:
        raise ValueError(clause)
    found = {role: skeleton.index[bone] for role, bone in bones.items()}
    wrong = () if controls else misplaced(found, skeleton.parents.tolist())
    missing = completeness(bones)[1]
    score = completeness([role for role in bones if role not in wrong])[0]
    warnings = tuple(
        f"The bone “{bones[role]}” plays {role_words(role)}, but does not hang from the part of the body before that: "
        "check the mapping."
        for role in wrong
    )
    travel = travel if travel in skeleton.index else ""
    return RigMapping(family or "Custom", bones, score, missing, 1.0, controls, travel, warnings, by_hand=True)


def to_text(mapping: RigMapping) -> str:
    """Return a mapping as JSON, for any skeleton with bones of these names."""
    data = {
        "version": _VERSION,
        "family": mapping.family,
        "controls": mapping.controls,
        "travel": mapping.travel,
        "bones": mapping.bones,
    }
    return json.dumps(data, indent=1, ensure_ascii=False)


def from_text(text: str, skeleton: Skeleton) -> RigMapping:
    """Return the mapping of a skeleton that `to_text` wrote, for this one or another.

    Raises ValueError with a clause when it is none, or does not fit the skeleton.
    """
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON ({error})") from error
    bones = _entries(data)
    if bones is None or not all(isinstance(bone, str) for bone in bones.values()):
        raise ValueError("it holds no bone mapping of this version")
    return by_hand(bones, skeleton, **_about(data))


class MappingStore:
    """The mappings in one folder, which need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, skeleton: Skeleton) -> Saved | None:
        """Return what was saved for a skeleton, or None if nothing was.

        Roles and bones that do not exist are left out, with a warning each. A file that cannot be read, or that leaves
        out a bone without which there is no body, gives no mapping.
        """
        path = self._path(skeleton)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            return Saved(None, (f"The saved mapping “{path}” cannot be read ({error}): save it again.",))
        return _validated(data, skeleton, path)

    def save(self, skeleton: Skeleton, mapping: RigMapping) -> None:
        """Keep `mapping` for every skeleton of these bones. Raises ValueError for roles or bones that do not exist.

        Raises OSError when the folder cannot be written; what was saved before is then still there.
        """
        clause = fault(mapping.bones, skeleton)
        if clause is not None:
            raise ValueError(clause)
        path = self._path(skeleton)
        self._folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(to_text(mapping), encoding="utf-8")
        new.replace(path)

    def forget(self, skeleton: Skeleton) -> bool:
        """Delete what was saved for a skeleton; return whether there was something."""
        path = self._path(skeleton)
        existed = path.exists()
        path.unlink(missing_ok=True)
        return existed

    def _path(self, skeleton: Skeleton) -> Path:
        return self._folder / f"{signature(skeleton)}.json"


def _entries(data: Any) -> dict[str, Any] | None:
    """Return role -> bone of a file's content; None if it is none of ours."""
    bones = data.get("bones") if isinstance(data, dict) else None
    return bones if isinstance(bones, dict) and data.get("version") == _VERSION else None


def _about(data: dict[str, Any]) -> _About:
    travel = data.get("travel")
    return {
        "family": str(data.get("family") or ""),
        "controls": data.get("controls") is True,
        "travel": travel if isinstance(travel, str) else "",
    }


def _roles_of(bones: Mapping[str, str]) -> dict[str, list[str]]:
    roles: dict[str, list[str]] = {}
    for role, bone in bones.items():
        roles.setdefault(bone, []).append(role)
    return roles


def _validated(data: Any, skeleton: Skeleton, path: Path) -> Saved:
    entries = _entries(data)
    if entries is None:
        return Saved(None, (f"“{path}” holds no bone mapping of this version: save it again.",))
    bones: dict[str, str] = {}
    warnings = []
    for role, bone in entries.items():
        if not is_role(role):
            warnings.append(f"The saved mapping names “{role}”, which is not a part of the body.")
        elif not isinstance(bone, str) or bone not in skeleton.index:
            warnings.append(f"The saved mapping names the bone “{bone}”, which the skeleton does not have.")
        elif bone in bones.values():
            warnings.append(f"The saved mapping gives the bone “{bone}” two parts of the body.")
        else:
            bones[role] = bone
    try:
        mapping = by_hand(bones, skeleton, **_about(data))
    except ValueError:
        return Saved(None, (*warnings, "The saved mapping is not used because too little of it is left."))
    warnings = (*warnings, *mapping.warnings)
    return Saved(replace(mapping, warnings=warnings), warnings)
