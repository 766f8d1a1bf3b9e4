# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a new action goes among the animation that its owner has: instead of it, above it, or on top as a layer.

Blender evaluates the NLA tracks from the bottom to the top and the active action above them all, so whatever is to lie
below a new action or strip has to be pushed down to a track first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ..motion.rotations import Array, quaternion_conjugate, quaternion_multiply
from . import compat
from .errors import SceneError

EXISTING = ("KEEP", "PUSH_DOWN", "LAYER")
"""What becomes of the animation that is there: it stays in the file, goes to a track below, or is added to."""

_BLENDING = {"action_blend_type": "REPLACE", "action_influence": 1.0, "action_extrapolation": "HOLD"}
_TRANSFORMS = ("location", "rotation_quaternion", "rotation_axis_angle", "rotation_euler", "scale")


def check_animation(target: bpy.types.Object, existing: str = "KEEP") -> None:
    """Raise SceneError if no action can be placed so on `target`."""
    animation = target.animation_data
    if animation is None:
        return
    if animation.use_tweak_mode:
        raise SceneError(f"An NLA strip of “{target.name}” is being tweaked: leave tweak mode (Tab) first.")
    if existing == "LAYER" and not animation.use_nla:
        raise SceneError(f"The NLA of “{target.name}” is switched off, so no layer would show: switch it on first.")
    if existing == "LAYER" and any(track.is_solo for track in animation.nla_tracks):
        raise SceneError(f"An NLA track of “{target.name}” plays solo, so no layer would show: end that first.")


