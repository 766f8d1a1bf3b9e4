# SPDX-License-Identifier: GPL-3.0-or-later
"""Example: capture a video onto a character from a script, without an interface.

    AIMOCAP_KEY=sk-... blender --background hero.blend --python scripts/headless_capture.py -- clip.mp4 Hero out.blend

The extension has to be installed and enabled, and the service of its preferences (or of AIMOCAP_BASE_URL) to run.
`blender --command aimocap capture` does the same without a script.
"""

from __future__ import annotations

import sys

import bpy


def main(arguments: list[str]) -> int:
    """Capture `video` onto the armature `hero` of the open file and save a copy; returns the exit status."""
    if len(arguments) != 3:
        print("Usage: ... --python headless_capture.py -- VIDEO ARMATURE OUT.blend", file=sys.stderr)
        return 2
    video, hero, out = arguments
    try:
        # Blocks until the motion is on the character, with progress lines on the terminal.
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=video, armature=hero)  # type: ignore[attr-defined]
    except RuntimeError as error:  # one sentence that says what is wrong and what to do
        print(error, file=sys.stderr)
        return 1
    bpy.ops.wm.save_as_mainfile(filepath=out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []))
