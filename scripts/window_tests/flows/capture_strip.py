# SPDX-License-Identifier: GPL-3.0-or-later
"""A trimmed strip becomes motion on a character, by a click on the panel's button, with the real solver."""

from __future__ import annotations

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps

FIRST, LAST = 31, 110  # scene frames between the strip's handles


def run(hand: Hand) -> Steps:
    """From the strip to the character that moves in time with it."""
    scenery.empty_file()
    hero = scenery.add_hero()
    strip = scenery.add_strip()
    strip.frame_final_start, strip.frame_final_end = FIRST, LAST + 1
    scenery.look_at_person(hand)
    yield from hand.sidebar()
    hand.picture("before")
    before = scenery.frame_settings()
    yield from hand.press("aimocap.capture_strip")
    session = scenery.session()
    yield from hand.wait(lambda: session.running, "a capture runs")
    yield from hand.wait(lambda: session.running and session.running[0].progress > 0.2, "progress is known", 120)
    hand.picture("running")
    yield from hand.wait(lambda: not session.watching, "the capture is ready and nothing is watched", 240)
    action = hero.animation_data and hero.animation_data.action
    assert action, "The character has no action."
    first, last = action.frame_range
    assert abs(first - FIRST) < 0.51 and abs(last - LAST) < 1.51, f"The action plays from {first} to {last}."
    heights = [scenery.place_of(hero, "RightHand", frame).z for frame in range(FIRST, LAST, 5)]
    assert max(heights) - min(heights) > 0.2, f"The hand that waves hardly moves: {heights}"
    assert scenery.frame_settings() == before, "The scene's range or rate was changed."
    bpy.context.scene.frame_set(60)
    bpy.context.preferences.system.viewport_aa = "8"  # for a picture that people see
    yield 2.0
    hand.picture("docs-panel")


PARTS = (run,)
