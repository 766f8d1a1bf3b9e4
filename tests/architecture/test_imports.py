# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contracts of import-linter cannot say of the rooms: threads, packages, the cost of the start."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "aimocap_addon"

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
"""Who may import whom; the linter of the test command holds these."""

BLENDER = {name for each in CONTRACTS for name in each.get("forbidden_modules", ()) if not name.startswith(PACKAGE)}
BLENDER_ROOMS = {"ui", "scene"}
BLENDER_SCRIPTS = {f"{PACKAGE}/local_service/fbx/blender_script.py"}
"""The one file outside those rooms that Blender itself runs."""

BUNDLED = {
    "": set(),
    "ui": {"httpx", "pydantic", "numpy"},  # to show their versions, see also the test on what the start loads
    "scene": {"numpy"},
    "jobs": set(),
    "api": {"httpx", "pydantic"},
    "motion": {"numpy"},
}
"""The third-party packages of the extension, by the room that may import them."""

THREADS = {"threading", "_thread", "concurrent", "asyncio", "multiprocessing", "queue"}


@dataclass(frozen=True)
class Import:
    """One import: the module's full name, the line, and whether it runs as soon as its file is imported."""

    name: str
    line: int
    at_load: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    @property
    def ours(self) -> str | None:
        """The name below the package, if it is one of ours."""
        return self.name.partition(".")[2] if self.top == PACKAGE else None


def files(room: str = "") -> list[Path]:
    return sorted((ROOT / PACKAGE / room).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def is_module(dotted: str) -> bool:
    place = ROOT.joinpath(*dotted.split("."))
    return place.with_suffix(".py").exists() or (place / "__init__.py").exists()


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Return all imports of a file, also those in functions and under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return tuple(_walk(tree, path, at_load=True))


def _walk(node: ast.AST, path: Path, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, at_load)
        elif isinstance(child, ast.ImportFrom):
            base = _base(child, path)
            for alias in child.names:
                name = f"{base}.{alias.name}"
                yield Import(name if is_module(name) else base, child.lineno, at_load)
        else:
            yield from _walk(child, path, at_load and not _runs_later(child))


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _base(node: ast.ImportFrom, path: Path) -> str:
    if node.level == 0:
        return node.module or ""
    package = path.relative_to(ROOT).with_suffix("").parts[: -node.level]
    if not package:
        raise AssertionError(f"{relative(path)}:{node.lineno} imports from outside the add-on")
    return ".".join((*package, *([node.module] if node.module else [])))


def found(condition: bool, path: Path, each: Import) -> list[str]:
    return [f"{relative(path)}:{each.line} imports {each.name}"] if condition else []


def test_the_walk_sees_what_it_should(tmp_path: Path) -> None:
    assert {each.name for each in imports(ROOT / PACKAGE / "jobs" / "engine.py")} >= {
        f"{PACKAGE}.api.client",
        f"{PACKAGE}.jobs.record",
        "time",
    }
    assert {room_of(path) for path in files()} >= set(BUNDLED)
    assert "bpy" in BLENDER
    inside = tmp_path / "m.py"
    inside.write_text("import a\ndef f():\n    import b\nif TYPE_CHECKING:\n    import c\nclass C:\n    import d\n")
    assert [(each.name, each.at_load) for each in imports(inside)] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("d", True),
    ]


def test_every_room_has_a_contract() -> None:
    rooms = {path.name for path in (ROOT / PACKAGE).iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    sources = {name for each in CONTRACTS for name in each.get("source_modules", ())}
    assert rooms == {name.removeprefix(f"{PACKAGE}.") for name in sources}


def test_the_add_on_imports_itself_relatively() -> None:
    """Blender loads it under a name of its own, `bl_ext.<repository>.aimocap`."""
    wrong = []
    for path in files():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            wrong += [f"{relative(path)}:{name}" for name in names if name.partition(".")[0] == PACKAGE]
    assert not wrong


def test_no_import_hides_in_a_string() -> None:
    wrong = []
    for path in files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
                arguments = ast.unparse(node)
                wrong += [f"{relative(path)}:{node.lineno}"] if any(name in arguments for name in BLENDER) else []
    assert not wrong


def test_no_thread_starts_where_blender_is_touched() -> None:
    """In the rooms that know Blender, a file that starts threads reaches neither Blender nor any file of ours."""
    wrong = []
    for path in files():
        if room_of(path) in BLENDER_ROOMS or relative(path) in BLENDER_SCRIPTS:
            threads = [each for each in imports(path) if each.top in THREADS]
            if any(each.top in BLENDER or each.ours is not None for each in imports(path)):
                wrong += [hit for each in threads for hit in found(True, path, each)]
    assert not wrong
    assert all((ROOT / script).exists() for script in BLENDER_SCRIPTS)


@pytest.mark.parametrize("room", BUNDLED)
def test_extension_needs_its_bundled_packages_alone(room: str) -> None:
    allowed = sys.stdlib_module_names | BUNDLED[room] | {PACKAGE} | (BLENDER if room in BLENDER_ROOMS else set())
    wrong = []
    for path in files(room):
        if room_of(path) == room:
            for each in imports(path):
                wrong += found(each.top not in allowed, path, each)
    assert not wrong


def test_enabling_the_add_on_loads_neither_the_http_library_nor_the_maths() -> None:
    """They would cost every start of Blender time, also of those who capture nothing."""
    seen: dict[str, str] = {}
    queue = [(f"{PACKAGE}.ui", "the start")]
    while queue:
        name, importer = queue.pop()
        place = ROOT.joinpath(*name.split("."))
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name in seen or not path.exists():
            continue
        seen[name] = importer
        for each in imports(path):
            assert not (each.at_load and each.top in {"httpx", "pydantic"}), f"{name}, imported by {seen[name]}"
            if each.at_load and each.ours is not None:
                queue.append((each.name, name))
    assert f"{PACKAGE}.jobs.record" in seen
    assert {name: importer for name, importer in seen.items() if name.startswith(f"{PACKAGE}.motion.")} == {}
