# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on costs the main thread while a capture runs, beside a Blender without it: `scripts/bench.py ui`.

Not among the flows that are tests: it measures and judges nothing. Writes one line, RESULT and JSON: lists of
milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import addon_utils
import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps

PACKAGE = "bl_ext.user_default.aimocap"
SECONDS = 15.0  # of each of the two measurements
CAPTURES = 200
_BEAT = 0.01
_REDRAW = 0.2  # as often as the add-on has its panel drawn again

spent: dict[str, list[float]] = defaultdict(list)


@contextlib.contextmanager
def noted(kind: str) -> Iterator[None]:
    """Note the milliseconds of processor time that the block takes of the main thread."""
    begin = time.thread_time()
    yield
    spent[kind].append((time.thread_time() - begin) * 1000.0)


class Heart:
    """A timer that notes how late Blender calls it."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.last = time.perf_counter()

    def __call__(self) -> float:
        now = time.perf_counter()
        self.late.append((now - self.last - _BEAT) * 1000.0)
        self.last = now
        return _BEAT


def beat(hand: Hand) -> Steps:
    """Let Blender alone for a while, and note how late it is with what it has to do; returns the milliseconds."""
    heart = Heart()
    bpy.app.timers.register(heart, first_interval=_BEAT)
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        hand.region("VIEW_3D", "UI").tag_redraw()
        yield _REDRAW
    bpy.app.timers.unregister(heart)
    return heart.late[1:]


def fill_store() -> None:
    """Put captures into the list, as after long use."""
    record = sys.modules[f"{PACKAGE}.jobs.record"]
    store = scenery.session().store()
    for number in range(CAPTURES):
        request = record.CaptureRequest(video=f"/films/{number}.mp4", title=f"Clip {number}", service_url="http://x")
        store.save(record.CaptureRecord.new(request).moved_to(record.Stage.STOPPED))


# Blender counts the parameters of the functions that it calls.


def _drawing(draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def call(self: Any, context: Any) -> None:
        with noted("draw"):
            draw(self, context)

    return call


def _watching(modal: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    def call(self: Any, context: Any, event: Any) -> Any:
        with noted("tick" if event.type == "TIMER" else "event"):
            return modal(self, context, event)

    return call


def watch_calls() -> None:
    """Have all that Blender calls in the add-on noted, from when it is enabled again."""
    for name in dir(bpy.types):
        kind = getattr(bpy.types, name)
        if name.startswith("AIMOCAP_PT_"):
            kind.draw = _drawing(kind.draw)
        elif name.startswith("AIMOCAP_OT_") and hasattr(kind, "modal"):
            kind.modal = _watching(kind.modal)
    handlers: Any = sys.modules[f"{PACKAGE}.ui.handlers"]
    look = handlers._look_after
    bpy.app.timers.unregister(look)
    handlers._look_after = noted("tick")(look)
    bpy.app.timers.register(handlers._look_after, first_interval=0.5, persistent=True)


def run(hand: Hand) -> Steps:
    """Measure without the add-on, then with it while a capture runs and the list is full."""
    scenery.empty_file()
    yield from hand.sidebar()
    addon_utils.disable(PACKAGE)
    yield 1.0
    without = yield from beat(hand)
    addon_utils.enable(PACKAGE)
    scenery.add_hero()
    scenery.add_strip()
    fill_store()
    watch_calls()
    yield from hand.sidebar()
    yield 1.5
    yield from hand.press("aimocap.capture_strip")
    yield from hand.wait(lambda: scenery.session().running, "a capture runs")
    yield 1.0
    spent.clear()
    running = yield from beat(hand)
    assert scenery.session().running, "The capture ended too early to be measured."
    print("RESULT " + json.dumps({"without": without, "running": running, **spent}), flush=True)
    hand.picture("panel")
    yield from hand.wait(lambda: not scenery.session().running, "the capture is ready", 60)


PARTS = (run,)
