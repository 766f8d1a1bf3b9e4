# SPDX-License-Identifier: GPL-3.0-or-later
"""Binding is one undo step, can be done again with other options, and reaches all selected characters."""

from __future__ import annotations

import math
from typing import Any

import bpy
import pytest
import rigs
from snapshots import changes, snapshot

FRAMES = 12


@pytest.fixture
def stage() -> None:
    """A performer and a character with an action of its own, as a step that undo can come back to."""
    source = rigs.build("Performer", rigs.UNREAL, arm_drop=45)
    rigs.animate(source, rigs.UNREAL, FRAMES, first=1)
    hero = rigs.build("Hero", rigs.MIXAMO)
    hero.pose.bones["mixamorig:Hips"].keyframe_insert("location", frame=3)
    hero.animation_data.action.name = "Mine"
    rigs.build("Second", rigs.UNREAL)
    bpy.context.scene.frame_set(5)
    bpy.ops.ed.undo_push(message="Stage")


def bind(**options: Any) -> set[str]:
    return bpy.ops.aimocap.bind_motion("EXEC_DEFAULT", True, source="Performer", target="Hero", **options)


def looks() -> dict:
    """Everything in the file; where the armatures are is worked out anew after undo."""
    bpy.context.scene.frame_set(5)
    return snapshot()


@pytest.mark.parametrize("existing", ["KEEP", "PUSH_DOWN", "LAYER"])
def test_one_undo_takes_it_back_and_redo_gives_it_again(stage, existing: str) -> None:
    before = looks()
    assert bind(existing=existing) == {"FINISHED"}
    after = looks()
    assert changes(before, after)

    bpy.ops.ed.undo()
    undone = looks()
    assert not changes(before, undone)
    assert [action.name for action in bpy.data.actions if action.name.startswith("Hero")] == []

    bpy.ops.ed.redo()
    assert not changes(after, looks())


def test_a_refused_binding_is_no_undo_step(stage) -> None:
    bpy.context.scene.frame_end = 77
    bpy.ops.ed.undo_push(message="Length")
    bpy.data.objects["Hero"].scale = (1.0, 2.0, 1.0)
    with pytest.raises(RuntimeError, match="not scaled evenly"):
        bind()
    bpy.ops.ed.undo()
    assert bpy.context.scene.frame_end != 77


def test_another_option_in_the_panel_of_the_last_operation_binds_anew(stage) -> None:
    """Blender then takes the last step back and runs the operator again; with no window, that is done here by hand."""
    # all that differs is given, since Blender fills the rest from the operator's last use
    options = {"max_error": math.radians(2.0), "mirror": False, "existing": "KEEP"}
    bind(**options)
    wanted = looks()
    bpy.ops.ed.undo()

    bind(max_error=0.0, existing="PUSH_DOWN", mirror=True)
    bpy.ops.ed.undo()
    bind(**options)
    assert not changes(wanted, looks())
    assert [action.name for action in bpy.data.actions if action.name.startswith("Hero")] == ["Hero Performer"]


def select(*names: str) -> None:
    for each in bpy.context.view_layer.objects:
        each.select_set(each.name in names)


def test_all_selected_characters_receive_the_motion(stage) -> None:
    select("Performer", "Hero", "Second")
    assert bind(use_selected=True) == {"FINISHED"}
    actions = {name: bpy.data.objects[name].animation_data.action.name for name in ("Hero", "Second")}
    assert actions == {"Hero": "Hero Performer", "Second": "Second Performer"}
    assert bpy.data.objects["Performer"].animation_data.action.name not in actions.values()


def test_none_receives_it_if_one_cannot(stage) -> None:
    bpy.data.objects["Second"].scale = (1.0, 2.0, 1.0)
    bpy.context.view_layer.update()
    select("Performer", "Hero", "Second")
    before = looks()
    with pytest.raises(RuntimeError, match="“Second” is not scaled evenly"):
        bind(use_selected=True)
    assert not changes(before, looks())
