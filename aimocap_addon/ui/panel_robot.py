# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the AIMoCap panel about robots."""

from __future__ import annotations

import bpy

from .operators_robot import armature_of
from .translations import phrase


class AIMOCAP_PT_robot(bpy.types.Panel):
    """Motion of the Unitree G1: import, make from a character's, export"""

    bl_label = "Robot (Unitree G1)"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "AIMoCap"
    bl_parent_id = "AIMOCAP_PT_view_3d"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        from ..scene.robot_armature import is_robot
        from ..scene.robot_export import own_rate

        layout = self.layout
        armature = armature_of(context.object)
        if armature is not None and is_robot(armature):
            rate = own_rate(armature)
            text = phrase("{name}, {rate:g} fps", name=armature.name, rate=rate) if rate else armature.name
            layout.label(text=text, icon="ARMATURE_DATA", translate=False)
        column = layout.column(align=True)
        column.operator("aimocap.import_robot_motion", icon="IMPORT")
        column.operator("aimocap.retarget_to_g1", icon="CON_ARMATURE")
        column.operator("aimocap.export_robot_motion", icon="EXPORT")


CLASSES = (AIMOCAP_PT_robot,)
