# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that say which bone of a character plays which part of the body.

What a person says is kept in the add-on's folder for all armatures with the same bones, not in the file: these
operators are no undo steps.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..scene.errors import SceneError
from . import addon
from .mapping_table import FILL_ITEMS, table
from .properties import settings_of
from .redraw import redraw_panels
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

    OperatorBase = bpy.types.Operator
else:
    # Blender registers subclasses of Operator, so what operators share stands outside of them.
    OperatorBase = object

_SUFFIX = ".json"


class MappingOperator(OperatorBase):
    """What the operators on one armature's mapping share."""

    armature: StringProperty(
        name="Character",
        description="Name of the armature; empty: the character of the AIMoCap panel, else the active armature",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not any(each.type == "ARMATURE" for each in bpy.data.objects):
            cls.poll_message_set(told("There is no armature in this file: add a character"))  # type: ignore[attr-defined]
            return False
        return True

    def character(self, context: bpy.types.Context) -> bpy.types.Object:
        """Return the armature that is meant; raises SceneError."""
        if self.armature:
            found = bpy.data.objects.get(self.armature)
            if found is None:
                raise SceneError(f"There is no armature “{self.armature}” in this file: choose the character again.")
        else:
            found = settings_of(addon.current_scene(context)).armature or context.object
        if found is None or found.type != "ARMATURE":
            raise SceneError("No armature is chosen: choose the character in the AIMoCap panel, or select it.")
        return found

    def perform(self, context: bpy.types.Context) -> str:
        """Do the work and return a sentence about it; raises SceneError or CaptureError."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        try:
            sentence = self.perform(context)
        except (SceneError, addon.CaptureError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        session().recognitions.forget()
        redraw_panels(context)
        self.report({"INFO"}, told(sentence))
        return {"FINISHED"}


class AIMOCAP_OT_edit_mapping(MappingOperator, bpy.types.Operator):
    """Say which bone of the character plays which part of the body; kept for all characters with the same bones"""

    bl_idname = "aimocap.edit_mapping"
    bl_label = "Edit Mapping"
    bl_options = {"REGISTER"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        try:
            armature = self.character(context)
            table(context).open(armature)
        except (SceneError, addon.CaptureError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        from .mapping_dialog import WIDTH

        self.armature = armature.name
        return context.window_manager.invoke_props_dialog(
            self, width=WIDTH, title=phrase("Bone Mapping of {name}", name=armature.name), confirm_text="Use Mapping"
        )

    def draw(self, context: bpy.types.Context) -> None:
        from .mapping_dialog import draw_table

        assert self.layout is not None
        session().mapping_dialog = context.region_popup
        draw_table(self.layout, table(context))

    def perform(self, context: bpy.types.Context) -> str:
        from ..scene.rig_mapping import describe, keep_mapping

        edited = table(context)
        armature = self.character(context)
        if edited.armature != armature.name or not len(edited.rows):
            raise SceneError("No mapping is open for this: call the operator with 'INVOKE_DEFAULT', or use map_bone.")
        session().mapping_dialog = None
        edited.was_refused = True  # so that the table stays if it is
        mapping = edited.mapping()
        keep_mapping(armature, addon.mapping_folder(), mapping)
        edited.close()
        return f"The bones of “{armature.name}” are mapped: {describe(mapping)}."

    def cancel(self, context: bpy.types.Context) -> None:
        session().mapping_dialog = None
        table(context).close()


class AIMOCAP_OT_fill_mapping(bpy.types.Operator):
    """Fill the table of bones at once"""

    bl_idname = "aimocap.fill_mapping"
    bl_label = "Fill Mapping"
    bl_options = {"INTERNAL"}

    what: EnumProperty(name="With", description="How the table is filled", items=FILL_ITEMS)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: AIMOCAP_OT_fill_mapping) -> str:
        return phrase(next(description for name, _, description in FILL_ITEMS if name == properties.what))

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        edited = table(context)
        try:
            {"AUTO": edited.map_automatically, "MIRROR": edited.mirror, "CLEAR": edited.clear_bones}[self.what]()
        except SceneError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class AIMOCAP_OT_map_bone(MappingOperator, bpy.types.Operator):
    """Say for one part of the body which bone of the character plays it"""

    bl_idname = "aimocap.map_bone"
    bl_label = "Map Bone"
    bl_options = {"REGISTER"}

    role: StringProperty(name="Part", description="Part of the body, as “left_hand” or “spine_2”")
    bone: StringProperty(name="Bone", description="Name of the bone; empty: none plays the part")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        return context.window_manager.invoke_props_dialog(self)

    def perform(self, context: bpy.types.Context) -> str:
        from ..scene.rig_mapping import change_mapping, describe

        armature = self.character(context)
        mapping = change_mapping(armature, addon.mapping_folder(), self.role, self.bone or None)
        return f"The bones of “{armature.name}” are mapped: {describe(mapping)}."


class AIMOCAP_OT_forget_mapping(MappingOperator, bpy.types.Operator):
    """Forget what was mapped by hand for a character's bones, and find it by names and shape again"""

    bl_idname = "aimocap.forget_mapping"
    bl_label = "Forget Mapping by Hand"
    bl_options = {"REGISTER"}

    def perform(self, context: bpy.types.Context) -> str:
        from ..scene.rig_mapping import forget_mapping

        armature = self.character(context)
        if not forget_mapping(armature, addon.mapping_folder()):
            raise SceneError(f"Nothing was mapped by hand for the bones of “{armature.name}”.")
        return f"The bones of “{armature.name}” are found by names and shape again."


class PresetOperator(MappingOperator):
    """What the operators with a preset's file share."""

    filepath: StringProperty(name="Preset", description="File of the preset", subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{_SUFFIX}", options={"HIDDEN", "SKIP_SAVE"})
    filename_ext = _SUFFIX
    in_table: BoolProperty(
        name="In the Dialog", description="The table of the open dialog is meant", options={"HIDDEN", "SKIP_SAVE"}
    )

    def path(self) -> Path:
        """Return the chosen file; raises SceneError for none."""
        if not self.filepath:
            raise SceneError("No file is given: choose one.")
        path = Path(bpy.path.abspath(self.filepath))
        return path if path.suffix == _SUFFIX else path.with_name(path.name + _SUFFIX)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        try:
            armature = self.character(context)
        except (SceneError, addon.CaptureError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.armature = armature.name
        if not self.filepath:
            folder = addon.preset_folder()
            folder.mkdir(parents=True, exist_ok=True)
            self.filepath = str(folder / bpy.path.ensure_ext(bpy.path.clean_name(armature.name), _SUFFIX))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class AIMOCAP_OT_save_mapping_preset(PresetOperator, bpy.types.Operator):
    """Write the mapping of the character's bones to a file, for others who have the same bones"""

    bl_idname = "aimocap.save_mapping_preset"
    bl_label = "Save as Preset"
    bl_options = {"REGISTER"}

    check_existing: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def perform(self, context: bpy.types.Context) -> str:
        from ..scene.rig_mapping import find_mapping, write_preset

        armature = self.character(context)
        path = self.path()
        mapping = table(context).mapping() if self.in_table else find_mapping(armature, addon.mapping_folder())
        write_preset(path, mapping)
        return f"The mapping of “{armature.name}” is written to {path}."


class AIMOCAP_OT_load_mapping_preset(PresetOperator, bpy.types.Operator):
    """Map the character's bones as a preset's file says"""

    bl_idname = "aimocap.load_mapping_preset"
    bl_label = "Load Preset"
    bl_options = {"REGISTER"}

    def perform(self, context: bpy.types.Context) -> str:
        from ..scene.rig_mapping import describe, keep_mapping, read_preset

        armature = self.character(context)
        mapping = read_preset(self.path(), armature)
        if self.in_table:
            table(context).show(armature, mapping)
            dialog = session().mapping_dialog
            if dialog is not None:  # it draws again by itself only for what is done in it, not in the file selector
                dialog.tag_refresh_ui()
                dialog.tag_redraw()
            return f"The preset is in the table: {describe(mapping)}."
        keep_mapping(armature, addon.mapping_folder(), mapping)
        return f"The bones of “{armature.name}” are mapped: {describe(mapping)}."


CLASSES = (
    AIMOCAP_OT_edit_mapping,
    AIMOCAP_OT_fill_mapping,
    AIMOCAP_OT_map_bone,
    AIMOCAP_OT_forget_mapping,
    AIMOCAP_OT_save_mapping_preset,
    AIMOCAP_OT_load_mapping_preset,
)
