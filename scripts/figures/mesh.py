# SPDX-License-Identifier: GPL-3.0-or-later
"""From the pieces of a figure to one skinned mesh object. Runs in Blender's Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import bpy
import numpy as np
from mathutils.kdtree import KDTree

from .shapes import Array, Colour, Faces, Piece, Shape


def _join(shapes: Iterable[Shape]) -> tuple[Array, Faces, list[str]]:
    vertices, faces, owners = [], [], []
    offset = 0
    for shape in shapes:
        vertices.append(shape.vertices)
        faces.extend(tuple(i + offset for i in face) for face in shape.faces)
        owners.extend([shape.bone] * len(shape.vertices))
        offset += len(shape.vertices)
    return np.concatenate(vertices), faces, owners


def _remesh(vertices: Array, faces: Faces, voxel: float, smoothing: int) -> tuple[Array, Faces]:
    """Return the union of closed surfaces as one smoothed surface of about `voxel` metres per face."""
    mesh = bpy.data.meshes.new("remesh")
    mesh.from_pydata(vertices.tolist(), [], faces)
    thing = bpy.data.objects.new("remesh", mesh)
    scene = bpy.context.scene
    scene.collection.objects.link(thing)
    try:
        remesh = thing.modifiers.new("remesh", "REMESH")
        assert isinstance(remesh, bpy.types.RemeshModifier)
        remesh.mode, remesh.voxel_size = "VOXEL", voxel
        smooth = thing.modifiers.new("smooth", "SMOOTH")
        assert isinstance(smooth, bpy.types.SmoothModifier)
        smooth.factor, smooth.iterations = 0.5, smoothing
        result = bpy.data.meshes.new_from_object(thing.evaluated_get(bpy.context.evaluated_depsgraph_get()))
        out = np.empty(3 * len(result.vertices))
        result.vertices.foreach_get("co", out)
        polygons = [tuple(p.vertices) for p in result.polygons]
        bpy.data.meshes.remove(result)
    finally:
        bpy.data.objects.remove(thing)
        bpy.data.meshes.remove(mesh)
    return out.reshape(-1, 3), polygons


def _spread_weights(vertices: Array, faces: Faces, source: Array, owners: list[str], rounds: int) -> dict[str, Array]:
    """Take each vertex's bone from the nearest source vertex, then average over neighbours `rounds` times."""
    names = sorted(set(owners))
    tree = KDTree(len(source))
    for i, co in enumerate(source):
        tree.insert(co, i)
    tree.balance()
    weights = np.zeros((len(vertices), len(names)))
    for i, co in enumerate(vertices):
        weights[i, names.index(owners[tree.find(co)[1]])] = 1.0
    edges = np.array([(f[i], f[i - 1]) for f in faces for i in range(len(f))])
    degree = np.bincount(edges.ravel(), minlength=len(vertices)).astype(float)[:, None]
    for _ in range(rounds):
        total = np.zeros_like(weights)
        np.add.at(total, edges[:, 0], weights[edges[:, 1]])
        np.add.at(total, edges[:, 1], weights[edges[:, 0]])
        weights = 0.5 * weights + 0.5 * total / np.maximum(degree, 1.0)
    weights[weights < 0.01] = 0.0
    weights /= weights.sum(axis=1, keepdims=True)
    return {name: weights[:, k] for k, name in enumerate(names)}


def _material(name: str, colour: Colour) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*colour, 1.0)  # what Workbench shows
    material.roughness = 0.75
    if material.node_tree is None:
        material.use_nodes = True  # from 5.0 on every material has nodes, and this property is on its way out
    tree = material.node_tree
    if tree is not None:
        shader = tree.nodes.get("Principled BSDF")
        if shader is not None:
            shader.inputs["Base Color"].default_value = (*colour, 1.0)  # pyright: ignore[reportAttributeAccessIssue]
            shader.inputs["Roughness"].default_value = 0.75  # pyright: ignore[reportAttributeAccessIssue]
    return material


def build_mesh(
    armature: bpy.types.Object,
    pieces: Sequence[Piece],
    name: str,
    *,
    voxel: float = 0.011,
    smoothing: int = 6,
    weight_rounds: int = 14,
) -> bpy.types.Object:
    """Return one mesh object of all `pieces`, child of `armature`, bound by vertex groups and an armature modifier.

    Pieces are in the world, metres; the mesh is in the armature's own units and axes. `voxel` (metres) is the size of
    the cells in which merged pieces become one surface.
    """
    all_vertices, all_faces, material_of_face = [], [], []
    groups: dict[str, list[tuple[int, Array]]] = {}
    offset = 0
    for index, piece in enumerate(pieces):
        source, faces, owners = _join(piece.shapes)
        if piece.merged:
            vertices, faces = _remesh(source, faces, voxel, smoothing)
            weights = _spread_weights(vertices, faces, source, owners, weight_rounds)
        else:
            vertices = source
            weights = {bone: np.array([float(o == bone) for o in owners]) for bone in set(owners)}
        for bone, column in weights.items():
            groups.setdefault(bone, []).append((offset, column))
        all_vertices.append(vertices)
        all_faces.extend(tuple(i + offset for i in face) for face in faces)
        material_of_face.extend([index] * len(faces))
        offset += len(vertices)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.concatenate(all_vertices).tolist(), [], all_faces)
    mesh.transform(armature.matrix_basis.inverted())
    for piece in pieces:
        mesh.materials.append(_material(f"{name} {piece.name}", piece.colour))
    mesh.polygons.foreach_set("material_index", material_of_face)
    mesh.polygons.foreach_set("use_smooth", [True] * len(all_faces))
    body = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(body)
    body.parent = armature
    for bone, columns in groups.items():
        group = body.vertex_groups.new(name=bone)
        for start, column in columns:
            for i in np.flatnonzero(column):
                group.add([start + int(i)], float(column[i]), "REPLACE")
    modifier = body.modifiers.new("Armature", "ARMATURE")
    assert isinstance(modifier, bpy.types.ArmatureModifier)
    modifier.object = armature
    return body
