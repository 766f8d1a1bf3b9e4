# SPDX-License-Identifier: GPL-3.0-or-later
"""Shoot the sample clips. Runs in Blender's Python, started by make_sample_clips.py: FOLDER NAME..."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from . import motions, person, skeleton, stage, walking

FPS = 30


@dataclass(frozen=True)
class Clip:
    """One clip: its motion and person (None for an empty room), length in seconds and camera.

    `azimuth` is in degrees, `aim` in metres, `lens` in mm on a 36 mm sensor.
    """

    seconds: float
    motion: Callable[[motions.Array], skeleton.Motion] | None = None
    look: str = ""
    size: tuple[int, int] = (480, 640)
    azimuth: float = 0.0
    aim: tuple[float, float, float] = (0.0, 0.0, 0.95)
    lens: float = 54.0


CLIPS = {
    "wave_squat": Clip(5.0, motions.wave_squat, "casual"),
    "walk_turn": Clip(4.9, walking.walk_turn, "walker", (640, 640), aim=(0.0, 0.0, 0.85), lens=50.0),
    "punch_kick": Clip(4.4, motions.punch_kick, "boxer", azimuth=35.0),
    "empty_room": Clip(1.5),
}


def _slide_box(frames: int) -> None:
    thing = stage.box("Parcel", (0.35, 0.35, 0.30), (0.0, 0.0, 0.15), (0.55, 0.36, 0.18))
    for frame in range(1, frames + 1):
        share = (frame - 1) / max(frames - 1, 1)
        thing.location.x = -0.7 + 1.4 * share * share * (3 - 2 * share)
        thing.keyframe_insert("location", frame=frame)


def shoot(name: str, folder: Path) -> None:
    """Render one clip to `folder`, and the truth about it when there is a person in it.

    The .npz holds fps, joint_names (J,), joints (F, J, 3) in metres, world, Z up; contact_names (2,) and contacts
    (F, 2); camera_matrix_world (4, 4), whose camera looks along its -Z; camera_intrinsics (3, 3) in pixels, y down;
    and size (width, height).
    """
    clip = CLIPS[name]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    frames = round(clip.seconds * FPS)
    azimuth = float(np.radians(clip.azimuth))
    stage.set_up_render(clip.size, FPS, frames)
    stage.make_room(azimuth)
    camera = stage.make_camera(azimuth, 4.2, 1.2, clip.aim, clip.lens)
    if clip.motion is None:
        _slide_box(frames)
    else:
        turns, heads = skeleton.solve(clip.motion(np.arange(frames) / FPS))
        armature = person.make_person(clip.look)
        person.animate(armature, turns, heads)
        # Blender's own evaluation is the truth, not the arrays that went in.
        joints = person.joint_positions(armature, frames, skeleton.JOINT_NAMES)
        bpy.context.view_layer.update()
        np.savez_compressed(
            folder / f"{name}.npz",
            fps=np.float64(FPS),
            joint_names=np.array(skeleton.JOINT_NAMES),
            joints=joints.astype(np.float32),
            contact_names=np.array(("ball_l", "ball_r")),
            contacts=skeleton.contacts(heads, FPS),
            camera_matrix_world=np.array(camera.matrix_world),
            camera_intrinsics=stage.intrinsics(camera, clip.size),
            size=np.array(clip.size),
        )
    stage.render_video(folder / f"{name}.mp4")


def main(arguments: list[str]) -> int:
    """Shoot the named clips into the folder given first; returns the exit code."""
    folder, names = Path(arguments[0]), arguments[1:]
    for name in names:
        shoot(name, folder)
    return 0


if __name__ == "__main__":
    code = 1
    try:
        code = main(sys.argv[1:])
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Blender as a module may hang when the interpreter tears it down (seen with 4.5).
        os._exit(code)
