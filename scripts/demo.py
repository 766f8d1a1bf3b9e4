# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the main job on the sample clip, from nothing: a video becomes motion on a character.

    python3 scripts/demo.py                     the sample clip onto a Mixamo-named character
    python3 scripts/demo.py --video FILE        the same for any video of a person
    python3 scripts/demo.py --character rigify  onto a Rigify metarig (or: unreal)
    python3 scripts/demo.py --setup-only        make the environments and the extension, then stop

Leaves `demo/` with the .blend, the captured FBX and a contact sheet of video and character. Needs Python 3.11
and the network for the packages of the first run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import build
import environments
from environments import BPY_45, ROOT, SetupError
from service_process import create_key, running_service

DEMO = ROOT / "demo"
SAMPLE = ROOT / "tests" / "data" / "clips" / "wave_squat.mp4"
CREDITS = 3600
TIMEOUT = 3600  # seconds for the whole capture and the pictures


class DemoError(Exception):
    """A step of the demo failed; the message is one sentence."""


def set_up() -> Path:
    """Make the environments of the service and of Blender, and build the extension; returns its zip."""
    environments.ensure(environments.service())
    environments.ensure(BPY_45)
    print("Building the extension ...", flush=True)
    return build.build(build.this_platform())


def capture(video: Path, character: str, extension: Path) -> None:
    """Run the capture in Blender against a local service of its own; raises DemoError."""
    with tempfile.TemporaryDirectory(prefix="aimocap-demo-") as temporary:
        data = Path(temporary) / "service"
        print("Starting the local service ...", flush=True)
        with running_service(data) as service:
            variables = {
                **os.environ,
                "AIMOCAP_BASE_URL": service.url,
                "AIMOCAP_KEY": create_key(data, CREDITS),
                "BLENDER_USER_RESOURCES": str(Path(temporary) / "blender"),
            }
            command = [str(BPY_45.python_path), str(ROOT / "scripts" / "demo_scene.py"), str(video)]
            command += ["--extension", str(extension), "--folder", str(DEMO), "--character", character]
            log = DEMO / "demo.log"
            if _run_with_progress(command, variables, log) != 0:
                raise DemoError(f"The capture did not succeed: {_last_error(log)} All output is in {log}.")


def _run_with_progress(command: list[str], variables: dict[str, str], log: Path) -> int:
    """Run a command, log all that it prints and show its progress lines; returns the exit status."""
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        assert process.stdout is not None
        until = time.monotonic() + TIMEOUT
        for line in process.stdout:
            stream.write(line)
            stream.flush()
            if line.startswith(("AIMoCap |", "Demo |")):
                print(line.rstrip(), flush=True)
            if time.monotonic() > until:
                process.kill()
        return process.wait()


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8").splitlines()]
    errors = [line for line in lines if "Error: " in line]
    return errors[-1].rpartition("Error: ")[2] if errors else "no reason was printed."


def make_sheet(video: Path) -> Path:
    """Put frames of the video above the rendered character; raises DemoError."""
    frames = DEMO / "frames"
    seconds = ",".join((frames / "seconds.txt").read_text(encoding="utf-8").split())
    sheet = DEMO / "contact_sheet.png"
    command = [str(environments.service().python_path), str(ROOT / "scripts" / "contact_sheet.py"), "compose"]
    command += [str(video), str(sheet), "--seconds", seconds, "--pictures", *map(str, sorted(frames.glob("*.png")))]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        raise DemoError(f"The contact sheet could not be made: {answer.stderr.strip()}")
    return sheet


def run(video: Path, character: str) -> None:
    """Run the demo from set-up to contact sheet; raises SetupError or DemoError."""
    if not video.is_file():
        raise DemoError(f"There is no video {video}: check the path.")
    extension = set_up()
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir()
    capture(video, character, extension)
    sheet = make_sheet(video)
    print(f"\nDone. Look at {sheet.relative_to(ROOT)}: the video above, the character beneath.")
    print(f"Open {(DEMO / 'demo.blend').relative_to(ROOT)} in Blender 4.5 or later to see it move.")


def main() -> int:
    """Exit status 0 when the demo is complete, else 1 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=SAMPLE)
    parser.add_argument("--character", choices=("mixamo", "rigify", "unreal"), default="mixamo")
    parser.add_argument("--setup-only", action="store_true")
    arguments = parser.parse_args()
    try:
        if arguments.setup_only:
            set_up()
            print("Everything is set up.")
        else:
            run(arguments.video.resolve(), arguments.character)
    except (SetupError, DemoError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
