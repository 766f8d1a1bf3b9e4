# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension adds to Blender's start, beside an extension that does nothing.

Both are installed in one folder and enabled as Blender does at its start, in turns, each time in a fresh Blender. What
is measured is the enabling: imports and registration, in seconds of the processor, which other work on the machine
disturbs less than the clock.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EMPTY, OURS = "nothing", "aimocap"
LATE = ("httpx", "pydantic", "ssl")  # what no start may load
_TIMEOUT = 120

_EMPTY_MANIFEST = """\
schema_version = "1.0.0"
id = "nothing"
version = "1.0.0"
name = "Nothing"
tagline = "Does nothing"
maintainer = "Nobody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
"""

# Runs in Blender. What Blender itself has loaded by then, it has loaded without us.
_SCRIPT = """\
import json, os, sys, time
import bpy, addon_utils
name = os.environ["AIMOCAP_BENCH_EXTENSION"]
before = set(sys.modules)
began, clock = time.process_time(), time.perf_counter()
addon_utils.enable(f"bl_ext.user_default.{name}")
taken = {"cpu": time.process_time() - began, "clock": time.perf_counter() - clock}
loaded = sorted(set(sys.modules) - before)
print("AIMOCAP_BENCH" + json.dumps({**taken, "modules": loaded, "version": bpy.app.version_string}), flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Start:
    """One start: seconds of the processor and by the clock, and the modules that enabling loaded."""

    cpu: float
    clock: float
    modules: tuple[str, ...]
    version: str


def _install(resources: Path, extension: Path) -> None:
    """Put the built zip and an empty extension where Blender looks for them; wheels are not loaded at a start."""
    folder = resources / "extensions" / "user_default"
    with zipfile.ZipFile(extension) as archive:
        archive.extractall(folder / OURS)
    (folder / EMPTY).mkdir()
    (folder / EMPTY / "blender_manifest.toml").write_text(_EMPTY_MANIFEST, encoding="utf-8")
    (folder / EMPTY / "__init__.py").write_text("def register():\n    pass\n\n\ndef unregister():\n    pass\n")


def _start(command: Sequence[str], resources: Path, extension: str) -> Start:
    # Without what steers Python: a Blender that may not write bytecode would compile all at every start.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    variables |= {"BLENDER_USER_RESOURCES": str(resources), "AIMOCAP_BENCH_EXTENSION": extension}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=_TIMEOUT)
    lines = [line for line in done.stdout.splitlines() if line.startswith("AIMOCAP_BENCH")]
    if not lines:
        raise RuntimeError(f"Blender did not enable “{extension}”:\n{done.stdout}\n{done.stderr}")
    told = json.loads(lines[-1].removeprefix("AIMOCAP_BENCH"))
    return Start(told["cpu"], told["clock"], tuple(told["modules"]), told["version"])


def bench(python: str, blender: str, extension: Path, rounds: int) -> int:
    """Print a table of both, measured in turns; returns 1 if a start loads what it must not.

    `blender` is a Blender program, or empty for the `bpy` module of `python`.
    """
    starts: dict[str, list[Start]] = {EMPTY: [], OURS: []}
    with tempfile.TemporaryDirectory() as temporary:
        resources, script = Path(temporary) / "resources", Path(temporary) / "start.py"
        script.write_text(_SCRIPT, encoding="utf-8")
        _install(resources, extension)
        command = [blender, "--background", "--factory-startup", "--python", str(script)]
        command = command if blender else [python, str(script)]
        for number in range(rounds + 1):
            for name, found in starts.items():
                start = _start(command, resources, name)
                if number:  # the first one compiles
                    found.append(start)
    ours = starts[OURS][-1]
    print(f"Blender {ours.version}{'' if blender else ' (bpy)'}, {rounds} starts of each in turns\n")
    print("| extension | ms of the processor: median | least | ms by the clock: median | modules |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, found in starts.items():
        cpu = [each.cpu * 1000 for each in found]
        clock = statistics.median(each.clock for each in found) * 1000
        print(f"| {name} | {statistics.median(cpu):.1f} | {min(cpu):.1f} | {clock:.1f} | {len(found[-1].modules)} |")
    added = [a.cpu - b.cpu for a, b in zip(starts[OURS], starts[EMPTY], strict=True)]
    print(f"\nThe extension adds {statistics.median(added) * 1000:.1f} ms, at best {min(added) * 1000:.1f} ms.")
    own = set(ours.modules) - set(starts[EMPTY][-1].modules)  # enabling any extension loads some
    late = sorted({module.partition(".")[0] for module in own} & set(LATE))
    if late:
        print(f"The start loads {', '.join(late)}, which only a capture needs.", file=sys.stderr)
    return 1 if late else 0
