# SPDX-License-Identifier: GPL-3.0-or-later
"""An armature's mapping as a person sees and edits it. Nothing here changes the armature or what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy

from ..motion.mapping import Mapping, UnknownSkeletonError, mapping_for, missing_words
from ..motion.mapping_edits import mirrored
from ..motion.mapping_table import Row, RowState, is_shown, rows, states
from ..motion.roles import completeness
from ..motion.user_mappings import fault
from .armature_motion import read_skeleton
from .errors import SceneError
from .ik_controls import has_ik_controls
from .rig_mapping import find_mapping

__all__ = ["Check", "Recognition", "Row", "RowState", "check", "detected", "is_shown", "mirror", "recognise", "rows"]


class Recognition(NamedTuple):
    """What is known of a character's bones.

    `family` is the rig family, "" where nothing was recognised; `score` (0..1) the share of a whole humanoid found;
    `missing` names parts without a bone; `by_hand` tells that a person mapped it; `sentences` say why nothing was
    recognised, or what may be wrong. `has_ik` tells that hands and feet have IK controls that can take motion.
    """

    family: str
    score: float
    missing: tuple[str, ...]
    by_hand: bool
    sentences: tuple[str, ...]
    has_ik: bool = False


class Check(NamedTuple):
    """How an edited table stands: the state of each role, what keeps it from being used ("" if nothing does), and the
    share of a whole humanoid (0..1) that it has.
    """

    states: dict[str, RowState]
    problem: str
    score: float


def recognise(armature: bpy.types.Object, folder: Path | None) -> Recognition:
    """Return what is known of an armature's bones, with what a person said about them in `folder`."""
    try:
        found = find_mapping(armature, folder)
    except SceneError as error:
        return Recognition("", 0.0, (), False, (str(error),))
    has_ik = has_ik_controls(armature, found)
    return Recognition(found.family, found.score, missing_words(found.missing), found.by_hand, found.warnings, has_ik)


def detected(armature: bpy.types.Object) -> Mapping | None:
    """Return the mapping that names or shape give, or None."""
    try:
        return mapping_for(read_skeleton(armature))
    except UnknownSkeletonError:
        return None


def check(armature: bpy.types.Object, bones: dict[str, str], *, controls: bool = False) -> Check:
    """Return how the table `bones` (role -> bone name, "" for none) stands."""
    skeleton = read_skeleton(armature)
    given = {role: bone for role, bone in bones.items() if bone}
    said = states(bones, skeleton, detected(armature), controls=controls)
    clause = fault(given, skeleton) or ""
    sound = [role for role in given if said[role] not in (RowState.WRONG, RowState.DOUBTFUL)]
    return Check(said, clause, completeness(sound)[0])


def mirror(armature: bpy.types.Object, bones: dict[str, str]) -> dict[str, str]:
    """Return `bones` (role -> bone name) with the right side mapped as the left one is."""
    skeleton = read_skeleton(armature)
    return mirrored({role: bone for role, bone in bones.items() if bone in skeleton.index}, skeleton)
