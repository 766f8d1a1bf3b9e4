# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a character's bones, kept in memory: drawing looks nothing up but that.

An armature is looked at by a timer after the first drawing that wants to know, and again when its bones change.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .redraw import redraw_panels

if TYPE_CHECKING:
    from ..scene.mapping_editing import Recognition

_KEPT = 64


class Recognitions:
    """What was found of the armatures that panels showed; used from the main thread alone."""

    def __init__(self, mappings: Path) -> None:
        self._mappings = mappings
        self._known: dict[str, tuple[int, Recognition]] = {}
        self._wanted: set[str] = set()
        self._timer = self._look_at_wanted  # one object, by which Blender finds the timer again

    def known(self, armature: bpy.types.Object) -> Recognition | None:
        """Return what memory holds of an armature as its bones are now."""
        mark, found = self._known.get(armature.name_full, (0, None))
        return found if found is not None and mark == _mark(armature) else None

    def want(self, armature: bpy.types.Object) -> None:
        """Have an armature looked at soon, and the panels drawn again then."""
        self._wanted.add(armature.name_full)
        if not bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.register(self._timer, first_interval=0.0)

    def look(self, armature: bpy.types.Object) -> Recognition:
        """Look at an armature now."""
        from ..scene.mapping_editing import recognise  # loads what reads skeletons

        found = recognise(armature, self._mappings)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[armature.name_full] = _mark(armature), found
        return found

    def forget(self) -> None:
        """Look at all armatures again when they are next shown."""
        self._known.clear()

    def shutdown(self) -> None:
        """Take the timer back."""
        if bpy.app.timers.is_registered(self._timer):
            bpy.app.timers.unregister(self._timer)

    def _look_at_wanted(self) -> None:
        wanted, self._wanted = self._wanted, set()
        for armature in bpy.data.objects:
            if armature.name_full in wanted and armature.type == "ARMATURE":
                self.look(armature)
        redraw_panels(bpy.context)


def _mark(armature: bpy.types.Object) -> int:
    """Return a number that changes with the names and the order of the bones; parents come before children in it."""
    data = armature.data
    assert isinstance(data, bpy.types.Armature)
    return hash(tuple(data.bones.keys()))
