# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping of a character's bones: changed in its dialog, mirrored, saved as a preset, forgotten and recalled."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import bpy

import characters
from window_tests import scenery
from window_tests.hand import ICONS, Box, Hand, Steps

PACKAGE = "bl_ext.user_default.aimocap"
TOES = {"left_toe", "right_toe"}


def run(hand: Hand) -> Steps:
    """From the pen in the panel to a second character with the same bones."""
    scenery.empty_file()
    hero = scenery.add_hero()
    scenery.look_at_person(hand)
    yield from hand.sidebar()
    recognitions = scenery.session().recognitions
    yield from hand.wait(lambda: recognitions.known(hero), "the bones are recognised")
    yield from change(hand)
    yield from hand.wait(lambda: not TOES & mapped(hero), "the mapping is used")
    yield from hand.wait(lambda: recognitions.known(hero) and recognitions.known(hero).by_hand, "the panel knows it")
    yield 0.5
    hand.picture("used")

    preset = hand.job / "preset.json"
    yield from hand.search("Save as Preset")
    yield from hand.choose_file(preset)
    yield from hand.wait(preset.is_file, "the preset is written")
    yield from hand.search("Forget Mapping by Hand")
    yield from hand.wait(lambda: mapped(hero) >= TOES, "the mapping is forgotten")
    yield from hand.search("Load Preset")
    yield from hand.choose_file(preset)
    yield from hand.wait(lambda: not TOES & mapped(hero), "the preset is used")
    assert not TOES & mapped(characters.make_mixamo_character("Other")), "The same bones are mapped otherwise."


def change(hand: Hand) -> Steps:
    """Open the dialog, empty and fill it, take one bone out, mirror that, and use it."""
    yield 1.0  # the character is drawn
    before = hand.look()
    yield from hand.press("aimocap.edit_mapping", across=ICONS)
    yield from hand.wait(bones, "the dialog is open")
    yield 0.7
    box = hand.popup(before)
    left, bottom, width, height = box
    hand.picture("docs-mapping", (left - 8, bottom - 8, width + 16, height + 16))
    found = bones()
    assert found["left_hand"] == "mixamorig:LeftHand", found
    yield from fill(hand, box, "CLEAR")
    yield from hand.wait(lambda: not any(bones().values()), "the table is empty")
    yield 0.3
    hand.picture("cleared")
    yield from fill(hand, hand.popup(before), "AUTO")
    yield from hand.wait(lambda: bones() == found, "the table is as it was found")
    yield 0.3
    box = hand.popup(before)
    yield from hand.in_popup(box, lambda prop, owner, _: is_field(prop, owner, "left_toe"), 0.35, 0.3, "the left toe")
    yield from hand.click(box[0] + 0.478 * box[2], hand.at[1])  # the X at the end of the field
    yield from hand.wait(lambda: not bones()["left_toe"], "the left toe has no bone")
    yield from fill(hand, box, "MIRROR")
    yield from hand.wait(lambda: not bones()["right_toe"], "the right toe has no bone either")
    yield 0.3
    hand.picture("mirrored")
    yield from hand.key("RET")


def fill(hand: Hand, box: Box, what: str) -> Steps:
    """Click on one of the dialog's tools."""
    x = {"AUTO": 0.2, "MIRROR": 0.5, "CLEAR": 0.8}[what]
    yield from hand.in_popup(box, lambda _p, _o, operator: getattr(operator, "what", "") == what, x, 0.93, what)
    yield from hand.click(*hand.at)


def bones() -> dict[str, str]:
    """Return what the dialog's table has, empty when it is closed."""
    table: Any = bpy.context.window_manager.aimocap_mapping  # type: ignore[attr-defined]
    return {row.role: row.bone for row in table.rows}


def is_field(prop: Any, owner: Any, role: str) -> bool:
    """Whether a button is the field of a part of the body."""
    return prop is not None and prop.identifier == "bone" and owner.role == role


def mapped(armature: Any) -> set[str]:
    """Return the roles that have a bone in what the add-on keeps for the armature."""
    rig_mapping, addon = (importlib.import_module(f"{PACKAGE}.{name}") for name in ("scene.rig_mapping", "ui.addon"))
    folder: Path = addon.mapping_folder()
    return set(rig_mapping.find_mapping(armature, folder).bones)


PARTS = (run,)
