# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface in Simplified Chinese: what Blender translates by itself, and what the add-on fills in."""

from __future__ import annotations

from typing import Any

import bpy

from window_tests import scenery
from window_tests.hand import Hand, Steps

_CHINESE = range(0x4E00, 0x9FFF)


def _speak(language: str) -> None:
    view = bpy.context.preferences.view
    view.language = language
    view.use_translate_interface = view.use_translate_tooltips = view.use_translate_reports = language != "en_US"


def _is_chinese(text: str) -> bool:
    return any(ord(each) in _CHINESE for each in text)


def _said(call: Any) -> str:
    """Return the error that an operator reports."""
    try:
        call()
    except RuntimeError as error:
        return str(error)
    raise AssertionError("The operator found nothing wrong.")


def run(hand: Hand) -> Steps:
    """The panel, the mapping dialog and errors in Chinese, and in English again."""
    scenery.empty_file()
    hero = scenery.add_hero()
    scenery.add_strip()
    _speak("zh_HANS")
    yield from hand.sidebar()
    yield 1.0
    hand.picture("panel")
    names, shown = bpy.app.translations, []
    assert names.pgettext_iface("Capture Motion from Strip", "Operator") == "从片段捕捉动作"
    assert names.pgettext_tip("Change left and right") == "交换左右"
    for prop in bpy.context.scene.aimocap.bl_rna.properties:  # type: ignore[attr-defined]
        if prop.name in ("Rate", "Capture", "Controls"):  # which mean something else in Blender
            shown.append(names.pgettext_iface(prop.name, prop.translation_context))
    assert sorted(shown) == sorted(("速率", "捕捉", "控制器")), shown
    # an error of an operator, one from the rooms without bpy, and why one cannot begin
    texts = [
        _said(lambda: bpy.ops.aimocap.capture_file(filepath="/nowhere/clip.mp4")),  # type: ignore[attr-defined]
        _said(lambda: bpy.ops.aimocap.bind_motion(source=hero.name, target="Other")),  # type: ignore[attr-defined]
        _said(bpy.ops.aimocap.export_robot_motion),  # type: ignore[attr-defined]
    ]
    assert all(_is_chinese(text) for text in texts), texts
    assert "/nowhere/clip.mp4" in texts[0], texts
    with hand.inside("VIEW_3D", "UI"):
        bpy.ops.aimocap.edit_mapping("INVOKE_DEFAULT", armature=hero.name)  # type: ignore[attr-defined]
    yield 1.0
    hand.picture("mapping")
    yield from hand.key("ESC")
    preferences: Any = hand.area()
    preferences.type = "PREFERENCES"
    with bpy.context.temp_override(window=hand.window, area=preferences):
        bpy.ops.preferences.addon_show(module="bl_ext.user_default.aimocap")
    yield 1.5
    hand.picture("preferences")
    preferences.type = "VIEW_3D"
    _speak("en_US")
    yield 0.5
    assert not _is_chinese(_said(lambda: bpy.ops.aimocap.capture_file(filepath="/nowhere/clip.mp4")))  # type: ignore[attr-defined]


PARTS = (run,)
