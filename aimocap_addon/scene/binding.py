# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding captured motion to the character a person chose."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bpy

from ..motion.body import RestBody
from ..motion.mapping import Mapping
from ..motion.retarget import ROOT_MOTIONS, Options, Solution, solve
from ..motion.skeleton import IDENTITY
from .armature_motion import read_skeleton, write_action
from .bind_options import BindOptions
from .control_rig import CONTROL_KINDS, ruled_bones
from .errors import SceneError
from .fewer_keys import Tolerance
from .ik_controls import ControlMotion
from .nla import EXISTING, check_animation, place_action, restored_on_error
from .performance import Performance, read_performance
from .performer import Performer, performer_of, unit_of
from .receiver import Receiver, read_receiver
from .rig_mapping import find_mapping

# Relative difference between the object's scales along its axes.
_SCALE_TOLERANCE = 1e-3

SCALE_MODES = ("LEG", "ONE_TO_ONE")
_DEFAULTS = BindOptions()


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


class Character(NamedTuple):
    """An armature that is to receive motion; `mapping` where its own is not the one to find."""

    armature: bpy.types.Object
    mapping: Mapping | None = None
    action_name: str | None = None


def bind_motion(
    source: bpy.types.Object | Performer,
    target: bpy.types.Object,
    options: BindOptions = _DEFAULTS,
    *,
    mapping: Mapping | None = None,
    mapping_folder: Path | None = None,
    action_name: str | None = None,
    frame_start: float | None = None,
) -> BindResult:
    """Give the motion of `source`, an armature or what else performs, to the armature `target`, as a new action.

    The action has linear keys on whole scene frames, from the source's first frame (or `frame_start`) on; the last
    frame of the motion is inside. The motion happens in the target object's own space: a character stays where it was
    put in the scene, and faces as it was turned.

    `mapping` says which bones of the target play which part, where its own is not the one to find;
    `mapping_folder` holds what a person said about the bones of either armature.

    Nothing else of the target changes; what becomes of its previous action is one of the options. Raises SceneError,
    with everything as it was, when the motion cannot be bound.
    """
    character = Character(target, mapping, action_name)
    return bind_motions(source, [character], options, mapping_folder=mapping_folder, frame_start=frame_start)[0]


def bind_motions(
    source: bpy.types.Object | Performer,
    characters: Sequence[Character],
    options: BindOptions = _DEFAULTS,
    *,
    mapping_folder: Path | None = None,
    frame_start: float | None = None,
) -> list[BindResult]:
    """Give the motion of `source` to several characters, to all of them or, raising SceneError, to none.

    See `bind_motion`.
    """
    bpy.context.view_layer.update()  # matrices lag behind what a script has just set
    _check_options(options)
    if isinstance(source, bpy.types.Object):
        _check_armature(source)
    with _matrices_right_on_error():
        receivers = [_receiver(source, character, options, mapping_folder) for character in characters]
        performance = read_performance(
            source if isinstance(source, Performer) else performer_of(source),
            {role for receiver in receivers for role in receiver.mapping.bones},
            mapping_folder=mapping_folder,
            frame_start=frame_start,
            smoothing=options.smoothing,
            mirror=options.mirror,
        )
        motions = [_Received.of(performance, receiver, options) for receiver in receivers]
        # from here on the file changes: whatever can fail comes before, or is taken back
        with restored_on_error([receiver.armature for receiver in receivers]):
            return [
                _written(performance, received, character.action_name, options)
                for received, character in zip(motions, characters, strict=True)
            ]


@contextmanager
def _matrices_right_on_error() -> Iterator[None]:
    """Let no pose show in which a control rig was only probed; without an error, its new action is shown anyway."""
    try:
        yield
    except BaseException:
        bpy.context.view_layer.update()
        raise


def _receiver(
    source: bpy.types.Object | Performer, character: Character, options: BindOptions, mapping_folder: Path | None
) -> Receiver:
    """Return the character as a receiver; raises SceneError if it cannot be one."""
    armature = character.armature
    if source == armature:
        raise SceneError(f"“{source.name}” cannot receive its own motion: choose another armature as the character.")
    mapping = check_target(armature, character.mapping, mapping_folder)
    check_animation(armature, options.existing)
    if options.root_motion == "ROOT_BONE" and armature.pose.bones[mapping.bones["hips"]].parent is None:
        raise SceneError(
            f"“{armature.name}” has no bone above its hips that could take the travel: choose another root motion."
        )
    return read_receiver(armature, mapping, options.controls)


