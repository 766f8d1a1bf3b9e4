# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults thrown at every line of the code that touches Blender."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

SCENE_ROOM = str(Path(__file__).resolve().parents[2] / "aimocap_addon" / "scene")
Place = tuple[str, int]  # file and line


class FaultError(Exception):
    """Thrown by a test in the place of whatever may go wrong."""


def lines_run(action: Callable[[], object]) -> list[Place]:
    """Do `action` and return the lines of the room that ran, in order, but for those that put things back."""
    places: dict[Place, None] = {}
    with _watched(places.setdefault):
        action()
    return [place for place in places if place[1] not in _clean_up(place[0])]


@contextlib.contextmanager
def fault_at(place: Place) -> Iterator[None]:
    """Throw FaultError when the line `place` is reached for the first time."""

    def visit(here: Place) -> None:
        if here == place:
            sys.settrace(None)
            raise FaultError(f"{Path(place[0]).name}:{place[1]}")

    with _watched(visit):
        yield


@contextlib.contextmanager
def _watched(visit: Callable[[Place], object]) -> Iterator[None]:
    def enter(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        return line if frame.f_code.co_filename.startswith(SCENE_ROOM) else None

    def line(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            visit((frame.f_code.co_filename, frame.f_lineno))
        return line

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(None)


@cache
def _clean_up(path: str) -> frozenset[int]:
    """Return the lines of `finally` and `except` blocks: when putting back fails itself, nothing can be promised."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Try):
            for block in (node.finalbody, *(handler.body for handler in node.handlers)):
                for statement in block:
                    found |= set(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    return frozenset(found)
