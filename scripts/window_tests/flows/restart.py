# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender is closed while a capture runs; the next one goes on with it and brings it into its file, once opened."""

from __future__ import annotations

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps


def begin(hand: Hand) -> Steps:
    """Begin a capture, save, and leave before it is ready."""
    scenery.empty_file()
    scenery.add_hero()
    scenery.add_strip()
    bpy.ops.wm.save_as_mainfile(filepath=str(hand.job / "scene.blend"))
    yield from hand.sidebar()
    yield from hand.press("aimocap.capture_strip")
    session = scenery.session()
    yield from hand.wait(lambda: any(each.job_id for each in session.running), "the service has the job")
    assert not bpy.data.objects["Hero"].animation_data, "The capture was ready too early."


def go_on(hand: Hand) -> Steps:
    """Wait until it is ready, then open the file."""
    session = scenery.session()
    yield from hand.wait(lambda: session.records, "the capture is found")
    yield from hand.sidebar()
    yield 1.0
    hand.picture("found")
    yield from hand.wait(
        lambda: all(each.stage.name == "READY" for each in session.records.values()), "it is ready", 60
    )
    bpy.ops.wm.open_mainfile(filepath=str(hand.job / "scene.blend"))
    yield 1.0

    def has_motion() -> bool:
        animation = bpy.data.objects["Hero"].animation_data
        return bool(animation and animation.action)

    yield from hand.wait(has_motion, "the motion is brought into its file", 60)
    yield 0.5
    hand.picture("brought")
    [record] = session.records.values()
    assert record.delivered, "The capture does not know that it was brought in."


PARTS = (begin, go_on)
