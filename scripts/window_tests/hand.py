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
import numpy as np

from window_tests.picture import Pixels, read_screen, write_png

Steps = Iterator[float]
Across = tuple[float, ...]  # shares of a region's width
MIDDLE: Across = (0.45,)
ICONS: Across = (0.75, 0.82)  # where the sidebar has the icons at the end of a row
Box = tuple[int, int, int, int]  # left, bottom, width, height
_TICK = 0.02  # seconds in which Blender takes an event and draws what it changes
_STEP = 14  # pixels; less than the height of a button
_POPUP_SIDE = 100  # pixels; what is smaller is no pop-up
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

    def button(self, operator: str, kind: str = "VIEW_3D", region: str = "UI", across: Across = MIDDLE) -> Steps:
        """Move the mouse over the region until it is on the button of an operator ("aimocap.stop").

        Asks Blender for the Python command of what is under the mouse. `across` says where between left and right.
        """

        def is_there() -> bool:
            with self.inside(kind, region):
                command: Any = bpy.ops.ui.copy_python_command_button
                if not command.poll():
                    return False
                command()
            return bpy.context.window_manager.clipboard.startswith(f"bpy.ops.{operator}(")

        yield from self._search(is_there, kind, region, across, operator)

    def property(self, path: str, kind: str = "VIEW_3D", region: str = "UI", across: Across = MIDDLE) -> Steps:
        """Move the mouse over the region until it is on the field of a property ("aimocap.targets")."""

        def is_there() -> bool:
            with self.inside(kind, region):
                found = bpy.context.property
            return found is not None and found[1].endswith(path)

        yield from self._search(is_there, kind, region, across, path)

    def _search(self, is_there: Callable[[], bool], kind: str, region: str, across: Across, what: str) -> Steps:
        place = self.region(kind, region)
        for y in range(place.y + place.height - 30, place.y, -_STEP):
            for share in across:
                x = place.x + share * place.width
                yield from self.move(x, y)
                yield _TICK  # what was left goes dark first
                if not is_there():
                    continue
                # Blender may take a moment to see where the mouse is: this may be what was above, or beside.
                for nearby in (y, y + _STEP // 2, y + _STEP):
                    for beside in (share, *(each for each in across if each != share)):
                        yield from self.move(place.x + beside * place.width, nearby)
                        yield 0.15
                        if is_there():
                            return
        raise AssertionError(f"There is no {what} in the {region} region of {kind}.")

    def press(self, operator: str, kind: str = "VIEW_3D", region: str = "UI", across: Across = MIDDLE) -> Steps:
        """Find the button of an operator and click on it."""
        yield from self.button(operator, kind, region, across)
        yield from self.click(*self.at)

    # Pop-ups are no regions of an area: there, a right click has Blender tell what is under the mouse.

    def popup(self, before: Pixels) -> Box:
        """Return where a pop-up lies that was not there `before`, a look at the screen."""
        theme: Any = bpy.context.preferences.themes[0]
        back = np.round(np.array(theme.user_interface.wcol_menu_back.inner[:3]) * 255)
        now = self.look()
        covered = (now == back).all(axis=2) & (now != before).any(axis=2)
        rows, columns = (np.flatnonzero(covered.sum(axis=axis) > _POPUP_SIDE) for axis in (1, 0))
        assert len(rows) and len(columns), "No pop-up has opened."
        left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        return int(left), int(len(before) - bottom), int(right - left), int(bottom - top)

    def accept(self, before: Pixels) -> Steps:
        """Press Enter in the dialog that was not there `before`; the mouse is on its title, where no field takes it."""
        left, bottom, width, height = self.popup(before)
        yield from self.move(left + width / 2, bottom + height - 14)
        yield 0.2
        yield from self.key("RET")

    def in_popup(self, box: Box, is_it: Callable[[Any, Any, Any], bool], x: float, y: float, what: str) -> Steps:
        """Move the mouse down a pop-up until it is on what is meant.

        `is_it` gets the property, its owner and the operator of a button, each None without. `x` and `y` are where to
        look and from where on, as shares of the pop-up's width and height from the bottom left.
        """
        seen: list[tuple[Any, Any, Any]] = []

        def look(_menu: bpy.types.Menu, context: Any) -> None:
            names = ("button_prop", "button_pointer", "button_operator")
            seen.append(tuple(getattr(context, name, None) for name in names))  # type: ignore[arg-type]

        menu: Any = bpy.types.UI_MT_button_context_menu  # type: ignore[attr-defined]
        menu.append(look)
        left, bottom, width, height = box
        try:
            for place in range(round(bottom + y * height), bottom + 10, -_STEP):
                seen.clear()
                yield from self.click(left + x * width, place, "RIGHTMOUSE")
                if not seen:
                    continue
                is_found = is_it(*seen[-1])
                yield from self.key("ESC")
                yield 0.1
                if is_found:
                    return
        finally:
            menu.remove(look)
        raise AssertionError(f"There is no {what} in the pop-up.")

    def search(self, words: str, kind: str = "VIEW_3D") -> Steps:
        """Choose the first entry that the search of menus (F3) has for some words."""
        region = self.region(kind)
        yield from self.move(region.x + region.width / 3, region.y + region.height / 2)
        yield from self.key("F3")
        yield 0.5
        yield from self.write(words)
        yield 0.5
        yield from self.key("RET")
        yield 0.5

    def choose_file(self, path: Path) -> Steps:
        """Confirm the file browser that has opened in this window, with a file."""
        yield from self.wait(lambda: any(area.type == "FILE_BROWSER" for area in self.window.screen.areas), "a browser")
        yield 0.5
        parameters: Any = self.area("FILE_BROWSER").spaces.active.params  # type: ignore[attr-defined]
        parameters.directory, parameters.filename = str(path.parent).encode(), path.name
        yield 0.5
        yield from self.press("file.execute", "FILE_BROWSER", "EXECUTE", (0.1, 0.3, 0.5, 0.7, 0.9))
        yield 0.5

    def drop(self, path: Path) -> None:
        """Drop a file into the 3D view, by the operator that Blender calls when one is."""
        drop: Any = bpy.ops.wm.drop_import_file
        with self.inside():
            drop("INVOKE_DEFAULT", directory=str(path.parent), files=[{"name": path.name}])

    def open_hud(self) -> Steps:
        """Unfold the panel of the last operation in the 3D view."""
        hud = self.region("VIEW_3D", "HUD")
        if hud.height < 60:
            yield from self.click(hud.x + 40, hud.y + hud.height / 2)
            yield 0.5

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

    def look(self) -> Pixels:
        """Return the screen, (height, width, 3), from the top."""
        return read_screen(self.job / "Xvfb_screen0")

    def picture(self, name: str, box: Box | None = None) -> None:
        """Write a picture of the window, or of the box (left, bottom, width, height) of it.

        Those whose name begins with “docs-” are meant for docs/.
        """
        pixels = self.look()
        if box is not None:
            left, bottom, width, height = box
            top = pixels.shape[0] - bottom - height
            pixels = pixels[max(top, 0) : top + height, max(left, 0) : left + width]
        write_png(self.job / "pictures" / f"{name}.png", pixels)