@contextmanager
def restored_on_error(armatures: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Put the animation of `armatures` back, and remove all actions made meanwhile, if the block raises."""
    known = {action.as_pointer() for action in bpy.data.actions}
    before = [_Animation(armature) for armature in armatures]
    try:
        yield
    except BaseException:
        for each in before:
            each.put_back()
        for action in [each for each in bpy.data.actions if each.as_pointer() not in known]:
            bpy.data.actions.remove(action)
        raise


def place_action(
    target: bpy.types.Object, action: bpy.types.Action, existing: str, bones: Sequence[str], first_frame: int
) -> None:
    """Make `action` part of the animation of `target`; see `EXISTING`. Its bones and all above them are `bones`.

    Of these, what moves by other animation and not by `action` is held still by it, as it stands now. A layer holds how
    far each channel is from the first frame, where the character is thus as it was without. Raises SceneError if the
    object takes no action.
    """
    previous = target.animation_data.action if target.animation_data is not None else None
    if existing != "KEEP" and previous is not None:
        _push_down(target, previous)
    below = _moved_by_tracks(target)
    if existing == "LAYER":
        _make_additive(target, action, below)
        _add_layer(target, action)
    else:
        whole = [target] if existing == "PUSH_DOWN" else []
        _hold(target, action, [*whole, *(target.pose.bones[name] for name in bones)], below, first_frame)
        _activate(target, action)
    if previous is not None and previous.users == 0:
        previous.use_fake_user = True


class _Animation:
    """The animation of an object as it is at the moment, to come back to."""

    def __init__(self, owner: bpy.types.Object) -> None:
        animation = owner.animation_data
        self.owner = owner
        self.is_there = animation is not None
        self.action = animation.action if animation else None
        self.slot = compat.active_slot(owner)
        self.is_kept = self.action is not None and self.action.use_fake_user
        self.blending = {name: getattr(animation, name) for name in _BLENDING} if animation else {}
        self.tracks = {track.as_pointer() for track in animation.nla_tracks} if animation else set()
        self.active_track = animation.nla_tracks.active if animation else None

    def put_back(self) -> None:
        """Make the animation again what it was."""
        animation = self.owner.animation_data
        if animation is None or not self.is_there:
            self.owner.animation_data_clear()
            return
        for track in [each for each in animation.nla_tracks if each.as_pointer() not in self.tracks]:
            animation.nla_tracks.remove(track)
        if animation.nla_tracks.active != self.active_track:
            animation.nla_tracks.active = self.active_track
        if animation.action != self.action or compat.active_slot(self.owner) != self.slot:
            compat.assign_action(self.owner, self.action, self.slot)
        for name, value in self.blending.items():
            setattr(animation, name, value)
        if self.action is not None:
            self.action.use_fake_user = self.is_kept


def _activate(target: bpy.types.Object, action: bpy.types.Action) -> None:
    try:
        compat.assign_action(target, action)
    except Exception as error:
        raise SceneError(f"“{target.name}” does not take a new action: {error}") from error
    if target.animation_data.action != action:
        raise SceneError(f"“{target.name}” does not take a new action: check that it is not linked or locked.")


def _push_down(target: bpy.types.Object, action: bpy.types.Action) -> None:
    """Move the active `action` to a track of its own above the others, so that it looks as before.

    Blender's operator for it needs an open NLA editor. An action without a slot in use moves nothing and is let go.
    """
    animation, slot = target.animation_data, compat.active_slot(target)
    if slot is not None or not compat.HAS_SLOTS:
        strip = _new_strip(target, action, slot)
        strip.blend_type = animation.action_blend_type
        strip.influence = animation.action_influence
        strip.extrapolation = animation.action_extrapolation
    animation.action = None
    for name, value in _BLENDING.items():
        setattr(animation, name, value)


def _add_layer(target: bpy.types.Object, action: bpy.types.Action) -> None:
    strip = _new_strip(target, action, action.slots[0] if compat.HAS_SLOTS else None)
    strip.blend_type = "COMBINE"
    strip.extrapolation = "HOLD"


def _new_strip(target: bpy.types.Object, action: bpy.types.Action, slot: Any) -> bpy.types.NlaStrip:
    """Return a strip of `action` at the frames of its own keys, alone on a new track above all others."""
    animation = target.animation_data or target.animation_data_create()
    track = animation.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, int(action.frame_range[0]), action)
    if slot is not None:
        strip.action_slot = slot
    strip.frame_start_ui = strip.action_frame_start  # `strips.new` takes whole frames alone
    return strip


_Channel = tuple[str, int]  # data path and array index


def _moved_by_tracks(target: bpy.types.Object) -> set[_Channel]:
    """Return the channels that the NLA tracks of `target` move."""
    animation = target.animation_data
    if animation is None or not animation.use_nla:
        return set()
    strips = [strip for track in animation.nla_tracks if not track.mute for strip in track.strips]
    found: set[_Channel] = set()
    while strips:
        strip = strips.pop()
        if not strip.mute:
            strips.extend(strip.strips)  # those inside a meta strip
            found |= {(curve.data_path, curve.array_index) for curve in compat.strip_curves(strip)}
    return found


def _hold(
    target: bpy.types.Object, action: bpy.types.Action, owners: Sequence[Any], moved: set[_Channel], first_frame: int
) -> None:
    """Key the transforms of `owners` that other animation has `moved`, and `action` does not, as they are now."""
    curves = compat.slot_curves(action)
    own = {(curve.data_path, curve.array_index) for curve in curves}
    for owner in owners:
        for name in _TRANSFORMS if moved else ():
            path, values = name if owner == target else owner.path_from_id(name), getattr(owner, name)
            held = [i for i in range(len(values)) if (path, i) in moved - own]
            group = "Object Transforms" if owner == target else owner.name
            for i, curve in zip(held, compat.create_curves(action, curves, path, held, group), strict=True):
                curve.keyframe_points.insert(first_frame, values[i])


def _make_additive(target: bpy.types.Object, action: bpy.types.Action, below: set[_Channel]) -> None:
    """Turn the values of `action` into what the COMBINE blending of Blender adds to what lies `below`.

    It multiplies quaternions from the right and adds all else. Where nothing lies below it starts from no rotation and
    from zero (also for the axis of an angle), so there the present value goes into the layer.
    https://docs.blender.org/manual/en/latest/editors/nla/properties_modifiers.html
    """
    groups: dict[str, list[bpy.types.FCurve]] = {}
    curves = compat.slot_curves(action)
    for curve in curves:
        groups.setdefault(curve.data_path, []).append(curve)
    for path, members in groups.items():
        owner_path, _, name = path.rpartition(".")
        owner: Any = target.path_resolve(owner_path)
        present = np.array(getattr(owner, name))
        if name == "rotation_quaternion":
            if len(members) < 4:  # a part of a quaternion adds nothing
                for curve in members:
                    curves.remove(curve)
                continue
            keys = [_keys(curve) for curve in members]
            values = np.stack([each[:, 1] for each in keys], axis=-1)
            added = quaternion_multiply(quaternion_conjugate(values[0]), values)
            if (path, 0) not in below:
                added = quaternion_multiply(present, added)
            for curve, points, column in zip(members, keys, added.T, strict=True):
                _set_keys(curve, points, column)
        else:
            for curve in members:
                index, points = curve.array_index, _keys(curve)
                base = 0.0 if (path, index) in below else present[index]
                _set_keys(curve, points, points[:, 1] - points[0, 1] + base)


def _keys(curve: bpy.types.FCurve) -> Array:
    """Return frame and value (K, 2) of all keys."""
    points = np.empty(2 * len(curve.keyframe_points), dtype=np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2).astype(np.float64)


def _set_keys(curve: bpy.types.FCurve, points: Array, values: Array) -> None:
    points[:, 1] = values
    curve.keyframe_points.foreach_set("co", points.astype(np.float32).ravel())
    curve.update()
