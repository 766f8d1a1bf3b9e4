# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand at the mouse and the keys of the windowed Blender, and the eyes that go with it.

What takes events is a generator: `yield from hand.click(...)`. Places are window pixels from the bottom left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

from window_tests.picture import read_screen, write_png

Steps = Iterator[float]
_TICK = 0.02  # seconds in which Blender takes an event and draws what it changes
_STEP = 8  # pixels; less than half of a button
_PATIENCE = 30.0  # seconds


class Hand:
    """Sends events to the only window and finds what to click on."""

    def __init__(self, job: Path) -> None:
        self.job = job
        self.at = (0, 0)
        (job / "pictures").mkdir(exist_ok=True)

    @property
    def window(self) -> bpy.types.Window:
        return bpy.context.window_manager.windows[0]

    def area(self, kind: str = "VIEW_3D") -> bpy.types.Area:
        """Return the first area of that type."""
        return next(area for area in self.window.screen.areas if area.type == kind)

    def region(self, kind: str = "VIEW_3D", region: str = "WINDOW") -> bpy.types.Region:
        """Return a region of the first area of that type."""
        return next(each for each in self.area(kind).regions if each.type == region)

    def inside(self, kind: str = "VIEW_3D", region: str = "WINDOW") -> Any:
        """Return a context manager in which operators run as if called in that region."""
        return bpy.context.temp_override(window=self.window, area=self.area(kind), region=self.region(kind, region))

    # Events

    def event(self, kind: str, value: str = "PRESS", **more: Any) -> None:
        """Send one event to where the mouse is."""
        self.window.event_simulate(type=kind, value=value, x=self.at[0], y=self.at[1], **more)  # type: ignore[arg-type]

    def move(self, x: float, y: float) -> Steps:
        """Move the mouse."""
        self.at = (round(x), round(y))
        self.event("MOUSEMOVE", "NOTHING")
        yield _TICK

    def click(self, x: float, y: float, button: str = "LEFTMOUSE") -> Steps:
        """Click at a place."""
        yield from self.move(x - 1, y)
        yield from self.move(x, y)
        self.event(button, "PRESS")
        yield _TICK
        self.event(button, "RELEASE")
        yield 0.1

    def key(self, kind: str, *, unicode: str = "", ctrl: bool = False, shift: bool = False, alt: bool = False) -> Steps:
        """Press a key and let it go."""
        held = {"ctrl": ctrl, "shift": shift, "alt": alt}
        self.event(kind, "PRESS", unicode=unicode, **held)
        yield _TICK
        self.event(kind, "RELEASE", **held)
        yield _TICK

    def write(self, text: str) -> Steps:
        """Type a text, of letters, digits and a few signs."""
        signs = {" ": "SPACE", ".": "PERIOD", "_": "MINUS", "-": "MINUS", "/": "SLASH"}
        digits = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
        for sign in text:
            kind = digits[int(sign)] if sign.isdigit() else signs.get(sign, sign.upper())
            yield from self.key(kind, unicode=sign, shift=sign.isupper())

    # Finding

    def button(self, operator: str, kind: str = "VIEW_3D", region: str = "UI", columns: int = 1) -> Steps:
        """Move the mouse over the region until it is on the button of an operator ("aimocap.stop").

        Asks Blender for the Python command of what is under the mouse. Several columns find icons that share a row.
        """

        def is_there() -> bool:
            with self.inside(kind, region):
                command: Any = bpy.ops.ui.copy_python_command_button
                if not command.poll():
                    return False
                command()
            return bpy.context.window_manager.clipboard.startswith(f"bpy.ops.{operator}(")

        yield from self._search(is_there, kind, region, columns, operator)

    def property(self, path: str, kind: str = "VIEW_3D", region: str = "UI", columns: int = 1) -> Steps:
        """Move the mouse over the region until it is on the field of a property ("aimocap.targets")."""

        def is_there() -> bool:
            with self.inside(kind, region):
                found = bpy.context.property
            return found is not None and found[1].endswith(path)

        yield from self._search(is_there, kind, region, columns, path)

    def _search(self, is_there: Callable[[], bool], kind: str, region: str, columns: int, what: str) -> Steps:
        place = self.region(kind, region)
        for y in range(place.y + place.height - 30, place.y, -_STEP):
            for column in range(columns):
                yield from self.move(place.x + (column + 0.5) * (place.width - 20) / columns, y)
                if is_there():
                    return
        raise AssertionError(f"There is no {what} in the {region} region of {kind}.")

    def press(self, operator: str, kind: str = "VIEW_3D", region: str = "UI", columns: int = 1) -> Steps:
        """Find the button of an operator and click on it."""
        yield from self.button(operator, kind, region, columns)
        yield from self.click(*self.at)

    # Waiting and looking

    def wait(self, is_so: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> Steps:
        """Leave Blender to itself until something is so."""
        end = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < end, f"It did not come to this: {what}."
            yield 0.1

    def sidebar(self, kind: str = "VIEW_3D") -> Steps:
        """Open the AIMoCap tab of an editor's sidebar."""
        self.area(kind).spaces.active.show_region_ui = True  # type: ignore[attr-defined]
        yield 0.3
        region: Any = self.region(kind, "UI")
        region.active_panel_category = "AIMoCap"
        region.tag_redraw()
        yield 0.3

    def picture(self, name: str, box: tuple[int, int, int, int] | None = None) -> None:
        """Write a picture of the window, or of the box (left, bottom, width, height) of it.

        Those whose name begins with “docs-” are meant for docs/.
        """
        pixels = read_screen(self.job / "Xvfb_screen0")
        if box is not None:
            left, bottom, width, height = box
            top = pixels.shape[0] - bottom - height
            pixels = pixels[max(top, 0) : top + height, max(left, 0) : left + width]
        write_png(self.job / "pictures" / f"{name}.png", pixels)
