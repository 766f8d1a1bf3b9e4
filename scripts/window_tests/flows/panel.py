# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says before a capture: why it cannot begin, and in what the scene does not fit the strip."""

from __future__ import annotations

from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps


def run(hand: Hand) -> Steps:
    """A file without a strip, then a scene that is too short and has another rate."""
    scenery.empty_file()
    scenery.add_hero()
    yield from hand.sidebar()
    yield from hand.press("aimocap.capture_strip")
    yield 0.5
    hand.picture("no_strip")
    assert not scenery.session().records, "A grey button began a capture."

    scene: Any = bpy.context.scene
    scene.render.fps, scene.frame_end = 24, 50
    scenery.add_strip()
    yield from hand.move(300, 500)
    yield 1.0
    hand.picture("mismatch")
    yield from hand.press("aimocap.set_rate")
    yield from hand.wait(lambda: scene.render.fps / scene.render.fps_base == scenery.CLIP_FPS, "the rate is the clip's")
    yield 0.5
    yield from hand.press("aimocap.extend_range")
    yield from hand.wait(lambda: scene.frame_end > 50, "the scene is longer")
    assert scene.frame_end >= scenery.STRIP_START + scenery.CLIP_FRAMES - 1, scene.frame_end
    yield from hand.move(300, 500)
    yield 0.5
    hand.picture("remedied")
    yield from hand.key("Z", ctrl=True)
    yield from hand.wait(lambda: bpy.context.scene.frame_end == 50, "that is undone")  # type: ignore[union-attr]


PARTS = (run,)
