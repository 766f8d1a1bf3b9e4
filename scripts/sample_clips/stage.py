# SPDX-License-Identifier: GPL-3.0-or-later
"""The room the sample clips are shot in, the camera, and Workbench rendering to a video file."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

_SENSOR = 36.0  # mm along the longer side of the picture


def box(
    name: str, size: tuple[float, float, float], centre: tuple[float, float, float], colour: tuple
) -> bpy.types.Object:
    """Add a box of one colour to the scene."""
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(c * s for c, s in zip(corner, size, strict=True)) for corner in corners], [], faces)
    material = bpy.data.materials.new(name)
    material.diffuse_color = (*colour, 1.0)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    thing.location = centre
    bpy.context.scene.collection.objects.link(thing)
    return thing


def make_room(turn: float) -> None:
    """A plank floor, a wall with a skirting board, a picture and a cupboard, turned by `turn` radians to the camera."""
    parts = []
    about_z = Matrix.Rotation(turn, 3, "Z")
    for i in range(24):
        shade = (0.52, 0.57, 0.48, 0.54)[i % 4]
        centre = ((i - 11.5) * 0.34, -1.0, -0.02)
        parts.append(box("Plank", (0.335, 8.0, 0.04), centre, (shade, shade * 0.70, shade * 0.46)))
    parts.append(box("Under the floor", (9.0, 8.4, 0.04), (0.0, -1.0, -0.05), (0.10, 0.07, 0.05)))
    parts.append(box("Wall", (9.0, 0.1, 3.2), (0.0, 2.2, 1.6), (0.52, 0.60, 0.60)))
    parts.append(box("Skirting", (9.0, 0.13, 0.12), (0.0, 2.2, 0.06), (0.80, 0.80, 0.78)))
    parts.append(box("Frame", (0.80, 0.13, 0.62), (1.25, 2.2, 1.75), (0.16, 0.09, 0.05)))
    parts.append(box("Picture", (0.68, 0.14, 0.50), (1.25, 2.2, 1.75), (0.66, 0.60, 0.40)))
    parts.append(box("Cupboard", (0.75, 0.45, 1.0), (-1.55, 1.95, 0.5), (0.45, 0.48, 0.40)))
    parts.append(box("Cupboard top", (0.80, 0.50, 0.04), (-1.55, 1.95, 1.02), (0.22, 0.14, 0.09)))
    for part in parts:
        part.location.rotate(about_z)
        part.rotation_euler.z = turn


def make_camera(
    azimuth: float, distance: float, height: float, aim: tuple[float, float, float], lens: float
) -> bpy.types.Object:
    """Add the scene's camera, `azimuth` radians around from -Y, looking at `aim` (metres)."""
    data = bpy.data.cameras.new("Camera")
    data.lens, data.sensor_width, data.sensor_fit = lens, _SENSOR, "AUTO"
    camera = bpy.data.objects.new("Camera", data)
    target = Vector(aim)
    camera.location = target + Vector((distance * np.sin(azimuth), -distance * np.cos(azimuth), height - aim[2]))
    camera.rotation_euler = (target - camera.location).to_track_quat("-Z", "Y").to_euler()
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera


def intrinsics(camera: bpy.types.Object, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the pinhole matrix (3, 3) in pixels, origin at the top left corner of the picture, y down."""
    width, height = size
    focal = camera.data.lens / _SENSOR * max(width, height)  # pyright: ignore[reportAttributeAccessIssue]
    return np.array(((focal, 0.0, width / 2), (0.0, focal, height / 2), (0.0, 0.0, 1.0)))


def set_up_render(size: tuple[int, int], fps: int, frames: int) -> None:
    """Workbench with studio light, soft colours and shadows: runs without a GPU at a few frames a second."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"  # pyright: ignore[reportAttributeAccessIssue]
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    shading.show_shadows, shading.shadow_intensity = True, 0.35
    shading.show_cavity = False
    scene.display.light_direction = (0.35, 0.45, 0.82)
    scene.display.render_aa = "FXAA"
    scene.view_settings.view_transform = "Standard"  # pyright: ignore[reportAttributeAccessIssue]
    scene.view_settings.exposure = 0.7
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.fps, scene.render.fps_base = fps, 1.0
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.use_stamp = False


def render_video(path: Path) -> None:
    """Render the scene's frame range to H.264 in an MP4 file."""
    render = bpy.context.scene.render
    render.image_settings.file_format = "FFMPEG"
    render.image_settings.color_mode = "RGB"
    render.ffmpeg.format, render.ffmpeg.codec = "MPEG4", "H264"
    render.ffmpeg.audio_codec = "NONE"
    render.ffmpeg.constant_rate_factor = "MEDIUM"
    render.ffmpeg.ffmpeg_preset = "BEST"
    render.ffmpeg.gopsize = 30
    render.filepath = str(path)
    bpy.ops.render.render(animation=True)
