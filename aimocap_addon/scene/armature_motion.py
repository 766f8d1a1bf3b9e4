# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of armatures, read into arrays and written as actions.

Reading goes straight to the f-curves wherever they say all there is to say. With constraints, drivers, NLA strips or
anything else that only Blender itself can work out, the scene is stepped frame by frame instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion
from numpy.typing import NDArray

from ..motion.retarget import Solution, Target
from ..motion.rotations import (
    Array,
    axis_angle_from_quaternion,
    euler_from_quaternion,
    matrix_from_quaternion,
    normalize,
    quaternion_from_axis_angle,
    quaternion_from_euler,
    quaternion_from_matrix,
    quaternion_multiply,
    quaternion_rotate,
)
from ..motion.skeleton import Motion, Skeleton, forward_kinematics, stacked
from . import compat
from .curve_samples import Channels, Keyed, bone_of, keyed
from .fewer_keys import Completion, Tolerance, needed_rows
from .key_writing import add_linear_keys

_ROTATION_CHANNELS = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


def read_skeleton(armature: bpy.types.Object) -> Skeleton:
    """Return the armature's bones at rest, parents first."""
    bones = _data(armature).bones
    names = [bone.name for bone in bones]
    order = {name: i for i, name in enumerate(names)}
    above = [bone.parent for bone in bones]
    parents = np.array([-1 if parent is None else order[parent.name] for parent in above], dtype=np.intp)
    rest = np.empty((len(names), 4, 4), dtype=np.float32)
    bones.foreach_get("matrix_local", rest.ravel())  # column by column
    return Skeleton(tuple(names), parents, rest.swapaxes(1, 2).astype(np.float64))


def read_target(armature: bpy.types.Object, skeleton: Skeleton | None = None) -> Target:
    """Return the armature as a receiver of motion, in its present pose; of some bones alone if `skeleton` has those."""
    skeleton = skeleton or read_skeleton(armature)
    pose, bones = armature.pose.bones, _data(armature).bones
    posed = [pose[name] for name in skeleton.names]
    modes = [bone.rotation_mode for bone in posed]
    orders = ["XYZ" if mode in _ROTATION_CHANNELS else mode for mode in modes]
    in_pose, in_data = _rows(pose, skeleton.names), _rows(bones, skeleton.names)
    angles = _values(pose, "rotation_euler", 3)[in_pose]
    rotations = normalize(_values(pose, "rotation_quaternion", 4)[in_pose])
    for order in {mode for mode in modes if mode not in _ROTATION_CHANNELS}:
        rows = [i for i, mode in enumerate(modes) if mode == order]
        rotations[rows] = quaternion_from_euler(angles[rows], order)
    for i, mode in enumerate(modes):
        if mode == "AXIS_ANGLE":
            rotations[i] = _present_rotation(posed[i])
    locked = _flags(pose, "lock_rotation", 3)[in_pose]
    for i in np.flatnonzero(locked.any(axis=1)):
        if _locks_components(posed[i]):
            locked[i] = False
        elif modes[i] != orders[i]:
            angles[i] = euler_from_quaternion(rotations[i][None], orders[i])[0]
    locations = _values(pose, "location", 3)[in_pose]
    locations[_flags(bones, "use_connect")[in_data]] = 0.0
    return Target(
        skeleton=skeleton,
        rotations=rotations,
        angles=angles,
        orders=orders,
        locations=locations,
        locked=locked,
        inherits_rotation=_flags(bones, "use_inherit_rotation")[in_data],
        local_location=_flags(bones, "use_local_location")[in_data],
    )


