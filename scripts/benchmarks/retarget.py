# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding a walk to each character, against Copy Rotation constraints baked by Blender; runs in Blender's Python.

Without arguments everything is measured; `quality`, `captured`, `cost` and `import` name parts of it.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from collections.abc import Mapping as Names
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
from benchmarks import rig_pairs  # noqa: E402
from benchmarks.motion_metrics import compare, sample  # noqa: E402
from tests.blender import rigs  # noqa: E402
from tests.motion import people  # noqa: E402

RATE = 60
LENGTHS = (600, 3600)
COLUMNS = (
    "arms", "legs", "palms", "fingers", "hips", "head", "drift", "source's drift", "float", "sink", "deepest (max)",
    "path scale", "pop (max)",
)  # fmt: skip
_Made = tuple[bpy.types.Object, Names[str, str]]  # an armature, and the roles of the bones to measure


def _plainly(make: Callable[[], bpy.types.Object]) -> Callable[[], _Made]:
    def made() -> _Made:
        armature = make()
        return armature, mapping_of(armature).bones

    return made


def _generated() -> _Made:
    character = rig_pairs.character_makers()[rig_pairs.GENERATED]()
    character.armature.name = "Rigify, generated"
    return character.armature, character.roles


TARGETS: tuple[Callable[[], _Made], ...] = (
    _plainly(characters.make_mixamo_character),
    _plainly(characters.make_rigify_metarig_character),
    _plainly(characters.make_unreal_character),
    _generated,
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
        key(action, curves, f'pose.bones["{name}"].rotation_quaternion', make_continuous(local))
        if name == "pelvis":
            axes = np.array(skeleton.rest[index, :3, :3])
            path = (motion.positions[index] - skeleton.rest_positions[index]) @ axes
            key(action, curves, f'pose.bones["{name}"].location', path)
    compat.assign_action(armature, action)
    return armature


def key(action: bpy.types.Action, curves: object, path: str, values: Array) -> None:
    """Give the action linear keys with `values` (F, C) of a property on the frames from 1 on."""
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


def prepare(make: Callable[[], _Made], frames: int) -> tuple[bpy.types.Object, _Made]:
    """Empty the file and add the performer and a character."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_end = RATE, frames
    source, made = make_performer(frames), make()
    bpy.context.view_layer.update()
    return source, made


def fewest_seconds(way: Callable[[], object], repeats: int) -> float:
    """Return the least processor time of some runs, each on a scene that is up to date."""
    seconds = []
    for _ in range(repeats):
        bpy.context.view_layer.update()
        started = time.process_time()
        way()
        seconds.append(time.process_time() - started)
    return min(seconds)


def show(*cells: object) -> None:
    """Print a row of a table in Markdown."""
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def quality() -> None:
    """Print how well and how fast each way brings the walk to each character."""
    show("target", "way", "bones", "frames", "s", "frames/s", *COLUMNS)
    show(*["---"] * (6 + len(COLUMNS)))
    for make in TARGETS:
        for frames in LENGTHS:
            ways: dict[str, Callable[..., object]] = {
                "bind": bind_motion,
                "bind, feet free": partial(bind_motion, options=BindOptions(hold_contacts=False)),
            }
            if make is _generated:
                ways["bind, IK controls"] = partial(bind_motion, options=BindOptions(controls="IK"))
            else:  # bones of the generated rig follow constraints of their own
                ways["constraints + bake"] = partial(bake_constraints, frames=frames)
            for name, way in ways.items():
                source, (target, bones) = prepare(make, frames)
                seconds = fewest_seconds(partial(way, source, target), 1 if "bake" in name else 3)
                roles = mapping_of(source).bones
                shared = {role: bone for role, bone in roles.items() if role in bones}
                span = range(1, min(frames, 600) + 1)
                figures = compare(sample(source, shared, span), sample(target, dict(bones), span), float(RATE))
                rate = f"{frames / seconds:.0f}"
                show(target.name, name, len(shared), frames, f"{seconds:.3f}", rate, *_digits(figures))


def _digits(figures: dict[str, float]) -> list[str]:
    return [f"{figures[column]:.3f}" for column in COLUMNS]


def main() -> None:
    """Print tables in Markdown."""
    parts = {
        "quality": quality,
        "captured": retarget_captured.captured,
        "cost": retarget_cost.cost,
        "import": retarget_cost.import_and_bind,
    }
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"Blender {bpy.app.version_string}, Python {platform.python_version()}, {os.cpu_count()} processors{load}")
    for name in sys.argv[1:] or parts:
        print(f"\n{name}\n")
        parts[name]()


if __name__ == "__main__":
    from benchmarks import retarget_captured, retarget_cost

    main()
    sys.stdout.flush()
    os._exit(0)  # Blender as a module can hang while the interpreter ends
