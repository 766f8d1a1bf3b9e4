# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding captured motion to the character a person chose."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..motion.body import asymmetry
from ..motion.mapping import Mapping
from ..motion.retarget import ROOT_MOTIONS, Options, solve
from . import compat
from .armature_motion import motion_range, read_motion, read_skeleton, write_action
from .control_rig import CONTROL_KINDS, moves_itself
from .errors import SceneError
from .receiver import read_receiver
from .rig_mapping import find_mapping

# Keys of a re-timed action are single precision numbers: this close to a whole frame is that frame.
_FRAME_TOLERANCE = 1e-3
# In leg lengths. FBX files without a skin do not say what the rest pose is; importers then take some frame for it.
_BUILT_ASYMMETRY = 0.1
# Relative difference between the object's scales along its axes.
_SCALE_TOLERANCE = 1e-3

SCALE_MODES = ("LEG", "ONE_TO_ONE")


@dataclass(frozen=True)
class BindOptions:
    """What a person may choose about a binding.

    `root_motion`: "CAPTURED" lets the hips travel, "IN_PLACE" keeps them over their place, "ROOT_BONE" leaves travel
    and turning over the ground to the bone at the top of the skeleton, "HORIZONTAL" keeps them at one height.
    `scale_mode`: "LEG" makes steps as long as the target's legs can take them, "ONE_TO_ONE" keeps distances in the
    scene. `ground_offset`, in scene units, raises the character. `hold_contacts` keeps planted feet where they stand.
    `controls` says which controls of a control rig move its limbs, "FK" or "IK"; the rig's switches are set for that by
    the action.
    """

    root_motion: str = "CAPTURED"
    scale_mode: str = "LEG"
    ground_offset: float = 0.0
    hold_contacts: bool = True
    controls: str = "FK"


class BindResult(NamedTuple):
    """What a binding made.

    `mapped` counts the bones that got motion; `missing` names the parts of the body that the source moves and the
    target has no bone for; `family` is the rig family found; `frame_range` holds the first and the last frame keyed.
    `warning` holds sentences about what may look wrong, or is empty.
    """

    action: bpy.types.Action
    mapped: int
    missing: tuple[str, ...]
    family: str
    frame_range: tuple[int, int]
    warning: str = ""


def bind_motion(
    source: bpy.types.Object,
    target: bpy.types.Object,
    options: BindOptions = BindOptions(),
    *,
    mapping: Mapping | None = None,
    mapping_folder: Path | None = None,
    action_name: str | None = None,
    frame_start: float | None = None,
) -> BindResult:
    """Give the motion of the armature `source` to the armature `target`, as a new action.

    The action has linear keys on whole scene frames, from the source's first frame (or `frame_start`) on; the last
    frame of the motion is inside. The motion happens in the target object's own space: a character stays where it was
    put in the scene, and faces as it was turned.

    `mapping` says which bones of the target play which part, where its own is not the one to find;
    `mapping_folder` holds what a person said about the bones of either armature.

    Nothing else of the target changes; its previous action is kept with a fake user. Raises SceneError, with
    everything as it was, when the motion cannot be bound.
    """
    bpy.context.view_layer.update()  # matrices lag behind what a script has just set
    _check_armature(source)
    if source == target:
        raise SceneError(f"“{source.name}” cannot receive its own motion: choose another armature as the character.")
    target_mapping = check_target(target, mapping, mapping_folder)
    _check_options(options)
    span = motion_range(source)
    if span is None:
        raise SceneError(f"“{source.name}” has no motion: choose the armature that came with the captured motion.")
    skeleton = read_skeleton(source)
    receiver = read_receiver(target, target_mapping, options.controls)
    source_mapping = _without_twists(find_mapping(source, mapping_folder, skeleton))
    if source_mapping.controls:
        raise SceneError(
            f"“{source.name}” is a control rig ({source_mapping.family}): choose the skeleton that it exports instead."
        )
    if options.root_motion == "ROOT_BONE" and target.pose.bones[target_mapping.bones["hips"]].parent is None:
        raise SceneError(
            f"“{target.name}” has no bone above its hips that could take the travel: choose another root motion."
        )

    shift = 0.0 if frame_start is None else frame_start - span[0]
    first = math.floor(span[0] + shift + _FRAME_TOLERANCE)
    last = max(first, math.ceil(span[1] + shift - _FRAME_TOLERANCE))
    frames = np.clip(np.arange(first, last + 1) - shift, *span)
    performed = _shared(source_mapping, target_mapping)
    motion = read_motion(source, skeleton, list(performed.bones.values()), frames)
    scale = _scale(target)
    solver_options = Options(
        root_motion=options.root_motion,
        path_scale=_scale(source) / scale if options.scale_mode == "ONE_TO_ONE" else None,
        ground_offset=options.ground_offset / scale,
        hold_contacts=options.hold_contacts,
        turn_carrier=receiver.use_ik,
    )
    try:
        solution = solve(skeleton, performed, motion, receiver.target, target_mapping, solver_options)
    except ValueError as error:
        raise SceneError(
            f"The motion of “{source.name}” does not fit “{target.name}” because {error}: check both rest poses."
        ) from error
    missing = tuple(
        role.replace("_", " ")
        for role in source_mapping.bones
        if role not in target_mapping.bones and "metacarpal" not in role and not role.startswith(("spine_", "neck_"))
    )
    mappings = ((source, source_mapping), (target, target_mapping))
    warnings = [f"“{armature.name}”: {text}" for armature, its in mappings for text in its.warnings]
    warnings += receiver.warnings
    if asymmetry(skeleton, source_mapping) > _BUILT_ASYMMETRY:
        warnings.append(
            f"The rest pose of “{source.name}” looks like a frame of its motion, so hips, head and feet may be turned: "
            "export the motion again together with a skinned mesh."
        )
    keyed = receiver.keyed(solution)
    # from here on the file changes: whatever can fail comes before, or is taken back
    name = action_name or f"{target.name} {source.name}"
    action = write_action(target, keyed.solution, keyed.names, first, name, keyed.fixed)
    try:
        _replace_action(target, action)
    except Exception:
        bpy.data.actions.remove(action)
        raise
    return BindResult(
        action, len(solution.rotations), missing, target_mapping.family, (first, last), " ".join(warnings)
    )


