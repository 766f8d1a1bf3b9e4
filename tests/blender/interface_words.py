# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on says to a person, collected from Blender's registry and from the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from aimocap_addon import ui

SOURCE = Path(__file__).resolve().parents[2] / "aimocap_addon"
# What these say goes to a terminal or a log, or makes the add-on try another way.
SILENT = ("local_service", "ui/commands", "ui/progress.py", "ui/translations", "jobs/diagnostics.py")
CLAUSES_TO_NOBODY = ("motion/fbx_motion.py", "motion/fbx_document.py")
INTERNAL_ERRORS = {"IllegalTransitionError", "AssertionError", "NotImplementedError"}
_TEXTS = {"text", "title", "confirm_text", "message", "heading"}
_GAP = re.compile(r"\{\w[^{}]*\}")


class Text(NamedTuple):
    """A text and where it stands; `is_shown` tells that a person is sure to see it, not only parts of it."""

    text: str
    where: str
    is_shown: bool


class Shown(NamedTuple):
    """A name or a description in Blender's registry."""

    text: str
    where: str
    is_name: bool


def source_texts() -> Iterator[Text]:
    """Yield every text in the source, with "{}" for what f-strings fill in."""
    for path in sorted(SOURCE.rglob("*.py")):
        place = path.relative_to(SOURCE).as_posix()
        if not place.startswith(SILENT):
            yield from _texts_of(ast.parse(path.read_text(encoding="utf-8")), place)


def _texts_of(tree: ast.Module, place: str) -> Iterator[Text]:
    skipped: set[int] = set()
    shown: set[int] = set()
    errors: set[int] = set()
    templates: set[int] = set()
    for node in ast.walk(tree):
        for each in getattr(node, "body", None) or () if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if isinstance(each, ast.Expr):
                skipped.add(id(each.value))  # docstrings
        if isinstance(node, ast.JoinedStr):
            skipped.update(id(each) for each in node.values)
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            shown.update(id(each.value) for each in node.keywords if each.arg in _TEXTS and place.startswith("ui/"))
            if name in ("phrase", "told", "draw_sentence", "draw_warning"):
                shown.update(id(each) for each in node.args)
            if name == "phrase":
                templates.update(id(each) for each in node.args)
            if name.endswith("Error") and name not in INTERNAL_ERRORS:
                errors.update(id(each) for each in node.args[:1])
    for node in ast.walk(tree):
        text = _template(node) if id(node) not in skipped else None
        if not text:
            continue
        is_error = id(node) in errors and place not in CLAUSES_TO_NOBODY
        text = (text if id(node) in templates else _GAP.sub("{}", text)).strip()
        is_shown = (id(node) in shown or is_error or _is_said(text, place)) and re.search(r"[A-Za-z]", text)
        yield Text(text, f"{place}:{node.lineno}", bool(is_shown))


def _template(node: Any) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)  # type: ignore[misc]
    return None


def _is_said(text: str, place: str) -> bool:
    """Whether a text looks like a sentence, or like a label where labels are."""
    is_begun = re.match(r"[“\"{A-Z0-9]", text) is not None and " " in text
    is_sentence = is_begun and text.endswith(".") and not text.endswith("...")
    is_label = is_begun and place.startswith("ui/") and re.search(r"[A-Za-z]{3}", _GAP.sub("", text)) is not None
    return is_sentence or is_label


def registered_texts() -> Iterator[Shown]:
    """Yield the names and descriptions of everything the add-on has registered."""
    for kind in ui.CLASSES:
        name = kind.__name__
        label = getattr(kind, "bl_label", "")
        if label:
            yield Shown(label, name, True)
        rna = kind.bl_rna
        if "_OT_" in name:
            rna = getattr(bpy.ops.aimocap, kind.bl_idname.partition(".")[2]).get_rna_type()
            yield Shown(rna.description, name, False)
        for prop in rna.properties:
            is_data = "_PG_" in name and prop.name in ("", prop.identifier)  # which is never drawn
            if _is_own(prop, kind) and not is_data:
                yield from _property_texts(prop, f"{name}.{prop.identifier}")


def _is_own(prop: Any, kind: Any) -> bool:
    ours = [owner for owner in kind.__mro__ if owner.__module__.startswith("aimocap_addon")]
    return any("Property" in vars(owner).get("__annotations__", {}).get(prop.identifier, "") for owner in ours)


def _property_texts(prop: Any, where: str) -> Iterator[Shown]:
    if prop.is_hidden:
        return
    yield Shown(prop.name, where, True)
    yield Shown(prop.description, where, False)
    for item in prop.enum_items if prop.type == "ENUM" else ():
        yield Shown(item.name, f"{where}={item.identifier}", True)
        yield Shown(item.description, f"{where}={item.identifier}", False)
