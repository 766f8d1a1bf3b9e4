# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that the extension carries: which, from where, and under which licences.

    python3 scripts/wheels.py      writes requirements-extension.txt again, with the newest that fits

Standard library only, as it runs before any environment exists.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import environments
from environments import BPY_45, ROOT, VENV_ROOT, SetupError

EXTENSION_REQUIREMENTS = ("httpx==0.28.1", "pydantic==2.14.3")
LOCK = ROOT / "scripts" / "requirements-extension.txt"
CACHE = VENV_ROOT / "wheels"

PYTHON_VERSIONS = ("3.11", "3.13")  # what Blender 4.2.13 to 5.2 carry
LOCKED_PYTHON_VERSIONS = (*PYTHON_VERSIONS, "3.14")  # also what some Linux distributions build Blender with

# Blender's platform names and the wheel tags that fit them: the platforms that Blender is published for.
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
    "windows-x64": ("win_amd64",),
    "windows-arm64": ("win_arm64",),
    "macos-arm64": ("macosx_11_0_arm64",),
    "macos-x64": ("macosx_11_0_x86_64", "macosx_10_12_x86_64"),
}

_LOCK_HEADER = """\
# The wheels inside the extension, for every platform and Python, by version and content.
# Made by `python3 scripts/wheels.py`: change what it asks for there, not here.
"""


def fetch(folder: Path, platform: str, python_versions: Sequence[str]) -> list[Path]:
    """Put the locked wheels for these Pythons ("3.11") into `folder` and return them, sorted by name.

    They come from `.venv/wheels` where that has them, else from the package index. Raises SetupError when one cannot
    be had or is not the one that was locked.
    """
    # A system's own Python may come without pip; an environment never does.
    python = environments.ensure(BPY_45)
    locked = ("--require-hashes", "--requirement", str(LOCK))
    CACHE.mkdir(parents=True, exist_ok=True)
    for version in python_versions:
        command = _download_command(python, folder, platform, version)
        here = ("--no-index", "--find-links", str(CACHE))
        if subprocess.run([*command, *here, *locked], capture_output=True).returncode != 0:
            _run_pip([*command, *locked], platform, version)
    wheels = sorted(folder.glob("*.whl"))
    for wheel in wheels:
        _keep(wheel)
    return wheels


def _download_command(python: Path, folder: Path, platform: str, version: str) -> list[str]:
    command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    command += ["--abi", "cp" + version.replace(".", ""), "--abi", "abi3", "--abi", "none", "--dest", str(folder)]
    for tag in PLATFORMS[platform]:
        command += ["--platform", tag]
    return command


def _run_pip(command: list[str], platform: str, version: str) -> None:
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        other = re.search(r"DO NOT MATCH THE HASHES.*?^\s+(\S+)", answer.stderr, re.DOTALL | re.MULTILINE)
        if other:
            raise SetupError(f"The wheel of {other[1]} that was found is not the one that {LOCK.name} names.")
        errors = [line.removeprefix("ERROR: ") for line in answer.stderr.splitlines() if line.startswith("ERROR: ")]
        raise SetupError(
            f"The wheels for Python {version} on {platform} could not be fetched: check the network "
            f"({errors[-1] if errors else 'no reason was given'})"
        )


def _keep(wheel: Path) -> None:
    kept = CACHE / wheel.name
    if not kept.is_file():
        # In one step, as another build may be reading the folder.
        part = CACHE / f"{wheel.name}.{os.getpid()}.part"
        shutil.copyfile(wheel, part)
        part.replace(kept)


def lock() -> str:
    """Return a requirements file with the hash of every wheel for every platform and Python; raises SetupError."""
    python = environments.ensure(BPY_45)
    hashes: dict[str, dict[str, str]] = {}
    for platform in PLATFORMS:
        for version in LOCKED_PYTHON_VERSIONS:
            with tempfile.TemporaryDirectory() as temporary:
                command = _download_command(python, Path(temporary), platform, version)
                _run_pip([*command, *EXTENSION_REQUIREMENTS], platform, version)
                for wheel in Path(temporary).glob("*.whl"):
                    name, number = wheel.name.split("-")[:2]
                    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
                    hashes.setdefault(f"{name.replace('_', '-').lower()}=={number}", {})[wheel.name] = digest
    lines = []
    for requirement, wheels in sorted(hashes.items()):
        found = [f"    --hash=sha256:{digest}" for _name, digest in sorted(wheels.items())]
        lines.append(" \\\n".join([requirement, *found]))
    return _LOCK_HEADER + "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Licence:
    """What a wheel says about its own licence: `texts` are the files, `parts` the libraries compiled into it."""

    name: str
    version: str
    licence: str
    home: str
    texts: tuple[str, ...]
    parts: tuple[str, ...]


def read_licence(wheel: Path) -> Licence:
    """Read a wheel's licence from its metadata; raises SetupError when it has no text of one."""
    with zipfile.ZipFile(wheel) as archive:
        inside = [name for name in archive.namelist() if ".dist-info/" in name]
        metadata = Parser().parsestr(
            archive.read(next(name for name in inside if name.endswith("/METADATA"))).decode("utf-8")
        )
        named = [name for name in sorted(inside) if re.search(r"(?i)/(licen[cs]e|copying|notice)[^/]*$", name)]
        texts = tuple(archive.read(name).decode("utf-8").strip() for name in named)
        boms = [json.loads(archive.read(name)) for name in sorted(inside) if "/sboms/" in name]
    if not texts:
        raise SetupError(f"The wheel {wheel.name} has no licence file: leave it out, or add its licence by hand.")
    licence = metadata["License-Expression"] or metadata["License"] or "see its text"
    parts = tuple(part for bom in boms for part in _parts(bom))
    return Licence(metadata["Name"], metadata["Version"], licence, _home(metadata), texts, parts)


def _home(metadata: Message) -> str:
    addresses = dict(line.split(", ", 1) for line in metadata.get_all("Project-URL", []))
    for label in ("Source", "Source code", "Repository", "Homepage"):
        if label in addresses:
            return addresses[label]
    return metadata["Home-page"] or ""


def _parts(bom: dict) -> Iterator[str]:
    """List the libraries of a CycloneDX bill of materials (https://cyclonedx.org) with their licences."""
    for part in bom.get("components", []):
        entries = (each.get("expression") or each.get("license", {}) for each in part.get("licenses", []))
        names = [each if isinstance(each, str) else each.get("id") or each.get("name", "") for each in entries]
        yield f"{part['name']} {part['version']}: {' AND '.join(names) or 'not stated'}"


def collect_licences(wheels: Sequence[Path]) -> str:
    """Return one text with the licences of all wheels; raises SetupError when one has none."""
    found = {(each.name, each.version): each for each in map(read_licence, wheels)}
    licences = [found[key] for key in sorted(found)]
    lines = ["The folder wheels/ holds these packages, unchanged, each under its own licence:", ""]
    lines += [f"- {each.name} {each.version}: {each.licence}, {each.home}" for each in licences]
    for each in licences:
        lines += ["", "=" * 80, f"{each.name} {each.version}", "=" * 80, *("\n" + text for text in each.texts)]
        if each.parts:
            lines += ["", f"Compiled into {each.name}:", "", *(f"- {part}" for part in each.parts)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the lock again; the exit status is 1 with one sentence when that fails."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try:
        LOCK.write_text(lock(), encoding="utf-8", newline="\n")
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(LOCK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
