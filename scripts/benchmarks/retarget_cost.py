# SPDX-License-Identifier: GPL-3.0-or-later
"""What binding costs: time against the bare writing of the same keys, memory, and a whole import; see `retarget`."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import bpy
import numpy as np

import characters
from aimocap_addon.local_service.fbx.writer import BlenderCommand, write_fbx
from aimocap_addon.motion.mapping import FINGERS
from aimocap_addon.scene import compat
from aimocap_addon.scene.binding import BindOptions, Character, bind_motion
from aimocap_addon.scene.fbx_import import import_fbx, remove_imported
from aimocap_addon.scene.file_binding import bind_file
from benchmarks import rig_pairs
from benchmarks.retarget import RATE, fewest_seconds, mapping_of, prepare, show

_CASES = ((52, 600), (52, 3600), (52, 36000), (20, 600), (20, 3600))
_REPEATS = {600: 7, 3600: 5, 36000: 2}
_CAPTURE_SECONDS = 60.0


def cost() -> None:
    """Print time and memory of binding the walk to the Mixamo character, with all bones and with the large ones."""
    show("bones", "frames", "s", "frames/s", "curves", "s for their keys alone", "times that", "bytes")
    show(*["---:"] * 8)
    for bones, frames in _CASES:
        source, (target, _) = prepare(_mixamo, frames)
        mapping = mapping_of(target)
        if bones < 52:
            large = {r: b for r, b in mapping.bones.items() if not any(w in r for w in (*FINGERS, "clavicle", "twist"))}
            mapping = dataclasses.replace(mapping, bones=large)
        bind = partial(bind_motion, source, target, mapping=mapping)
        mapped = bind().mapped
        seconds, keys, count = np.inf, np.inf, 0
        for _ in range(_REPEATS[frames]):  # in turns, so that other work on the machine slows both
            seconds = min(seconds, fewest_seconds(bind, 1))
            alone, count = _seconds_for_keys(target, frames)
            keys = min(keys, alone)
        rate, ratio, memory = frames / seconds, seconds / keys, _most_bytes(bind) / (mapped * frames)
        show(mapped, frames, f"{seconds:.3f}", f"{rate:.0f}", count, f"{keys:.4f}", f"{ratio:.1f}", f"{memory:.0f}")
    print("\nbytes: the most that Python and numpy hold at once, per bone and frame, beside the keys themselves")


def import_and_bind() -> None:
    """Print what a capture of a minute at 60 fps costs from the FBX file of the local service to the character."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture.fbx"
        motion = rig_pairs.captured("wave_squat", seconds=_CAPTURE_SECONDS, rate=RATE)
        write_fbx(motion, path, BlenderCommand(Path(sys.executable), is_python=True))
        print(f"{len(motion.rotations)} frames, {len(motion.names)} bones, {path.stat().st_size / 1e6:.1f} MB\n")
        show("", "s of the processor", "s by the clock")
        show("---", "---:", "---:")
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.context.scene.render.fps = RATE
        target = characters.make_mixamo_character()
        bpy.context.view_layer.update()
        ways = {"straight from the file": _straight, "by Blender's importer": _by_import}
        for name, way in ways.items():
            rounds = [_seconds(partial(way, path, target)) for _ in range(3)]
            show(name, *(f"{min(column):.2f}" for column in zip(*rounds, strict=True)))


def _straight(path: Path, target: bpy.types.Object) -> None:
    bind_file(bpy.context, path, [Character(target)], BindOptions(), name="Capture", frame_start=1, frame_step=1.0)


def _by_import(path: Path, target: bpy.types.Object) -> None:
    imported = import_fbx(bpy.context, path, name="Capture", frame_start=1, frame_step=1.0)
    bind_motion(imported, target)
    remove_imported(imported)


def _seconds(way: Callable[[], object]) -> tuple[float, float]:
    """Return processor time and time by the clock until the scene shows what `way` has done."""
    bpy.context.view_layer.update()
    started = time.process_time(), time.perf_counter()
    way()
    bpy.context.view_layer.update()
    return time.process_time() - started[0], time.perf_counter() - started[1]


def _mixamo() -> tuple[bpy.types.Object, dict[str, str]]:
    return characters.make_mixamo_character(), {}


def _seconds_for_keys(target: bpy.types.Object, frames: int) -> tuple[float, int]:
    """Return the processor time for a new action with as many keys as the target's, and the count of its curves.

    Written the plain way: numbers as they are usually given, handles left alone.
    """
    wanted = [(curve.data_path, curve.array_index) for curve in compat.active_curves(target)]
    points = np.zeros((frames, 2), dtype=np.float32)
    points[:, 0] = np.arange(frames)
    flat, linear = points.ravel(), np.ones(frames, dtype=np.int32)
    started = time.process_time()
    action, curves = compat.create_action("Keys alone", target)
    for path, index in wanted:
        curve = curves.new(path, index=index)
        curve.keyframe_points.add(frames)
        curve.keyframe_points.foreach_set("co", flat)
        curve.keyframe_points.foreach_set("interpolation", linear)
    seconds = time.process_time() - started
    bpy.data.actions.remove(action)
    return seconds, len(wanted)


def _most_bytes(way: Callable[[], object]) -> int:
    """Return the most bytes that Python and numpy held at once during `way`."""
    tracemalloc.start()
    way()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