def motion_range(armature: bpy.types.Object, curves: Sequence[Keyed] | None = None) -> tuple[float, float] | None:
    """Return the first and last scene frame at which the armature is animated; None when it is not.

    `curves`, those that move it, save looking for them.

    Without keys of its own, but with constraints or drivers, that is the frame range of the scene.
    """
    animation = armature.animation_data
    ranges = [(first, last) for first, last in (curve.range() for _, _, curve in curves or keyed(armature))]
    if animation is not None and animation.use_nla:
        strips = [strip for track in animation.nla_tracks if not track.mute for strip in track.strips if not strip.mute]
        ranges += [(strip.frame_start, strip.frame_end) for strip in strips]
    if ranges:
        return min(r[0] for r in ranges), max(r[1] for r in ranges)
    bones = armature.pose.bones if armature.pose else ()
    moved = any(not c.mute for bone in bones for c in bone.constraints) or (
        animation is not None and any(bone_of(driver.data_path) for driver in animation.drivers)
    )
    scene = bpy.context.scene
    return (float(scene.frame_start), float(scene.frame_end)) if moved else None


def read_motion(
    armature: bpy.types.Object,
    skeleton: Skeleton,
    names: Sequence[str],
    frames: Array,
    curves: Sequence[Keyed] | None = None,
) -> Motion:
    """Return the motion of the bones `names` at the scene frames `frames` (F), which may lie between whole ones.

    `curves`, those that move the armature, save looking for them.

    Motion of the armature object itself (where Unreal's root bone ends up on import) is part of it; where the object
    merely stands in the scene is not.
    """
    bones = tuple(skeleton.index[name] for name in names)
    needed = skeleton.with_ancestors(bones)
    wanted = {bone: armature.pose.bones[skeleton.names[bone]] for bone in needed}
    channels = Channels(curves or keyed(armature), {skeleton.names[bone] for bone in needed}, frames)
    if _is_plain(armature, list(wanted.values()), channels):
        locations = {
            bone: channels.vector(posed.name, "location", posed.location)
            for bone, posed in wanted.items()
            if not posed.bone.use_connect
        }
        turned, placed = forward_kinematics(skeleton, needed, _rotations(wanted, channels), locations)
        motion_rotations = stacked([turned[bone] for bone in bones], len(frames))
        motion_positions = stacked([placed[bone] for bone in bones], len(frames))
        objects = _object_matrices(armature, channels, len(frames))
    else:
        matrices, objects = _evaluated(armature, bones, frames)
        axes = np.swapaxes(normalize(np.swapaxes(matrices[..., :3, :3], -1, -2)), -1, -2)
        motion_rotations, motion_positions = quaternion_from_matrix(axes), matrices[..., :3, 3]
    if objects is not None:
        motion_rotations, motion_positions = _moved(armature, objects, motion_rotations, motion_positions)
    return Motion(bones, motion_rotations, motion_positions, frame_rate(frames))


def frame_rate(frames: Array) -> float:
    """Return how many of the evenly spaced scene frames `frames` (F) pass in a second."""
    render = bpy.context.scene.render
    spacing = float(frames[-1] - frames[0]) / max(1, len(frames) - 1)
    return render.fps / render.fps_base / max(1e-6, spacing)


