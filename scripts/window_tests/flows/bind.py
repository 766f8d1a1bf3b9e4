# SPDX-License-Identifier: GPL-3.0-or-later
"""One armature's motion is bound to another; what is changed in the panel of the last operation is done at once.

Undo and redo take the whole binding in one step each.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

import characters
from window_tests import scenery
from window_tests.hand import Hand, Steps

FEET = ("foot_l", "foot_r")


def feet_of(armature: Any) -> Any:
    """Return where the feet are in every fourth frame, (frames, 2, 3)."""
    places = []
    for frame in range(scenery.STRIP_START, scenery.STRIP_START + 140, 4):
        bpy.context.scene.frame_set(frame)
        places.append([armature.matrix_world @ armature.pose.bones[name].head for name in FEET])
    return np.array(places)


def action_of(name: str) -> Any:
    """Return the action of an object, which undo replaces by another of that name."""
    animation = bpy.data.objects[name].animation_data
    return animation.action if animation else None


def last_operator() -> Any:
    """Return the operator that the panel of the last operation is about."""
    return bpy.context.window_manager.operators[-1]


def run(hand: Hand) -> Steps:
    """Bind, change options, undo, redo, push the motion before into a track."""
    scenery.empty_file()
    scenery.add_hero()
    scenery.add_strip()
    scenery.look_at_person(hand)
    settings: Any = bpy.context.scene.aimocap  # type: ignore[attr-defined]
    settings.hold_contacts = False  # else the feet stand still already
    yield from scenery.captured(hand)
    twin = characters.make_unreal_character("Twin")
    twin.location.x = 1.2
    for each in bpy.context.scene.objects:
        each.select_set(each.type == "ARMATURE")
    bpy.context.view_layer.objects.active = twin
    bpy.ops.ed.undo_push(message="Two characters")
    yield 0.3

    before = hand.look()
    yield from hand.search("Bind Motion")
    hand.picture("dialog")
    yield from hand.accept(before)
    yield from hand.wait(lambda: action_of("Twin"), "the twin has an action")
    yield 0.5
    held = feet_of(bpy.data.objects["Twin"])
    yield from hand.open_hud()
    yield from hand.property("hold_contacts", region="HUD")
    yield from hand.click(*hand.at)
    yield from hand.wait(lambda: not last_operator().hold_contacts, "Lock Feet is off")
    yield 0.3
    hand.picture("redone")
    free = feet_of(bpy.data.objects["Twin"])
    apart = float(np.abs(held - free).max())
    assert 0.001 < apart < 0.5, f"Lock Feet moved the feet by {apart:.4f} m."

    yield from hand.move(300, 500)
    yield from hand.key("Z", ctrl=True)
    yield from hand.wait(lambda: not action_of("Twin"), "the binding is undone")
    assert action_of("Hero"), "Undo took more than the binding."
    yield from hand.key("Z", ctrl=True, shift=True)
    yield from hand.wait(lambda: action_of("Twin"), "the binding is redone")
    assert np.allclose(feet_of(bpy.data.objects["Twin"]), free, atol=1e-4), "Redo brought other motion."

    before = hand.look()
    yield from hand.search("Bind Motion")
    yield from hand.accept(before)
    yield 1.0
    yield from hand.open_hud()
    yield from hand.property("existing", region="HUD")
    yield from hand.click(*hand.at)
    yield 0.3
    hand.picture("previous_action")
    yield from hand.key("P")
    yield from hand.wait(lambda: len(bpy.data.objects["Twin"].animation_data.nla_tracks) == 1, "there is an NLA track")
    hand.picture("pushed_down")


PARTS = (run,)
