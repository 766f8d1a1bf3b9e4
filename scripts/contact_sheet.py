#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact sheets: frames of a video on top, the captured character at the same moments beneath.

Two halves that run in different Pythons. In Blender's:

    python contact_sheet.py render SCENE.blend --armature NAME --frames 1,30,60 --folder PICTURES [--size 300x400]

and where OpenCV is installed:

    python contact_sheet.py compose VIDEO OUT.png --seconds 0,1,2 --pictures PICTURES/*.png [--labels A,B,C]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import bpy

Array = NDArray[np.float64]
Image = NDArray[np.uint8]


class ContactSheetError(Exception):
    """The sheet cannot be made; the message is one sentence that says why."""


# --- rendering, in Blender --------------------------------------------------------------------------------------

_SENSOR, _LENS = 36.0, 50.0  # mm
_FLOOR = (0.36, 0.37, 0.39)
_SKY = (0.60, 0.64, 0.69)


def render_frames(
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    scene_frames: Sequence[int],
    folder: Path,
    size: tuple[int, int] = (300, 400),
    samples: int = 8,
) -> list[Path]:
    """Render the armature and its meshes at `scene_frames` of `scene` to PNG files, seen from the front.

    Works in a temporary scene that holds nothing else but a camera, a light and a floor, and removes it again: the
    user's scene stays as it is. Renders with Cycles on the CPU, which needs no display and no OpenGL. One camera at
    chest height sees the whole range of the motion.
    """
    import bpy

    if not scene_frames:
        raise ContactSheetError("No frames were asked for: name at least one frame to render.")
    folder.mkdir(parents=True, exist_ok=True)
    window = bpy.context.window
    shown = window.scene
    meshes = [thing for thing in armature.children_recursive if thing.type == "MESH"]
    stage = _Stage(scene, armature, meshes)
    pictures = []
    # A scene that is in no window does not animate: every picture would show the same pose.
    window.scene = stage.scene
    try:
        points = stage.positions(scene_frames)
        stage.build(points, size, samples)
        for frame in scene_frames:
            stage.scene.frame_set(frame)
            picture = folder / f"{frame:05d}.png"
            stage.scene.render.filepath = str(picture)
            bpy.ops.render.render(write_still=True)
            pictures.append(picture)
    finally:
        window.scene = shown
        stage.remove()
    return pictures


class _Stage:
    """A temporary scene around one character, and everything made for it."""

    def __init__(self, scene: bpy.types.Scene, armature: bpy.types.Object, meshes: list[bpy.types.Object]) -> None:
        import bpy

        self.armature = armature
        self.scene = bpy.data.scenes.new("Contact sheet")
        self.scene.render.fps, self.scene.render.fps_base = scene.render.fps, scene.render.fps_base
        self.made: list[Any] = []
        for thing in (armature, *meshes):
            self.scene.collection.objects.link(thing)

    def positions(self, frames: Sequence[int]) -> Array:
        """Return the ends of all deforming bones (F, 2B, 3) in world space."""
        import bpy

        out = []
        for frame in frames:
            self.scene.frame_set(frame)
            # Only the evaluated copy is sure to follow: of an object in two scenes, 4.2 and 4.5 leave the original be.
            posed = self.armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
            assert posed.pose is not None
            deforming = [bone for bone in posed.pose.bones if bone.bone.use_deform]
            out.append([posed.matrix_world @ end for bone in deforming for end in (bone.head, bone.tail)])
        return np.array(out)

    def build(self, points: Array, size: tuple[int, int], samples: int) -> None:
        """Add camera, sun, sky and floor for `points` (F, N, 3) to fit into the picture."""
        import bpy

        scene = self.scene
        flat = points.reshape(-1, 3)
        low, high = flat.min(axis=0), flat.max(axis=0)
        tall = float(np.median(np.ptp(points[..., 2], axis=1)))
        margin = 0.15 * tall  # bodies are thicker than bones, and hair stands above a head

        camera = bpy.data.objects.new("Contact sheet camera", bpy.data.cameras.new("Contact sheet camera"))
        data = camera.data
        assert isinstance(data, bpy.types.Camera)
        data.sensor_width, data.lens, data.sensor_fit = _SENSOR, _LENS, "AUTO"
        half_wide, half_tall = 0.5 * _SENSOR / _LENS * np.array(size) / max(size)
        centre = 0.5 * (low + high)
        aside = np.abs(flat - centre) + margin
        needed = np.maximum(aside[:, 0] / half_wide, aside[:, 2] / half_tall) - flat[:, 1]
        camera.location = (centre[0], -float(needed.max()), centre[2])
        camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
        data.clip_end = 100.0 * (float(np.ptp(flat[:, 1])) + float(needed.max()) + tall)

        sun = bpy.data.objects.new("Contact sheet sun", bpy.data.lights.new("Contact sheet sun", "SUN"))
        assert isinstance(sun.data, bpy.types.SunLight)
        sun.data.energy, sun.data.angle = 2.4, 0.25
        sun.rotation_euler = (0.75, 0.25, 0.55)

        floor = self._floor(centre, 60.0 * tall)
        for thing in (camera, sun, floor):
            scene.collection.objects.link(thing)
            self.made += [thing.data, thing]
        world = bpy.data.worlds.new("Contact sheet")
        if world.node_tree is None:
            world.use_nodes = True
        tree = world.node_tree
        assert tree is not None
        tree.nodes["Background"].inputs[0].default_value = (*_SKY, 1.0)  # pyright: ignore[reportAttributeAccessIssue]
        scene.world = world
        self.made.append(world)

        scene.camera = camera
        render = scene.render
        render.engine = "CYCLES"  # pyright: ignore[reportAttributeAccessIssue]
        render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
        render.image_settings.file_format = "PNG"
        render.image_settings.color_mode = "RGB"
        render.use_persistent_data = True  # geometry that did not change is not sent to Cycles again
        scene.view_settings.view_transform = "Standard"  # pyright: ignore[reportAttributeAccessIssue]
        cycles: Any = scene.cycles  # pyright: ignore[reportAttributeAccessIssue]
        cycles.device, cycles.samples, cycles.max_bounces = "CPU", samples, 3
        cycles.use_denoising = True

    def _floor(self, centre: Array, size: float) -> bpy.types.Object:
        import bpy

        mesh = bpy.data.meshes.new("Contact sheet floor")
        half = 0.5 * size
        corners = [(-half, -half, 0), (half, -half, 0), (half, half, 0), (-half, half, 0)]
        mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
        material = bpy.data.materials.new("Contact sheet floor")
        if material.node_tree is None:
            material.use_nodes = True  # from 5.0 on nodes are always there, and this property is on its way out
        tree = material.node_tree
        assert tree is not None
        shader: Any = tree.nodes["Principled BSDF"]
        shader.inputs["Base Color"].default_value = (*_FLOOR, 1.0)
        shader.inputs["Roughness"].default_value = 0.9
        mesh.materials.append(material)
        self.made.append(material)
        floor = bpy.data.objects.new("Contact sheet floor", mesh)
        floor.location = (centre[0], centre[1], 0.0)
        return floor

    def remove(self) -> None:
        """Delete the temporary scene and all that was made for it."""
        import bpy

        bpy.data.scenes.remove(self.scene)
        bpy.data.batch_remove(self.made)


# --- composing, with OpenCV -------------------------------------------------------------------------------------

_PAPER, _INK = (250, 250, 250), (40, 40, 40)
_MARGIN, _GAP, _CAPTION = 24, 10, 34


def read_frames(video: Path, seconds: Sequence[float]) -> list[Image]:
    """Return the frames (H, W, 3), BGR, that the video shows at `seconds`.

    Raises ContactSheetError for a file that does not open and for a moment after its end.
    """
    import cv2

    reader = cv2.VideoCapture(str(video))
    if not reader.isOpened():
        raise ContactSheetError(f"{video} is not a video that can be read: choose another file.")
    fps = reader.get(cv2.CAP_PROP_FPS) or 30.0
    # A moment on the border of two frames, such as 0.1 s at 30 fps, must not fall back by rounding.
    wanted = {int(second * fps + 1e-6) for second in seconds}
    found: dict[int, Image] = {}
    index = 0
    while len(found) < len(wanted) and reader.grab():
        # Reading in order: seeking by number lands on the wrong frame in files with irregular time stamps.
        if index in wanted:
            found[index] = np.asarray(reader.retrieve()[1], dtype=np.uint8)
        index += 1
    reader.release()
    if len(found) < len(wanted):
        raise ContactSheetError(
            f"{video.name} ends at {index / fps:.2f} s, before {max(seconds):.2f} s: choose earlier moments."
        )
    return [found[int(second * fps + 1e-6)] for second in seconds]


def _fitted(image: Image, width: int, height: int) -> Image:
    """Scale an image to fit a box and centre it on paper colour."""
    import cv2

    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    cell = np.full((height, width, 3), _PAPER, dtype=np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    cell[top : top + size[1], left : left + size[0]] = small
    return cell


def compose(
    video: Path,
    seconds: Sequence[float],
    pictures: Sequence[Path],
    out_png: Path,
    labels: Sequence[str] | None = None,
    width: int = 300,
) -> Path:
    """Write a sheet of one column per moment: the video's frame, the rendered picture beneath, a label.

    `labels` are plain ASCII, by default the time in seconds; `width` is that of a column in pixels. Raises
    ContactSheetError if the counts differ or a file cannot be read.
    """
    import cv2

    labels = labels or [f"{second:.2f} s" for second in seconds]
    if not seconds or not len(seconds) == len(pictures) == len(labels):
        raise ContactSheetError(
            f"A sheet needs one picture and one label per moment, but got {len(seconds)} moments, "
            f"{len(pictures)} pictures and {len(labels)} labels."
        )
    rendered = []
    for path in pictures:
        picture = cv2.imread(str(path))
        if picture is None:
            raise ContactSheetError(f"{path} is not a picture that can be read: render it again.")
        rendered.append(np.asarray(picture, dtype=np.uint8))
    rows = (read_frames(video, seconds), rendered)
    heights = [round(width * max(image.shape[0] / image.shape[1] for image in row)) for row in rows]
    columns = len(seconds)
    sheet_width = 2 * _MARGIN + columns * width + (columns - 1) * _GAP
    sheet = np.full((2 * _MARGIN + sum(heights) + _GAP + _CAPTION, sheet_width, 3), _PAPER, dtype=np.uint8)
    for column, label in enumerate(labels):
        left = _MARGIN + column * (width + _GAP)
        top = _MARGIN
        for row, height in zip(rows, heights, strict=True):
            sheet[top : top + height, left : left + width] = _fitted(row[column], width, height)
            top += height + _GAP
        _write(sheet, label, left, width, top + 16)
    out_png.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(out_png), sheet):
        raise ContactSheetError(f"{out_png} could not be written: choose another folder.")
    return out_png


def _write(sheet: Image, text: str, left: int, width: int, baseline: int) -> None:
    import cv2

    font, size = cv2.FONT_HERSHEY_DUPLEX, 0.55
    (wide, _), _ = cv2.getTextSize(text, font, size, 1)
    cv2.putText(sheet, text, (left + (width - wide) // 2, baseline), font, size, _INK, 1, cv2.LINE_AA)


# --- command line -----------------------------------------------------------------------------------------------


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Frames of a video above the captured character.")
    commands = parser.add_subparsers(dest="command", required=True)
    render = commands.add_parser("render", help="render the character; in Blender's Python")
    render.add_argument("blend", type=Path)
    render.add_argument("--armature", required=True, metavar="NAME")
    render.add_argument("--frames", type=_numbers, required=True, metavar="N,N,...")
    render.add_argument("--folder", type=Path, required=True)
    render.add_argument("--size", type=_size, default=(300, 400), metavar="WxH")
    sheet = commands.add_parser("compose", help="compose the sheet; where OpenCV is installed")
    sheet.add_argument("video", type=Path)
    sheet.add_argument("out", type=Path)
    sheet.add_argument("--seconds", type=_numbers, required=True, metavar="S,S,...")
    sheet.add_argument("--pictures", type=Path, nargs="+", required=True)
    sheet.add_argument("--labels", type=lambda text: text.split(","))
    return parser.parse_args(arguments)


def _render_command(options: argparse.Namespace) -> None:
    import bpy

    if not options.blend.is_file():
        raise ContactSheetError(f"There is no file {options.blend}: name a saved .blend file.")
    bpy.ops.wm.open_mainfile(filepath=str(options.blend))
    scene = bpy.context.scene
    assert scene is not None
    armature = bpy.data.objects.get(options.armature)
    if armature is None or armature.type != "ARMATURE":
        raise ContactSheetError(f"There is no armature named {options.armature} in {options.blend.name}.")
    frames = [round(frame) for frame in options.frames]
    for picture in render_frames(scene, armature, frames, options.folder, options.size):
        print(picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parse(arguments)
    try:
        if options.command == "render":
            _render_command(options)
        else:
            print(compose(options.video, options.seconds, options.pictures, options.out, options.labels))
    except ContactSheetError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Blender as a module may hang when the interpreter tears it down (seen with 4.5).
    os._exit(code)
