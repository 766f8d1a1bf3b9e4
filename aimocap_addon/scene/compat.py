# SPDX-License-Identifier: GPL-3.0-or-later
"""The differences between Blender versions, in one place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import bpy

# Actions have slots, and f-curves live in the slot's channel bag.
# https://developer.blender.org/docs/release_notes/4.4/upgrading/slotted_actions/
HAS_SLOTS = bpy.app.version >= (4, 4, 0)


def fbx_importer() -> Callable[..., Any] | None:
    """Return the operator that imports FBX files, or None when there is none.

    4.5 brought a built-in one, several times faster; before, it is an add-on that a person can disable.
    https://developer.blender.org/docs/release_notes/4.5/pipeline_assets_io/
    """
    if bpy.app.version >= (4, 5, 0):
        return bpy.ops.wm.fbx_import
    # bpy.ops makes up any operator asked for: only the list of the module tells whether it exists
    return bpy.ops.import_scene.fbx if "fbx" in dir(bpy.ops.import_scene) else None


def fbx_frame_spacing(scene: bpy.types.Scene) -> float:
    """Return how far apart, in frames, an FBX importer that has just run put two frames of the file.

    Importers set the scene to the file's frame rate. The one before 4.5 then counts in the rounded rate alone, so that
    29.97 becomes 30.
    """
    return 1.0 if bpy.app.version >= (4, 5, 0) else scene.render.fps_base


def create_action(name: str, owner: bpy.types.Object) -> tuple[bpy.types.Action, Any]:
    """Return a new action for `owner`, not assigned yet, and its collection of f-curves (with `new` and `remove`)."""
    action = bpy.data.actions.new(name)
    if not HAS_SLOTS:
        return action, action.fcurves
    slot = action.slots.new(id_type=owner.id_type, name=owner.name)
    strip: Any = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return action, strip.channelbag(slot, ensure=True).fcurves


def create_curves(
    action: bpy.types.Action, curves: Any, path: str, indices: Iterable[int], group: str
) -> list[bpy.types.FCurve]:
    """Return new f-curves for some indices of a property, in the group of that name, which is made if need be."""
    if not HAS_SLOTS:
        return [curves.new(path, index=index, action_group=group) for index in indices]
    if bpy.app.version >= (5, 0, 0):
        return [curves.new(path, index=index, group_name=group) for index in indices]
    found = [curves.new(path, index=index) for index in indices]
    strip: Any = action.layers[0].strips[0]
    groups = strip.channelbag(action.slots[0]).groups
    holder = groups.get(group) or groups.new(group)
    for curve in found:
        curve.group = holder
    return found


def assign_action(owner: bpy.types.Object, action: bpy.types.Action | None, slot: Any = None) -> None:
    """Make `action` the active one of `owner`, with `slot` or else the action's first; None takes the action away."""
    animation = owner.animation_data or owner.animation_data_create()
    animation.action = action
    if HAS_SLOTS and action is not None and action.slots:
        animation.action_slot = slot or action.slots[0]


def active_slot(owner: bpy.types.Object) -> Any:
    """Return the slot of the owner's action that is in use; None without one, and before 4.4."""
    animation = owner.animation_data
    return animation.action_slot if HAS_SLOTS and animation is not None and animation.action else None


def active_curves(owner: bpy.types.Object) -> Any:
    """Return the f-curves that the active action has for `owner`, a collection with `remove`; empty without any."""
    animation = owner.animation_data
    if animation is None or animation.action is None or (HAS_SLOTS and animation.action_slot is None):
        return ()
    return slot_curves(animation.action, active_slot(owner))


def slot_curves(action: bpy.types.Action, slot: Any = None) -> Any:
    """Return the f-curves of a slot of `action`, by default of its first, a collection; empty if there are none."""
    if not HAS_SLOTS:
        return action.fcurves
    slot = slot or (action.slots[0] if action.slots else None)
    for layer in action.layers if slot is not None else ():
        for strip in layer.strips:
            # Asked for by function: keys reached through a whole chain of collections are four times slower to read,
            # because Blender 4.4 and later note that chain down for each of them.
            keyframe_strip: Any = strip
            bag = keyframe_strip.channelbag(slot)
            if bag is not None:
                return bag.fcurves
    return ()


def strip_curves(strip: bpy.types.NlaStrip) -> Any:
    """Return the f-curves that an NLA strip plays."""
    if strip.action is None or (HAS_SLOTS and strip.action_slot is None):
        return ()
    return slot_curves(strip.action, strip.action_slot if HAS_SLOTS else None)


def shown_strips(editor: bpy.types.SequenceEditor) -> Any:
    """Return the strips that the sequencer shows: those of the innermost meta strip that is open, if one is."""
    return sequence_strips(editor.meta_stack[-1] if editor.meta_stack else editor)


def all_strips(editor: bpy.types.SequenceEditor) -> Any:
    """Return the strips of a sequencer and of all meta strips in it, a collection by name."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all  # type: ignore[attr-defined]


def sequence_strips(editor: Any) -> Any:
    """Return the strips of a sequencer or a meta strip, a collection with `new_movie`; the old name went in 5.0."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """Return the scene whose strips the sequencer shows.

    From 5.0 a workspace has a sequencer scene of its own, None until one is chosen
    (https://developer.blender.org/docs/release_notes/5.0/sequencer/).
    """
    scene = getattr(context, "sequencer_scene", None) or context.scene
    assert scene is not None  # a Blender without any scene has no sequencer
    return scene


class StripFrames(NamedTuple):
    """Where a strip lies, in scene frames: the handles ([left, right)) and its whole content."""

    left: int
    right: int
    content_start: float
    content_duration: float
    trim_start: int  # file frames cut off before the content ("hold offset")
    trim_end: int


def strip_frames(strip: Any) -> StripFrames:
    """Read a strip's place. 5.1 renamed all of these and 6.0 removes the old names."""
    if hasattr(strip, "left_handle"):
        left, right = strip.left_handle, strip.right_handle
        content_start = strip.content_start
        before, after = strip.left_handle_offset, strip.right_handle_offset
    else:
        left, right = strip.frame_final_start, strip.frame_final_end
        content_start = strip.frame_start
        before, after = strip.frame_offset_start, strip.frame_offset_end
    if hasattr(strip, "content_trim_start"):
        trim_start, trim_end = strip.content_trim_start, strip.content_trim_end
    else:
        trim_start, trim_end = strip.animation_offset_start, strip.animation_offset_end
    return StripFrames(left, right, content_start, right - left + before + after, trim_start, trim_end)
