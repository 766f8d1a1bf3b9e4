# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole file as plain values, to see what an operation changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

# What Blender itself counts or shows; nothing a person made.
_VOLATILE = {"rna_type", "users", "is_evaluated", "original", "bl_system_properties_get", "session_uid", "depsgraph"}
# Reading it crashes Blender 4.2 where no brush was ever used.
_VOLATILE |= {"uv_sculpt"}
# Data of the interface, and back links that only repeat what is said elsewhere.
_SKIPPED_COLLECTIONS = {"window_managers", "screens", "workspaces", "brushes", "texts", "palettes", "all_ids"}
_LINKS = {"parent", "children", "children_recursive", "bone", "rna_ancestors", "parent_recursive", "group"}


def snapshot() -> dict[str, Any]:
    """Return path -> value of every property of every data-block, and of the context that a person sees."""
    found: dict[str, Any] = {}
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION" and collection.identifier not in _SKIPPED_COLLECTIONS:
            for block in getattr(bpy.data, collection.identifier):
                if isinstance(block, bpy.types.ID):
                    _walk(block, f"{collection.identifier}[{block.name_full}]", found, set())
    view_layer = bpy.context.view_layer
    found["active"] = _value(view_layer.objects.active)
    found["selected"] = sorted(each.name for each in view_layer.objects if each.select_get())
    found["modes"] = {each.name: each.mode for each in bpy.data.objects}
    found["bones selected"] = {
        (each.name, bone.name): getattr(bone, "select", None) if hasattr(bone, "select") else bone.bone.select
        for each in bpy.data.objects
        if each.pose
        for bone in each.pose.bones
    }
    return found


def changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return the paths whose values differ, came or went."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _walk(struct: Any, path: str, found: dict[str, Any], seen: set[tuple[str, int]]) -> None:
    key = (type(struct).__name__, struct.as_pointer())
    if key in seen:
        return
    seen.add(key)
    for name, kind in _properties(struct):
        try:
            value = getattr(struct, name)
        except (AttributeError, RuntimeError, ValueError):
            continue
        here = f"{path}.{name}"
        if kind == "COLLECTION":
            if name == "keyframe_points":
                for each, width in (("co", 2), ("handle_left", 2), ("handle_right", 2), ("interpolation", 1)):
                    numbers = [0.0] * width * len(value) if width == 2 else [0] * len(value)
                    value.foreach_get(each, numbers)
                    found[f"{here}.{each}"] = numbers
                continue
            for i, each in enumerate(value):
                label = getattr(each, "name", "") or i
                if isinstance(each, bpy.types.ID):
                    found[f"{here}[{label}]"] = _value(each)
                else:
                    _walk(each, f"{here}[{label}]", found, seen)
        elif kind == "POINTER" and value is not None and not isinstance(value, bpy.types.ID):
            _walk(value, here, found, seen)
        else:
            found[here] = _value(value)


def _properties(struct: Any) -> Iterator[tuple[str, str]]:
    for each in struct.bl_rna.properties:
        name = each.identifier
        if name not in _VOLATILE and name not in _LINKS and not name.startswith("bbone_"):
            yield each.identifier, each.type


def _value(value: Any) -> Any:
    if isinstance(value, bpy.types.ID):
        return f"<{value.bl_rna.identifier} {value.name_full}>"
    if isinstance(value, str | int | float | bool | set | None):
        return value
    if hasattr(value, "__len__"):
        return [_value(each) for each in value]
    return repr(value)
