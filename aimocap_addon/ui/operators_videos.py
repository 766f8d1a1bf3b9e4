# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures that begin with a dialog: of dropped videos, of those marked in a file browser, and of a clip once more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import CollectionProperty, StringProperty

from ..jobs.record import CHARACTER_TARGET, ROBOT_TARGET
from ..scene import video_source
from ..scene.errors import SceneError
from ..scene.video_source import VideoSource
from . import addon
from .addon import CaptureError
from .bind_options import draw_bind_options, set_bind_options, stored_options
from .capture_flow import motion_rate
from .estimate import estimate_words
from .operators_capture import CaptureOperator
from .operators_captures import OneCapture
from .origin import armature_names
from .properties import BOTH, CHARACTER, MATCH_SCENE, ROBOT
from .session import session
from .translations import phrase, told

if TYPE_CHECKING:
    from bpy.stub_internal.rna_enums import OperatorReturnItems

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
_SHOWN_NAMES = 4
_WIDTH = 380  # pixels


class CaptureDialog(CaptureOperator):
    """What operators share that ask before they begin."""

    def ask(self, context: bpy.types.Context, title: str) -> set[OperatorReturnItems]:
        """Open the dialog if the videos can be captured; its button begins."""
        try:
            self.found = self.sources(context)
        except (CaptureError, SceneError) as error:
            self.report({"ERROR"}, told(error))
            return {"CANCELLED"}
        self.is_asking = True
        return context.window_manager.invoke_props_dialog(
            self, width=_WIDTH, title=phrase(title), confirm_text=phrase("Capture Motion")
        )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        for source in self.found[:_SHOWN_NAMES]:
            text = phrase("{name}, {seconds:.1f} s", name=source.name, seconds=source.window_sec)
            column.label(text=text, icon="FILE_MOVIE", translate=False)
        if len(self.found) > _SHOWN_NAMES:
            column.label(text=phrase("and {count} more", count=len(self.found) - _SHOWN_NAMES), icon="BLANK1")
        self.draw_options()
        header, body = self.layout.panel("AIMOCAP_dialog_retarget", default_closed=True)
        header.label(text="Retarget")
        if body is not None:
            draw_bind_options(body, self)
        words = estimate_words(addon.service(context), [source.window_sec for source in self.found])
        self.layout.label(text=words, icon="INFO")


class AIMOCAP_OT_capture_videos(CaptureDialog, bpy.types.Operator):
    """Turn video files into motion on the character, each into one capture, after a look at options and price"""

    bl_idname = "aimocap.capture_videos"
    bl_label = "Capture Motion from Videos"
    bl_options = {"REGISTER"}

    # What Blender fills in for dropped files
    filepath: StringProperty(
        name="Video", description="Video file to capture", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    directory: StringProperty(
        name="Folder", description="Folder of the files", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})

    def sources(self, context: bpy.types.Context) -> list[VideoSource]:
        folder = Path(bpy.path.abspath(self.directory))
        paths = [folder / each.name for each in self.files if each.name]
        if not paths and not self.filepath:
            raise SceneError("No video file is given: drop one into the 3D view.")
        scene = addon.current_scene(context)
        return [video_source.from_file(scene, path) for path in paths or [Path(bpy.path.abspath(self.filepath))]]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        self.take_panel_settings(context)
        return self.ask(context, "Capture Motion")


class AIMOCAP_OT_capture_again(OneCapture, CaptureDialog, bpy.types.Operator):
    """Capture the same part of the same video once more, with other options. This is a new job at the same price"""

    bl_idname = "aimocap.capture_again"
    bl_label = "Redo with Other Options"
    bl_options = {"REGISTER"}

    def sources(self, _context: bpy.types.Context) -> list[VideoSource]:
        request = self.record().request
        placement = request.placement
        facts = video_source.probe_file(Path(request.video))
        source = VideoSource(
            path=Path(request.video),
            name=request.title,
            fps=facts.fps,
            duration_sec=facts.duration_sec,
            trim_start_sec=request.trim_start_sec,
            trim_end_sec=request.trim_end_sec,
            frame_start=placement.frame_start,
            frames_per_second=placement.frames_per_second,
        )
        return [source]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[OperatorReturnItems]:
        """Ask, beginning with the options of the capture."""
        record = session().records.get(self.capture_id) if self.capture_id else session().chosen()
        if record is not None:
            request, placement = record.request, record.request.placement
            self.capture_id = record.capture_id
            self.armature = armature_names(record)[0]
            self.mocap_type = request.mocap_type
            kinds = {frozenset({CHARACTER_TARGET}): CHARACTER, frozenset({ROBOT_TARGET}): ROBOT}
            self.targets = kinds.get(frozenset(request.targets), BOTH)
            matches = motion_rate(MATCH_SCENE, placement.frames_per_second) == request.export_fps
            self.export_rate = MATCH_SCENE if matches else str(request.export_fps)
            set_bind_options(self, stored_options(placement.options))
        return self.ask(context, "Redo with Other Options")


class AIMOCAP_FH_video(bpy.types.FileHandler):
    """Videos dropped into the 3D view, whose sidebar is a part of it"""

    bl_idname = "AIMOCAP_FH_video"
    bl_label = "Motion from Video (AIMoCap)"
    bl_import_operator = "aimocap.capture_videos"
    bl_file_extensions = ";".join(VIDEO_SUFFIXES)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        return context.area is not None and context.area.type == "VIEW_3D"


def marked_videos(context: bpy.types.Context) -> Iterator[Path]:
    """Yield the videos that are selected in the file browser of the context."""
    space = context.space_data
    if not isinstance(space, bpy.types.SpaceFileBrowser) or space.active_operator is not None:
        return  # or a file is being chosen for something else
    parameters = space.params
    if parameters is None:
        return
    folder = Path(os.fsdecode(parameters.directory))
    for entry in context.selected_files or ():
        path = folder / entry.relative_path
        if path.suffix.lower() in VIDEO_SUFFIXES:
            yield path


CLASSES = (AIMOCAP_OT_capture_videos, AIMOCAP_OT_capture_again, AIMOCAP_FH_video)
