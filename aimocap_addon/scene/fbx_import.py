# SPDX-License-Identifier: GPL-3.0-or-later
"""Captured motion from an FBX file into the scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import compat
from .errors import SceneError
from .undisturbed import all_or_nothing, into_active_collection, libraries, undisturbed

# A person's height in metres, wide enough for children and for crouching rest poses.
_MIN_HEIGHT, _MAX_HEIGHT = 0.5, 3.0
# Two keys closer than this share of a frame are on the same frame.
_SAME_FRAME = 0.02
_LINEAR = 1  # bpy.types.Keyframe.interpolation, as a number for foreach_set


def import_fbx(
    context: bpy.types.Context, path: Path, *, name: str, frame_start: float, frame_step: float
) -> bpy.types.Object:
    """Import the motion in `path` and return its armature, named `name`, in the scene's active collection.

    Frame i of the motion lies at scene frame `frame_start` + i * `frame_step`, with linear keys; `frame_step` is
    scene fps / motion fps, times any stretch. The armature stands upright, at a person's size in the scene's units.
    Meshes, materials, cameras and whatever else is in the file are left out: the captured armature only carries
    motion, and its body would stand in the way of the character's. Selection, mode and all settings of the scene are as
    before. Raises SceneError, with nothing left behind, for a file that holds no moving armature.
    """
    scene = context.scene
    assert scene is not None
    importer = compat.fbx_importer()
    if importer is None:
        raise SceneError("Blender's FBX importer is disabled: enable the add-on “FBX format” in the preferences.")
    if not path.is_file():
        raise SceneError(f"There is no file “{path}”: check whether it was moved or deleted.")
    with all_or_nothing() as new:
        with undisturbed(context):
            try:
                importer(filepath=str(path), use_custom_props=False)
            except RuntimeError as error:
                reason = "it is an ASCII file" if "ASCII" in str(error) else "it is damaged or not an FBX file"
                raise SceneError(
                    f"“{path.name}” cannot be read because {reason}: export or download it again."
                ) from error
            armature = _moving_armature(new(bpy.data.objects), path)
            _retime(armature, compat.fbx_frame_spacing(scene), frame_start, frame_step)
            _settle(armature)
            _keep_only(armature, new)
            _scale_to_person(armature, scene.unit_settings.scale_length)
            armature.name = armature.data.name = name
            armature.animation_data.action.name = name
        into_active_collection(context, armature)
        armature.select_set(False)
        return armature


def remove_imported(armature: bpy.types.Object) -> None:
    """Remove an armature that `import_fbx` returned, with its bones, its action and what it hangs from."""
    blocks: list[Any] = []
    holder: bpy.types.Object | None = armature
    while holder is not None:
        blocks.append(holder)
        if holder.data is not None:
            blocks.append(holder.data)
        if holder.animation_data is not None and holder.animation_data.action is not None:
            blocks.append(holder.animation_data.action)
        holder = holder.parent
    bpy.data.batch_remove(blocks)


def _moving_armature(objects: list[bpy.types.Object], path: Path) -> bpy.types.Object:
    """Return the imported armature with the most animated bones."""
    armatures = [obj for obj in objects if obj.type == "ARMATURE"]
    if not armatures:
        raise SceneError(f"“{path.name}” holds no armature: choose an FBX file with a skeleton.")
    best = max(armatures, key=lambda obj: len({curve.data_path for curve in compat.active_curves(obj)}))
    if not any(len(curve.keyframe_points) > 0 for curve in compat.active_curves(best)):
        raise SceneError(f"“{path.name}” holds no animation: choose an FBX file that was exported with it.")
    return best


def _retime(armature: bpy.types.Object, spacing: float, frame_start: float, frame_step: float) -> None:
    """Move the keys so that motion frame i lies at `frame_start` + i * `frame_step`, and make them linear.

    Importers place the first key at frame 1 (or where the file has it) and count in the frame rate that the file
    declares, of which `spacing` is one frame. Keys at even distances are the motion's frames, whatever was declared.
    """
    curves = [curve for curve in compat.active_curves(armature) if len(curve.keyframe_points)]
    points = []
    for curve in curves:
        co = np.empty(len(curve.keyframe_points) * 2, dtype=np.float32)
        curve.keyframe_points.foreach_get("co", co)
        points.append(co)
    times = np.unique(np.concatenate([co[::2] for co in points]).astype(np.float64))
    gaps = np.diff(times)
    gaps = gaps[gaps > _SAME_FRAME]
    if len(gaps) > 1 and np.allclose(gaps, np.median(gaps), atol=_SAME_FRAME):
        spacing = float((times[-1] - times[0]) / len(gaps))
    for curve, co in zip(curves, points, strict=True):
        index = (co[::2].astype(np.float64) - times[0]) / spacing
        whole = np.round(index)
        index = np.where(np.abs(index - whole) < _SAME_FRAME, whole, index)
        co[::2] = frame_start + index * frame_step
        curve.keyframe_points.foreach_set("co", co)
        curve.keyframe_points.foreach_set("interpolation", np.full(len(co) // 2, _LINEAR, dtype=np.int32))
        curve.update()


def _settle(armature: bpy.types.Object) -> None:
    """Turn curves of the object itself that never change into plain values, and detach it from what will be removed."""
    curves = compat.active_curves(armature)
    for curve in [c for c in curves if c.data_path in ("location", "rotation_euler", "rotation_quaternion", "scale")]:
        values = np.empty(len(curve.keyframe_points) * 2, dtype=np.float32)
        curve.keyframe_points.foreach_get("co", values)
        if len(values) and np.ptp(values[1::2]) < 1e-5:
            getattr(armature, curve.data_path)[curve.array_index] = values[1]
            curves.remove(curve)
    bpy.context.view_layer.update()
    if armature.parent is not None and not any(c.data_path in ("location", "scale") for c in curves):
        world = armature.matrix_world.copy()
        armature.parent = None
        armature.matrix_world = world


def _keep_only(armature: bpy.types.Object, new: Any) -> None:
    """Remove everything imported but the armature, its bones, its action and the objects it hangs from."""
    kept: list[Any] = [armature, armature.data, armature.animation_data.action]
    holder = armature.parent
    while holder is not None:
        kept += [holder, *([holder.animation_data.action] if holder.animation_data else [])]
        holder = holder.parent
    bpy.data.batch_remove([item for collection in libraries() for item in new(collection) if item not in kept])


def person_factor(size: float) -> float:
    """Return the power of ten that brings a size in metres to that of a person; 1 for no size."""
    factor = 1.0
    while size > 0.0 and not _MIN_HEIGHT <= size * factor <= _MAX_HEIGHT and 1e-6 < factor < 1e6:
        factor *= 10.0 if size * factor < _MIN_HEIGHT else 0.1
    return factor


def _scale_to_person(armature: bpy.types.Object, scene_unit: float) -> None:
    """Scale the armature by tens until it has a person's height.

    Files differ in the unit they declare and the unit they are in; a person's height gives it away. `scene_unit` is
    metres per Blender unit.
    """
    bpy.context.view_layer.update()
    heads = np.array([pose_bone.bone.head_local for pose_bone in armature.pose.bones])
    world = np.array(armature.matrix_world)
    extent = np.ptp(heads @ world[:3, :3].T, axis=0)
    factor = person_factor(float(extent.max()) * scene_unit)
    if factor != 1.0:
        armature.scale = [value * factor for value in armature.scale]
        armature.location = [value * factor for value in armature.location]
        for curve in compat.active_curves(armature):
            if curve.data_path in ("location", "scale"):
                _scale_values(curve, factor)


def _scale_values(curve: bpy.types.FCurve, factor: float) -> None:
    co = np.empty(len(curve.keyframe_points) * 2, dtype=np.float32)
    curve.keyframe_points.foreach_get("co", co)
    co[1::2] *= factor
    curve.keyframe_points.foreach_set("co", co)
    curve.update()
