# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a Blender on this machine and having it write solved motion as an FBX file."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..solver.interface import SolvedMotion

BLENDER_VARIABLE = "AIMOCAP_BLENDER"
_SCRIPT = Path(__file__).with_name("blender_script.py")
_TIMEOUT_SEC = 600
_PREFERRED_ENVIRONMENT = "bpy-4.5"


class BlenderNotFoundError(Exception):
    """No Blender was found on this machine; the message says how to name one."""


class FbxWriteError(Exception):
    """Blender could not write the file; the message ends with what Blender said."""


@dataclass(frozen=True)
class BlenderCommand:
    """How to run a script in Blender: the arguments before the script's own arguments."""

    program: Path
    is_python: bool

    def arguments(self, script: Path, *script_arguments: str) -> list[str]:
        if self.is_python:
            return [str(self.program), str(script), "--", *script_arguments]
        options = ("--background", "--factory-startup", "--python-exit-code", "1", "--python", str(script))
        return [str(self.program), *options, "--", *script_arguments]


def find_blender(explicit: str | None = None) -> BlenderCommand:
    """Return the Blender to write FBX files with; raises BlenderNotFoundError.

    Looked at in this order: `explicit`, the variable AIMOCAP_BLENDER (each a Blender program or a Python
    that can import bpy), the running Python if it has bpy, a virtual environment named bpy-* beside the
    running one (bpy-4.5 first, then the newest), and `blender` on the PATH.
    """
    for named, where in ((explicit, "the setting"), (os.environ.get(BLENDER_VARIABLE), BLENDER_VARIABLE)):
        if named:
            return _named(named, where)
    if _has_bpy():
        return BlenderCommand(Path(sys.executable), is_python=True)
    siblings = sorted(Path(sys.prefix).parent.glob("bpy-*"), key=_preference)
    for folder in siblings:
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if python.is_file():
            return BlenderCommand(python, is_python=True)
    on_path = shutil.which("blender")
    if on_path:
        return BlenderCommand(Path(on_path), is_python=False)
    raise BlenderNotFoundError(
        f"No Blender was found to write FBX files with; set {BLENDER_VARIABLE} to the path of a Blender 4.2 or newer."
    )


def write_fbx(motion: SolvedMotion, path: Path, blender: BlenderCommand) -> None:
    """Write `motion` to `path`, replacing it; raises FbxWriteError and then leaves `path` as it was.

    The file holds the armature and a small skinned mesh that carries the bind pose, one take, centimetres,
    motion frame 0 at time 0.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fbx-", dir=path.parent) as folder:
        arrays, unfinished = Path(folder) / "motion.npz", Path(folder) / "motion.fbx"
        np.savez(
            arrays,
            fps=motion.fps,
            names=np.array(motion.names),
            parents=motion.parents,
            rest_matrices=motion.rest_matrices,
            lengths=motion.lengths,
            rotations=motion.rotations,
            locations=motion.locations,
        )
        command = blender.arguments(_SCRIPT, str(arrays), str(unfinished))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_SEC, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise FbxWriteError(f"Blender did not finish the FBX within {_TIMEOUT_SEC} seconds.") from error
        except OSError as error:
            raise FbxWriteError(f"Blender at {blender.program} could not be started: {error}.") from error
        if done.returncode != 0 or not unfinished.is_file():
            raise FbxWriteError(f"Blender could not write the FBX: {_last_error_line(done.stdout, done.stderr)}")
        unfinished.replace(path)


def _named(named: str, where: str) -> BlenderCommand:
    found = shutil.which(named)
    if not found:
        raise BlenderNotFoundError(
            f"{named}, named by {where}, is not a program; give the path of Blender 4.2 or newer."
        )
    program = Path(found)
    return BlenderCommand(program, is_python="python" in program.name.lower())


def _has_bpy() -> bool:
    # A compiled bpy, not a package of type stubs by the same name.
    spec = importlib.util.find_spec("bpy")
    return spec is not None and spec.origin is not None and spec.origin.endswith((".so", ".pyd"))


def _preference(folder: Path) -> tuple[bool, list[int]]:
    return folder.name != _PREFERRED_ENVIRONMENT, [-int(number) for number in re.findall(r"\d+", folder.name)]


def _last_error_line(stdout: str, stderr: str) -> str:
    lines = [line.strip() for line in (stdout + "\n" + stderr).splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]
