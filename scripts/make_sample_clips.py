#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the sample clips again: videos of a synthetic person, each with the truth about its motion.

    python3 scripts/make_sample_clips.py [--folder tests/data/clips] [NAME ...]

The clips are rendered by Blender from nothing, so they carry no rights of others.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
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
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or NAMES:
        print(f"Rendering {name} ...", flush=True)
        log = folder / f"{name}.log"
        with log.open("w", encoding="utf-8") as stream:
            done = subprocess.run(
                [str(python), "-m", "scripts.sample_clips.shoot", str(folder), name],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=1800,
            )
        if done.returncode != 0:
            print(f"Blender could not render {name}: see {log}.", file=sys.stderr)
            return 1
        log.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
