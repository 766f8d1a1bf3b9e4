# SPDX-License-Identifier: GPL-3.0-or-later
"""Menu entries. Operator search lists what sits in a menu, so every operator for people has one here."""

from __future__ import annotations

import bpy

from .operators_videos import marked_videos


def _strip_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("aimocap.capture_strip", icon="ARMATURE_DATA")


def _import_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator("aimocap.capture_file", text="Motion from Video (AIMoCap)")
    self.layout.operator("aimocap.import_capture", text="Latest Capture (AIMoCap)")
    self.layout.operator("aimocap.import_robot_motion", text="G1 Robot Motion (.json)")


def _export_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator("aimocap.export_robot_motion", text="G1 Robot Motion (.json, .csv)")


def _system_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    for name in ("set_up_local_service", "start_local_service", "stop_local_service"):
        self.layout.operator(f"aimocap.{name}")
    self.layout.menu("AIMOCAP_MT_capture", text="AIMoCap Capture")


def _clip_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("aimocap.capture_clip", icon="ARMATURE_DATA")


def _animation_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator("aimocap.bind_motion", icon="ARMATURE_DATA")
    self.layout.operator("aimocap.retarget_to_g1")
    self.layout.menu("AIMOCAP_MT_mapping")
    self.layout.operator("aimocap.stop")
    self.layout.operator("aimocap.capture_again", text="Redo Capture with Other Options...")


def _file_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    videos = list(marked_videos(context))
    if videos:
        self.layout.separator()
        properties = self.layout.operator("aimocap.capture_videos", icon="ARMATURE_DATA")
        properties.directory = str(videos[0].parent)
        for video in videos:
            properties.files.add().name = str(video.relative_to(videos[0].parent))


_ENTRIES = (
    ("SEQUENCER_MT_strip", _strip_menu),
    ("SEQUENCER_MT_context_menu", _strip_menu),
    ("TOPBAR_MT_file_import", _import_menu),
    ("TOPBAR_MT_file_export", _export_menu),
    ("TOPBAR_MT_window", _system_menu),
    ("CLIP_MT_clip", _clip_menu),
    ("FILEBROWSER_MT_context_menu", _file_menu),
    ("VIEW3D_MT_object_animation", _animation_menu),
    ("VIEW3D_MT_pose", _animation_menu),
)


def register() -> None:
    """Add the entries."""
    for name, draw in _ENTRIES:
        getattr(bpy.types, name).append(draw)


def unregister() -> None:
    """Take the entries out again."""
    for name, draw in reversed(_ENTRIES):
        getattr(bpy.types, name).remove(draw)
