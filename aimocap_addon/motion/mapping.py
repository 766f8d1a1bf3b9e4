# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone plays which part of the body: a person's own choice, else by name, else by shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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


_ANIMAL = "The bones have the names of a person's, but not the shape: check that this is no animal."


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
    elif not _is_upright(skeleton, found):
        found = replace(found, warnings=(_ANIMAL,))
    return replace(found, warnings=(*saved.warnings, *found.warnings)) if saved is not None else found


def _is_upright(skeleton: Skeleton, mapping: Mapping) -> bool:
    """Tell whether the legs at rest point away from the shoulders, as those of no quadruped do."""
    at = {role: skeleton.rest_positions[skeleton.index[bone]] for role, bone in mapping.bones.items()}
    trunk = sum(at[f"{side}_upper_arm"] - at[f"{side}_thigh"] for side in SIDES)
    legs = sum(at[f"{side}_foot"] - at[f"{side}_thigh"] for side in SIDES)
    return bool(np.dot(trunk, legs) <= -0.5 * np.linalg.norm(trunk) * np.linalg.norm(legs))
