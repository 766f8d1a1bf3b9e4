# SPDX-License-Identifier: GPL-3.0-or-later
"""`aimocap doctor`: all that a capture depends on here, in lines that can be shown to others.

Every check is made, whatever the one before it found. Keys, where the home folder is, and what addresses can hide are
left out.
"""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import sys
from pathlib import Path

import bpy

from ...jobs.diagnostics import redacted
from ...jobs.store import StoreError
from .. import addon
from ..addon import CaptureError, Service
from ..capture_flow import usable_service
from ..local_service import LocalServiceError, State, find_python
from ..session import session
from .capture import ERRORS, FAILED, fail

_LEAST_FREE = 500e6  # bytes: a minute's motion, its video's preview and the saved file fit many times
_WHEEL = re.compile(r"(?P<name>[\w.]+?)-(?P<version>[^-]+)-(?P<python>[^-]+)-")
_INDENT = 15


def run(context: bpy.types.Context) -> int:
    """Print the report and return 0, or 1 after a sentence for each thing that would stop a capture."""
    doctor = _Doctor(addon.service(context))
    doctor.versions()
    doctor.libraries()
    doctor.settings(context)
    doctor.disk()
    doctor.local_service()
    doctor.service(context)
    for sentence in doctor.problems:
        fail(doctor.clean(sentence))
    return FAILED if doctor.problems else 0


class _Doctor:
    def __init__(self, chosen: Service) -> None:
        self._chosen = chosen
        self.problems: list[str] = []

    def clean(self, text: str) -> str:
        """Return the text without what is nobody else's business."""
        return redacted(text, [self._chosen.api_key, session().local_service.key], Path.home())

    def tell(self, name: str, text: str) -> None:
        print(self.clean(f"{name:<{_INDENT}}{text}"), flush=True)

    def versions(self) -> None:
        self.tell("AIMoCap", f"{addon.version()}, as {addon.PACKAGE}")
        build = bpy.app.build_hash.decode(errors="replace")
        self.tell("Blender", f"{bpy.app.version_string} ({build}), Python {platform.python_version()}")
        self.tell("System", platform.platform())

    def libraries(self) -> None:
        """Tell which version of each library is in use: another extension may bring its own."""
        try:
            import httpx  # tried here, otherwise loaded with the first capture
            import numpy
            import pydantic
        except ImportError as error:
            self.problems.append(f"A library cannot be loaded ({error}): install the extension again.")
            return
        for module in (httpx, pydantic, numpy):
            folder = Path(module.__file__ or "").parent
            self.tell("Library", f"{module.__name__} {module.__version__}, from {folder}")
        carried = addon.manifest().get("wheels", [])
        tag = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        wheels = [found for wheel in carried if (found := _WHEEL.match(Path(wheel).name))]
        fitting = {each["name"]: each["version"] for each in wheels if each["python"] in (tag, "py3", "py2.py3")}
        other = [
            f"{name} {in_use} instead of {version}"
            for name, version in sorted(fitting.items())
            if (in_use := _in_use(name)) not in (version, "")
        ]
        self.tell("Wheels", f"{len(fitting)} carried; in use: {', '.join(other) if other else 'these versions'}")

    def settings(self, context: bpy.types.Context) -> None:
        chosen = self._chosen
        where = "environment" if chosen.key_from_environment else "keyring" if chosen.key_is_kept else "preferences"
        has_key = bool(chosen.api_key or chosen.key_is_kept)
        given = ", by the environment" if chosen.url_from_environment else ""
        self.tell("Service", f"{chosen.base_url} ({'local' if chosen.is_local else 'cloud'}{given})")
        self.tell("API key", f"set in the {where}" if has_key else "missing")
        self.tell("Online access", "on" if bpy.app.online_access else "off")
        if not chosen.is_local:
            self.tell("Consent", "given" if addon.has_consent(context) else "not given")
        self.tell("Waits for", f"{chosen.deadline / 3600:g} hours at most")

    def disk(self) -> None:
        folder = addon.user_folder()
        try:
            free = shutil.disk_usage(folder).free
            self.tell("Folder", f"{folder}, {free / 1e9:.1f} GB free")
            if free < _LEAST_FREE:
                self.problems.append(f"Only {free / 1e6:.0f} MB are free in {folder}: make room for captures.")
            store = session().store()
            waiting = len(store.pending())
            self.tell("Captures", f"{len(store.recent(1000))} kept, {waiting} under way or not brought in yet")
        except StoreError as error:
            self.problems.append(str(error))
        except OSError as error:
            self.problems.append(f"The folder {folder} cannot be used ({error}): check its permissions.")

    def local_service(self) -> None:
        """Tell where this Blender's own service stands; whether one answers is seen at the end."""
        state = session().local_service.state
        if state is not State.ABSENT:
            self.tell("Local service", f"set up, {state}")
            return
        try:
            self.tell("Local service", f"not set up; it would use {' '.join(find_python())}")
        except LocalServiceError as error:
            self.tell("Local service", f"not set up. {error}")

    def service(self, context: bpy.types.Context) -> None:
        """Ask the service; without its libraries nothing can."""
        try:
            answer = _ask(usable_service(context, consent=True))
        except (*ERRORS, ImportError) as error:
            self.tell("Answer", "none")
            self.problems.append(str(error))
        else:
            self.tell("Answer", answer)


def _in_use(name: str) -> str:
    """Return the version that is loaded, else the one that would be; empty where neither tells."""
    loaded = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _ask(service: Service) -> str:
    """Ask for a job that does not exist: shows that the service answers and takes the key, and costs nothing."""
    from ...api.client import AimocapClient  # loads the HTTP library
    from ...api.errors import AimocapError, ApiError

    try:
        with AimocapClient(service.base_url, service.api_key) as client:
            client.poll("mocap_doctor")
    except ApiError as error:
        if error.status in (404, 410) and error.detail.lstrip().startswith("{"):
            return "the service answers and takes the key"
        raise CaptureError(error.user_message) from error
    except AimocapError as error:
        raise CaptureError(error.user_message) from error
    return "the service answers"
