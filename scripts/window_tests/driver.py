# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the windowed Blender: takes one flow from step to step, so that Blender draws and handles events between.

A flow is a generator function of the module `flows.NAME`; it yields how many seconds Blender is left to itself.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from window_tests.hand import Hand  # noqa: E402 - found by the path set above

EXTENSION = "bl_ext.user_default.aimocap"


def end(status: Path, said: str) -> None:
    """Leave what went wrong, "" for nothing, and quit Blender as a person would."""
    status.write_text(said)
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.wm.quit_blender()


def main() -> None:
    """Begin the flow that the arguments name."""
    job, name, part = Path(sys.argv[-3]), sys.argv[-2], int(sys.argv[-1])
    status = job / f"status{part}"
    hand = Hand(job)

    def steps() -> Iterator[float]:
        if EXTENSION not in sys.modules:
            raise AssertionError(f"{EXTENSION} is not enabled.")
        flow = importlib.import_module(f"window_tests.flows.{name}")
        yield 0.3  # the window is drawn for the first time
        yield from flow.PARTS[part](hand)

    going = steps()

    def go_on() -> float | None:
        try:
            return next(going)
        except StopIteration:
            end(status, "")
        except BaseException:
            hand.picture("failed")
            end(status, traceback.format_exc())
        return None

    bpy.app.timers.register(go_on, first_interval=0.3, persistent=True)


main()
