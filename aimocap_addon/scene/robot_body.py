# SPDX-License-Identifier: GPL-3.0-or-later
"""What a robot armature looks like: one mesh that its bones move, of simple shapes or of a person's own meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..motion.g1.body import BodyPart, Tone, body_parts
from ..motion.g1.model import MeshBox
from ..motion.rotations import Array, matrix_from_quaternion
from .errors import SceneError
from .robot_armature import Robot

_COLOURS = {Tone.SHELL: (0.62, 0.64, 0.66), Tone.JOINT: (0.035, 0.037, 0.04), Tone.VISOR: (0.008, 0.009, 0.012)}
_ROUGHNESS = {Tone.SHELL: 0.45, Tone.JOINT: 0.6, Tone.VISOR: 0.12}
# Meshes with smaller offsets than this have their link's origin; bounds are given to a tenth of a millimetre.
_SAME_ORIGIN = 1e-3
_SAME_SIZE = 0.02
_DARK_MESHES = ("hip_pitch", "ankle", "waist", "shoulder_pitch", "wrist_roll", "rubber_hand", "logo", "pelvis_contour")


@dataclass(frozen=True)
class Body:
    """The mesh object of a robot, and sentences about what was missing."""

    mesh: bpy.types.Object
    warnings: tuple[str, ...] = ()


def make_body(context: bpy.types.Context, robot: Robot, mesh_folder: Path | None = None) -> Body:
    """Add a mesh to the scene's collection that the robot's bones move, each link as a whole.

    `mesh_folder` holds Unitree's STL files; links without one get their simple shape. Call it within `undisturbed` and
    `all_or_nothing`. Raises SceneError for a folder without any such file and for files that cannot be read.
    """
    assert context.scene is not None
    parts, warnings = body_parts(robot.model), ()
    if mesh_folder is not None:
        parts, warnings = _with_meshes(robot, parts, mesh_folder)
    name = f"{robot.armature.name} Body"
    mesh = bpy.data.meshes.new(name)
    link_frames = np.tile(np.eye(4), (len(robot.model.link_names), 1, 1))
    link_frames[:, :3, :3] = matrix_from_quaternion(robot.link_rotations)
    bones = (robot.model.link_names[0], *robot.model.joint_names)
    link_frames[:, :3, 3] = robot.skeleton.rest_positions[[robot.skeleton.index[bone] for bone in bones]]
    vertices, faces, tones, links = [], [], [], []
    count = 0
    for part in parts:
        link = robot.model.link_index[part.link]
        vertices.append(part.vertices @ link_frames[link, :3, :3].T + link_frames[link, :3, 3])
        faces += [tuple(count + corner for corner in face) for face in part.faces]
        tones += [list(Tone).index(part.tone)] * len(part.faces)
        links.append((link, range(count, count + len(part.vertices))))
        count += len(part.vertices)
    mesh.from_pydata(np.concatenate(vertices).tolist(), [], faces)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), dtype=bool))
    for tone in Tone:
        mesh.materials.append(_material(tone))
    mesh.polygons.foreach_set("material_index", np.array(tones, dtype=np.int32))
    mesh.update()
    body = bpy.data.objects.new(name, mesh)
    context.scene.collection.objects.link(body)
    for link, rows in links:
        group = body.vertex_groups.get(bones[link]) or body.vertex_groups.new(name=bones[link])
        group.add(list(rows), 1.0, "REPLACE")
    body.parent = robot.armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = robot.armature
    return Body(body, warnings)


def _material(tone: Tone) -> bpy.types.Material:
    material = bpy.data.materials.new(f"G1 {tone.value}")
    material.diffuse_color = (*_COLOURS[tone], 1.0)
    material.roughness = _ROUGHNESS[tone]
    if material.node_tree is None:  # from 5.0 on every material has one
        material.use_nodes = True
    assert material.node_tree is not None
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*_COLOURS[tone], 1.0)  # type: ignore[attr-defined]
    shader.inputs["Roughness"].default_value = _ROUGHNESS[tone]  # type: ignore[attr-defined]
    return material


def _with_meshes(robot: Robot, parts: list[BodyPart], folder: Path) -> tuple[list[BodyPart], tuple[str, ...]]:
    """Return the body with the meshes in `folder` in the place of the simple shapes of their links."""
    try:
        files = {path.stem.lower(): path for path in folder.iterdir() if path.suffix.lower() == ".stl"}
    except OSError as error:
        raise SceneError(f"The folder “{folder}” cannot be read ({error.strerror}): choose another one.") from error
    found = [box for box in robot.model.mesh_boxes if box.mesh in files]
    if not found:
        raise SceneError(
            f"“{folder}” holds no meshes of the G1 (left_knee_link.STL and others): choose the folder of Unitree's STL "
            "files, or none."
        )
    own = [_mesh_part(box, files[box.mesh]) for box in found]
    replaced = {box.link for box in found}
    lacking = [box.mesh for box in robot.model.mesh_boxes if box.link not in replaced]
    warnings = (f"The folder has no meshes for {', '.join(lacking)}: these are simple shapes.",) if lacking else ()
    return own + [part for part in parts if part.link not in replaced], warnings


def _mesh_part(box: MeshBox, path: Path) -> BodyPart:
    """Return the mesh in an STL file as a part of the robot. Raises SceneError for an unreadable file."""
    before = {mesh.as_pointer() for mesh in bpy.data.meshes}
    try:
        bpy.ops.wm.stl_import(filepath=str(path), forward_axis="Y", up_axis="Z", use_scene_unit=False)
    except RuntimeError as error:
        raise SceneError(f"“{path.name}” cannot be read as an STL file: check or remove it.") from error
    meshes = [mesh for mesh in bpy.data.meshes if mesh.as_pointer() not in before]
    if not meshes or not len(meshes[0].polygons):
        raise SceneError(f"“{path.name}” holds no mesh: check or remove it.")
    mesh = meshes[0]
    vertices = np.empty((len(mesh.vertices), 3), dtype=np.float32)
    mesh.vertices.foreach_get("co", vertices.ravel())
    faces = [tuple(polygon.vertices) for polygon in mesh.polygons]
    bpy.data.batch_remove([*(obj for obj in bpy.data.objects if obj.data == mesh), mesh])
    dark = any(word in box.mesh for word in _DARK_MESHES)
    return BodyPart(box.link, Tone.JOINT if dark else Tone.SHELL, _placed(box, vertices.astype(np.float64)), faces)


def _placed(box: MeshBox, vertices: Array) -> Array:
    """Return vertices (V, 3) of a mesh in the frame of its link.

    Some meshes are not in that frame; where they belong follows from their bounds.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    offset = box.low - low
    if np.abs((high - low) - (box.high - box.low)).max() > _SAME_SIZE or np.abs(offset).max() < _SAME_ORIGIN:
        return vertices
    return vertices + offset
