# SPDX-License-Identifier: GPL-3.0-or-later
"""Where motion to bind comes from: an armature in the scene, or an FBX file without importing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..motion.fbx_document import FbxFormatError
from ..motion.fbx_motion import read_fbx
from ..motion.rotations import Array
from ..motion.skeleton import Motion, Skeleton
from .armature_motion import frame_rate, motion_range, read_motion, read_skeleton
from .curve_samples import keyed
from .errors import SceneError
from .fbx_import import person_factor


@dataclass(frozen=True)
class Performer:
    """A skeleton in motion, with a name for messages.

    `span` holds the first and the last scene frame of the motion, `unit` says how many scene units one unit of the
    skeleton's space is long. `read` returns the motion of bones (by name) at scene frames (F), `deforming` the
    names of the bones that deform a mesh.
    """

    name: str
    skeleton: Skeleton
    span: tuple[float, float]
    unit: float
    read: Callable[[Sequence[str], Array], Motion]
    deforming: Callable[[], frozenset[str]]


def performer_of(armature: bpy.types.Object) -> Performer:
    """Return an armature as a performer. Raises SceneError if it has no motion."""
    curves = list(keyed(armature))
    span = motion_range(armature, curves)
    if span is None:
        raise SceneError(f"“{armature.name}” has no motion: choose the armature that came with the captured motion.")
    skeleton = read_skeleton(armature)

    def read(names: Sequence[str], frames: Array) -> Motion:
        return read_motion(armature, skeleton, names, frames, curves)

    def deforming() -> frozenset[str]:
        return frozenset(bone.name for bone in armature.pose.bones if bone.bone.use_deform)

    return Performer(armature.name, skeleton, span, unit_of(armature), read, deforming)


def unit_of(armature: bpy.types.Object) -> float:
    """Return how many scene units one unit of the armature's space is long."""
    return sum(axis.length for axis in armature.matrix_world.to_3x3().col) / 3.0


def performer_in(path: Path, name: str, *, frame_start: float, frame_step: float) -> Performer | None:
    """Return the performer in an FBX file, or None for a file that only Blender's importer understands.

    Frame i of the motion lies at scene frame `frame_start` + i * `frame_step`. The performer is the armature that
    `import_fbx` would add, in size and in time, but nothing is added to the scene. Its `read` raises FbxFormatError
    where a curve turns out not to be understood.
    """
    try:
        motion = read_fbx(path)
    except (FbxFormatError, OSError):
        return None
    metres_per_unit = bpy.context.scene.unit_settings.scale_length
    unit = motion.unit * 0.01 / metres_per_unit
    heads = motion.skeleton.rest_positions
    unit *= person_factor(float(np.ptp(heads, axis=0).max()) * unit * metres_per_unit)

    def read(names: Sequence[str], frames: Array) -> Motion:
        return motion.motion(names, (frames - frame_start) / frame_step, frame_rate(frames))

    last = frame_start + (motion.frames - 1) * frame_step
    return Performer(name, motion.skeleton, (frame_start, last), unit, read, lambda: frozenset(motion.skeleton.names))
