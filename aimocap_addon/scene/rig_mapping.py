# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of an armature play which part of the body: found, shown to a person, and changed by hand."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..motion.mapping import Mapping, MappingStore, UnknownSkeletonError, mapping_for, missing_words
from ..motion.skeleton import Skeleton
from ..motion.user_mappings import with_role
from .armature_motion import read_skeleton
from .errors import SceneError


def find_mapping(armature: bpy.types.Object, folder: Path | None = None, skeleton: Skeleton | None = None) -> Mapping:
    """Return the mapping of an armature, a person's own from `folder` first.

    `skeleton` saves reading the armature's bones again. Raises SceneError when nothing fits.
    """
    try:
        return mapping_for(skeleton or read_skeleton(armature), MappingStore(folder) if folder else None)
    except UnknownSkeletonError as error:
        raise SceneError(
            f"The bones of “{armature.name}” are not named like those of a known rig (MetaHuman, Mixamo, Rigify and "
            f"others), and {error}: choose the armature that moves the character."
        ) from error


def change_mapping(armature: bpy.types.Object, folder: Path, role: str, bone: str | None) -> Mapping:
    """Keep in `folder` that `bone` plays `role`, or that no bone does; return the new mapping.

    Raises SceneError, with nothing changed, when that leaves no body, and for bones and roles that do not exist.
    """
    skeleton = read_skeleton(armature)
    try:
        mapping = with_role(find_mapping(armature, folder, skeleton), role, bone)
        MappingStore(folder).save(skeleton, mapping)
    except ValueError as error:
        raise SceneError(f"The bones of “{armature.name}” cannot be mapped so: {error}.") from error
    except OSError as error:
        raise SceneError(
            f"The mapping cannot be kept in “{folder}” ({error}): check that it can be written."
        ) from error
    return mapping


def forget_mapping(armature: bpy.types.Object, folder: Path) -> bool:
    """Go back to the mapping by names or shape; return whether one by hand was kept."""
    return MappingStore(folder).forget(read_skeleton(armature))


def describe(mapping: Mapping) -> str:
    """Return the family, how much of a body was found and what is missing, as one line."""
    missing = missing_words(mapping.missing)
    without = f"; without {', '.join(missing)}" if missing else ""
    return f"{mapping.family}, {100.0 * mapping.score:.0f} %{without}"
