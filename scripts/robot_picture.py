# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a captured clip as a human and as a robot side by side, at a few moments of the clip.

Runs in Blender's Python (`.venv/bpy-4.5`), without a display:

    python scripts/robot_picture.py docs/g1.png [--clip punch_kick] [--columns 4] [--height 260]
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bpy  # noqa: E402
import numpy as np  # noqa: E402

import characters  # noqa: E402
from aimocap_addon.scene.armature_motion import motion_range  # noqa: E402
from aimocap_addon.scene.binding import BindOptions, bind_motion  # noqa: E402
from aimocap_addon.scene.fbx_import import remove_imported  # noqa: E402
from aimocap_addon.scene.robot_retarget import retarget_to_g1  # noqa: E402
from benchmarks import rig_pairs  # noqa: E402
from ending import run_and_end  # noqa: E402

_HUMAN, _ROBOT = -0.32, 0.56  # metres from the middle to each of the two
_WIDTH, _TALL = 2.15, 1.95  # metres that a picture shows
_TURN, _TILT = math.radians(22.0), math.radians(8.0)  # from where the camera looks


def make_scene(clip: str) -> tuple[bpy.types.Object, bpy.types.Object]:
    """Return a character with the clip's captured motion, and a robot that does the same."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    performer = rig_pairs.import_performer(rig_pairs.captured(clip))
    human = characters.make_mixamo_character("Human")
    bind_motion(performer, human, BindOptions(hold_contacts=True))
    remove_imported(performer)
    robot, _, _ = retarget_to_g1(bpy.context, human)
    return human, robot


def add_stage(size: tuple[int, int]) -> bpy.types.Object:
    """Add camera, light and floor; return the camera."""
    scene: Any = bpy.context.scene
    camera_data = bpy.data.cameras.new("Camera")
    camera_data.type, camera_data.ortho_scale = "ORTHO", max(_WIDTH, _TALL)
    camera = bpy.data.objects.new("Camera", camera_data)
    camera.rotation_euler = (0.5 * math.pi - _TILT, 0.0, _TURN)
    sun_data: Any = bpy.data.lights.new("Sun", "SUN")
    sun_data.energy, sun_data.angle = 3.0, 0.2
    sun = bpy.data.objects.new("Sun", sun_data)
    sun.rotation_euler = (math.radians(48.0), math.radians(-12.0), math.radians(-25.0))
    floor_mesh = bpy.data.meshes.new("Floor")
    floor_mesh.from_pydata([(-50, -50, 0), (50, -50, 0), (50, 50, 0), (-50, 50, 0)], [], [(0, 1, 2, 3)])
    paint: Any = bpy.data.materials.new("Floor")
    if paint.node_tree is None:  # from 5.0 on every material has one
        paint.use_nodes = True
    shader = next(node for node in paint.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (0.36, 0.37, 0.39, 1.0)
    floor_mesh.materials.append(paint)
    for each in (camera, sun, bpy.data.objects.new("Floor", floor_mesh)):
        scene.collection.objects.link(each)
    world = bpy.data.worlds.new("Sky")
    world.color = (0.60, 0.64, 0.69)
    scene.world = world
    scene.camera = camera
    scene.render.engine = "CYCLES"
    scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", 48, True
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.dither_intensity = 0.0  # a smaller file
    scene.view_settings.view_transform = "Standard"
    return camera


def render(human: bpy.types.Object, robot: bpy.types.Object, out: Path, columns: int, height: int) -> None:
    """Render both, side by side, at `columns` moments into one PNG file."""
    size = round(height * _WIDTH / _TALL), height
    camera: Any = add_stage(size)
    scene = bpy.context.scene
    assert scene is not None
    across = np.array((math.cos(_TURN), math.sin(_TURN), 0.0))
    towards = np.array((math.sin(_TURN) * math.cos(_TILT), -math.cos(_TURN) * math.cos(_TILT), math.sin(_TILT)))
    first, last = motion_range(human) or (1.0, 1.0)
    pictures = []
    places = {each: np.array(each.location) for each in (human, robot)}
    with tempfile.TemporaryDirectory() as folder:
        for column in range(columns):
            scene.frame_set(round(first + (last - first) * (column + 0.5) / columns))
            hips = {human: "mixamorig:Hips", robot: "pelvis"}
            each: Any
            for aside, each in ((_HUMAN, human), (_ROBOT, robot)):
                each.location = places[each]
                bpy.context.view_layer.update()
                posed = each.evaluated_get(bpy.context.evaluated_depsgraph_get())
                at = np.array(posed.matrix_world @ posed.pose.bones[hips[each]].head)
                # each stands on its own place of the picture, wherever it has gone
                each.location = places[each] - at * (1.0, 1.0, 0.0) + aside * across
            camera.location = np.array((0.0, 0.0, 0.5 * _TALL - 0.14)) + 20.0 * towards
            picture = Path(folder) / f"{column}.png"
            scene.render.filepath = str(picture)
            bpy.ops.render.render(write_still=True)
            image: Any = bpy.data.images.load(str(picture))
            pixels = np.empty(size[0] * size[1] * 4, dtype=np.float32)
            image.pixels.foreach_get(pixels)
            pictures.append(pixels.reshape(size[1], size[0], 4))
    sheet = np.concatenate(pictures, axis=1)
    image = bpy.data.images.new("Sheet", sheet.shape[1], sheet.shape[0])
    image.pixels.foreach_set(np.ascontiguousarray(sheet).ravel())
    image.filepath_raw, image.file_format = str(out.resolve()), "PNG"
    image.save()


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="A captured clip as a human and as a robot.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--clip", choices=rig_pairs.CLIPS, default="punch_kick")
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--height", type=int, default=260, help="of the picture, in pixels")
    options = parser.parse_args()
    human, robot = make_scene(options.clip)
    render(human, robot, options.out, options.columns, options.height)
    return 0


if __name__ == "__main__":
    run_and_end(main)