def write_action(
    armature: bpy.types.Object,
    solution: Solution,
    names: Sequence[str],
    first_frame: int,
    name: str,
    fixed: Mapping[str, float],
    tolerance: Tolerance | None = None,
    completion: Completion | None = None,
) -> bpy.types.Action:
    """Return a new action, not assigned, with linear keys of `solution` on whole frames from `first_frame` on.

    `names` are those of the solution's bones by index. Each bone keeps its rotation mode. Locked channels get no curve.
    `fixed` holds data paths of properties that keep one value. With a `tolerance`, frames get no key where the motion
    stays within it without; what bones need for each other `completion` gives back.
    """
    action, curves = compat.create_action(name, armature)
    try:
        channels, locks = _pose_channels(armature, solution, names)
        bones = {index: armature.pose.bones[names[index]] for index in channels}
        rows = needed_rows(bones, channels, tolerance) if tolerance else {}
        if tolerance and completion:
            rows = completion(rows, bones, channels, tolerance.angle)
        count = len(next(iter(solution.locations.values())))
        points = np.empty((count, 2), dtype=np.float32)
        points[:, 0] = first_frame + np.arange(count)

        def write(path: str, values: Array, free: Sequence[int], group: str, kept: NDArray[np.intp] | None) -> None:
            for i, curve in zip(free, compat.create_curves(action, curves, path, free, group), strict=True):
                points[:, 1] = values[:, i]
                add_linear_keys(curve, points if kept is None else points[kept])

        for index, properties in channels.items():
            bone = bones[index]
            for channel, values in properties.items():
                free = [i for i, locked in enumerate(locks[index, channel]) if not locked]
                write(bone.path_from_id(channel), values, free, bone.name, rows.get(index))
        for path, value in fixed.items():
            for curve in compat.create_curves(action, curves, path, (0,), "Switches"):
                curve.keyframe_points.insert(first_frame, value)
    except Exception:
        bpy.data.actions.remove(action)
        raise
    return action


def _rows(collection: Any, names: Sequence[str]) -> list[int]:
    """Return where in a collection of bones those of these names are: a pose need not be in the armature's order."""
    order = {bone.name: i for i, bone in enumerate(collection)}
    return [order[name] for name in names]


def _values(collection: Any, name: str, width: int) -> Array:
    """Return a property of all bones (B, width)."""
    values = np.empty((len(collection), width), dtype=np.float32)
    collection.foreach_get(name, values.ravel())
    return values.astype(np.float64)


def _flags(collection: Any, name: str, width: int = 1) -> NDArray[np.bool_]:
    """Return a property of all bones that is true or false: (B), or (B, width) for several."""
    flags = np.empty(len(collection) * width, dtype=bool)
    collection.foreach_get(name, flags)
    return flags.reshape(-1, width) if width > 1 else flags


def _data(armature: bpy.types.Object) -> bpy.types.Armature:
    assert isinstance(armature.data, bpy.types.Armature)
    return armature.data


def _present_rotation(owner: bpy.types.PoseBone | bpy.types.Object) -> Array:
    """Return the rotation channel (4) of a pose bone or object, whatever its mode."""
    if owner.rotation_mode == "QUATERNION":
        return normalize(np.array(owner.rotation_quaternion))
    if owner.rotation_mode == "AXIS_ANGLE":
        angle, *axis = owner.rotation_axis_angle
        return quaternion_from_axis_angle(np.array(axis), np.array(angle))
    return quaternion_from_euler(np.array(owner.rotation_euler), owner.rotation_mode)


def _locks_components(bone: bpy.types.PoseBone) -> bool:
    """Tell whether the bone's locks are on the four numbers of its rotation rather than on angles about X, Y and Z."""
    return bone.lock_rotations_4d and bone.rotation_mode in _ROTATION_CHANNELS


def _pose_channels(
    armature: bpy.types.Object, solution: Solution, names: Sequence[str]
) -> tuple[dict[int, dict[str, Array]], dict[tuple[int, str], Sequence[bool]]]:
    """Return the values (F, C) of a solution's channels by bone and property, rotation first, and their locks (C)."""
    channels: dict[int, dict[str, Array]] = {}
    locks: dict[tuple[int, str], Sequence[bool]] = {}
    for index, rotation in solution.rotations.items():
        bone = armature.pose.bones[names[index]]
        channel, values, locked = _rotation_channels(bone, rotation, solution.angles.get(index))
        channels.setdefault(index, {})[channel] = values
        locks[index, channel] = locked
    for index, location in solution.locations.items():
        bone = armature.pose.bones[names[index]]
        if not bone.bone.use_connect:
            channels.setdefault(index, {})["location"] = location
            locks[index, "location"] = list(bone.lock_location)
    return channels, locks


