# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of captures: filtered, searched, and what can be done with one of its rows."""

from __future__ import annotations

import dataclasses
import importlib
import time
from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import ICONS, Hand, Steps

PACKAGE = "bl_ext.user_default.aimocap"
TITLES = ("Walk Cycle", "Kickboxing Round 2", "Sit Down", "Dance, Second Verse, a Long Title of a Take", "走る")


def fill_store() -> None:
    """Put captures of earlier days into the add-on's store, and have them found as at its start."""
    records, session, handlers, listed = (
        importlib.import_module(f"{PACKAGE}.{name}")
        for name in ("jobs.record", "ui.session", "ui.handlers", "ui.capture_list")
    )
    stages = (records.Stage.READY, records.Stage.FAILED, records.Stage.STOPPED)
    failure = records.Failure("The clip is longer than your plan allows: trim it.", "api_duration_limit_exceeded")
    for index in range(30):
        stage = stages[index % 3]
        title = f"{TITLES[index % len(TITLES)]} {index:02d}"
        placement = records.Placement(11.0, 30.0)
        request = records.CaptureRequest(str(scenery.CLIP), title, "http://127.0.0.1:9", placement=placement)
        record = dataclasses.replace(
            records.CaptureRecord.new(request),
            stage=stage,
            created_at=time.time() - 40.0 * index * (index + 1),
            delivered=True,
            failure=failure if stage is records.Stage.FAILED else None,
            job_id=f"mocap_{index}",
        )
        session.session().store().save(record)
    handlers.look_after_captures(bpy.context)
    listed.refresh(bpy.context)


def run(hand: Hand) -> Steps:
    """Filter, search, look at one, copy what support wants, remove it."""
    scenery.empty_file()
    scenery.add_hero()
    scenery.add_strip()
    scenery.look_at_person(hand)
    yield from scenery.captured(hand)
    fill_store()
    yield from hand.move(300, 500)
    yield 0.5
    hand.picture("all")
    session: Any = scenery.session()
    state: Any = bpy.context.window_manager.aimocap_captures  # type: ignore[attr-defined]
    assert len(state.rows) == 31, len(state.rows)

    yield from hand.property("shown")
    region = hand.region("VIEW_3D", "UI")
    y = hand.at[1]
    yield from hand.click(region.x + region.width * 0.75, y)
    yield from hand.wait(lambda: state.shown == "FAILED", "only failed ones are shown")
    yield from hand.click(region.x + 80, y - 30)
    yield from hand.wait(lambda: session.chosen() is not None and session.chosen().failure, "a failed one is chosen")
    yield 0.5
    hand.picture("failed_ones")
    yield from hand.click(region.x + region.width * 0.13, y)
    yield from hand.wait(lambda: state.shown == "ALL", "all are shown")

    yield from hand.move(region.x + 80, y - 30)
    yield from hand.key("F", ctrl=True)
    yield 0.3
    yield from hand.write("kick")
    yield from hand.key("RET")
    yield 0.5
    yield from hand.click(region.x + 80, y - 30)
    yield from hand.wait(lambda: "Kickboxing" in session.chosen().request.title, "a row that was searched is chosen")
    hand.picture("searched")

    chosen = session.chosen()
    yield from hand.search("Copy Job ID")
    assert bpy.context.window_manager.clipboard == chosen.job_id, bpy.context.window_manager.clipboard
    yield from hand.search("Copy Diagnostics")
    copied = bpy.context.window_manager.clipboard
    assert chosen.job_id in copied and "sk-" not in copied, copied
    yield from hand.press("aimocap.remove_capture", across=ICONS)
    yield 0.5
    hand.picture("remove")
    yield from hand.key("RET")
    yield from hand.wait(lambda: chosen.capture_id not in session.records, "the capture is removed")
    assert len(session.records) == 30, len(session.records)


PARTS = (run,)
