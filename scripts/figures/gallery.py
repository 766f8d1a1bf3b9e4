# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies in rows and columns, rendered as one picture. Runs in Blender's Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np

from aimocap_addon.motion.rotations import Array

from .shapes import Colour, Faces

# Coloured surfaces of one body: vertices (V, 3) in metres, standing over the origin and facing -Y, and faces.
Row = list[tuple[Colour, Array, Faces]]
View = Literal["front", "side", "back", "top"]

# Degrees about the vertical, then about the picture's horizontal.
_VIEWS: dict[str, tuple[float, float]] = {"front": (28, 12), "side": (80, 8), "back": (205, 12), "top": (20, 70)}
_CELL = (1.35, 1.95)  # metres of a body 1.75 m tall that one picture shows, across and up
_LABEL = 1.9  # metres at the left of a row
_PAPER: Colour = (0.88, 0.89, 0.90)
_FLOOR: Colour = (0.62, 0.63, 0.64)
_SOURCE_FLOOR: Colour = (0.30, 0.52, 0.36)
_INK: Colour = (0.03, 0.03, 0.03)
_SHADES = 8
_LIGHT = np.array((-0.45, -0.65, 0.62))  # where light comes from, in the picture: x to the right, z up


class Gallery:
    """Collects rows of bodies; `cell` is the height of one picture in pixels."""

    def __init__(self, view: View, cell: int) -> None:
        turn, tilt = (np.radians(angle) for angle in _VIEWS[view])
        about_z = np.array(((np.cos(turn), -np.sin(turn), 0), (np.sin(turn), np.cos(turn), 0), (0, 0, 1)))
        about_x = np.array(((1, 0, 0), (0, np.cos(tilt), -np.sin(tilt)), (0, np.sin(tilt), np.cos(tilt))))
        self._turn = about_x @ about_z
        self._cell = cell
        self._rows: list[tuple[str, str, list[Row], bool]] = []

    def add_row(self, name: str, about: str, bodies: list[Row], *, is_source: bool = False) -> None:
        """Add a row of bodies, the first for the captured motion itself."""
        self._rows.append((name, about, bodies, is_source))

    def render(self, path: Path, blocks: int = 1) -> None:
        """Render all rows to a PNG file, in `blocks` side by side, each with the first row on top."""
        rest = self._rows[1:]
        per_block = max(1, -(-len(rest) // blocks))
        columns = max(len(row[2]) for row in self._rows)
        width = _LABEL + columns * _CELL[0]
        scene = bpy.data.scenes.new("Gallery")
        for block in range(-(-len(rest) // per_block) or 1):
            shown = [self._rows[0], *rest[block * per_block : (block + 1) * per_block]]
            for line, (name, about, bodies, is_source) in enumerate(shown):
                corner: Array = np.array((block * width, 0.0, -line * _CELL[1]), dtype=np.float64)
                _text(scene, name.replace("_", " "), corner + np.array((0.05, 0.0, -0.85)), 0.22)
                for i, words in enumerate(about.split(", ")):
                    _text(scene, words, corner + np.array((0.05, 0.0, -1.1 - 0.19 * i)), 0.15)
                for column, body in enumerate(bodies):
                    place = corner + np.array((_LABEL + (column + 0.5) * _CELL[0], 0.0, -0.93 * _CELL[1]))
                    self._add_body(scene, body, place, _SOURCE_FLOOR if is_source else _FLOOR)
        count = -(-len(rest) // per_block) or 1
        self._render(scene, path, (count * width, (per_block + 1 if rest else 1) * _CELL[1]))

    def _add_body(self, scene: bpy.types.Scene, body: Row, place: Array, floor: Colour) -> None:
        angles = np.linspace(0.0, 2.0 * np.pi, 33)[:-1]
        disc = np.stack((0.42 * np.cos(angles), 0.42 * np.sin(angles), np.full(32, -0.004)), axis=-1)
        colours: dict[Colour, list[tuple[Array, Faces]]] = {floor: [(disc, [tuple(range(32))])]}
        for colour, vertices, faces in body:
            colours.setdefault(colour, []).append((vertices, faces))
        for colour, pieces in colours.items():
            offset, vertices, faces = 0, [], []
            for points, sides in pieces:
                vertices.append(points @ self._turn.T + place)
                faces += [tuple(i + offset for i in face) for face in sides]
                offset += len(points)
            mesh = bpy.data.meshes.new("Body")
            mesh.from_pydata(np.concatenate(vertices).tolist(), [], faces)
            normals = np.array([polygon.normal for polygon in mesh.polygons])
            shades = np.round((_SHADES - 1) * np.clip(normals @ _LIGHT, 0.0, 1.0)).astype(np.int32)
            for shade in range(_SHADES):
                mesh.materials.append(_material(colour, 0.45 + 0.55 * shade / (_SHADES - 1)))
            mesh.polygons.foreach_set("material_index", shades)
            scene.collection.objects.link(bpy.data.objects.new("Body", mesh))

    def _render(self, scene: bpy.types.Scene, path: Path, extent: tuple[float, float]) -> None:
        camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        data: Any = camera.data
        data.type, data.ortho_scale, data.sensor_fit = "ORTHO", extent[0], "HORIZONTAL"
        camera.location = (extent[0] / 2.0, -50.0, -extent[1] / 2.0)
        camera.rotation_euler = (np.pi / 2.0, 0.0, 0.0)
        data.clip_end = 200.0
        scene.collection.objects.link(camera)
        world: Any = bpy.data.worlds.new("Gallery")
        if world.node_tree is None:
            world.use_nodes = True
        world.node_tree.nodes["Background"].inputs[0].default_value = (*_PAPER, 1.0)
        world.node_tree.nodes["Background"].inputs[1].default_value = 1.0
        scene.world, scene.camera = world, camera
        render: Any = scene.render
        pixels = self._cell / _CELL[1]
        render.engine = "CYCLES"  # on the processor it needs no display
        render.resolution_x, render.resolution_y = (round(length * pixels) for length in extent)
        render.resolution_percentage = 100
        render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGB"
        render.image_settings.compression = 100
        render.dither_intensity = 0.0  # it would triple the size of the file
        render.filepath = str(path.resolve())
        view: Any = scene.view_settings
        view.view_transform = "Standard"
        cycles: Any = scene.cycles  # pyright: ignore[reportAttributeAccessIssue]
        cycles.device, cycles.samples, cycles.max_bounces, cycles.use_denoising = "CPU", 8, 0, False
        bpy.context.window.scene = scene
        bpy.ops.render.render(write_still=True)


def _material(colour: Colour, light: float = 1.0) -> bpy.types.Material:
    """Return a material that shines by itself: surfaces without noise make small pictures, soon rendered."""
    shown = [light * value for value in colour]
    name = "Gallery " + " ".join(f"{value:.3f}" for value in shown)
    found = bpy.data.materials.get(name)
    if found is not None:
        return found
    material: Any = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True  # from 5.0 on nodes are always there, and this property is on its way out
    tree = material.node_tree
    shine = tree.nodes.new("ShaderNodeEmission")
    shine.inputs["Color"].default_value = (*shown, 1.0)
    output = next(node for node in tree.nodes if node.type == "OUTPUT_MATERIAL")
    tree.links.new(shine.outputs[0], output.inputs["Surface"])
    return material


def _text(scene: bpy.types.Scene, words: str, place: Array, size: float) -> None:
    curve: Any = bpy.data.curves.new("Label", "FONT")
    curve.body, curve.size = words, size
    curve.materials.append(_material(_INK))
    label = bpy.data.objects.new("Label", curve)
    label.location, label.rotation_euler = place.tolist(), (np.pi / 2.0, 0.0, 0.0)
    scene.collection.objects.link(label)