def _rotation_channels(
    bone: bpy.types.PoseBone, rotation: Array, angles: Array | None
) -> tuple[str, Array, Sequence[bool]]:
    """Return the name, the values (F, 3 or 4) and the locks of the rotation channels of a bone."""
    if bone.rotation_mode == "QUATERNION":
        channel, values = "rotation_quaternion", rotation
    elif bone.rotation_mode == "AXIS_ANGLE":
        axes, angles = axis_angle_from_quaternion(rotation)
        channel, values = "rotation_axis_angle", np.column_stack((angles, axes))
    else:
        if angles is None:
            angles = euler_from_quaternion(rotation, bone.rotation_mode, np.array(bone.rotation_euler))
        return "rotation_euler", angles, list(bone.lock_rotation)
    if _locks_components(bone):
        return channel, values, [bone.lock_rotation_w, *bone.lock_rotation]
    return channel, values, [False] * 4  # the solution already keeps the locked angles


def _is_plain(armature: bpy.types.Object, bones: Sequence[bpy.types.PoseBone], channels: Channels) -> bool:
    """Tell whether the f-curves and the rest pose alone determine where `bones` are."""
    animation = armature.animation_data
    holders = (armature, _data(armature))
    parent = armature.parent
    while parent is not None:
        if parent.animation_data or parent.constraints:
            return False
        parent = parent.parent
    if animation is None or animation.action is None or animation.use_tweak_mode:
        return False
    return (
        armature.parent_type == "OBJECT"
        and _data(armature).pose_position == "POSE"
        and not (animation.use_nla and any(not t.mute and t.strips for t in animation.nla_tracks))
        and (animation.action_blend_type, animation.action_influence) == ("REPLACE", 1.0)
        and not any(holder.animation_data and holder.animation_data.drivers for holder in holders)
        and not any(not c.mute for owner in (armature, *bones) for c in owner.constraints)
        and all(bone.bone.use_inherit_rotation and bone.bone.use_local_location for bone in bones)
        and all(_is_unscaled(bone, channels) for bone in bones)
        and np.allclose(armature.matrix_basis @ _composed(armature).inverted_safe(), np.eye(4), atol=1e-5)
    )


def _composed(armature: bpy.types.Object) -> Any:
    """Return the object's matrix from its plain channels, without the delta transforms."""
    return Matrix.LocRotScale(armature.location, Quaternion(_present_rotation(armature).tolist()), armature.scale)


def _is_unscaled(bone: bpy.types.PoseBone, channels: Channels) -> bool:
    present = all(abs(value - 1.0) < 1e-4 for value in bone.scale)
    return present and all(np.abs(values - 1.0).max() < 1e-4 for values in channels.keys(bone.name, "scale"))


def _rotations(bones: Mapping[int, bpy.types.PoseBone], channels: Channels) -> dict[int, Array]:
    """Return the rotation channels (F, 4), or (4) where nothing is keyed, of pose bones by index."""
    present = {b.name: b.rotation_quaternion for b in bones.values() if b.rotation_mode == "QUATERNION"}
    keyed_ones = channels.quaternions(present)
    return {
        index: keyed_ones[bone.name] if bone.name in keyed_ones else _rotation(bone, bone.name, channels)
        for index, bone in bones.items()
    }


def _rotation(owner: bpy.types.PoseBone | bpy.types.Object, name: str, channels: Channels) -> Array:
    """Return the rotation channel (F, 4), or (4) where nothing is keyed."""
    channel = _ROTATION_CHANNELS.get(owner.rotation_mode, "rotation_euler")
    if (name, channel) not in channels:
        return _present_rotation(owner)
    if channel == "rotation_quaternion":
        return channels.quaternions({name: owner.rotation_quaternion})[name]
    values = channels.vector(name, channel, getattr(owner, channel))
    if channel == "rotation_euler":
        return quaternion_from_euler(values, owner.rotation_mode)
    return quaternion_from_axis_angle(values[:, 1:], values[:, 0])


