# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling and disabling leaves Blender as it was, and start-up stays light."""

from __future__ import annotations

import subprocess
import sys

import addon_utils
import bpy

PACKAGE = "bl_ext.user_default.aimocap"


def registered() -> set[str]:
    return {name for name in dir(bpy.types) if "aimocap" in name.lower()} | {
        f"handler {each.__module__}" for each in bpy.app.handlers.load_post if each.__module__.startswith(PACKAGE)
    }


def test_disable_and_enable_again() -> None:
    before = registered()
    assert before
    addon_utils.disable(PACKAGE, default_set=True)
    assert registered() == set()
    assert not hasattr(bpy.types.Scene, "aimocap")
    assert not hasattr(bpy.types.WindowManager, "aimocap_session")
    assert not hasattr(bpy.types.WindowManager, "aimocap_mapping")
    assert not hasattr(bpy.types.WindowManager, "aimocap_captures")
    addon_utils.enable(PACKAGE, default_set=True)
    assert registered() == before


def test_start_up_loads_neither_the_http_library_nor_what_moves_characters() -> None:
    code = (
        "import os, sys, addon_utils, bpy\n"
        f"addon_utils.enable({PACKAGE!r}, default_set=True)\n"
        "loaded = sorted({'httpx', 'pydantic', 'anyio'} & set(sys.modules))\n"
        f"rooms = ('{PACKAGE}.motion', '{PACKAGE}.scene.binding')\n"
        "loaded += [name for name in sys.modules if name.startswith(rooms)]\n"
        "print('loaded', loaded, hasattr(bpy.types.Scene, 'aimocap'), flush=True)\n"
        "os._exit(0)\n"
    )
    code = "import bpy\n" + code
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "loaded [] True" in done.stdout, done.stdout + done.stderr


def test_operators_have_tooltips_and_menu_entries() -> None:
    mapping = ("edit_mapping", "map_bone", "forget_mapping", "save_mapping_preset", "load_mapping_preset")
    robot = ("import_robot_motion", "retarget_to_g1", "export_robot_motion")
    capture = ("capture_strip", "capture_file", "capture_clip", "bind_motion", "stop", "import_capture")
    for name in (*capture, *mapping, *robot):
        description = getattr(bpy.ops.aimocap, name).get_rna_type().description
        assert description and not description.endswith("."), name
