# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion for the IK controls of a rig, so that its limbs are where the FK controls would have them."""

from __future__ import annotations

import math
from typing import NamedTuple

import bpy
import numpy as np

from ..motion import control_targets
from ..motion.control_rigs import LIMBS, bend_controls, control_preset, ik_controls
from ..motion.control_targets import Places, Space
from ..motion.mapping import Mapping
from ..motion.retarget import Solution
from ..motion.roles import SIDES
from ..motion.rotations import (
    Array,
    length,
    make_continuous,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
)
from ..motion.skeleton import IDENTITY
from .control_rig import Controls, switches
from .curve_samples import keyed
from .errors import SceneError
from .fewer_keys import Completion
from .limb_keys import IkLimb, IkLimbs
from .probing import Holder, probe

# How fast the plane of a limb may turn against its upper bone, radians per second, while it bends little. A knee is a
# hinge; an upper arm's own roll is less sure than where its elbow is.
_SWING = {"calf": math.radians(180.0), "lower_arm": math.radians(540.0)}
# Radians: a limb that its pole leaves further from its way than this has elbow or knee shifted, where the rig can.
_LEFT_TO_POLE = math.radians(0.1)


class ControlMotion(NamedTuple):
    """Pose channels of controls: `names` are those of the solution's bones by index.

    `fixed` holds the properties, by data path, that keep one value meanwhile; `completion` gives keys back that limbs
    need when each control has lost those that it does not need for itself.
    """

    solution: Solution
    names: tuple[str, ...]
    fixed: dict[str, float]
    completion: Completion | None = None


def has_ik_controls(armature: bpy.types.Object, mapping: Mapping) -> bool:
    """Tell whether the hands and feet of the rig have controls of inverse kinematics that are known."""
    return bool(_found(armature, mapping))


def on_fk_controls(armature: bpy.types.Object, mapping: Mapping, fk: Controls, solution: Solution) -> ControlMotion:
    """Return the motion `solution` of the controls `fk`, with elbows and knees no longer shifted."""
    bends = _bends(armature, mapping)
    names = (*fk.target.skeleton.names, *bends.values())
    shifts = _unshifted(armature, bends, len(next(iter(solution.locations.values()))))
    locations = solution.locations | {names.index(bends[role]): shift for role, shift in shifts.items()}
    fixed = switches(armature, mapping, "FK")
    return ControlMotion(Solution(solution.rotations, solution.angles, locations), names, fixed)


