# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding a walk to each character, against Copy Rotation constraints baked by Blender; runs in Blender's Python."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import bpy  # noqa: E402
import numpy as np  # noqa: E402

import characters  # noqa: E402
from aimocap_addon.motion.mapping import Mapping, detect  # noqa: E402
from aimocap_addon.motion.rotations import (  # noqa: E402
    Array,
    make_continuous,
    quaternion_conjugate,
    quaternion_from_euler,
    quaternion_multiply,
)
from aimocap_addon.motion.skeleton import Skeleton  # noqa: E402
from aimocap_addon.scene import compat  # noqa: E402
from aimocap_addon.scene.armature_motion import read_skeleton  # noqa: E402
from aimocap_addon.scene.binding import BindOptions, bind_motion  # noqa: E402
from benchmarks.motion_metrics import compare, sample  # noqa: E402
from tests.blender import rigs  # noqa: E402
from tests.motion import people  # noqa: E402

RATE = 60
LENGTHS = (600, 3600)
COLUMNS = (
    "arms", "legs", "palms", "fingers", "hips", "head", "drift", "source's drift", "float", "sink", "deepest (max)",
    "path scale", "pop (max)",
)  # fmt: skip
TARGETS: tuple[Callable[[], bpy.types.Object], ...] = (
    characters.make_mixamo_character,
    characters.make_rigify_metarig_character,
    characters.make_unreal_character,
)


def mapping_of(armature: bpy.types.Object) -> Mapping:
    """Return the roles of the armature's bones."""
    skeleton = read_skeleton(armature)
    found = detect(skeleton.names, skeleton.parents.tolist())
    assert found is not None
    return found


def make_performer(frames: int) -> bpy.types.Object:
    """Add an Unreal skeleton in A-pose that walks, swings its arms and moves its fingers, keyed on every frame."""
    armature = rigs.build("Performer", rigs.UNREAL, arm_drop=45.0, elbow=8.0)
    skeleton = read_skeleton(armature)
    upright = np.tile(np.eye(4), (len(skeleton.names), 1, 1))
    upright[:, :3, 3] = skeleton.rest_positions
    motion, _ = people.walk(Skeleton(skeleton.names, skeleton.parents, upright), frames / RATE, float(RATE))
    times = np.arange(frames) / RATE
    action, curves = compat.create_action("Walk", armature)
    for index, name in enumerate(skeleton.names):
        parent = int(skeleton.parents[index])
        above = motion.rotations[parent] if parent >= 0 else np.tile((1.0, 0.0, 0.0, 0.0), (frames, 1))
        turn = quaternion_multiply(quaternion_conjugate(above), motion.rotations[index])
        if not name.startswith(("pelvis", "thigh", "calf", "foot", "ball", "root")):
            phase = 2.0 * np.pi * times[:, None] + np.array((0.0, 1.0, 2.0)) + index
            turn = quaternion_from_euler(0.12 * np.sin(phase), "XYZ")
        rest = skeleton.rest_rotations[index]
        local = quaternion_multiply(quaternion_conjugate(rest), quaternion_multiply(turn, rest))
        _key(action, curves, f'pose.bones["{name}"].rotation_quaternion', make_continuous(local))
        if name == "pelvis":
            axes = np.array(skeleton.rest[index, :3, :3])
            path = (motion.positions[index] - skeleton.rest_positions[index]) @ axes
            _key(action, curves, f'pose.bones["{name}"].location', path)
    compat.assign_action(armature, action)
    return armature


def _key(action: bpy.types.Action, curves: object, path: str, values: Array) -> None:
    points = np.empty((len(values), 2), dtype=np.float32)
    points[:, 0] = 1 + np.arange(len(values))
    for index, curve in enumerate(compat.create_curves(action, curves, path, range(values.shape[1]), "Walk")):
        points[:, 1] = values[:, index]
        curve.keyframe_points.add(len(values))
        curve.keyframe_points.foreach_set("co", points.ravel())
        curve.keyframe_points.foreach_set("interpolation", np.ones(len(values), dtype=np.int32))
        curve.update()


def bake_constraints(source: bpy.types.Object, target: bpy.types.Object, frames: int) -> None:
    """Do what Blender offers: Copy Rotation on every bone, Copy Location on the hips, baked."""
    roles, receivers = mapping_of(source).bones, mapping_of(target).bones
    assert target.pose is not None
    for role, name in receivers.items():
        if role not in roles:
            continue
        for kind in ("COPY_ROTATION", "COPY_LOCATION") if role == "hips" else ("COPY_ROTATION",):
            constraint = target.pose.bones[name].constraints.new(kind)
            constraint.target, constraint.subtarget = source, roles[role]  # type: ignore[attr-defined]
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="POSE")
    bpy.ops.nla.bake(
        frame_start=1,
        frame_end=frames,
        only_selected=False,
        visual_keying=True,
        clear_constraints=True,
        bake_types={"POSE"},
    )
    bpy.ops.object.mode_set(mode="OBJECT")


def measure(
    make: Callable[[], bpy.types.Object],
    frames: int,
    way: Callable[..., object],
    repeats: int,
) -> tuple[str, int, float, dict[str, float]]:
    """Return the target's name, the count of its mapped bones, the fewest processor seconds and the figures."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = RATE, frames
    source, target = make_performer(frames), make()
    bpy.context.view_layer.update()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        way(source, target)
        seconds.append(time.process_time() - started)
    roles, receivers = mapping_of(source).bones, mapping_of(target).bones
    shared = {role: name for role, name in roles.items() if role in receivers}
    span = range(1, min(frames, 600) + 1)
    figures = compare(sample(source, shared, span), sample(target, receivers, span), float(RATE))
    return target.name, len(shared), min(seconds), figures


def main() -> None:
    """Print one table in Markdown."""
    print(f"Blender {bpy.app.version_string}, Python {platform.python_version()}, {os.cpu_count()} processors\n")
    print("| target | way | bones | frames | s | frames/s | " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * (6 + len(COLUMNS)))
    for make in TARGETS:
        for frames in LENGTHS:
            ways: dict[str, Callable[..., object]] = {
                "bind": bind_motion,
                "bind, feet free": partial(bind_motion, options=BindOptions(hold_contacts=False)),
                "constraints + bake": partial(bake_constraints, frames=frames),
            }
            for name, way in ways.items():
                target, bones, seconds, figures = measure(make, frames, way, 1 if "bake" in name else 3)
                row = [target, name, bones, frames, f"{seconds:.3f}", f"{frames / seconds:.0f}"]
                print(
                    "| " + " | ".join(map(str, row + [f"{figures[column]:.3f}" for column in COLUMNS])) + " |",
                    flush=True,
                )
    print(f"\nPeak memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # Blender as a module can hang while the interpreter ends
