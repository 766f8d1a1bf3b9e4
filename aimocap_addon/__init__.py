# SPDX-License-Identifier: GPL-3.0-or-later
"""AIMoCap: turns a video into motion on a character."""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import ui

    ui.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import ui

    ui.unregister()
