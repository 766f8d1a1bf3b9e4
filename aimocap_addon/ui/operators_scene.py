# SPDX-License-Identifier: GPL-3.0-or-later
"""Remedies for a scene that does not fit a clip. Captures themselves never change the scene's range or rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import bpy
from bpy.props import FloatProperty, IntProperty

from . import addon
from .panel_text import draw_sentence
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

_SAME_RATE = 0.002  # 29.97 and 30 fps are told apart by nobody who compares a few seconds


class AIMOCAP_OT_extend_range(bpy.types.Operator):
    """Let the scene begin early enough and end late enough for the whole motion"""

    bl_idname = "aimocap.extend_range"
    bl_label = "Extend Scene Range"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    first: IntProperty(name="First Frame", description="The scene begins here at the latest")
    last: IntProperty(name="Last Frame", description="The scene ends here at the earliest")

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        scene = addon.current_scene(context)
        scene.frame_start, scene.frame_end = min(scene.frame_start, self.first), max(scene.frame_end, self.last)
        self.report({"INFO"}, told(f"The scene has frames {scene.frame_start} to {scene.frame_end} now."))
        return {"FINISHED"}


class AIMOCAP_OT_set_rate(bpy.types.Operator):
    """Give the scene the frame rate of the video. What is animated already then plays faster or slower"""

    bl_idname = "aimocap.set_rate"
    bl_label = "Set Scene Rate"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    rate: FloatProperty(name="Frame Rate", description="Frames per second", min=1.0, precision=3)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        scene = addon.current_scene(context)
        scene.render.fps = max(1, round(self.rate))
        scene.render.fps_base = scene.render.fps / self.rate
        self.report({"INFO"}, told(f"The scene has {self.rate:.5g} fps now."))
        return {"FINISHED"}


def draw_range(layout: bpy.types.UILayout, scene: bpy.types.Scene, begin: float, end: float) -> None:
    """Draw that the scene ends before what lies at scene frames [begin, end) does, or begins after; else nothing."""
    first, last = math.floor(begin + 1e-3), math.ceil(end - 1e-3) - 1
    if first >= scene.frame_start and last <= scene.frame_end:
        return
    column = layout.column(align=True)
    text = f"Motion from frame {first} to {last}, the scene from {scene.frame_start} to {scene.frame_end}"
    draw_sentence(column, text, icon="ERROR")
    properties = column.operator("aimocap.extend_range", icon="PREVIEW_RANGE")
    properties.first, properties.last = first, last


def draw_rate(layout: bpy.types.UILayout, scene: bpy.types.Scene, video_rate: float, frames_per_second: float) -> None:
    """Draw that a video plays at another speed than its own, since the scene has another rate; else nothing.

    `frames_per_second` is how many scene frames a second of the video takes.
    """
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - frames_per_second) <= _SAME_RATE * rate:
        return
    column = layout.column(align=True)
    draw_sentence(column, f"The strip plays at {rate / frames_per_second:.0%} of the video's speed", icon="ERROR")
    column.operator(
        "aimocap.set_rate", text=phrase("Set Scene to {rate:.5g} fps", rate=video_rate), icon="TIME"
    ).rate = video_rate


CLASSES = (AIMOCAP_OT_extend_range, AIMOCAP_OT_set_rate)
