# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command aimocap capture|batch|resume|doctor`: the same work without an interface.

Each command returns an exit status: 0 when all went well, 1 with one sentence per failure on stderr, 2 for what cannot
be understood, before anything was sent, 3 for a batch that another run of it takes further at no new charge.
"""

from __future__ import annotations

import bpy

COMMAND = "aimocap"


def run(arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    from . import arguments as command_arguments  # with what follows wanted by commands alone, not by a start
    from . import batch, capture, doctor

    try:
        parsed = command_arguments.parser(COMMAND).parse_args(arguments)
    except SystemExit as stop:  # argparse has printed why
        return int(stop.code or 0)
    if parsed.command == "doctor":
        return doctor.run(bpy.context)
    if parsed.command == "resume":
        return capture.resume(consent=parsed.consent)
    if parsed.command == "batch":
        return batch.run(parsed)
    return capture.run(parsed)


def register() -> None:
    """Make the commands known to `blender --command`."""
    # The handle is all that can unregister it again; Blender's window manager type holds it meanwhile.
    bpy.types.WindowManager.aimocap_command = bpy.utils.register_cli_command(COMMAND, run)  # type: ignore[attr-defined]


def unregister() -> None:
    """Take the commands back."""
    bpy.utils.unregister_cli_command(bpy.types.WindowManager.aimocap_command)  # type: ignore[attr-defined]
    del bpy.types.WindowManager.aimocap_command  # type: ignore[attr-defined]
