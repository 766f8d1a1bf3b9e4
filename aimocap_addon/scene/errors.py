# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with Blender data."""

from __future__ import annotations


class SceneError(Exception):
    """One sentence for the person at the screen: what is wrong and what to do. Nothing was changed."""
