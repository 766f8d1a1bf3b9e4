# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole file as plain values, to see what an operation changed."""

from __future__ import annotations

from functools import cache
from typing import Any

import bpy

# Properties left out wherever they are: counters and flags that Blender keeps for itself, and views of values that are
# listed where they belong.
_VOLATILE = {
    "rna_type",
    "users",  # follows from the links, which are compared
    "is_evaluated",
    "original",
    "session_uid",
    "bl_system_properties_get",
    "depsgraph",
    "is_updated",
    "is_updated_data",
    # back links and lists that repeat what is said elsewhere
    "parent_recursive",
    "children",
    "children_recursive",
    "bone",
    "rna_ancestors",
    "group",
    # reading it crashes Blender 4.2 where no brush was ever used
    "uv_sculpt",
}
# Properties left out of one type alone.
_LEFT_OUT = {
    "WindowManager": {
        "keyconfigs",  # a person's shortcuts, thousands of them: part of the preferences, not of the file
        "operators",  # the list of what ran, not a setting
        "is_event_handling_break",  # from 5.1 on: what became of the last event
    },
    # worked out from what is drawn; without a window reading them crashes 4.2 and 4.5
    "SpaceProperties": {"tab_search_results", "search_filter"},
    "SpaceImageEditor": {"cursor_location"},
    "SpaceNodeEditor": {"cursor_location"},
    # 5.2 packs equal values into one when it likes
    **{f"{kind}Attribute": {"storage_type"} for kind in ("Bool", "Int", "Float", "FloatVector")},
    "Bone": {"parent"},
    "EditBone": {"parent"},
    "PoseBone": {"parent"},
}
# Collections of `bpy.data` left out.
_NOT_DATA = {"all_ids"}  # from 5.1 on all the others once more
# Read as whole arrays: one value at a time would take most of the time.
_ARRAYS = {
    "keyframe_points": (("co", 2, 0.0), ("handle_left", 2, 0.0), ("handle_right", 2, 0.0), ("interpolation", 1, 0)),
    "vertices": (("co", 3, 0.0),),
}


def snapshot() -> dict[str, Any]:
    """Return path -> value of every property of every data-block, and of the context that a person sees.

    Covers all collections of `bpy.data`, windows and screens among them, custom properties, and what is selected,
    active and in which mode.
    """
    found: dict[str, Any] = {}
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION" and collection.identifier not in _NOT_DATA:
            blocks = getattr(bpy.data, collection.identifier)
            found[collection.identifier] = [block.name_full for block in blocks]
            for block in blocks:
                _walk(block, f"{collection.identifier}[{block.name_full}]", found, set())
    view_layer = bpy.context.view_layer
    found["context.active"] = _value(view_layer.objects.active)
    found["context.active layer collection"] = view_layer.active_layer_collection.name
    for each in view_layer.objects:
        found[f"context.selected[{each.name}]"] = each.select_get()
        found[f"context.hidden[{each.name}]"] = each.hide_get()
    for each in bpy.data.objects:
        found[f"context.mode[{each.name}]"] = each.mode
        for bone in each.pose.bones if each.pose else ():
            # 5.0 moved the selection from the bone to the pose bone
            holder = bone if hasattr(bone, "select") else bone.bone
            found[f"context.bone selected[{each.name}][{bone.name}]"] = holder.select
    return found


def changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Return the paths whose values differ, came or went."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def _walk(struct: Any, path: str, found: dict[str, Any], seen: set[tuple[str, int]]) -> None:
    kind = struct.bl_rna.identifier
    key = (kind, struct.as_pointer())
    if key in seen:
        return
    seen.add(key)
    _custom_properties(struct, path, found)
    for name, property_type in _properties(type(struct), kind):
        try:
            value = getattr(struct, name)
        except (AttributeError, RuntimeError, ValueError):
            continue
        here = f"{path}.{name}"
        if property_type == "COLLECTION":
            _collection(value, name, here, found, seen)
        elif property_type == "POINTER" and value is not None and not isinstance(value, bpy.types.ID):
            _walk(value, here, found, seen)
        else:
            found[here] = _value(value)


def _collection(items: Any, name: str, path: str, found: dict[str, Any], seen: set[tuple[str, int]]) -> None:
    found[path] = len(items)
    if name in _ARRAYS and len(items):
        for each, width, zero in _ARRAYS[name]:
            if hasattr(items[0], each):
                numbers = [zero] * width * len(items)
                items.foreach_get(each, numbers)
                found[f"{path}.{each}"] = numbers
        return
    for i, each in enumerate(items):
        label = f"{path}[{i} {getattr(each, 'name', '')}]"
        if isinstance(each, bpy.types.ID):
            found[label] = _value(each)
        elif each is not None:
            _walk(each, label, found, seen)


def _custom_properties(struct: Any, path: str, found: dict[str, Any]) -> None:
    try:
        names = struct.keys()
    except (AttributeError, TypeError):  # most types take none
        return
    for name in names:
        if name in struct.bl_rna.properties:
            continue  # before 5.0 those that add-ons define are listed here too, once they were read
        value = struct[name]
        found[f'{path}["{name}"]'] = value.to_dict() if hasattr(value, "to_dict") else _value(value)


@cache
def _properties(_: type, kind: str) -> tuple[tuple[str, str], ...]:
    rna = getattr(bpy.types, kind).bl_rna if hasattr(bpy.types, kind) else _.bl_rna
    skipped = _VOLATILE | _LEFT_OUT.get(kind, set())
    # What is to be removed says so from 5.0 on, and repeats what another property holds.
    kept = [each for each in rna.properties if not getattr(each, "is_deprecated", False)]
    return tuple((each.identifier, each.type) for each in kept if each.identifier not in skipped)


def _value(value: Any) -> Any:
    if isinstance(value, bpy.types.ID):
        return f"<{value.bl_rna.identifier} {value.name_full}>"
    if isinstance(value, str | int | float | bool | set | None):
        return value
    if hasattr(value, "__len__"):
        return [_value(each) for each in value]
    return repr(value)
