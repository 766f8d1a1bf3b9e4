# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Blender on a screen that nobody sees, and one flow in its window; started by scripts/test_window.py.

    python3 screen.py JOB PROJECT BLENDER FLOW

JOB has the extension's zip and receives what comes out of it. The exit status is that of the flow, in which all
parts have to succeed. Standard library only: this runs in the Python beside Blender, of whatever version.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

WIDTH, HEIGHT = 1440, 960
_START_SEC = 30.0
_PREFERENCES = """
import bpy
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.use_preferences_save = False
bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
bpy.context.preferences.view.smooth_view = 0
bpy.context.preferences.system.viewport_aa = "OFF"
bpy.ops.wm.save_userpref()
"""


def start_screen(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start an X server whose picture is in `folder`, and return it with its display's name."""
    reader, writer = os.pipe()
    options = [
        "-screen",
        "0",
        f"{WIDTH}x{HEIGHT}x24",
        "-fbdir",
        str(folder),
        "-nolisten",
        "tcp",
        "-noreset",
        "-nocursor",
    ]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), *options], pass_fds=[writer], stderr=subprocess.DEVNULL
    )
    os.close(writer)
    if not select.select([reader], [], [], _START_SEC)[0] or not (number := os.read(reader, 16).strip()):
        server.kill()
        raise SystemExit("Xvfb did not start.")
    return server, ":" + number.decode()


def run(blender: str, *arguments: str) -> str:
    """Run a Blender without a window to its end and return what it said."""
    answer = subprocess.run([blender, *arguments], capture_output=True, text=True, timeout=120)
    said = answer.stdout + answer.stderr
    # A refused archive leaves the status at 0.
    if answer.returncode != 0 or "\nERROR" in said:
        raise SystemExit(f"Blender ended with {answer.returncode}: {said}")
    return said


def main() -> int:
    """Run the flow."""
    job, project, blender, flow = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    settings = json.loads((job / "settings.json").read_text())
    os.environ.update(settings["environment"])
    os.environ["BLENDER_USER_RESOURCES"] = str(job / "blender")
    os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
    os.environ.setdefault("XDG_RUNTIME_DIR", "/tmp")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    run(blender, "--background", "--python-exit-code", "9", "--python-expr", _PREFERENCES)
    install = ("--command", "extension", "install-file", "--repo", "user_default", "--enable")
    run(blender, *install, str(job / "extension.zip"))
    server, display = start_screen(job)
    try:
        for part in range(settings["parts"]):
            code = subprocess.run(
                [blender, "--window-geometry", "0", "0", str(WIDTH), str(HEIGHT), "--no-window-focus",
                 "--enable-event-simulate", "--python-exit-code", "9",
                 "--python", str(project / "scripts/window_tests/driver.py"), "--", str(job), flow, str(part)],
                env={**os.environ, "DISPLAY": display},
                timeout=settings["seconds"],
            ).returncode  # fmt: skip
            status = job / f"status{part}"
            if not status.is_file():
                print(f"Blender ended with {code} in the midst of the flow.")
                return 1
            said = status.read_text()
            if said or code:
                print(said or f"Blender ended with {code}.")
                return 1
    except subprocess.TimeoutExpired:
        print(f"The flow did not end within {settings['seconds']} s.")
        return 1
    finally:
        server.kill()
        server.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
