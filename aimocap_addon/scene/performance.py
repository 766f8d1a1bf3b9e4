# SPDX-License-Identifier: GPL-3.0-or-later
"""What a performer does, read once for all who receive it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..motion.body import asymmetry
from ..motion.deform_bones import deform_mapping
from ..motion.mapping import Mapping
from ..motion.mirroring import mirrored, other_side
from ..motion.skeleton import Motion, Skeleton
from ..motion.smoothing import smoothed
from .errors import SceneError
from .performer import Performer
from .rig_mapping import mapping_of

# Keys of a re-timed action are single precision numbers: this close to a whole frame is that frame.
_FRAME_TOLERANCE = 1e-3
# In leg lengths. FBX files without a skin do not say what the rest pose is; importers then take some frame for it.
_BUILT_ASYMMETRY = 0.1


class Performance(NamedTuple):
    """A motion with the skeleton that performs it, on whole scene frames from `first` to `last`.

    `warnings` holds sentences about what may look wrong.
    """

    performer: Performer
    skeleton: Skeleton
    mapping: Mapping
    motion: Motion
    first: int
    last: int
    warnings: tuple[str, ...]

    def shared(self, roles: Collection[str]) -> Mapping:
        """Return the mapping without the parts that say nothing about a target with these roles."""
        return _shared(self.mapping, roles)


def read_performance(
    source: Performer,
    roles: Collection[str],
    *,
    mapping_folder: Path | None = None,
    frame_start: float | None = None,
    smoothing: float = 0.0,
    mirror: bool = False,
) -> Performance:
    """Return the motion of `source`, as far as it says anything about targets with the roles `roles`.

    It begins on its own first frame or on `frame_start`. `smoothing` (seconds) evens it out, see `motion.smoothing`;
    `mirror` changes left and right. Raises SceneError if the motion is not that of a body.
    """
    skeleton, span = source.skeleton, source.span
    mapping = _without_twists(_performing(source, mapping_of(source.name, skeleton, mapping_folder)))
    warnings = [f"“{source.name}”: {text}" for text in mapping.warnings]
    if asymmetry(skeleton, mapping) > _BUILT_ASYMMETRY:
        warnings.append(
            f"The rest pose of “{source.name}” looks like a frame of its motion, so hips, head and feet may be turned: "
            "export the motion again together with a skinned mesh."
        )
    shift = 0.0 if frame_start is None else frame_start - span[0]
    first = math.floor(span[0] + shift + _FRAME_TOLERANCE)
    last = max(first, math.ceil(span[1] + shift - _FRAME_TOLERANCE))
    frames = np.clip(np.arange(first, last + 1) - shift, *span)
    wanted = {*roles, *map(other_side, roles)} if mirror else roles
    motion = source.read(list(_shared(mapping, wanted).bones.values()), frames)
    motion = smoothed(motion, smoothing)
    if mirror:
        try:
            skeleton, mapping, motion = mirrored(skeleton, mapping, motion)
        except ValueError as error:
            raise SceneError(f"“{source.name}” cannot be mirrored because {error}: check its rest pose.") from error
    return Performance(source, skeleton, mapping, motion, first, last, tuple(warnings))


def _performing(source: Performer, mapping: Mapping) -> Mapping:
    """Return the mapping of the bones that show what `source` does: of a control rig those that deform its mesh."""
    if not mapping.controls:
        return mapping
    found = deform_mapping(source.skeleton, source.deforming())
    if found is None:
        raise SceneError(
            f"“{source.name}” is a control rig ({mapping.family}) whose deform bones are not named like those of a "
            "known rig: choose the skeleton that it exports instead."
        )
    return found


def _without_twists(mapping: Mapping) -> Mapping:
    return dataclasses.replace(mapping, bones={r: b for r, b in mapping.bones.items() if "_twist_" not in r})


def _shared(source: Mapping, roles: Collection[str]) -> Mapping:
    """Return the source's mapping without the parts that say nothing about these roles: reading them takes time."""
    trunk = ("hips", "spine_", "neck_", "head")
    wanted = {
        role: bone
        for role, bone in source.bones.items()
        if role in roles
        or role.startswith(trunk)
        or ("metacarpal" in role and role.replace("metacarpal", "1") in roles)
    }
    return dataclasses.replace(source, bones=wanted)
