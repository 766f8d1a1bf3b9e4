# SPDX-License-Identifier: GPL-3.0-or-later
"""The character in the panel: the armature, what was recognised of its bones, and how it takes the motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy

from .bind_options import draw_bind_options
from .capture_flow import selected_armatures
from .panel_text import draw_sentence
from .properties import ROBOT, AIMOCAP_PG_settings
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from ..scene.mapping_editing import Recognition


def draw_character(
    context: bpy.types.Context, layout: bpy.types.UILayout, settings: AIMOCAP_PG_settings
) -> Recognition | None:
    """Draw the choice of the character; returns what is known of its bones, None for no character or not yet."""
    layout.prop(settings, "armature", icon="ARMATURE_DATA")
    armature = settings.armature
    if armature is None:
        draw_sentence(layout, "None: captured skeleton is added", icon="BLANK1")
        return None
    known = draw_recognition(layout, armature)
    if settings.use_selected:
        draw_others(layout, [each for each in selected_armatures(context) if each != armature])
    return known


def draw_recognition(layout: bpy.types.UILayout, armature: bpy.types.Object) -> Recognition | None:
    """Draw what is known of the bones of `armature` and return it, None if not yet."""
    known = session().recognitions.known(armature)
    if known is None:
        session().recognitions.want(armature)
        layout.label(text="Looking at the bones", icon="SORTTIME")
        return None
    row = layout.row(align=True)
    row.label(text=told(title(known)), icon="CHECKMARK" if known.family and not known.sentences else "ERROR")
    row.operator("aimocap.edit_mapping", text="", icon="GREASEPENCIL").armature = armature.name
    row.menu("AIMOCAP_MT_mapping", text="", icon="DOWNARROW_HLT")
    if known.missing:
        draw_sentence(layout, f"Without {', '.join(known.missing)}", icon="BLANK1")
    for sentence in known.sentences:
        draw_sentence(layout, sentence, icon="BLANK1")
    if not known.family:
        layout.operator("aimocap.edit_mapping", icon="GREASEPENCIL").armature = armature.name
    return known


def draw_others(layout: bpy.types.UILayout, others: list[bpy.types.Object]) -> None:
    """Draw who receives the motion as well."""
    for each in others:
        layout.label(text=phrase("and {name}", name=each.name), icon="ARMATURE_DATA")
    if not others:
        layout.label(text="No other armature is selected", icon="INFO")


def title(known: Recognition) -> str:
    """Return the rig family and how much of a body it is, as one short line."""
    if not known.family:
        return "Not recognised"
    return f"{known.family}, {100.0 * known.score:.0f} %{', by hand' if known.by_hand else ''}"


def draw_retarget(layout: bpy.types.UILayout, settings: AIMOCAP_PG_settings, known: Recognition | None) -> None:
    """Draw how the character takes the motion, in a sub-panel that is closed until a person opens it."""
    header, body = layout.panel("AIMOCAP_retarget", default_closed=True)
    header.label(text="Retarget")
    if body is not None:
        body.enabled = settings.armature is not None and settings.targets != ROBOT
        column = body.column()
        column.prop(settings, "use_selected")
        draw_bind_options(column, settings, has_ik=known is None or known.has_ik or settings.use_selected)


class AIMOCAP_MT_mapping(bpy.types.Menu):
    """What else can be done with the mapping of the character's bones"""

    bl_label = "Bone Mapping"

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        assert layout is not None  # while Blender draws there is one
        layout.operator("aimocap.edit_mapping", text="Edit Mapping...", icon="GREASEPENCIL")
        layout.separator()
        layout.operator("aimocap.save_mapping_preset", text="Save as Preset...", icon="EXPORT")
        layout.operator("aimocap.load_mapping_preset", text="Load Preset...", icon="IMPORT")
        layout.separator()
        layout.operator("aimocap.map_bone", text="Map One Bone...")
        layout.operator("aimocap.forget_mapping", icon="LOOP_BACK")


CLASSES = (AIMOCAP_MT_mapping,)
