# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that bring motion into the file: import a finished capture, bind one armature's motion to another.

Each is one undo step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, StringProperty

from ..jobs.record import CaptureRecord, Stage
from ..jobs.store import StoreError
from ..scene.errors import SceneError
from . import addon, origin
from .addon import CaptureError
from .bind_options import (
    BindProperties,
    bind_options,
    draw_bind_options,
    given_options,
    set_bind_options,
    stored_options,
)
from .capture_flow import finish, selected_armatures
from .character import draw_others
from .properties import USE_SELECTED, armature_names
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems


class AIMOCAP_OT_import_capture(BindProperties, bpy.types.Operator):
    """Bring the motion of a finished capture into this file: on its character or the one chosen now, as a robot"""

    bl_idname = "aimocap.import_capture"
    bl_label = "Import Capture"
    bl_options = {"REGISTER", "UNDO"}

    capture_id: StringProperty(
        name="Capture", description="Which capture; empty: the newest that is ready", options={"SKIP_SAVE"}
    )
    armature: StringProperty(
        name="Character",
        description="Name of the armature that receives the motion",
        search=armature_names,
        options={"SKIP_SAVE"},
    )
    use_armature: BoolProperty(
        name="Choose Character",
        description="Use the character named here instead of the one the capture was made for",
        default=False,
        options={"SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask for another character or other options, starting from those of the capture."""
        try:
            record = self.record()
        except (CaptureError, StoreError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.capture_id = record.capture_id
        if not self.use_armature:
            self.armature = origin.armature_names(record)[0]
        set_bind_options(self, given_options(self, stored_options(record.request.placement.options)))
        title = phrase("Import “{title}”", title=record.request.title)
        return context.window_manager.invoke_props_dialog(self, width=360, title=title, confirm_text="Import")

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "use_armature")
        row = layout.row()
        row.enabled = self.use_armature
        row.prop(self, "armature", icon="ARMATURE_DATA")
        draw_bind_options(layout, self)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            record = self.record()
            options = given_options(self, stored_options(record.request.placement.options))
            set_bind_options(self, options)  # so that the panel of the last operation shows what was done
            sentence = finish(context, record, self.armature if self.use_armature else None, options)
        except (CaptureError, SceneError, StoreError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.report({"INFO"}, told(sentence))
        return {"FINISHED"}

    def record(self) -> CaptureRecord:
        """Return the capture that is meant; raises CaptureError if there is none."""
        current = session()
        if self.capture_id:
            found = current.records.get(self.capture_id) or current.store().load(self.capture_id)
        else:
            if not current.records:
                current.load()
            ready = [record for record in current.records.values() if record.stage is Stage.READY]
            found = max(ready, key=lambda record: record.created_at, default=None)
        if found is None:
            raise CaptureError("There is no such capture: capture a clip first.")
        return found


class AIMOCAP_OT_bind_motion(BindProperties, bpy.types.Operator):
    """Give the motion of one armature to others, whatever their names, proportions and rest poses"""

    bl_idname = "aimocap.bind_motion"
    bl_label = "Bind Motion"
    bl_options = {"REGISTER", "UNDO"}

    source: StringProperty(name="Source", description="Name of the armature that has the motion", search=armature_names)
    target: StringProperty(name="Target", description="Name of the armature that receives it", search=armature_names)
    use_selected: BoolProperty(name="Also to Selected", description=USE_SELECTED, default=False)

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if sum(each.type == "ARMATURE" for each in bpy.data.objects) < 2:
            cls.poll_message_set(told("Two armatures are needed: one with motion and one to receive it"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Take the active armature as the target, as everywhere in the add-on; another selected one has the motion."""
        from ..scene.armature_motion import motion_range  # with all that reads motion, which no start waits for

        active = context.object
        if active is not None and active.type == "ARMATURE":
            self.target = active.name
        others = [each for each in selected_armatures(context) if each != active]
        if others:
            moving = [each for each in others if motion_range(each) is not None]
            self.source = (moving or others)[0].name
        self.use_selected = len(others) > 1
        return context.window_manager.invoke_props_dialog(self, width=340, confirm_text="Bind Motion")

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        assert layout is not None  # while Blender draws there is one
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "source", icon="ARMATURE_DATA")
        layout.prop(self, "target", icon="ARMATURE_DATA")
        layout.prop(self, "use_selected")
        if self.use_selected:
            draw_others(layout, self.others(context))
        draw_bind_options(layout, self, has_ik=self.use_selected or self.may_have_ik())

    def may_have_ik(self) -> bool:
        """Whether the target has IK controls, or nothing is known of it yet."""
        target = bpy.data.objects.get(self.target)
        if target is None or target.type != "ARMATURE":
            return True
        known = session().recognitions.known(target)
        if known is None:
            session().recognitions.want(target)
        return known is None or known.has_ik

    def others(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        """Return the armatures that receive the motion beside the target."""
        named = (self.source, self.target)
        return [each for each in selected_armatures(context) if each.name not in named] if self.use_selected else []

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..scene.binding import Character, bind_motions

        try:
            source = self.armature_named(self.source, "source")
            targets = [self.armature_named(self.target, "target"), *self.others(context)]
            characters = [Character(target) for target in targets]
            bound = bind_motions(source, characters, bind_options(self), mapping_folder=addon.mapping_folder())
        except (CaptureError, SceneError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        for target, each in zip(targets, bound, strict=True):
            if each.warning:
                self.report({"WARNING"}, told(each.warning))
            sentence = f"“{target.name}” moves as “{source.name}”: {each.mapped} bones."
            if each.missing:
                sentence += f" No bone was found for {', '.join(each.missing)}."
            self.report({"INFO"}, told(sentence))
        return {"FINISHED"}

    @staticmethod
    def armature_named(name: str, role: str) -> bpy.types.Object:
        if not name:
            raise CaptureError(f"No {role} armature is given: choose one.")
        found = bpy.data.objects.get(name)
        if found is None:
            raise CaptureError(f"There is no object “{name}” in this file: choose the {role} armature again.")
        return found


CLASSES = (AIMOCAP_OT_import_capture, AIMOCAP_OT_bind_motion)
