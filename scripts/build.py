# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zips into dist/ with Blender's own builder, wheels included, and validates them.

    python3 scripts/build.py                        one zip for each platform
    python3 scripts/build.py --here                 for this machine's platform alone
    python3 scripts/build.py --repository FOLDER    and publishes them in a folder that Blender updates from

The same source gives the same bytes: wheels are pinned by hash (requirements-extension.txt), and every file has the
time of the last commit, or of SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import extension_builder
import repository
import wheels
from environments import ROOT, SetupError
from wheels import LOCKED_PYTHON_VERSIONS, PLATFORMS, PYTHON_VERSIONS

DIST = ROOT / "dist"
MANIFEST = "blender_manifest.toml"
LICENCES = "THIRD_PARTY_LICENSES.txt"
LARGEST = 6_000_000  # bytes of one zip
EARLIEST = 315532800  # 1980-01-01, before which a zip knows no time
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def this_platform() -> str:
    """Return Blender's name of the platform that this runs on."""
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x64"
    return f"{system}-{machine}"


def version() -> str:
    """Return the version of the extension, which its manifest alone states; raises SetupError when it does not."""
    match = re.search(r'^version = "([^"]+)"', (ROOT / MANIFEST).read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise SetupError(f'{MANIFEST} has no line `version = "1.2.3"`: add it.')
    return match.group(1)


def source_time() -> int:
    """Return the seconds since 1970 that every file in a zip gets; raises SetupError for a bad SOURCE_DATE_EPOCH."""
    stated = os.environ.get("SOURCE_DATE_EPOCH", "")
    if stated and not stated.isdecimal():
        raise SetupError(f"SOURCE_DATE_EPOCH has to be seconds since 1970, not “{stated}”: correct or remove it.")
    if not stated:
        command = ["git", "log", "-1", "--format=%ct"]
        try:
            stated = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()
        except OSError:  # no git: an unpacked copy
            stated = ""
    return max(int(stated or 0), EARLIEST)


def write_stage(stage: Path, name: str, python_versions: Sequence[str]) -> None:
    """Lay out in `stage` what the zip for one platform holds; raises SetupError."""
    shutil.copytree(ROOT / "aimocap_addon", stage, ignore=IGNORED)
    shutil.copy(ROOT / "LICENSE", stage)
    (stage / "wheels").mkdir()
    fetched = wheels.fetch(stage / "wheels", name, python_versions)
    (stage / LICENCES).write_text(wheels.collect_licences(fetched), encoding="utf-8", newline="\n")
    for wheel in fetched:
        pack_tightly(wheel)
    manifest = (ROOT / MANIFEST).read_text(encoding="utf-8")
    # Keys of the top level have to stand before the first table.
    top, table, rest = manifest.partition("[permissions]")
    listed = "".join(f'    "./wheels/{wheel.name}",\n' for wheel in fetched)
    text = f'{top}platforms = ["{name}"]\nwheels = [\n{listed}]\n\n{table}{rest}'
    (stage / MANIFEST).write_text(text, encoding="utf-8", newline="\n")


def pack_tightly(wheel: Path) -> None:
    """Write a wheel, checked by its hash before, anew with the same files in it, packed as small as a zip can be.

    Wheels of compiled libraries come packed in haste, which is 3 % of the whole extension.
    """
    part = wheel.with_suffix(".part")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(part, "w") as new:
        for entry in old.infolist():
            new.writestr(entry, old.read(entry), zipfile.ZIP_DEFLATED, 9)
    part.replace(wheel)


def normalise(source: Path, target: Path, seconds: int) -> None:
    """Write the zip `source` again with nothing in it that depends on the machine: order, times, modes."""
    date = time.gmtime(seconds)[:6]
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            entry = zipfile.ZipInfo(name, date)
            entry.create_system = 3  # the modes are those of Unix, also when built elsewhere
            entry.external_attr = 0o644 << 16
            new.writestr(entry, old.read(name), zipfile.ZIP_DEFLATED, 9)


def build(name: str, python_versions: Sequence[str] = PYTHON_VERSIONS, folder: Path = DIST) -> Path:
    """Build and validate the zip for one platform and return its path; raises SetupError."""
    target = folder / f"aimocap-{version()}-{name.replace('-', '_')}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as temporary:
        stage, packed, part = (Path(temporary) / each for each in ("stage", "packed.zip", target.name))
        write_stage(stage, name, python_versions)
        extension_builder.build(stage, packed)
        normalise(packed, part, source_time())
        extension_builder.validate(part)
        part.replace(target)
    return target


def main() -> int:
    """Build what was asked for; the exit status is 1 with one sentence when that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--here", action="store_true", help="build for this machine's platform alone")
    which.add_argument("--platform", action="append", choices=sorted(PLATFORMS), help="may be given several times")
    extra = [each for each in LOCKED_PYTHON_VERSIONS if each not in PYTHON_VERSIONS]
    parser.add_argument("--python", action="append", choices=extra, default=[], help="with wheels for this one too")
    parser.add_argument("--repository", type=Path, metavar="FOLDER", help="publish the zips there")
    arguments = parser.parse_args()
    names = [this_platform()] if arguments.here else arguments.platform or list(PLATFORMS)
    try:
        if arguments.repository is not None:
            repository.check(version(), arguments.repository)
        packages = [build(name, (*PYTHON_VERSIONS, *arguments.python)) for name in names]
        for package in packages:
            print(f"{package} ({package.stat().st_size:,} bytes)")
        too_large = [package.name for package in packages if package.stat().st_size >= LARGEST]
        if too_large and not arguments.python:
            raise SetupError(f"{', '.join(too_large)} must stay below {LARGEST:,} bytes: take something out.")
        if arguments.repository is not None:
            repository.publish(packages, version(), arguments.repository)
            print(arguments.repository / "index.json")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