class _Received(NamedTuple):
    """A motion solved for a receiver: in how many `mapped` bones, with all `bones` concerned, as it is `keyed`."""

    receiver: Receiver
    mapped: int
    bones: tuple[str, ...]
    keyed: ControlMotion

    @classmethod
    def of(cls, performance: Performance, receiver: Receiver, options: BindOptions) -> _Received:
        solution = _solution(performance, receiver, options)
        skeleton, keyed = receiver.target.skeleton, receiver.keyed(solution, performance.motion.rate)
        moved = [skeleton.names[bone] for bone in skeleton.with_ancestors({*solution.rotations, *solution.locations})]
        controls = [keyed.names[bone] for bone in (*keyed.solution.rotations, *keyed.solution.locations)]
        return cls(receiver, len(solution.rotations), tuple(dict.fromkeys((*moved, *controls))), keyed)


def _solution(performance: Performance, receiver: Receiver, options: BindOptions) -> Solution:
    scale = unit_of(receiver.armature)
    solver_options = Options(
        root_motion=options.root_motion,
        path_scale=performance.performer.unit / scale if options.scale_mode == "ONE_TO_ONE" else None,
        ground_offset=options.ground_offset / scale,
        hold_contacts=options.hold_contacts,
        turn_carrier=receiver.use_ik,
    )
    performed = performance.shared(receiver.mapping.bones)
    try:
        return solve(
            performance.skeleton, performed, performance.motion, receiver.target, receiver.mapping, solver_options
        )
    except ValueError as error:
        raise SceneError(
            f"The motion of “{performance.performer.name}” does not fit “{receiver.armature.name}” because {error}: "
            "check both rest poses."
        ) from error


def _written(
    performance: Performance, received: _Received, action_name: str | None, options: BindOptions
) -> BindResult:
    """Write the action and make it part of the character's animation."""
    receiver, keyed, first = received.receiver, received.keyed, performance.first
    armature, mapping = receiver.armature, receiver.mapping
    name = action_name or f"{armature.name} {performance.performer.name}"
    fixed = {} if options.existing == "LAYER" else keyed.fixed
    tolerance = _tolerance(receiver, options.max_error)
    action = write_action(armature, keyed.solution, keyed.names, first, name, fixed, tolerance, keyed.completion)
    place_action(armature, action, options.existing, received.bones, first)
    missing = tuple(
        role.replace("_", " ")
        for role in performance.mapping.bones
        if role not in mapping.bones and "metacarpal" not in role and not role.startswith(("spine_", "neck_"))
    )
    warnings = [f"“{armature.name}”: {text}" for text in mapping.warnings]
    if options.existing == "LAYER" and (sentence := receiver.other_controls()):
        warnings.append(sentence)
    return BindResult(
        action,
        received.mapped,
        missing,
        mapping.family,
        (first, performance.last),
        " ".join((*performance.warnings, *warnings, *receiver.warnings)),
    )


def _tolerance(receiver: Receiver, max_error: float) -> Tolerance | None:
    """Return how far keys may be off for an angle: a place by as much as the foot of a leg that is off by it."""
    if max_error <= 0.0:
        return None
    leg = RestBody.of(receiver.target.skeleton, receiver.mapping, IDENTITY).leg_length()
    return Tolerance(max_error, leg * math.tan(max_error))


def check_target(
    target: bpy.types.Object, mapping: Mapping | None = None, mapping_folder: Path | None = None
) -> Mapping:
    """Return which bones of `target` can receive motion, of `mapping` if given, else as `bind_motion` finds them.

    Raises SceneError if no motion can be bound to the armature as it is.
    """
    _check_armature(target)
    if not target.is_editable:
        raise SceneError(f"“{target.name}” is linked from another file: make a library override of it first.")
    check_animation(target)
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
        ("way with existing animation", options.existing, EXISTING),
    )
    for what, chosen, known in choices:
        if chosen not in known:
            raise SceneError(f"There is no {what} “{chosen}”: choose one of {', '.join(known)}.")
    if options.smoothing < 0.0 or not 0.0 <= options.max_error < math.pi / 2.0:
        raise SceneError("Smoothing and the error of keys begin at 0, and no bone may be off by 90° or more.")


def _check_armature(obj: bpy.types.Object) -> None:
    if obj.type != "ARMATURE":
        raise SceneError(f"“{obj.name}” is not an armature: choose the armature that moves the character.")
    if obj.mode == "EDIT":
        raise SceneError(f"“{obj.name}” is in Edit Mode: leave Edit Mode first.")


def _writable(target: bpy.types.Object, mapping: Mapping) -> Mapping:
    """Return the mapping without twist bones that the rig moves itself; raise if it moves most of the body itself."""
    moved = ruled_bones(target, mapping.bones.values())
    ruled = {role for role, name in mapping.bones.items() if name in moved}
    if len(ruled) > len(mapping.bones) / 2:
        raise SceneError(
            f"The bones of “{target.name}” follow the constraints of a control rig: map its controls, or choose "
            "its metarig or a copy without constraints."
        )
    return dataclasses.replace(
        mapping, bones={r: b for r, b in mapping.bones.items() if not ("_twist_" in r and r in ruled)}
    )
