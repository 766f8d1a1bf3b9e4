# SPDX-License-Identifier: GPL-3.0-or-later
"""The table in which a person says which bone plays which part of the body, while its dialog is open.

It lies in the window manager, as the fields of a dialog have to be properties of something, and is empty otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, StringProperty

from ..scene.errors import SceneError
from . import addon

# The functions that read skeletons are loaded where a dialog is open, not when Blender starts.
if TYPE_CHECKING:
    from ..scene.rig_mapping import Mapping as RigMapping

FILL_ITEMS = (
    ("AUTO", "Auto-Map", "Go back to what the names and the shape of the bones say"),
    ("MIRROR", "Mirror Left to Right", "Map the right side as the left one is, by symmetric names or places"),
    ("CLEAR", "Clear", "Take all bones out of the table"),
)

# All at once are higher than a window.
PAGE_ITEMS = (
    ("BODY", "Body", "Trunk, arms and legs"),
    ("HANDS", "Hands", "The bones of the fingers"),
    ("TWISTS", "Twist Bones", "Helper bones that share the roll of a limb"),
)


def _bone_changed(_row: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    table(context).judge()


class AIMOCAP_PG_mapping_row(bpy.types.PropertyGroup):
    """One part of the body"""

    role: StringProperty()
    group: StringProperty()
    side: StringProperty()
    words: StringProperty()
    bone: StringProperty(
        name="Bone", description="Bone that plays this part of the body; empty: none does", update=_bone_changed
    )
    state: StringProperty()


class AIMOCAP_PG_mapping_table(bpy.types.PropertyGroup):
    """The mapping of one armature while it is edited"""

    rows: CollectionProperty(type=AIMOCAP_PG_mapping_row)
    armature: StringProperty()
    family: StringProperty()
    controls: BoolProperty(
        name="Control Rig",
        description="The bones are controls that an animator keys, and hang from each other through helper bones",
        update=_bone_changed,
    )
    travel: StringProperty(
        name="Travel", description="Control that carries the whole body through space; empty: the hips do"
    )
    problem: StringProperty()
    score: StringProperty()
    is_filling: BoolProperty()
    was_refused: BoolProperty()
    page: EnumProperty(name="Part", description="Which part of the body is shown", items=PAGE_ITEMS)
    show_trunk: BoolProperty(name="Trunk", description="Show the rows of the trunk", default=True)
    show_arms: BoolProperty(name="Arms", description="Show the rows of the arms", default=True)
    show_legs: BoolProperty(name="Legs", description="Show the rows of the legs", default=True)

    def open(self, armature: bpy.types.Object) -> None:
        """Show the mapping of an armature; what a refused OK left there for it stays."""
        if self.was_refused and self.armature == armature.name:
            self.judge()
            return
        from ..scene.rig_mapping import find_mapping

        try:
            self.show(armature, find_mapping(armature, addon.mapping_folder()))
        except SceneError:
            self.show(armature, None)

    def show(self, armature: bpy.types.Object, mapping: RigMapping | None) -> None:
        """Show a mapping of the armature, or an empty table."""
        self.armature, self.was_refused = armature.name, False
        self.family, self.controls, self.travel = "Custom", False, ""
        if mapping is not None:
            self.family, self.controls, self.travel = mapping.family, mapping.controls, mapping.travel
        self.fill(mapping.bones if mapping is not None else {})

    def fill(self, bones: Mapping[str, str]) -> None:
        """Make `bones` (role -> bone name) the content of the table."""
        from ..scene.mapping_editing import rows

        self.is_filling = True
        try:
            wanted = rows(bones)
            if [row.role for row in self.rows] != [row.role for row in wanted]:
                self.rows.clear()
                for each in wanted:
                    row = self.rows.add()
                    row.role, row.group, row.side, row.words = each
            # the dialog may still show these very rows: they must not be made anew
            for row in self.rows:
                row.bone = bones.get(row.role, "")
        finally:
            self.is_filling = False
        self.judge()

    def close(self) -> None:
        """Leave nothing behind in the window manager."""
        self.rows.clear()
        self.was_refused = False
        self.armature = self.family = self.travel = self.problem = self.score = ""

    def bones(self) -> dict[str, str]:
        """Return role -> bone name of the rows that have a bone."""
        return {row.role: row.bone for row in self.rows if row.bone}

    def mapping(self) -> RigMapping:
        """Return what the table says; raises SceneError when that cannot be used."""
        from ..scene.rig_mapping import made_mapping

        return made_mapping(self.edited(), self.bones(), self.family, controls=self.controls, travel=self.travel)

    def edited(self) -> bpy.types.Object:
        """Return the armature; raises SceneError when it is gone."""
        found = bpy.data.objects.get(self.armature)
        if found is None or found.type != "ARMATURE":
            raise SceneError(f"The armature “{self.armature}” is not there any more: choose the character again.")
        return found

    def judge(self) -> None:
        """Work out anew how each row stands."""
        armature = bpy.data.objects.get(self.armature)
        if self.is_filling or armature is None or armature.type != "ARMATURE":
            return
        from ..scene.mapping_editing import check

        found = check(armature, {row.role: row.bone for row in self.rows}, controls=self.controls)
        for row in self.rows:
            row.state = found.states[row.role].name
        self.problem = found.problem
        self.score = f"{100.0 * found.score:.0f} %"

    def map_automatically(self) -> None:
        """Go back to what names and shape say."""
        from ..scene.mapping_editing import detected

        armature = self.edited()
        found = detected(armature)
        if found is None:
            raise SceneError(f"The bones of “{armature.name}” were not recognised: map them by hand.")
        self.show(armature, found)

    def mirror(self) -> None:
        """Map the right side as the left one is."""
        from ..scene.mapping_editing import mirror

        self.fill(mirror(self.edited(), self.bones()))

    def clear_bones(self) -> None:
        """Leave no part of the body with a bone."""
        self.fill({})


def table(context: bpy.types.Context) -> AIMOCAP_PG_mapping_table:
    """Return the table."""
    return context.window_manager.aimocap_mapping  # type: ignore[attr-defined]


CLASSES = (AIMOCAP_PG_mapping_row, AIMOCAP_PG_mapping_table)