def check_target(
    target: bpy.types.Object, mapping: Mapping | None = None, mapping_folder: Path | None = None
) -> Mapping:
    """Return which bones of `target` can receive motion, of `mapping` if given, else as `bind_motion` finds them.

    Raises SceneError if no motion can be bound to the armature as it is.
    """
    _check_armature(target)
    animation = target.animation_data
    if not target.is_editable:
        raise SceneError(f"“{target.name}” is linked from another file: make a library override of it first.")
    if animation is not None and animation.use_tweak_mode:
        raise SceneError(f"An NLA strip of “{target.name}” is being tweaked: leave tweak mode (Tab) first.")
    x, y, z = target.matrix_world.to_3x3().col
    scales = [axis.length for axis in (x, y, z)]
    if min(scales) <= 0.0 or max(scales) - min(scales) > _SCALE_TOLERANCE * max(scales):
        raise SceneError(f"“{target.name}” is not scaled evenly: give it the same scale along X, Y and Z.")
    skeleton = read_skeleton(target)
    absent = [bone for bone in mapping.bones.values() if bone not in skeleton.index] if mapping else []
    if absent:
        raise SceneError(f"“{target.name}” has no bones {', '.join(absent)}: map the bones of the character again.")
    return _writable(target, mapping or find_mapping(target, mapping_folder, skeleton))


def _check_options(options: BindOptions) -> None:
    choices = (
        ("root motion", options.root_motion, ROOT_MOTIONS),
        ("scale mode", options.scale_mode, SCALE_MODES),
        ("kind of controls", options.controls, CONTROL_KINDS),
    )
    for what, chosen, known in choices:
        if chosen not in known:
            raise SceneError(f"There is no {what} “{chosen}”: choose one of {', '.join(known)}.")


def _scale(armature: bpy.types.Object) -> float:
    """Return how many scene units one unit of the armature's space is long."""
    return sum(axis.length for axis in armature.matrix_world.to_3x3().col) / 3.0


def _check_armature(obj: bpy.types.Object) -> None:
    if obj.type != "ARMATURE":
        raise SceneError(f"“{obj.name}” is not an armature: choose the armature that moves the character.")
    if obj.mode == "EDIT":
        raise SceneError(f"“{obj.name}” is in Edit Mode: leave Edit Mode first.")


def _without_twists(mapping: Mapping) -> Mapping:
    return dataclasses.replace(mapping, bones={r: b for r, b in mapping.bones.items() if "_twist_" not in r})


def _shared(source: Mapping, target: Mapping) -> Mapping:
    """Return the source's mapping without the parts that say nothing about the target's: reading them takes time."""
    trunk = ("hips", "spine_", "neck_", "head")
    wanted = {
        role: bone
        for role, bone in source.bones.items()
        if role in target.bones
        or role.startswith(trunk)
        or ("metacarpal" in role and role.replace("metacarpal", "1") in target.bones)
    }
    return dataclasses.replace(source, bones=wanted)


def _writable(target: bpy.types.Object, mapping: Mapping) -> Mapping:
    """Return the mapping without twist bones that the rig moves itself; raise if it moves most of the body itself."""
    ruled = {role for role, name in mapping.bones.items() if moves_itself(target, target.pose.bones[name])}
    if len(ruled) > len(mapping.bones) / 2:
        raise SceneError(
            f"The bones of “{target.name}” follow the constraints of a control rig: map its controls, or choose "
            "its metarig or a copy without constraints."
        )
    return dataclasses.replace(
        mapping, bones={r: b for r, b in mapping.bones.items() if not ("_twist_" in r and r in ruled)}
    )


def _replace_action(target: bpy.types.Object, action: bpy.types.Action) -> None:
    """Make `action` the target's; what was there before is kept in the file, or comes back if that fails."""
    had_data = target.animation_data is not None
    previous: bpy.types.Action | None = target.animation_data.action if had_data else None
    slot: Any = compat.active_slot(target)
    try:
        compat.assign_action(target, action)
        if target.animation_data.action != action:
            raise SceneError(f"“{target.name}” does not take a new action: check that it is not linked or locked.")
    except Exception as error:
        if had_data:
            compat.assign_action(target, previous, slot)
        else:
            target.animation_data_clear()
        if isinstance(error, SceneError):
            raise
        raise SceneError(f"“{target.name}” does not take a new action: {error}") from error
    if previous is not None and previous.users == 0:
        previous.use_fake_user = True
