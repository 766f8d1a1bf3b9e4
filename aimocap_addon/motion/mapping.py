# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone plays which part of the body: a person's own choice, else by name, else by shape."""

from __future__ import annotations

from dataclasses import replace

from .detection import detect, families
from .roles import FINGERS, SIDES, Mapping, missing_words, role_parents
from .skeleton import Skeleton
from .structure import guess
from .user_mappings import MappingStore

__all__ = [
    "FINGERS",
    "SIDES",
    "Mapping",
    "MappingStore",
    "UnknownSkeletonError",
    "detect",
    "families",
    "mapping_for",
    "missing_words",
    "role_parents",
]


class UnknownSkeletonError(ValueError):
    """No mapping was found; the message is a clause that says why ("it has no legs")."""


def mapping_for(skeleton: Skeleton, store: MappingStore | None = None) -> Mapping:
    """Return the mapping of a skeleton.

    A mapping saved in `store` goes before the names of known rig families, and these before the shape at rest; a saved
    one that cannot be used leaves a warning. Raises UnknownSkeletonError when nothing fits.
    """
    saved = store.load(skeleton) if store is not None else None
    if saved is not None and saved.mapping is not None:
        return saved.mapping
    found = detect(skeleton.names, skeleton.parents.tolist())
    if found is None:
        found, reason = guess(skeleton)
        if found is None:
            raise UnknownSkeletonError(reason)
    return replace(found, warnings=saved.warnings) if saved is not None else found
