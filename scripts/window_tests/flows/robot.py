# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture becomes a Unitree G1; a character's motion too; robots are exported and brought back."""

from __future__ import annotations

import json
from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps


def robots() -> list[Any]:
    """Return the robots of the scene."""
    return [each for each in bpy.data.objects if each.type == "ARMATURE" and each.name != "Hero"]


def run(hand: Hand) -> Steps:
    """Capture both, retarget, export, import."""
    scenery.empty_file()
    hero = scenery.add_hero()
    scenery.add_strip()
    scenery.look_at_person(hand)
    yield from hand.sidebar()
    settings: Any = bpy.context.scene.aimocap  # type: ignore[attr-defined]
    settings.targets = "BOTH"
    yield from scenery.captured(hand)
    assert hero.animation_data.action, "The character got no motion."
    assert len(robots()) == 1, [each.name for each in bpy.data.objects]
    bpy.context.scene.frame_set(60)
    yield 0.5
    hand.picture("both")

    for each in bpy.context.scene.objects:
        each.select_set(each == hero)
    bpy.context.view_layer.objects.active = hero
    yield from hand.search("Retarget to G1")
    yield from hand.wait(lambda: len(robots()) == 2, "there is a second robot", 60)
    yield 0.5
    hand.picture("retargeted")

    path = hand.job / "robot.json"
    yield from hand.search("Export G1 csv")
    yield 0.5
    hand.picture("export")
    yield from hand.choose_file(path)
    yield from hand.wait(path.is_file, "the file is written")
    motion = json.loads(path.read_text())
    assert motion["frameCount"] == len(motion["dof_pos"]) > 100, motion["frameCount"]

    yield from hand.move(300, 500)
    hand.drop(path)
    yield from hand.wait(lambda: len(robots()) == 3, "the dropped file is a third robot")
    yield 0.5
    hand.picture("dropped")


PARTS = (run,)
