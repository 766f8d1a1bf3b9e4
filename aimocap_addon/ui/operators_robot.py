# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators for motion of the Unitree G1: bring it in, make it from a character's, take it out.

The first two are one undo step each.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ..scene.errors import SceneError
from . import addon
from .translations import told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

# What works on robots is loaded when it is called for, not when Blender starts.

_ASK = "ASK"
HARDWARE_23, FIXED_WRISTS_23 = "hardware", "fixed_wrists"  # layouts of scene.robot_motion
_LAYOUTS = (
    (_ASK, "Ask", "Ask when a file has 23 joints; others say by their number which they are"),
    (HARDWARE_23, "G1 with 23 Motors", "Waist that only turns, wrists that only roll"),
    (FIXED_WRISTS_23, "Fixed Wrists", "The G1 with 29 motors whose wrists do not move"),
)
_FORMATS = (
    ("JSON", "JSON", "robot_motion_json, as the AIMoCap API delivers it"),
    ("CSV", "CSV", "A line a frame: position, rotation (x, y, z, w) and 29 joint angles; does not say its frame rate"),
)
_LIMITS = (
    ("CLAMP", "Clamp", "Stop joints at their limits"),
    ("REFUSE", "Refuse", "Write nothing when a joint goes beyond its limits"),
)
_MESHES = "Folder of Unitree's own STL meshes; empty: a body of simple shapes"


def armature_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """Return the object if it is an armature, else the armature that moves it."""
    if obj is None or obj.type == "ARMATURE":
        return obj
    return obj.find_armature()


def _folder(text: str) -> Path | None:
    return Path(bpy.path.abspath(text)) if text else None


def _choose(context: bpy.types.Context, armature: bpy.types.Object) -> None:
    """Have what was made selected and active, as after any import; in other modes the person is at something else."""
    if context.mode != "OBJECT" or armature.name not in context.view_layer.objects:
        return
    for each in context.selected_objects:
        each.select_set(False)
    armature.select_set(True)
    context.view_layer.objects.active = armature


class AIMOCAP_OT_import_robot_motion(bpy.types.Operator):
    """Show motion of a Unitree G1 (robot_motion_json) as an armature with a body"""

    bl_idname = "aimocap.import_robot_motion"
    bl_label = "Import Robot Motion"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="File", description="The robot motion", subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN", "SKIP_SAVE"})
    frame_start: FloatProperty(name="First Frame", description="Where the motion begins in the scene", default=1.0)
    use_front: BoolProperty(
        name="Face the Front",
        description="Turn the robot so that its forward (X) is that of characters (-Y)",
        default=True,
    )
    layout_23: EnumProperty(name="23 Joints", description="Which robot 23 joints are of", items=_LAYOUTS)
    mesh_folder: StringProperty(name="Meshes", description=_MESHES, subtype="DIR_PATH")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        from ..scene.robot_motion import JointChoiceError, read_motion_file

        if not self.filepath:
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        if self.layout_23 == _ASK:  # a dropped file: there was no file browser to choose in
            try:
                read_motion_file(self.path())
            except JointChoiceError:
                self.layout_23 = HARDWARE_23
                return context.window_manager.invoke_props_dialog(self)
            except SceneError:
                pass  # told below
        return self.execute(context)

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("frame_start", "use_front", "layout_23", "mesh_folder"):
            layout.prop(self, name)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        from ..scene.robot_motion import FRONT, RobotLook, add_robot, read_motion_file

        try:
            path = self.path()
            motion, warnings = read_motion_file(path, None if self.layout_23 == _ASK else self.layout_23)
            look = RobotLook(_folder(self.mesh_folder), FRONT if self.use_front else 0.0)
            armature, more = add_robot(context, motion, path.stem, frame_start=self.frame_start, look=look)
        except SceneError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        _choose(context, armature)
        _warn(self, (*warnings, *more))
        seconds = motion.frames / motion.fps
        self.report(
            {"INFO"}, told(f"“{armature.name}” has {motion.frames} frames at {motion.fps:g} fps, {seconds:.1f} s.")
        )
        return {"FINISHED"}

    def path(self) -> Path:
        """Return the file; raises SceneError for none."""
        if not self.filepath:
            raise SceneError("No file is given: choose a robot motion.")
        return Path(bpy.path.abspath(self.filepath))


