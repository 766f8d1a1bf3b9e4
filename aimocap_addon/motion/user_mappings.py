# SPDX-License-Identifier: GPL-3.0-or-later
"""Mappings that a person made by hand, kept in a folder, one file for each skeleton."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from .roles import REQUIRED, Mapping, completeness, is_role
from .skeleton import Skeleton

_VERSION = 1


class Saved(NamedTuple):
    """What the folder holds for a skeleton: the mapping, or None if it cannot be used, and sentences about it."""

    mapping: Mapping | None
    warnings: tuple[str, ...]


def signature(skeleton: Skeleton) -> str:
    """Return a text of 32 hexadecimal digits that is the same for skeletons of the same bones and parents.

    The order of the bones and the rest pose do not count.
    """
    above = (skeleton.names[parent] if parent >= 0 else "" for parent in skeleton.parents)
    lines = sorted(json.dumps(pair) for pair in zip(skeleton.names, above, strict=True))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


def with_role(mapping: Mapping, role: str, bone: str | None) -> Mapping:
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

    def save(self, skeleton: Skeleton, mapping: Mapping) -> None:
        """Keep `mapping` for every skeleton of these bones. Raises ValueError for roles or bones that do not exist.

        Raises OSError when the folder cannot be written; what was saved before is then still there.
        """
        wrong = [role for role in mapping.bones if not is_role(role)]
        if wrong:
            raise ValueError(f"these are no parts of the body: {', '.join(wrong)}")
        absent = [bone for bone in mapping.bones.values() if bone not in skeleton.index]
        if absent:
            raise ValueError(f"the skeleton has no bones of these names: {', '.join(absent)}")
        if len(set(mapping.bones.values())) < len(mapping.bones):
            raise ValueError("a bone can play one part of the body only")
        lacking = [role.replace("_", " ") for role in REQUIRED if role not in mapping.bones]
        if lacking:
            raise ValueError(f"a body needs bones for these too: {', '.join(lacking)}")
        data = {
            "version": _VERSION,
            "family": mapping.family,
            "controls": mapping.controls,
            "travel": mapping.travel,
            "bones": mapping.bones,
        }
        path = self._path(skeleton)
        self._folder.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
        new.replace(path)

    def forget(self, skeleton: Skeleton) -> bool:
        """Delete what was saved for a skeleton; return whether there was something."""
        path = self._path(skeleton)
        existed = path.exists()
        path.unlink(missing_ok=True)
        return existed

    def _path(self, skeleton: Skeleton) -> Path:
        return self._folder / f"{signature(skeleton)}.json"


def _validated(data: Any, skeleton: Skeleton, path: Path) -> Saved:
    entries = data.get("bones") if isinstance(data, dict) else None
    if not isinstance(entries, dict) or data.get("version") != _VERSION:
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
    if not all(role in bones for role in REQUIRED):
        return Saved(None, (*warnings, "The saved mapping is not used because too little of it is left."))
    score, missing = completeness(bones)
    travel = data.get("travel")
    travel = travel if isinstance(travel, str) and travel in skeleton.index else ""
    family = str(data.get("family") or "Custom")
    controls = data.get("controls") is True
    return Saved(Mapping(family, bones, score, missing, 1.0, controls, travel, tuple(warnings)), tuple(warnings))
