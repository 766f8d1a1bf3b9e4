# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding leaves everything but the target's animation as it was, whatever happens half-way."""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import bpy
import pytest
import rigs
from mathutils import Euler
from snapshots import changes, snapshot

from aimocap_addon.scene import compat
from aimocap_addon.scene.binding import bind_motion
from aimocap_addon.scene.errors import SceneError

FRAMES = 8
_ROOM = re.compile(r"aimocap_addon.scene.\w+\.py$")


class FaultError(Exception):
    pass


def stage(*, constrained: bool, bare: bool = False) -> tuple[bpy.types.Object, bpy.types.Object]:
    """A scene that somebody works in: a performer, a character with all that may be lost, and a third object."""
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    if constrained:  # makes binding step through the scene's frames
        source.pose.bones["head"].constraints.new("LIMIT_ROTATION")
    target = rigs.build("Hero", rigs.MIXAMO, height=1.5)
    target.location, target.rotation_euler, target.scale = (1, 2, 3), (0.1, 0.2, 0.3), (0.5,) * 3
    bones = target.pose.bones
    bones["mixamorig:LeftArm"].rotation_quaternion = Euler((0.3, 0.2, 0.1)).to_quaternion()
    bones["mixamorig:RightArm"].rotation_mode = "ZYX"
    bones["mixamorig:Neck"].lock_rotation = (True, False, False)
    constraint = bones["mixamorig:Head"].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget, constraint.mute = target, "mixamorig:Hips", True
    if not bare:
        driver = target.driver_add("color", 0).driver
        driver.expression = "0.5"
        bones["mixamorig:Hips"].keyframe_insert("location", frame=3)
        target.animation_data.action.name = "Mine"
    other = rigs.build("Other", rigs.MIXAMO)
    other.keyframe_insert("location", frame=4)
    other.animation_data.action.name = "Theirs"
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 5, 77
    scene.frame_set(6, subframe=0.25)
    bpy.context.view_layer.objects.active = target
    target.select_set(True)
    bpy.ops.object.mode_set(mode="POSE")
    other.select_set(True)
    bpy.context.view_layer.update()
    return source, target


Place = tuple[str, str]  # the function that calls and the one called


@contextlib.contextmanager
def watched(visit: Callable[[Place], None]) -> Iterator[None]:
    """Call `visit` wherever the room that touches Blender calls a function of the add-on."""

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        code, caller = frame.f_code, frame.f_back
        if event != "call" or caller is None or code.co_flags & inspect.CO_GENERATOR:
            return  # generators are also "called" when they are thrown away, where no fault can go anywhere
        if "aimocap_addon" in code.co_filename and _ROOM.search(caller.f_code.co_filename):
            visit((caller.f_code.co_qualname, code.co_qualname))

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def steps(source: bpy.types.Object, target: bpy.types.Object) -> list[Place]:
    """Bind once, take it back, and return the calls in between."""
    places: dict[Place, None] = {}
    previous = target.animation_data.action if target.animation_data else None
    slot = compat.active_slot(target)
    with watched(places.setdefault):
        made = bind_motion(source, target).action
    if previous is None:
        target.animation_data_clear()
    else:
        compat.assign_action(target, previous, slot)
        previous.use_fake_user = False
    bpy.data.actions.remove(made)
    bpy.context.scene.frame_set(6, subframe=0.25)
    return list(places)


@pytest.mark.parametrize(("constrained", "bare"), [(False, True), (True, False)])
def test_a_fault_at_any_step_leaves_everything_as_it_was(constrained: bool, bare: bool) -> None:
    source, target = stage(constrained=constrained, bare=bare)
    places = steps(source, target)
    assert len(places) > 40
    before = snapshot()
    for wanted in places:

        def fail(place: Place, wanted: Place = wanted) -> None:
            if place == wanted:
                sys.setprofile(None)
                raise FaultError

        with pytest.raises((FaultError, SceneError)), watched(fail):
            bind_motion(source, target)
        assert not (changed := changes(before, snapshot())), (wanted, sorted(changed)[:10])


def test_only_the_animation_of_the_target_changes() -> None:
    source, target = stage(constrained=True)
    before = snapshot()
    result = bind_motion(source, target)
    bpy.context.view_layer.update()
    changed = changes(before, snapshot())
    allowed = re.compile(
        r"objects\[Hero\]\.(bound_box|dimensions)$"
        r"|objects\[Hero\]\.animation_data\.(action|action_slot\S*|last_slot_identifier)($|\.)"
        r"|objects\[Hero\]\.pose\.bones\[[^]]+\]\.(rotation_\w+|location|matrix\w*|head|tail|length|x_axis|y_axis|z_axis|vector)$"
        rf"|actions\[({re.escape(result.action.name)}|Mine)\]"
    )
    assert not [path for path in changed if not allowed.match(path)]
    kept = {path: value for path, value in before.items() if path.startswith("actions[Mine]")}
    after = snapshot()
    assert {path for path, value in kept.items() if after[path] != value} == {"actions[Mine].use_fake_user"}
