# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the extension in real Blender windows, by clicks and keys, and takes the pictures of README and docs/.

    python3 scripts/test_window.py                        all flows, in a Debian root with Blender 4.3 made below .venv/
    python3 scripts/test_window.py --suite sid            the same in Debian's newest Blender
    python3 scripts/test_window.py --blender /opt/blender/blender    in a Blender that is installed here
    python3 scripts/test_window.py capture_strip mapping  some flows
    python3 scripts/test_window.py --docs                 and put their pictures into docs/

Runs on Linux, without a monitor: on a screen of its own (Xvfb) with OpenGL by software. Every flow leaves its
pictures in build/window/.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import build
import environments
from environments import BPY_45, ROOT, SetupError
from service_process import ServiceProcess, running_service
from window_tests import debian_root
from window_tests.debian_root import SUITES, DebianRoot, RootError

PICTURES = ROOT / "build" / "window"
DOCS = ROOT / "docs"
STUB = "tests.extension.stub_solver"
CREDITS = 1000
_EXTRA_SEC = 60  # for what comes before and after Blender's window


@dataclass(frozen=True)
class Flow:
    """One flow, a module of window_tests.flows.

    `solve_sec` is how long the stub solver takes, None has the real one. `parts` is how many Blenders follow each
    other, each of which may take `seconds`. `is_smoke` marks those that show whether a Blender is fit at all.
    """

    name: str
    solve_sec: float | None = 0.5
    parts: int = 1
    seconds: int = 300
    is_smoke: bool = False


FLOWS = (
    Flow("capture_strip", solve_sec=None, seconds=300, is_smoke=True),
    Flow("panel"),
    Flow("sources"),
    Flow("captures_list"),
    Flow("mapping"),
    Flow("bind"),
    Flow("adjust"),
    Flow("robot"),
    Flow("restart", solve_sec=8.0, parts=2),
    Flow("preferences"),
    Flow("language"),
)


@dataclass(frozen=True)
class InstalledBlender:
    """A Blender of this machine."""

    path: Path


def find_place(blender: Path | None, suite: str) -> DebianRoot | InstalledBlender:
    """Return where the flows run; raises RootError."""
    if blender is None:
        return debian_root.ensure(SUITES[suite])
    if not blender.is_file():
        raise RootError(f"There is no {blender}: give the path of Blender's program.")
    if shutil.which("Xvfb") is None:
        raise RootError("Xvfb is missing: install it (`apt install xvfb`).")
    return InstalledBlender(blender.resolve())


def write_motion(path: Path) -> None:
    """Have Blender's Python write the motion of the stub solver; raises SetupError."""
    script = ROOT / "scripts" / "window_tests" / "motion.py"
    command = [str(environments.ensure(BPY_45)), str(script), str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if answer.returncode != 0 or not path.is_file():
        raise SetupError(f"The motion of the window tests was not written: {answer.stderr}")


@contextlib.contextmanager
def service_for(flow: Flow, folder: Path, motion: Path) -> Iterator[ServiceProcess]:
    """Run the service that a flow needs."""
    if flow.solve_sec is None:
        with running_service(folder / "data") as service:
            yield service
        return
    variables = {
        "AIMOCAP_TEST_MOTION": str(motion),
        "AIMOCAP_TEST_SOLVE_SEC": str(flow.solve_sec),
        "AIMOCAP_TEST_FRAMES": "150",
        "AIMOCAP_TEST_ROBOT_FPS": "30",
        "AIMOCAP_TEST_BEND": "1.2",
    }
    with running_service(folder / "data", module=STUB, environment=variables) as service:
        yield service


def run_flow(flow: Flow, place: DebianRoot | InstalledBlender, package: Path, service: ServiceProcess) -> str:
    """Run a flow and return what went wrong, "" for nothing; its pictures are in PICTURES afterwards."""
    with tempfile.TemporaryDirectory(prefix="aimocap-window-") as temporary:
        job = Path(temporary)
        shutil.copy(package, job / "extension.zip")
        variables = {"AIMOCAP_BASE_URL": service.url, "AIMOCAP_KEY": service.create_key(CREDITS)}
        settings = {"environment": variables, "parts": flow.parts, "seconds": flow.seconds}
        (job / "settings.json").write_text(json.dumps(settings))
        script = Path("scripts/window_tests/screen.py")
        if isinstance(place, DebianRoot):
            inside, project = debian_root.JOB, debian_root.PROJECT
            arguments = ["python3", str(project / script), str(inside), str(project), "blender", flow.name]
            command = place.command(job, arguments)
        else:
            command = [sys.executable, str(ROOT / script), str(job), str(ROOT), str(place.path), flow.name]
        log = PICTURES / f"{flow.name}.log"
        with log.open("w") as stream:
            try:
                limit = flow.parts * flow.seconds + _EXTRA_SEC
                code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, timeout=limit).returncode
            except subprocess.TimeoutExpired:
                code = 1
        for picture in (job / "pictures").glob("*.png"):
            is_for_docs = picture.name.startswith("docs-")
            shutil.copy(picture, PICTURES / (picture.name if is_for_docs else f"{flow.name}-{picture.name}"))
    return "" if code == 0 else f"{log.read_text()}\n{flow.name} ended with status {code}"


