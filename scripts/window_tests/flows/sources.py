# SPDX-License-Identifier: GPL-3.0-or-later
"""Where videos are captured from: several strips, File > Import by search, a dropped file, the clip editor."""

from __future__ import annotations

from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps


def starts() -> list[int]:
    """Return in which frames the motions of the scene's armatures begin, in order."""
    animations: list[Any] = [each.animation_data for each in bpy.data.objects if each.type == "ARMATURE"]
    return sorted(round(each.action.frame_range[0]) for each in animations if each and each.action)


def arrived(hand: Hand, count: int) -> Steps:
    """Wait until there are so many moving skeletons."""
    yield from hand.wait(lambda: len(starts()) == count and not scenery.session().watching, f"{count} motions", 90)


def run(hand: Hand) -> Steps:
    """One after the other, without a character, so that each brings a skeleton."""
    scenery.empty_file()
    first, second = scenery.add_strip("First", 21, 1), scenery.add_strip("Second", 61, 2)
    first.select = second.select = True
    yield from hand.sidebar()
    hand.picture("two_strips")
    yield from hand.press("aimocap.capture_strip")
    yield from arrived(hand, 2)
    assert starts() == [21, 61], starts()

    bpy.context.scene.frame_start = 5
    yield from hand.search("Motion from Video")
    hand.picture("browser")
    yield from hand.choose_file(scenery.CLIP)
    yield from arrived(hand, 3)
    assert starts() == [5, 21, 61], starts()

    bpy.context.scene.frame_start = 7
    yield from hand.move(300, 500)
    hand.drop(scenery.CLIP)
    yield 1.0
    hand.picture("dropped")
    yield from hand.key("RET")
    yield 1.0
    hand.picture("dropped_chosen")
    yield from hand.key("RET")
    yield from arrived(hand, 4)
    assert starts() == [5, 7, 21, 61], starts()

    area: Any = hand.area()
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = bpy.data.movieclips.load(str(scenery.CLIP))
    yield 0.5
    yield from hand.sidebar("CLIP_EDITOR")
    hand.picture("clip_editor")
    bpy.context.scene.frame_start = 9
    yield from hand.press("aimocap.capture_clip", "CLIP_EDITOR")
    yield from arrived(hand, 5)

    area.type = "SEQUENCE_EDITOR"
    yield 0.5
    yield from hand.sidebar("SEQUENCE_EDITOR")
    with hand.inside("SEQUENCE_EDITOR"):
        bpy.ops.wm.call_menu(name="SEQUENCER_MT_context_menu")
    yield 0.5
    hand.picture("sequencer")
    yield from hand.key("ESC")


PARTS = (run,)
