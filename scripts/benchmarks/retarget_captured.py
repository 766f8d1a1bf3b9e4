# SPDX-License-Identifier: GPL-3.0-or-later
"""How feet and legs of captured motion come out on each character; see `retarget`.

The motion is what the built-in solver finds in the sample clips, kept in tests/data/legs.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

import characters
from aimocap_addon.motion.rotations import make_continuous
from aimocap_addon.scene import compat
from aimocap_addon.scene.binding import bind_motion
from benchmarks.motion_metrics import compare, sample
from benchmarks.retarget import key, mapping_of, show

_LEGS = Path(__file__).resolve().parents[2] / "tests" / "data" / "legs"
_COLUMNS = (
    "legs",
    "drift",
    "drift (max)",
    "source's drift",
    "float",
    "sink",
    "deepest (max)",
    "path scale",
    "pop (max)",
)
_MAKERS = (
    characters.make_mixamo_character,
    characters.make_rigify_metarig_character,
    characters.make_unreal_character,
)


def captured() -> None:
    """Print what holding contacts makes of each clip on each character."""
    show("clip", "target", *_COLUMNS)
    show("---", "---", *["---:"] * len(_COLUMNS))
    for path in sorted(_LEGS.glob("*.npz")):
        for make in _MAKERS:
            bpy.ops.wm.read_factory_settings(use_empty=True)
            source, frames, rate = _performer(path)
            target = make()
            bpy.context.view_layer.update()
            bind_motion(source, target)
            roles, receivers = mapping_of(source).bones, mapping_of(target).bones
            shared = {role: bone for role, bone in roles.items() if role in receivers}
            span = range(1, frames + 1)
            figures = compare(sample(source, shared, span), sample(target, receivers, span), rate)
            show(path.stem, target.name, *(f"{figures[column]:.3f}" for column in _COLUMNS))


def _performer(path: Path) -> tuple[bpy.types.Object, int, float]:
    """Add the solver's skeleton with the motion of a file; returns it, the count of frames and their rate."""
    data = np.load(path)
    names, rest, parents = data["names"].tolist(), data["rest"], data["parents"].tolist()
    armature = bpy.data.armatures.new("Performer")
    performer = bpy.data.objects.new("Performer", armature)
    bpy.context.scene.collection.objects.link(performer)
    bpy.context.view_layer.objects.active = performer
    bpy.ops.object.mode_set(mode="EDIT")
    for name, matrix, parent in zip(names, rest, parents, strict=True):
        bone = armature.edit_bones.new(name)
        bone.tail = (0.0, 5.0, 0.0)
        bone.matrix = Matrix(matrix.tolist())
        bone.parent = armature.edit_bones[names[parent]] if parent >= 0 else None
    bpy.ops.object.mode_set(mode="OBJECT")
    performer.scale = (0.01, 0.01, 0.01)
    action, curves = compat.create_action("Captured", performer)
    for i, name in enumerate(data["moving"].tolist()):
        turns = make_continuous(data["rotations"][:, i].astype(np.float64))
        key(action, curves, f'pose.bones["{name}"].rotation_quaternion', turns)
    key(action, curves, 'pose.bones["pelvis"].location', data["path"].astype(np.float64))
    compat.assign_action(performer, action)
    rate = float(data["fps"])
    bpy.context.scene.render.fps = round(rate)
    return performer, len(data["path"]), rate
