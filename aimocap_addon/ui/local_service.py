# SPDX-License-Identifier: GPL-3.0-or-later
"""The local service as this Blender's own: its environment is made on request, it is started, watched and ended.

No bpy here. Threading contract: methods are called from the main thread; `set_up` and `start` do their work on a
thread that writes nothing but the public attributes `state`, `sentence`, `progress` and `key`, whole values each,
and ends when `stop` is called. Drawing reads those and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

# Where mediapipe 0.10.21 has wheels: kinds of system, as `sysconfig.get_platform` begins.
PLATFORMS = ("linux-x86_64", "win-amd64", "macosx")
PYTHON_VERSIONS = ("3.11", "3.12", "3.10")  # mediapipe 0.10.21 has wheels for these alone
DOWNLOAD_SIZE = "about 150 MB"
DISK_SIZE = "about 450 MB"
MIN_HEIGHT, MIN_FIELD_OF_VIEW = 50.0, 5.0  # centimetres and degrees that its solver takes
CREDITS = 1_000_000  # what happens on this machine costs nothing; the ledger is kept all the same
SERVICE_NAME = "aimocap-local"

_PACKAGE = "aimocap_addon"
_SOURCE = Path(__file__).resolve().parent.parent
_PARTS = ("__init__.py", "api", "motion", "local_service")
_LISTENING = "AIMoCap local service listening on "
_EXPECTED_PACKAGES = 30
_START_SEC = 60.0
_END_SEC = 10.0
_HEALTH_SEC = 3.0
_SILENT = "The local service does not answer: wait a little, or stop it and start it again (its log is {log})."
_ENDED = "The local service ended by itself: start it again, or see its log in {log}."


class State(StrEnum):
    """Where the local service stands."""

    ABSENT = "absent"  # its environment has not been made
    SETTING_UP = "setting up"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"  # started by this Blender
    SHARED = "running outside"  # answers, but somebody else started it

    @property
    def is_busy(self) -> bool:
        return self in (State.SETTING_UP, State.STARTING)


class LocalServiceError(Exception):
    """The local service cannot be set up or started; the message is one sentence."""


class LocalService:
    """The environment, data folder and process of this user's local service, all under one folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.log = folder / "service.log"
        self._environment = folder / "environment"
        self._key_file = folder / "key"
        self._process: subprocess.Popen[str] | None = None
        self._installer: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None
        self._cancel = threading.Event()
        self.progress = 0.0
        self.sentence = ""
        self.state = State.STOPPED if self._is_installed() else State.ABSENT
        self.key = self._read_key()  # empty before the first start

    def set_up(self) -> None:
        """Make the environment on a thread; needs the network. Raises LocalServiceError if no Python fits."""
        if self.state.is_busy or self.state is State.RUNNING:
            return
        python = find_python()
        self._begin(State.SETTING_UP, lambda: self._set_up(python))

    def start(self, url: str, blender: str, options: Sequence[str] = ()) -> None:
        """Start the service at this address on a thread; `blender` writes its FBX files, `options` are its own."""
        if self.state.is_busy or self.state is State.RUNNING:
            return
        self._begin(State.STARTING, lambda: self._start(url, blender, options))

    def stop(self) -> None:
        """End what is under way: a set-up, a start, the running service. Its jobs go on at the next start."""
        self._cancel.set()
        for process in (self._installer, self._process):
            _end(process)
        if self._thread is not None:
            self._thread.join(_END_SEC)

    def wait(self, timeout: float) -> State:
        """Wait until a set-up or a start is over; returns the state then."""
        until = time.monotonic() + timeout
        while self.state.is_busy and time.monotonic() < until:
            time.sleep(0.05)
        return self.state

    def _begin(self, state: State, work: Callable[[], None]) -> None:
        if self._thread is not None:
            self._thread.join(_END_SEC)
        self._cancel.clear()
        self.sentence, self.progress = "", 0.0
        self.state = state
        self._thread = threading.Thread(target=self._run, args=(work,), name="aimocap-local-service", daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LocalServiceError as error:
            self.sentence = "" if self._cancel.is_set() else str(error)
        except OSError as error:
            self.sentence = f"The local service cannot use its folder ({error}): check free space and permissions."
        self.state = State.STOPPED if self._is_installed() else State.ABSENT

    def _set_up(self, python: Sequence[str]) -> None:
        shutil.rmtree(self._environment, ignore_errors=True)
        self._environment.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._install([*python, "-m", "venv", str(self._environment)])
            pip = [str(self._python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
            pip += ["--no-compile"]  # a fifth of what is on disk; what is used is compiled when it is
            folder = _SOURCE / "local_service"
            self._install([*pip, "-r", str(folder / "requirements.txt")])
            self._install([*pip, "--no-deps", "-r", str(folder / "requirements-no-deps.txt")])
            self._stamp.write_text(_requirements_fingerprint(), encoding="ascii")
        finally:
            if not self._is_installed():
                shutil.rmtree(self._environment, ignore_errors=True)

    def _install(self, command: Sequence[str]) -> None:
        """Run one step, counting what pip collects as progress; raises LocalServiceError with its last error."""
        self._installer = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_own_variables(),
        )
        assert self._installer.stdout is not None
        last = ""
        for line in self._installer.stdout:
            last = line.strip() if line.lower().startswith("error") or not last else last
            if line.startswith("Collecting "):
                self.progress = min(0.95, self.progress + 1.0 / _EXPECTED_PACKAGES)
        if self._installer.wait() != 0:
            raise LocalServiceError(f"The set-up did not succeed ({last}): check the network and free space.")

    def _start(self, url: str, blender: str, options: Sequence[str]) -> None:
        host, port = _host_and_port(url)
        if self._is_answered(host, port):
            self._follow_shared(host, port)
            return
        self._copy_package()
        self.data.mkdir(parents=True, exist_ok=True)
        if not self.key:
            self._make_key()
        command = [*self._command("serve"), "--host", host, "--port", str(port), "--data", str(self.data)]
        command += ["--blender", blender, "--end-with-input", *options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=_own_variables()
            )
        try:
            self._wait_until_listening()
            self.state = State.RUNNING
            self._follow_own(host, port)
        finally:
            _end(self._process)
        if not self._cancel.is_set():
            raise LocalServiceError(_ENDED.format(log=self.log))

    def _wait_until_listening(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        timer = threading.Timer(_START_SEC, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line.startswith(_LISTENING):
            self._process.wait(_END_SEC)
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise LocalServiceError(lines[-1] if lines else _ENDED.format(log=self.log))

    @staticmethod
    def _is_answered(host: str, port: int) -> bool:
        """Whether a local service answers there; raises LocalServiceError if something else does. Ends nothing."""
        try:
            name = _service_name(host, port)
        except OSError:
            return False
        if name != SERVICE_NAME:
            raise LocalServiceError(
                f"Port {port} is used by another program: set another address for the local service in the preferences."
            )
        return True

    def _follow_own(self, host: str, port: int) -> None:
        """Watch the service that runs here until it ends; a service that is up but silent gets a sentence."""
        assert self._process is not None
        while self._process.poll() is None and not self._cancel.wait(_HEALTH_SEC):
            try:
                _service_name(host, port)
                self.sentence = ""
            except OSError:
                self.sentence = _SILENT.format(log=self.log) if self._process.poll() is None else ""

    def _follow_shared(self, host: str, port: int) -> None:
        """Watch a service that somebody else started, until it no longer answers."""
        self.state = State.SHARED
        while not self._cancel.wait(_HEALTH_SEC):
            try:
                _service_name(host, port)
            except OSError:
                return

    def _make_key(self) -> None:
        command = [*self._command("keys"), "create", "--data", str(self.data), "--credits", str(CREDITS)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_START_SEC, env=_own_variables())
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise LocalServiceError(lines[-1] if lines else "The local service could not make a key.")
        part = self._key_file.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(done.stdout.splitlines()[-1], encoding="ascii")
        part.replace(self._key_file)
        self.key = self._read_key()

    def _read_key(self) -> str:
        try:
            return self._key_file.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _copy_package(self) -> None:
        """Put the service's code into its environment, under the name it is run by.

        An installed extension's folder is named otherwise, and its neighbours must not be importable there.
        """
        destination = self._site_packages / _PACKAGE
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir(parents=True)
        for part in _PARTS:
            source = _SOURCE / part
            if source.is_dir():
                shutil.copytree(source, destination / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, destination / part)

    def _command(self, name: str) -> list[str]:
        return [str(self._python), "-m", f"{_PACKAGE}.local_service", name]

    def _is_installed(self) -> bool:
        try:
            return self._stamp.read_text(encoding="ascii") == _requirements_fingerprint()
        except (OSError, UnicodeDecodeError):
            return False

    @property
    def _stamp(self) -> Path:
        return self._environment / "installed"

    @property
    def _python(self) -> Path:
        return self._environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def _site_packages(self) -> Path:
        scheme = {"base": str(self._environment), "platbase": str(self._environment)}
        if os.name == "nt":
            return Path(sysconfig.get_path("purelib", "nt", scheme))
        return next((self._environment / "lib").glob("python3.*")) / "site-packages"


def find_python() -> list[str]:
    """Return the command that starts a Python the service can run in; raises LocalServiceError if there is none.

    Blender's own comes first: 4.2 to 5.0 bring 3.11.
    """
    candidates = [[sys.executable]]
    for version in PYTHON_VERSIONS:
        found = shutil.which(f"python{version}")
        candidates += [[found]] if found else []
        candidates += [["py", f"-{version}"]] if os.name == "nt" else []
    probe = "import sys, sysconfig, venv, ensurepip; print('%d.%d' % sys.version_info[:2], sysconfig.get_platform())"
    platform = ""
    for command in candidates:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                [*command, "-c", probe], capture_output=True, text=True, timeout=30, env=_own_variables()
            )
            version, _, found_platform = done.stdout.strip().partition(" ")
            if done.returncode == 0 and version in PYTHON_VERSIONS:
                if found_platform.startswith(PLATFORMS):
                    return command
                platform = found_platform
    if platform:
        raise LocalServiceError(
            f"The local service's solver has no package for this system ({platform}): use the cloud, or a local "
            "service on a machine with Linux or Windows on x86-64, or macOS."
        )
    raise LocalServiceError(
        "The local service needs Python 3.10, 3.11 or 3.12 with its venv module, since its solver has no package for "
        "others: install Python 3.11, then set it up again."
    )


def _own_variables() -> dict[str, str]:
    """Return the environment without what steers Python, so that the other Python finds its own modules."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _requirements_fingerprint() -> str:
    folder = _SOURCE / "local_service"
    texts = [(folder / name).read_bytes() for name in ("requirements.txt", "requirements-no-deps.txt")]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        return parts.hostname or "127.0.0.1", parts.port or 80
    except ValueError as error:
        raise LocalServiceError(f"“{url}” is not an address: correct it in the preferences.") from error


def _service_name(host: str, port: int) -> str:
    """Return what the server at this port calls itself, or an empty text; raises OSError if none answers."""
    import http.client  # with the whole of `email`, which no start of Blender waits for

    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/healthz")
        answer = json.loads(connection.getresponse().read(64 * 1024))
        return str(answer["data"]["service"])
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        return ""
    finally:
        connection.close()


def _end(process: subprocess.Popen[str] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_END_SEC)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
