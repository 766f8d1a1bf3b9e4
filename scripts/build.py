# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the extension's zip into dist/ with Blender's own builder, wheels included, and validates it.

python3 scripts/build.py            for this machine's platform
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import environments
from environments import BPY_45, ROOT, SetupError

DIST = ROOT / "dist"
EXTENSION_REQUIREMENTS = ("httpx==0.28.1", "pydantic==2.14.3")
PYTHON_VERSIONS = ("3.11", "3.13")  # what Blender 4.2.13 to 5.2 carry

# Blender's platform names and the wheel tags that fit them.
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "windows-arm64": ("win_arm64",),
    "macos-arm64": ("macosx_11_0_arm64",),
    "macos-x64": ("macosx_11_0_x86_64", "macosx_10_12_x86_64"),
}
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def this_platform() -> str:
    """Return Blender's name of the platform that this runs on."""
    system = {"Linux": "linux", "Windows": "windows", "Darwin": "macos"}.get(platform.system(), "linux")
    machine = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x64"
    return f"{system}-{machine}"


def download_wheels(folder: Path, name: str, python_versions: Sequence[str]) -> list[Path]:
    """Fetch the wheels of httpx and pydantic for these Pythons; raises SetupError."""
    # A system's own Python may come without pip; an environment never does.
    python = environments.ensure(BPY_45)
    for version in python_versions:
        short = version.replace(".", "")
        command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
        command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
        command += ["--abi", f"cp{short}", "--abi", "abi3", "--abi", "none", "--dest", str(folder)]
        for tag in PLATFORMS[name]:
            command += ["--platform", tag]
        answer = subprocess.run([*command, *EXTENSION_REQUIREMENTS], capture_output=True, text=True)
        if answer.returncode != 0:
            last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
            raise SetupError(f"The wheels for Python {version} could not be fetched: {last}")
    return sorted(folder.glob("*.whl"))


def builder() -> list[str]:
    """Return the command of Blender's own extension builder, which needs no Blender to run."""
    environments.ensure(BPY_45)
    found = sorted(BPY_45.folder.glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SetupError("Blender's extension builder is not in .venv/bpy-4.5: remove that folder and run this again.")
    return [str(BPY_45.python_path), str(found[0])]


def run_builder(*arguments: str) -> None:
    """Run Blender's builder; raises SetupError with its last line."""
    answer = subprocess.run([*builder(), *arguments], capture_output=True, text=True)
    if answer.returncode != 0:
        lines = (answer.stdout + answer.stderr).strip().splitlines() or ["no output"]
        raise SetupError(f"Blender's extension builder refused: {lines[-1]}")


def build(name: str, python_versions: Sequence[str] = PYTHON_VERSIONS) -> Path:
    """Build and validate the zip for one platform and return its path; raises SetupError."""
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary) / "stage"
        shutil.copytree(ROOT / "aimocap_addon", stage, ignore=IGNORED)
        shutil.copy(ROOT / "LICENSE", stage)
        wheels = stage / "wheels"
        wheels.mkdir()
        names = [wheel.name for wheel in download_wheels(wheels, name, python_versions)]
        manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
        # Keys of the top level have to stand before the first table.
        top, table, rest = manifest.partition("[permissions]")
        listed = "".join(f'    "./wheels/{wheel}",\n' for wheel in names)
        text = f'{top}platforms = ["{name}"]\nwheels = [\n{listed}]\n\n{table}{rest}'
        (stage / "blender_manifest.toml").write_text(text, encoding="utf-8")
        version = next(line.split('"')[1] for line in manifest.splitlines() if line.startswith("version ="))
        DIST.mkdir(exist_ok=True)
        target = DIST / f"aimocap-{version}-{name.replace('-', '_')}.zip"
        part = Path(temporary) / target.name
        run_builder("build", "--source-dir", str(stage), "--output-filepath", str(part))
        tags = next(BPY_45.folder.glob("**/_bpy_internal/extensions/tags.py"))
        run_builder("validate", f"--valid-tags={tags}", str(part))
        shutil.move(part, target)
    return target


def main() -> int:
    """Build for one platform; the exit status is 1 with one sentence when that fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=sorted(PLATFORMS), default=this_platform())
    parser.add_argument("--python", action="append", default=[], metavar="VERSION")
    arguments = parser.parse_args()
    try:
        print(build(arguments.platform, (*PYTHON_VERSIONS, *arguments.python)))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