def _object_matrices(armature: bpy.types.Object, channels: Channels, count: int) -> Array | None:
    """Return the object's matrices (`count`, 4, 4) from its own curves, or None where it does not move."""
    location = channels.vector("", "location", armature.location)
    rotation = _rotation(armature, "", channels)
    scale = channels.vector("", "scale", armature.scale)
    if all(values.ndim == 1 or np.allclose(values, values[0], atol=1e-6) for values in (location, rotation, scale)):
        return None
    matrices = np.zeros((count, 4, 4))
    basis = matrix_from_quaternion(np.broadcast_to(rotation, (count, 4)))
    matrices[:, :3, :3] = basis * np.broadcast_to(scale, (count, 3))[:, None, :]
    matrices[:, :3, 3] = location
    matrices[:, 3, 3] = 1.0
    above = np.array(armature.matrix_world @ armature.matrix_basis.inverted_safe())
    return above @ matrices


def _evaluated(armature: bpy.types.Object, bones: Sequence[int], frames: Array) -> tuple[Array, Array | None]:
    """Step the scene and return matrices (N, F, 4, 4) of `bones`, and of the object (F, 4, 4) if it moves."""
    scene = bpy.context.scene
    rows = [armature.pose.bones.find(_data(armature).bones[bone].name) for bone in bones]
    present = scene.frame_current, scene.frame_subframe
    buffer = np.empty(len(armature.pose.bones) * 16, dtype=np.float32)
    matrices = np.empty((len(bones), len(frames), 4, 4))
    objects = np.empty((len(frames), 4, 4))
    try:
        for i, frame in enumerate(frames):
            whole = math.floor(frame)
            scene.frame_set(whole, subframe=float(frame) - whole)
            evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
            evaluated.pose.bones.foreach_get("matrix", buffer)  # column by column
            matrices[:, i] = buffer.reshape(-1, 4, 4).transpose(0, 2, 1)[rows]
            objects[i] = evaluated.matrix_world
    finally:
        scene.frame_set(present[0], subframe=present[1])
    return matrices, None if np.allclose(objects, objects[0], atol=1e-5) else objects


def _moved(armature: bpy.types.Object, objects: Array, rotations: Array, positions: Array) -> tuple[Array, Array]:
    """Apply the object's motion (F, 4, 4) to bones (N, F, 4) and (N, F, 3).

    It counts from the place where the object would stand without it: at its parent (or the world's origin), turned as
    at the first frame but along whole axes, so that a conversion between axes is kept out and a heading is kept in.
    """
    scale = float(np.mean(np.linalg.norm(objects[0, :3, :3], axis=0)))
    axes = objects[:, :3, :3] / np.linalg.norm(objects[:, :3, :3], axis=1, keepdims=True)
    upright = _whole_axes(axes[0])
    origin = np.array(armature.parent.matrix_world.translation) if armature.parent else np.zeros(3)
    turn = quaternion_from_matrix(upright.T @ axes)
    shift = (objects[:, :3, 3] - origin) @ upright / scale
    grown = np.linalg.norm(objects[:, :3, :3], axis=1).mean(axis=-1)[:, None] / scale
    return quaternion_multiply(turn, rotations), quaternion_rotate(turn, positions * grown) + shift


def _whole_axes(rotation: Array) -> Array:
    """Return the rotation (3, 3) by whole quarter turns that is nearest to `rotation` (3, 3)."""
    left = rotation.copy()
    found = np.zeros((3, 3))
    for _ in range(2):
        row, column = np.unravel_index(np.argmax(np.abs(left)), (3, 3))
        found[row, column] = np.sign(left[row, column])
        left[row, :] = left[:, column] = 0.0
    row, column = int(np.flatnonzero(~found.any(axis=1))[0]), int(np.flatnonzero(~found.any(axis=0))[0])
    found[row, column] = 1.0
    found[row, column] = np.linalg.det(found)
    return found
