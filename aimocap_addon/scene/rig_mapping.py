# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of an armature play which part of the body: found, shown to a person, and changed by hand."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..motion.mapping import Mapping, MappingStore, UnknownSkeletonError, mapping_for, missing_words
from ..motion.skeleton import Skeleton
from ..motion.user_mappings import by_hand, from_text, to_text, with_role
from .armature_motion import read_skeleton
from .errors import SceneError


def find_mapping(armature: bpy.types.Object, folder: Path | None = None, skeleton: Skeleton | None = None) -> Mapping:
    """Return the mapping of an armature, a person's own from `folder` first.

    `skeleton` saves reading the armature's bones again. Raises SceneError when nothing fits.
    """
    return mapping_of(armature.name, skeleton or read_skeleton(armature), folder)


def mapping_of(name: str, skeleton: Skeleton, folder: Path | None = None) -> Mapping:
    """Return the mapping of a skeleton, which messages call `name`; otherwise as `find_mapping`."""
    try:
        return mapping_for(skeleton, MappingStore(folder) if folder else None)
    except UnknownSkeletonError as error:
        raise SceneError(
            f"The bones of “{name}” are not named like those of a known rig (MetaHuman, Mixamo, Rigify and "
            f"others), and {error}: choose the armature that moves the character, or map its bones by hand "
            "(Edit Mapping)."
        ) from error


def made_mapping(
    armature: bpy.types.Object, bones: dict[str, str], family: str = "", *, controls: bool = False, travel: str = ""
) -> Mapping:
    """Return the mapping of an armature that a person made: `bones` (role -> bone name), and `Mapping`'s other fields.

    Raises SceneError when they cannot map the armature.
    """
    try:
        return by_hand(bones, read_skeleton(armature), family, controls=controls, travel=travel)
    except ValueError as error:
        raise _cannot_be(armature, error) from error


def keep_mapping(armature: bpy.types.Object, folder: Path, mapping: Mapping) -> None:
    """Keep in `folder` that `mapping` is the one of all armatures with these bones.

    Raises SceneError, with nothing changed, when it cannot be.
    """
    try:
        MappingStore(folder).save(read_skeleton(armature), mapping)
    except ValueError as error:
        raise _cannot_be(armature, error) from error
    except OSError as error:
        raise SceneError(
            f"The mapping cannot be kept in “{folder}” ({error}): check that it can be written."
        ) from error


def change_mapping(armature: bpy.types.Object, folder: Path, role: str, bone: str | None) -> Mapping:
    """Keep in `folder` that `bone` plays `role`, or that no bone does; return the new mapping.

    Raises SceneError, with nothing changed, when that leaves no body, and for bones and roles that do not exist.
    """
    skeleton = read_skeleton(armature)
    before = find_mapping(armature, folder, skeleton)
    try:
        bones = with_role(before, role, bone).bones
    except ValueError as error:
        raise _cannot_be(armature, error) from error
    mapping = made_mapping(armature, bones, before.family, controls=before.controls, travel=before.travel)
    keep_mapping(armature, folder, mapping)
    return mapping


def forget_mapping(armature: bpy.types.Object, folder: Path) -> bool:
    """Go back to the mapping by names or shape; return whether one by hand was kept.

    Raises SceneError when it cannot be deleted.
    """
    try:
        return MappingStore(folder).forget(read_skeleton(armature))
    except OSError as error:
        raise SceneError(f"The mapping in “{folder}” cannot be deleted ({error}): check that it can be.") from error


def write_preset(path: Path, mapping: Mapping) -> None:
    """Write a mapping to a file of its own, to be shared. Raises SceneError when that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(to_text(mapping), encoding="utf-8")
    except OSError as error:
        raise SceneError(f"“{path}” cannot be written ({error}): choose another place.") from error


def read_preset(path: Path, armature: bpy.types.Object) -> Mapping:
    """Return the mapping of an armature from a file that `write_preset` wrote.

    Raises SceneError when the file cannot be read or does not fit the armature.
    """
    try:
        return from_text(path.read_text(encoding="utf-8"), read_skeleton(armature))
    except OSError as error:
        raise SceneError(f"“{path}” cannot be read ({error}): choose another file.") from error
    except ValueError as error:
        raise SceneError(
            f"“{path.name}” is no mapping for “{armature.name}” because {error}: choose a preset for these bones."
        ) from error


def describe(mapping: Mapping) -> str:
    """Return the family, how much of a body was found and what is missing, as one line."""
    missing = missing_words(mapping.missing)
    without = f"; without {', '.join(missing)}" if missing else ""
    return f"{mapping.family}, {100.0 * mapping.score:.0f} %{without}"


def _cannot_be(armature: bpy.types.Object, error: ValueError) -> SceneError:
    return SceneError(f"The bones of “{armature.name}” cannot be mapped so: {error}.")
