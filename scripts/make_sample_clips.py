#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the sample clips again: videos of a synthetic person, each with the truth about its motion.

    python3 scripts/make_sample_clips.py [--folder tests/data/clips] [NAME ...]

The clips are rendered by Blender from nothing, so they carry no rights of others.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from environments import BPY_45, ROOT, SetupError, ensure

NAMES = ("wave_squat", "walk_turn", "punch_kick", "empty_room")


def main() -> int:
    """Parse the command line and render in Blender's Python; returns the exit code."""
    parser = argparse.ArgumentParser(description="Render the sample clips with Blender.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"clips to make, of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--folder", type=Path, default=ROOT / "tests" / "data" / "clips")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"There is no clip named {unknown[0]}: choose from {', '.join(NAMES)}.")
    try:
        python = ensure(BPY_45)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or NAMES:
        print(f"Rendering {name} ...", flush=True)
        if not render(python, name, options.folder.resolve()):
            return 1
    return 0


def render(python: Path, name: str, folder: Path) -> bool:
    """Render a clip elsewhere, then move it into `folder`, so that a failed or stopped run leaves the old clip."""
    with tempfile.TemporaryDirectory(prefix="sample-clips-") as fresh:
        done = subprocess.run(
            [str(python), "-m", "sample_clips.shoot", fresh, name],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "scripts")))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        if done.returncode != 0:
            print(done.stdout[-2000:], file=sys.stderr)
            print(f"Blender could not render {name}: its last words are above.", file=sys.stderr)
            return False
        for made in Path(fresh).iterdir():
            shutil.move(made, folder / made.name)
    return True


if __name__ == "__main__":
    sys.exit(main())