def on_ik_controls(
    armature: bpy.types.Object, mapping: Mapping, fk: Controls, solution: Solution, rate: float
) -> ControlMotion:
    """Return the motion `solution` of the controls `fk`, at `rate` frames per second, with the limbs on IK controls.

    Hands, feet and toes get location and rotation, elbows and knees a pole; the trunk and the fingers stay as they are.
    Elbows and knees that the pole leaves elsewhere are shifted by controls of their own, where the rig has such.
    Raises SceneError for a rig whose IK controls do not move as one with anything.
    """
    target = fk.target
    controls = _found(armature, mapping)
    fixed = switches(armature, mapping, "IK") | _without_stretch(armature, controls)
    replaced = {
        target.skeleton.index[mapping.bones[f"{side}_{part}"]]
        for side in SIDES
        for limb in (*LIMBS.values(), ("toe",) if f"{side}_toe" in controls else ())
        for part in limb
        if f"{side}_{part}" in mapping.bones
    }
    names = (*target.skeleton.names, *controls.values())
    kept = [i for i in range(len(names)) if i not in replaced]
    holders = probe(armature, [names[i] for i in kept], fixed)
    spaces = _spaces(armature, names, kept, holders, len(target.skeleton.names))
    moving = control_targets.places(target, fk.places.tolist(), solution)
    rest = _rest(armature, names)
    index = {role: len(target.skeleton.names) + i for i, role in enumerate(controls)}
    body = {role: target.skeleton.index[bone] for role, bone in mapping.bones.items()}
    for role, control in index.items():
        if role.endswith((*LIMBS, "toe")):
            bone = body[role]
            moving.rotations[control], moving.heads[control] = control_targets.follow(
                moving.rotations[bone],
                moving.heads[bone],
                (rest.rotations[bone], rest.heads[bone]),
                (rest.rotations[control], rest.heads[control]),
            )
    rotations = {bone: r for bone, r in solution.rotations.items() if bone not in replaced}
    locations = {bone: at for bone, at in solution.locations.items() if bone not in replaced}
    for role, control in index.items():
        space = spaces[control]
        if control in moving.rotations:
            channel = control_targets.rotation_channel(space, moving.rotations[control], moving, rest)
            rotations[control] = make_continuous(channel)
            if not role.endswith("toe"):  # which the foot carries
                locations[control] = control_targets.location_channel(space, moving.heads[control], moving, rest)
        else:
            moving.heads[control] = _pole(role, control, body, moving, rest, rate)
            locations[control] = control_targets.location_channel(space, moving.heads[control], moving, rest)
    bends = _bends(armature, mapping)
    shifts = _unshifted(armature, bends, len(next(iter(solution.locations.values()))))
    for role, name in bends.items():
        own = _rest(armature, (name,)).rotations[0]
        shift = _shift(_limb(role, body), index[role], own, moving, rest)
        if shift is not None:
            shifts[role] = shift
    names = (*names, *bends.values())
    locations |= {names.index(bends[role]): shift for role, shift in shifts.items()}
    angles = {bone: values for bone, values in solution.angles.items() if bone not in replaced}
    limbs = []
    for role, pole in index.items():
        if role.endswith(("lower_arm", "calf")):
            start, joint, end = _limb(role, body)
            shift = names.index(bends[role]) if role in shifts else None
            goal = next(control for other, control in index.items() if body[other] == end)
            limbs.append(IkLimb((start, joint, end), goal, pole, shift))
    for name in bends.values():
        rest.rotations[names.index(name)] = _rest(armature, (name,)).rotations[0]
    checked = IkLimbs(target, fk.places.tolist(), spaces, rest, tuple(limbs))
    return ControlMotion(Solution(rotations, angles, locations), names, fixed, checked.with_keys)


def _found(armature: bpy.types.Object, mapping: Mapping) -> dict[str, str]:
    """Return the IK controls, by the role that they hold, whose FK controls are mapped; empty if not whole."""
    assert armature.pose is not None
    preset = control_preset(mapping.family)
    controls = ik_controls(preset, armature.pose.bones.keys()) if preset is not None else {}
    needed = {f"{side}_{part}" for side in SIDES for limb in LIMBS.values() for part in limb}
    if not needed <= mapping.bones.keys():
        return {}
    return {role: name for role, name in controls.items() if role in mapping.bones}


def _without_stretch(armature: bpy.types.Object, controls: dict[str, str]) -> dict[str, float]:
    """Return the settings that keep limbs with these poles at their length.

    Blender's solver shares every bend between turning and stretching, so that a bone that may stretch comes out some
    percent longer although the limb could reach its goal without.
    """
    assert armature.pose is not None
    poles = {name for role, name in controls.items() if role.endswith(("lower_arm", "calf"))}
    fixed: dict[str, float] = {}
    for bone in armature.pose.bones:
        for constraint in bone.constraints:
            if isinstance(constraint, bpy.types.KinematicConstraint) and constraint.pole_subtarget in poles:
                chain = [bone, *bone.parent_recursive]
                count = constraint.chain_count or len(chain)
                fixed |= {each.path_from_id("ik_stretch"): 0.0 for each in chain[:count] if constraint.use_stretch}
    return fixed


def _rest(armature: bpy.types.Object, names: tuple[str, ...]) -> Places:
    assert isinstance(armature.data, bpy.types.Armature)
    matrices = np.array([armature.data.bones[name].matrix_local for name in names], dtype=np.float64)
    rotations = quaternion_from_matrix(matrices[:, :3, :3])
    return Places(dict(enumerate(rotations)), dict(enumerate(matrices[:, :3, 3])))


