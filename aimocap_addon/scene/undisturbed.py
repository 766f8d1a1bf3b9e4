# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding things to a file whole or not at all, with what a person had selected and set as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy


@contextlib.contextmanager
def undisturbed(context: bpy.types.Context) -> Iterator[None]:
    """Work in Object Mode, and put selection, active object, modes and the scene's settings back afterwards."""
    scene, view_layer = context.scene, context.view_layer
    render, units = scene.render, scene.unit_settings
    active = view_layer.objects.active
    selected = {obj for obj in view_layer.objects if obj.select_get(view_layer=view_layer)}
    in_mode = [obj for obj in view_layer.objects if obj.mode != "OBJECT"]
    mode = active.mode if active else "OBJECT"
    layer_collection = view_layer.active_layer_collection
    numbers = (render.fps, render.fps_base, scene.frame_start, scene.frame_end, scene.use_preview_range)
    frame = scene.frame_current, scene.frame_subframe
    unit = (units.system, units.length_unit, units.scale_length)
    try:
        if mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        # importers fill the active collection and enter Edit Mode there, which fails in a hidden one
        view_layer.active_layer_collection = view_layer.layer_collection
        yield
    finally:
        if view_layer.objects.active is not None and view_layer.objects.active.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        view_layer.active_layer_collection = layer_collection
        (render.fps, render.fps_base, scene.frame_start, scene.frame_end, scene.use_preview_range) = numbers
        units.system, units.length_unit, units.scale_length = unit
        if (scene.frame_current, scene.frame_subframe) != frame:
            scene.frame_set(frame[0], subframe=frame[1])
        for obj in view_layer.objects:
            obj.select_set(obj in selected or (mode != "OBJECT" and obj in in_mode), view_layer=view_layer)
        view_layer.objects.active = active
        if active is not None and mode != "OBJECT":
            bpy.ops.object.mode_set(mode=mode)
            for obj in in_mode:
                obj.select_set(obj in selected, view_layer=view_layer)


@contextlib.contextmanager
def all_or_nothing() -> Iterator[Any]:
    """Yield a function that lists what is new in a collection of `bpy.data`; remove all of it on an exception."""
    before = {pointer for collection in libraries() for pointer in _pointers(collection)}

    def new(collection: Any) -> list[Any]:
        return [item for item in collection if item.as_pointer() not in before]

    try:
        yield new
    except BaseException:
        bpy.data.batch_remove([item for collection in libraries() for item in new(collection)])
        raise


def into_active_collection(context: bpy.types.Context, obj: bpy.types.Object) -> None:
    """Have the object in the active collection alone, or in the scene's own where that one cannot be changed."""
    collection = context.collection
    if collection is None or not collection.is_editable:
        assert context.scene is not None
        collection = context.scene.collection
    if collection not in obj.users_collection:
        for holder in list(obj.users_collection):
            holder.objects.unlink(obj)
        collection.objects.link(obj)


def libraries() -> Iterator[Any]:
    """Yield the collections of data blocks that an import can add to."""
    # what belongs to the window, and from 5.1 on a list of everything
    other = ("window_managers", "screens", "workspaces", "libraries", "all_ids")
    for prop in bpy.data.bl_rna.properties:
        if prop.type == "COLLECTION" and prop.identifier not in other:
            yield getattr(bpy.data, prop.identifier)


def _pointers(collection: Any) -> Iterator[int]:
    return (item.as_pointer() for item in collection)
