# SPDX-License-Identifier: GPL-3.0-or-later
"""Shoot the sample clips. Runs in Blender's Python, started by make_sample_clips.py: FOLDER NAME..."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import bpy
import numpy as np

from . import person, skeleton, stage
from .clips import CLIPS, FPS


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
    frames = clip.frames
    azimuth = float(np.radians(clip.azimuth))
    stage.set_up_render(clip.size, FPS, frames)
    stage.make_room(azimuth)
    camera = stage.make_camera(azimuth, clip.distance, clip.height, clip.aim, clip.lens)
    if clip.post is not None:
        stage.box("Post", (0.16, 0.16, 2.6), (*clip.post, 1.3), (0.30, 0.24, 0.20))
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
