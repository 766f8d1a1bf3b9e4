# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environments that the project's scripts run in, under `.venv/`, made again when missing.

Standard library only: this file runs under whatever Python starts the scripts.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV_ROOT = ROOT / ".venv"
SERVICE_REQUIREMENTS = ROOT / "aimocap_addon" / "local_service" / "requirements.txt"
SERVICE_REQUIREMENTS_NO_DEPS = ROOT / "aimocap_addon" / "local_service" / "requirements-no-deps.txt"

# Debian and Ubuntu names of the packages that hold the shared libraries `bpy` and OpenCV link to.
DEBIAN_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libX11.so.6": "libx11-6",
    "libXi.so.6": "libxi6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libXfixes.so.3": "libxfixes3",
    "libXrender.so.1": "libxrender1",
    "libXext.so.6": "libxext6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
}


# Files in an environment that hold the fingerprint of what was installed, and of what was seen to start.
_INSTALLED = ".installed"
_CHECKED = ".checked"


class SetupError(Exception):
    """The machine lacks something; the message is one sentence that says what to install."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment: its folder below `.venv/`, Python version and requirements."""

    name: str
    python: str
    requirements: tuple[str, ...]
    requirements_no_deps: tuple[str, ...] = ()
    check_import: str = ""

    @property
    def folder(self) -> Path:
        return VENV_ROOT / self.name

    @property
    def python_path(self) -> Path:
        if os.name == "nt":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"


def _read_requirements(path: Path) -> tuple[str, ...]:
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return tuple(line for line in lines if line)


def service() -> Environment:
    """What the local service runs in."""
    return Environment(
        "service",
        "3.11",
        _read_requirements(SERVICE_REQUIREMENTS),
        _read_requirements(SERVICE_REQUIREMENTS_NO_DEPS),
        check_import="cv2",
    )


def dev() -> Environment:
    """What the tests that need no Blender, the linter and the type checker run in."""
    requirements = _read_requirements(ROOT / "scripts" / "requirements-dev.txt")
    base = service()
    return Environment("dev", "3.11", base.requirements + requirements, base.requirements_no_deps, check_import="cv2")


# pytest runs inside Blender's Python; httpx and pydantic are left out on purpose, so that the
# tests see the wheels of the extension.
_BPY_EXTRAS = ("pytest==9.2.0",)
BPY_42 = Environment("bpy-4.2", "3.11", ("bpy==4.2.23", "numpy<2", *_BPY_EXTRAS), check_import="bpy")
BPY_45 = Environment("bpy-4.5", "3.11", ("bpy==4.5.15", *_BPY_EXTRAS), check_import="bpy")
BPY_50 = Environment("bpy-5.0", "3.11", ("bpy==5.0.1", "numpy>=1.26,<2", *_BPY_EXTRAS), check_import="bpy")
BPY_52 = Environment("bpy-5.2", "3.13", ("bpy==5.2.3", *_BPY_EXTRAS), check_import="bpy")
BLENDERS = (BPY_42, BPY_45, BPY_50, BPY_52)


def _candidates(version: str) -> Iterator[list[str]]:
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == version:
        yield [sys.executable]
    found = shutil.which("python" + version)
    if found:
        yield [found]
    # pyenv's shims refuse a version that is installed but not selected, so look behind them.
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for folder in sorted(pyenv.glob(version + ".*"), reverse=True):
        yield [str(folder / "bin" / "python")]
    if os.name == "nt" and shutil.which("py"):
        yield ["py", "-" + version]


def find_python(version: str) -> list[str] | None:
    """Return the command that starts CPython `version` ("3.11"), or None if there is none."""
    for command in _candidates(version):
        probe = "import sys; print('%d.%d' % sys.version_info[:2])"
        try:
            answer = subprocess.run([*command, "-c", probe], capture_output=True, text=True, timeout=60)
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return command
    return None


def _fingerprint(environment: Environment) -> str:
    text = repr((environment.python, environment.requirements, environment.requirements_no_deps))
    return hashlib.sha256(text.encode()).hexdigest()


def _is_stamped(environment: Environment, stamp: str) -> bool:
    path = environment.folder / stamp
    return path.is_file() and path.read_text() == _fingerprint(environment)


def _run_step(command: list[str], log: Path, sentence: str) -> None:
    with log.open("a", encoding="utf-8") as stream:
        stream.write(f"$ {' '.join(command)}\n")
        stream.flush()
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT).returncode
    if code != 0:
        raise SetupError(f"{sentence} (the full output is in {log}).")


def _say(text: str) -> None:
    print(text, flush=True)


def ensure(environment: Environment, say: Callable[[str], None] = _say) -> Path:
    """Make the environment if it is missing or stale and return its Python.

    Raises SetupError with one sentence when the right Python or a shared library is missing or an
    install step fails.
    """
    if not _is_stamped(environment, _INSTALLED):
        _install(environment, say)
        (environment.folder / _INSTALLED).write_text(_fingerprint(environment))
    if not _is_stamped(environment, _CHECKED):
        check_shared_libraries(environment)
        (environment.folder / _CHECKED).write_text(_fingerprint(environment))
    return environment.python_path


def _install(environment: Environment, say: Callable[[str], None]) -> None:
    base = find_python(environment.python)
    if base is None:
        raise SetupError(
            f"Python {environment.python} was not found: install it (for example "
            f"`apt install python{environment.python} python{environment.python}-venv`, or from python.org) and run "
            "this again."
        )
    VENV_ROOT.mkdir(exist_ok=True)
    log = VENV_ROOT / (environment.name + ".log")
    log.unlink(missing_ok=True)
    say(f"Making .venv/{environment.name} (Python {environment.python}) ...")
    if environment.folder.exists():
        shutil.rmtree(environment.folder)
    _run_step(
        [*base, "-m", "venv", str(environment.folder)],
        log,
        f"Python {environment.python} could not make a virtual environment: install its venv module (on Debian and "
        f"Ubuntu `apt install python{environment.python}-venv`)",
    )
    pip = [str(environment.python_path), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    failed = f"The packages of .venv/{environment.name} could not be installed: check the network and the disk space"
    _run_step([*pip, *environment.requirements], log, failed)
    if environment.requirements_no_deps:
        _run_step([*pip, "--no-deps", *environment.requirements_no_deps], log, failed)


def missing_library_sentence(error_output: str, what: str) -> str | None:
    """Turn a loader error into one sentence that says what to install, or None if it is another error."""
    match = re.search(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file", error_output)
    if match is None:
        return None
    library = match.group(1)
    package = DEBIAN_PACKAGES.get(library, "the package that holds " + library)
    everything = " ".join(sorted(set(DEBIAN_PACKAGES.values())))
    return (
        f"{what} needs the shared library {library}: install {package} (on Debian and Ubuntu all that may be "
        f"missing at once: `apt install {everything}`)."
    )


def check_shared_libraries(environment: Environment) -> None:
    """Import the environment's main module; raise SetupError if a shared library is missing."""
    if not environment.check_import:
        return
    answer = subprocess.run(
        [str(environment.python_path), "-c", f"import {environment.check_import}, os; os._exit(0)"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if answer.returncode == 0:
        return
    what = "Blender's Python module" if environment.check_import == "bpy" else "The video decoder"
    sentence = missing_library_sentence(answer.stderr, what)
    if sentence is None:
        last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        sentence = f"{what} in .venv/{environment.name} does not start: {last}"
    raise SetupError(sentence)
