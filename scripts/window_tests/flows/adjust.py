# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a binding are changed afterwards, in the panel of the last operation, and the binding is made again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import bpy

from benchmarks.retarget import RATE, make_performer
from window_tests import scenery
from window_tests.hand import Hand, Steps

SECONDS = 10

took: list[float] = []


def _timed(execute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def call(self: Any, context: Any) -> Any:
        begin = time.thread_time()
        done = execute(self, context)
        took.append(time.thread_time() - begin)
        return done

    return call


def _last() -> Any:
    return bpy.context.window_manager.operators[-1].properties


def _keys(hero: Any) -> list[float]:
    return [tuple(scenery.place_of(hero, "LeftFoot", frame)) for frame in range(10, SECONDS * RATE, 25)]  # type: ignore[misc]


def _click_lock_feet(hand: Hand) -> Steps:
    """Click on Lock Feet in the panel of the last operation."""
    before = _last().hold_contacts
    yield from hand.property("hold_contacts", region="HUD")
    yield from hand.click(*hand.at)
    yield 0.5
    assert _last().hold_contacts is not before, "The click on Lock Feet changed nothing."


def run(hand: Hand) -> Steps:
    """Bind ten seconds, then let the feet go and hold them again by clicks; one undo takes all of it back."""
    scenery.empty_file()
    make_performer(SECONDS * RATE)
    performer = next(each for each in bpy.data.objects if each.type == "ARMATURE")
    hero = scenery.add_hero()
    bind: Any = bpy.types.AIMOCAP_OT_bind_motion  # type: ignore[attr-defined]
    bind.execute = _timed(bind.execute)
    bpy.ops.ed.undo_push(message="Before")
    with hand.inside():
        bpy.ops.aimocap.bind_motion("EXEC_DEFAULT", True, source=performer.name, target=hero.name)  # type: ignore[attr-defined]
    yield 1.0
    header = hand.region("VIEW_3D", "HUD")
    yield from hand.click(header.x + 30, header.y + header.height / 2)
    yield 0.7
    hand.picture("bound")
    held = _keys(hero)
    yield from _click_lock_feet(hand)
    hero = bpy.data.objects["Hero"]
    free = _keys(hero)
    assert free != held, "The feet are where they were."
    hand.picture("free")
    yield from _click_lock_feet(hand)
    hero = bpy.data.objects["Hero"]
    again = _keys(hero)
    assert all(abs(a - b) < 1e-4 for one, two in zip(held, again, strict=True) for a, b in zip(one, two, strict=True))  # type: ignore[arg-type]
    assert len(bpy.data.actions) == 2, (
        f"There are more actions than the performer's and the hero's: {bpy.data.actions[:]}"
    )
    print("RESULT seconds of processor time of each binding:", [round(each, 3) for each in took], flush=True)
    with hand.inside():
        bpy.ops.ed.undo()
    hero = bpy.data.objects["Hero"]
    assert hero.animation_data is None or hero.animation_data.action is None, "One undo did not take the binding back."


PARTS = (run,)
