# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences, reached from the panel."""

from __future__ import annotations

import os
from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import ICONS, Hand, Steps

PACKAGE = "bl_ext.user_default.aimocap"


def run(hand: Hand) -> Steps:
    """Open them by the panel's button, look at both services."""
    scenery.empty_file()
    for name in ("AIMOCAP_BASE_URL", "AIMOCAP_KEY"):  # with which the preferences would have nothing to say
        del os.environ[name]
    yield from hand.sidebar()
    hand.picture("panel_of_a_new_file")
    assert not scenery.session().records
    yield from hand.press("preferences.addon_show", across=ICONS)
    windows = bpy.context.window_manager.windows
    yield from hand.wait(lambda: len(windows) == 2, "the preferences are open")
    assert bpy.context.preferences.active_section == "ADDONS", bpy.context.preferences.active_section
    with bpy.context.temp_override(window=windows[1]):
        bpy.ops.wm.window_close()
    hand.area().type = "PREFERENCES"  # the window has no place on this screen
    chosen: Any = bpy.context.preferences.addons[PACKAGE].preferences
    for service in ("LOCAL", "CLOUD"):
        chosen.service = service
        yield 0.7
        hand.picture(service.lower())


PARTS = (run,)