def run_flows(flows: list[Flow], place: DebianRoot | InstalledBlender, tries: int) -> int:
    """Run flows one after the other and print a line for each try; returns how many failed. Raises SetupError."""
    environments.ensure(environments.service())
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    pythons = [place.suite.python] if isinstance(place, DebianRoot) else build.PYTHON_VERSIONS
    failed = 0
    with tempfile.TemporaryDirectory(prefix="aimocap-window-") as temporary:
        folder = Path(temporary)
        package = build.build(build.this_platform(), pythons, folder)
        motion = folder / "walk.fbx"
        if any(flow.solve_sec is not None for flow in flows):
            write_motion(motion)
        for flow in flows:
            said = ""
            for number in range(tries):
                started = time.monotonic()
                with service_for(flow, folder / f"{flow.name}-{number}", motion) as service:
                    said = run_flow(flow, place, package, service)
                seconds = time.monotonic() - started
                print(f"{flow.name:<24}{'failed' if said else 'passed'}{seconds:8.1f} s", flush=True)
                if not said:
                    break
                print(said, flush=True)
            failed += bool(said)
    return failed


def main() -> int:
    """Exit status 0 only if every flow passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--suite", choices=sorted(SUITES), default="trixie", help="the Debian whose Blender is used")
    place.add_argument("--blender", type=Path, help="program of an installed Blender")
    parser.add_argument("--smoke", action="store_true", help="only the flows that show whether a Blender is fit at all")
    parser.add_argument("--docs", action="store_true", help="put the pictures that docs/ has there")
    parser.add_argument("--tries", type=int, default=1, help="how often a flow is tried, for a busy machine")
    parser.add_argument("--if-possible", action="store_true", help="where no root can be made, say so and succeed")
    parser.add_argument("flows", nargs="*", metavar="flow", help=", ".join(flow.name for flow in FLOWS))
    arguments = parser.parse_args()
    unknown = set(arguments.flows) - {flow.name for flow in FLOWS}
    if unknown:
        parser.error(f"there is no flow {', '.join(sorted(unknown))}")
    flows = [flow for flow in FLOWS if flow.name in arguments.flows or not arguments.flows]
    try:
        where = find_place(arguments.blender, arguments.suite)
    except RootError as error:
        print(f"The window tests are not run: {error}")
        return 0 if arguments.if_possible else 1
    try:
        failed = run_flows([flow for flow in flows if flow.is_smoke or not arguments.smoke], where, arguments.tries)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments.docs:
        for picture in PICTURES.glob("docs-*.png"):
            shutil.copy(picture, DOCS / picture.name.removeprefix("docs-"))
    print(f"Pictures are in {PICTURES}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