class AIMOCAP_OT_retarget_to_g1(bpy.types.Operator):
    """Make a Unitree G1 that does what the active character does, within what the robot can do"""

    bl_idname = "aimocap.retarget_to_g1"
    bl_label = "Retarget to G1"
    bl_options = {"REGISTER", "UNDO"}

    rate: FloatProperty(
        name="Frame Rate", description="Frames per second of the robot's motion; 0: the scene's", min=0.0, max=240.0
    )
    mesh_folder: StringProperty(name="Meshes", description=_MESHES, subtype="DIR_PATH")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        armature = armature_of(context.object)
        if armature is None or armature.type != "ARMATURE":
            cls.poll_message_set(told("Choose the character whose motion the robot is to have"))
            return False
        from ..scene.robot_armature import is_robot

        if is_robot(armature):
            cls.poll_message_set(told("This is a robot already: choose a character"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        armature = armature_of(context.object)
        assert armature is not None  # by poll
        from ..scene.robot_retarget import retarget_to_g1

        try:
            robot, motion, warnings = retarget_to_g1(
                context,
                armature,
                rate=self.rate,
                mapping_folder=addon.mapping_folder(),
                mesh_folder=_folder(self.mesh_folder),
            )
        except SceneError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        _choose(context, robot)
        _warn(self, warnings)
        self.report(
            {"INFO"}, told(f"“{robot.name}” moves as “{armature.name}”, {motion.frames} frames at {motion.fps:g} fps.")
        )
        return {"FINISHED"}


class AIMOCAP_OT_export_robot_motion(bpy.types.Operator, ExportHelper):
    """Write the motion of the active robot, as it moves now, to a file for a Unitree G1"""

    bl_idname = "aimocap.export_robot_motion"
    bl_label = "Export Robot Motion"
    bl_options = {"REGISTER"}

    filter_glob: StringProperty(default="*.json;*.csv", options={"HIDDEN", "SKIP_SAVE"})
    file_format: EnumProperty(name="Format", description="If not chosen, the name of the file says it", items=_FORMATS)
    rate: FloatProperty(
        name="Frame Rate",
        description="Frames per second; 0: those of the motion that was imported, else the scene's",
        min=0.0,
        max=1000.0,
    )
    limits: EnumProperty(name="Beyond Limits", description="What becomes of angles no joint can have", items=_LIMITS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        from ..scene.robot_armature import is_robot

        if not is_robot(armature_of(context.object)):
            cls.poll_message_set(
                told("Choose a robot: an armature that Import Robot Motion or Retarget to G1 has made")
            )
            return False
        return True

    @property
    def filename_ext(self) -> str:
        """The file's ending, for the file browser."""
        return f".{self.chosen_format().lower()}"

    def chosen_format(self) -> str:
        """Return the format chosen, or else that of the file's name."""
        if self.properties.is_property_set("file_format"):
            return self.file_format
        return "CSV" if self.filepath.lower().endswith(".csv") else "JSON"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[OperatorReturnItems]:
        armature = armature_of(context.object)
        if not self.filepath and armature is not None:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.cwd()
            self.filepath = str(folder / f"{bpy.path.clean_name(armature.name)}{self.filename_ext}")
        return super().invoke(context, event)

    def execute(self, context: bpy.types.Context) -> set[OperatorReturnItems]:
        armature = armature_of(context.object)
        assert armature is not None  # by poll
        from ..scene.robot_export import export_robot_motion

        try:
            if not self.filepath:
                raise SceneError("No file is given: choose one.")
            path = Path(bpy.path.abspath(self.filepath))
            if not path.suffix:
                path = path.with_name(path.name + self.filename_ext)
            done = export_robot_motion(
                armature, path, file_format=self.chosen_format(), rate=self.rate, clamp=self.limits == "CLAMP"
            )
        except SceneError as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        asked = done.asked.sentences()
        if done.asked.limits:
            asked[0] += " They were clamped."
        _warn(self, (*done.warnings, *asked))
        self.report({"INFO"}, told(f"{path} has {done.motion.frames} frames at {done.motion.fps:g} fps."))
        return {"FINISHED"}


class AIMOCAP_FH_robot_motion(bpy.types.FileHandler):
    """A robot motion dropped into the 3D view"""

    bl_idname = "AIMOCAP_FH_robot_motion"
    bl_label = "Robot Motion (AIMoCap)"
    bl_import_operator = "aimocap.import_robot_motion"
    bl_file_extensions = ".json"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def _warn(operator: bpy.types.Operator, sentences: Iterable[str]) -> None:
    text = " ".join(sentences)
    if text:
        operator.report({"WARNING"}, told(text))


CLASSES = (
    AIMOCAP_OT_import_robot_motion,
    AIMOCAP_OT_retarget_to_g1,
    AIMOCAP_OT_export_robot_motion,
    AIMOCAP_FH_robot_motion,
)
