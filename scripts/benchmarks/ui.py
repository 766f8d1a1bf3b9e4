# SPDX-License-Identifier: GPL-3.0-or-later
"""What the add-on costs the person in front of Blender: the main thread while a capture runs, and the start.

The first is measured in a real window (scripts/test_window.py), without and with the add-on in one run; the second by
Blenders as modules, in turns with an extension that holds nothing.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts import build, environments, test_window
from scripts.environments import BPY_45, ROOT

_FLOW = test_window.Flow("responsiveness", solve_sec=30.0, seconds=180)
_EMPTY = """
schema_version = "1.0.0"
id = "nothing"
version = "1.0.0"
name = "Nothing"
tagline = "Holds nothing"
maintainer = "Nobody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
"""
_INSTALL = """
import os, sys, bpy
for path in sys.argv[1:]:
    bpy.ops.extensions.package_install_files(filepath=path, repo="user_default", enable_on_install=False)
os._exit(0)
"""
_ENABLE = """
import os, sys, time, addon_utils
begin = time.process_time()
addon_utils.enable("bl_ext.user_default." + sys.argv[1], default_set=True)
print("TOOK", (time.process_time() - begin) * 1000.0, flush=True)
os._exit(0)
"""


def bench(blender: Path | None, suite: str, rounds: int) -> int:
    """Measure and print both."""
    with tempfile.TemporaryDirectory(prefix="aimocap-ui-") as temporary:
        folder = Path(temporary)
        ended = _bench_window(test_window.find_place(blender, suite), folder)
        _bench_start(folder, rounds)
    return ended


def _bench_window(place: test_window.DebianRoot | test_window.InstalledBlender, folder: Path) -> int:
    environments.ensure(environments.service())
    pythons = [place.suite.python] if isinstance(place, test_window.DebianRoot) else build.PYTHON_VERSIONS
    package = build.build(build.this_platform(), pythons, folder)
    motion = folder / "walk.fbx"
    test_window.write_motion(motion)
    test_window.PICTURES.mkdir(parents=True, exist_ok=True)
    with test_window.service_for(_FLOW, folder / "service", motion) as service:
        said = test_window.run_flow(_FLOW, place, package, service)
    log = (test_window.PICTURES / f"{_FLOW.name}.log").read_text()
    lines = [line for line in log.splitlines() if line.startswith("RESULT ")]
    if said or not lines:
        print(said or log, file=sys.stderr)
        return 1
    found = json.loads(lines[-1].removeprefix("RESULT "))
    rows = {
        "lateness of a 10 ms timer, add-on disabled": found["without"],
        "lateness of a 10 ms timer, capture runs, 200 in the list": found["running"],
        "the add-on's timers and watcher, processor time of a call": found["tick"],
        "drawing the add-on's panels, processor time of a call": found["draw"],
    }
    print("\n| main thread, ms | count | median | 99 % | most |\n| --- | ---: | ---: | ---: | ---: |")
    for name, values in rows.items():
        high = sorted(values)[math.ceil(0.99 * len(values)) - 1]
        print(f"| {name} | {len(values)} | {statistics.median(values):.2f} | {high:.2f} | {max(values):.2f} |")
    return 0


def _bench_start(folder: Path, rounds: int) -> None:
    """Time enabling the add-on and enabling nothing in fresh Blenders, in turns, by their processor time."""
    python = environments.ensure(BPY_45)
    package = build.build(build.this_platform(), folder=folder)
    nothing = folder / "nothing.zip"
    with zipfile.ZipFile(nothing, "w") as archive:
        archive.writestr("blender_manifest.toml", _EMPTY)
        archive.writestr("__init__.py", "def register():\n    pass\n\n\ndef unregister():\n    pass\n")
    variables = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # a Blender keeps it from its first start on
    _python(python, _INSTALL, variables, str(package), str(nothing))
    took: dict[str, list[float]] = {"aimocap": [], "nothing": []}
    for _ in range(rounds + 1):  # the first writes bytecode
        for name, values in took.items():
            said = _python(python, "import bpy\n" + _ENABLE, variables, name)
            values.append(float(said.partition("TOOK ")[2].split()[0]))
    print("\n| enabling at the start, ms of processor time | least | median |\n| --- | ---: | ---: |")
    for name, values in took.items():
        print(f"| {name} | {min(values[1:]):.1f} | {statistics.median(values[1:]):.1f} |")


def _python(python: Path, code: str, variables: dict[str, str], *arguments: str) -> str:
    command = [str(python), "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout
