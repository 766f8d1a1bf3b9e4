# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own tool for extensions, which comes with the `bpy` module and needs no Blender to run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import environments
from environments import BPY_45, SetupError


def _find(name: str) -> Path:
    environments.ensure(BPY_45)
    found = sorted(BPY_45.folder.glob(f"**/{name}"))
    if not found:
        raise SetupError("Blender's extension builder is not in .venv/bpy-4.5: remove that folder and run this again.")
    return found[0]


def run(*arguments: str) -> None:
    """Run Blender's tool; raises SetupError with its last line when it refuses."""
    command = [str(BPY_45.python_path), str(_find("bl_pkg/cli/blender_ext.py")), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        lines = (answer.stdout + answer.stderr).strip().splitlines() or ["no output"]
        raise SetupError(f"Blender's extension builder refused: {lines[-1]}")


def build(source: Path, target: Path) -> None:
    """Pack the folder `source`, which has a manifest, as the zip `target`."""
    run("build", "--source-dir", str(source), "--output-filepath", str(target))


def validate(package: Path) -> None:
    """Check a zip as Blender does, its tags against Blender's list."""
    run("validate", f"--valid-tags={_find('_bpy_internal/extensions/tags.py')}", str(package))


def write_index(repository: Path) -> None:
    """Write `index.json` (for Blender) and `index.html` (for people) for the zips in a folder."""
    run("server-generate", "--html", "--repo-dir", str(repository))
