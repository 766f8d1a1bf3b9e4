# SPDX-License-Identifier: GPL-3.0-or-later
"""Every file says what it is under which licence, and nothing speaks of the machine it was written on."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPDX = "# SPDX-License-Identifier: GPL-3.0-or-later"
TEXT = {".py", ".toml", ".txt", ".md", ".json", ".cfg", ".yml", ".yaml", ".sh", ".html", ".css", ".svg", ""}

# Written in parts, so that this file does not contain them.
REGISTRIES = ["pypi" + ".org", "python" + "hosted.org", "anaconda" + ".org", "npmjs" + ".org", "crates" + ".io"]
HOME_PATH = re.compile(
    r"(?<![\w.:/~}\-])/(?:home|root|work|Users|mnt)/\w|[A-Z]:\\+Users\\+\w|/tmp/(?:bash_jobs|pytest-of)"
)


@cache
def project_files() -> tuple[Path, ...]:
    """Return the files that belong to the project: those under version control, and new ones not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if listed.returncode != 0:  # an unpacked copy without its history
        return tuple(path for path in ROOT.rglob("*") if path.is_file() and path.relative_to(ROOT).parts[0][0] != ".")
    return tuple(path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file())


def python_files(*folders: str) -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in folders]


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def test_the_project_s_files_are_found() -> None:
    found = names(list(project_files()))
    assert "aimocap_addon/api/client.py" in found
    assert "pyproject.toml" in found


def test_every_module_begins_with_its_licence() -> None:
    paths = python_files("aimocap_addon", "scripts", "tests")
    wrong = [
        path for path in paths if path.stat().st_size and SPDX not in path.read_text(encoding="utf-8").splitlines()[:2]
    ]
    assert not names(wrong)


def test_every_module_says_what_it_is_for() -> None:
    paths = python_files("aimocap_addon", "scripts")
    wrong = [path for path in paths if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert not names(wrong)


@pytest.mark.parametrize("room", ["api", "jobs", "motion", "local_service"])
def test_everything_public_without_blender_is_documented(room: str) -> None:
    wrong = []
    for path in sorted((ROOT / "aimocap_addon" / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in [] if "import bpy" in ast.unparse(tree) else tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                wrong += [] if ast.get_docstring(node) else [f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"]
    assert not wrong


def test_nothing_names_a_package_registry_or_a_path_of_this_machine() -> None:
    wrong = []
    for path in project_files():
        if path.suffix not in TEXT or path.relative_to(ROOT).parts[0] == "tests" or path.stat().st_size > 2_000_000:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if any(host in line.lower() for host in REGISTRIES) or HOME_PATH.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not wrong


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('DATA = "/home/' + 'anna/clips"', True),
        ("cd /work/" + "main", True),
        ("C:\\" + "Users\\anna", True),
        ("https://example.org/home/page", False),
        ("~/home/x and ./work/y", False),
        ("POST /api/v1/mocap/jobs", False),
    ],
)
def test_paths_of_a_machine_are_told_apart(line: str, wrong: bool) -> None:
    assert bool(HOME_PATH.search(line)) is wrong