def _spaces(
    armature: bpy.types.Object, names: tuple[str, ...], kept: list[int], holders: list[Holder], first: int
) -> dict[int, Space]:
    """Return the spaces of the controls from the index `first` on; `holders` are for the controls `kept`."""
    assert isinstance(armature.data, bpy.types.Armature)
    rest = _rest(armature, names)
    spaces: dict[int, Space] = {}
    for i, holder in zip(kept, holders, strict=True):
        if i < first:
            continue
        if holder.place is None or holder.turned is None:
            raise SceneError(
                f"The control {names[i]} of “{armature.name}” follows more than one other: set its parent to the root, "
                "or choose the FK controls."
            )
        bone = armature.data.bones[names[i]]
        axes: Array = IDENTITY
        if bone.use_local_location:
            axes = rest.rotations[i]
        elif bone.parent is not None:
            axes = quaternion_from_matrix(np.array(bone.parent.matrix_local.to_3x3(), dtype=np.float64))
        place = kept[holder.place] if holder.place >= 0 else -1
        turned = kept[holder.turned] if holder.turned >= 0 else -1
        spaces[i] = Space(place, turned, rest.rotations[i], rest.heads[i], axes)
    return spaces


def _limb(role: str, body: dict[str, int]) -> list[int]:
    """Return the bones of the limb with the bone of `role` in it, from the trunk on."""
    side, _, part = role.partition("_")
    limb = next(parts for parts in LIMBS.values() if part in parts)
    return [body[f"{side}_{each}"] for each in limb]


def _pole(role: str, control: int, body: dict[str, int], moving: Places, rest: Places, rate: float) -> Array:
    """Return where the pole (F, 3) of elbow or knee is."""
    bones = _limb(role, body)
    start, joint, end = (moving.heads[bone] for bone in bones)
    at_rest = [rest.heads[bone] for bone in bones]
    towards, distance = control_targets.away_from_line(at_rest[0], at_rest[2], rest.heads[control])
    upper = quaternion_rotate(quaternion_conjugate(rest.rotations[bones[0]]), towards)
    swing = _SWING[role.partition("_")[2]] / rate
    return control_targets.pole((start, joint, end), moving.rotations[bones[0]], upper, distance, swing)


def _bends(armature: bpy.types.Object, mapping: Mapping) -> dict[str, str]:
    """Return the controls of the rig that shift elbows and knees, by the role of the bone below."""
    assert armature.pose is not None
    preset = control_preset(mapping.family)
    return bend_controls(preset, armature.pose.bones.keys()) if preset is not None else {}


def _unshifted(armature: bpy.types.Object, bends: dict[str, str], frames: int) -> dict[str, Array]:
    """Return location channels (F, 3) at rest, by role, of those `bends` that the present action moves.

    Without, they would stay where it has left them.
    """
    moved = {name for name, channel, _ in keyed(armature) if channel == "location"} if bends else set()
    return {role: np.zeros((frames, 3)) for role, name in bends.items() if name in moved}


def _shift(limb: list[int], pole: int, own: Array, moving: Places, rest: Places) -> Array | None:
    """Return the location channel (F, 3) of what shifts the joint of `limb`, None where its pole does well without.

    `own` is the rotation (4) of that control at rest; it hangs from the lower bone.
    """
    (start, joint, end), (start_0, joint_0, end_0) = ([each.heads[bone] for bone in limb] for each in (moving, rest))
    lengths = float(np.linalg.norm(joint_0 - start_0)), float(np.linalg.norm(end_0 - joint_0))
    found = control_targets.joint(start, end, moving.heads[pole], lengths)
    away = joint - found
    if length(away).max() < math.tan(_LEFT_TO_POLE) * min(lengths):
        return None
    turn = control_targets.turned_by_plane((joint_0, end_0, rest.heads[pole]), (found, end, moving.heads[pole]))
    return quaternion_rotate(quaternion_conjugate(quaternion_multiply(turn, own)), away)
