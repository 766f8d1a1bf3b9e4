# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that Blender subscribes to and updates from, served by any web server that hands out files."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import extension_builder
from environments import SetupError

OLDER = "older"


def _numbers(version: str) -> tuple[int, ...]:
    """Return what orders versions of the manifest: "1.10.0" after "1.9.0"; a suffix as in "1.0.0-beta" is left out."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[-+]", version, maxsplit=1)[0]))


def _listed(folder: Path) -> list[dict]:
    index = folder / "index.json"
    if folder.exists() and not folder.is_dir():
        raise SetupError(f"{folder} is a file: name a folder for the repository.")
    try:
        return json.loads(index.read_text(encoding="utf-8"))["data"] if index.is_file() else []
    except (ValueError, KeyError) as error:
        raise SetupError(
            f"{index} is not the index of a Blender repository: remove it, or name a new folder."
        ) from error


def check(version: str, folder: Path) -> None:
    """Raise SetupError unless `version` may be published in `folder`: Blender updates to higher versions only."""
    for entry in _listed(folder):
        if _numbers(entry["version"]) > _numbers(version):
            raise SetupError(
                f"{folder} offers version {entry['version']}, and Blender updates to higher ones only: raise the "
                f"version {version} in blender_manifest.toml."
            )


def publish(packages: Sequence[Path], version: str, folder: Path) -> None:
    """Put the zips of one version into the repository `folder` and write its index.

    A platform's earlier zip moves to `older/`: Blender is offered the new one alone, and people can go back. Raises
    SetupError, with the folder as it was, when it has a later version, or other content under the same one.
    """
    check(version, folder)
    for package in packages:
        there = folder / package.name
        if there.is_file() and there.read_bytes() != package.read_bytes():
            raise SetupError(
                f"{folder} offers another {package.name}, and who has that gets no update: raise the version in "
                "blender_manifest.toml."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for package in packages:
        name, platform = package.name.split("-")[0], package.name.split("-")[-1]
        for earlier in [path for path in folder.glob(f"{name}-*-{platform}") if path.name != package.name]:
            (folder / OLDER).mkdir(exist_ok=True)
            earlier.replace(folder / OLDER / earlier.name)
        shutil.copyfile(package, folder / package.name)
    extension_builder.write_index(folder)
