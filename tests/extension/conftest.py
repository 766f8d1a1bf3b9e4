# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the built extension, installed in a Blender of its own (`bpy` as a module), against the real service.

AIMOCAP_EXTENSION_ZIP names the zip; scripts/test.py builds it and says so.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# Read by Blender when it is first imported, so set before that.
os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="aimocap-test-"))
for _name in ("AIMOCAP_KEY", "AIMOCAP_BASE_URL"):
    os.environ.pop(_name, None)

import bpy  # noqa: E402 - after the environment is set
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CLIPS = ROOT / "tests" / "data" / "clips"
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests"), str(Path(__file__).resolve().parent)]
sys.path.append(str(ROOT / "tests" / "blender"))  # the armatures and the comparison of files that its tests have


from service_process import ServiceProcess, running_service  # noqa: E402 - found by the path set above

_STATUS = pytest.StashKey[int]()


def pytest_sessionstart(session: pytest.Session) -> None:
    path = os.environ.get("AIMOCAP_EXTENSION_ZIP", "")
    if not Path(path).is_file():
        pytest.exit("AIMOCAP_EXTENSION_ZIP does not name a built extension: run these tests by scripts/test.py.", 2)
    bpy.ops.extensions.package_install_files(filepath=path, repo="user_default", enable_on_install=True)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_STATUS] = int(exitstatus)


def pytest_unconfigure(config: pytest.Config) -> None:
    # bpy can crash or hang while the interpreter ends with an extension registered, which would hide the result.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash.get(_STATUS, 1))


@pytest.fixture(autouse=True, scope="session")
def facts(record_testsuite_property: Callable[[str, object], None]) -> None:
    """State for the test command's table what the extension runs in."""
    record_testsuite_property("Blender", bpy.app.version_string.split()[0])
    record_testsuite_property("Python", ".".join(map(str, sys.version_info[:3])))
    for package in ("numpy", "httpx", "pydantic"):  # the last two are those that the zip brought
        record_testsuite_property(package, importlib.metadata.version(package))


@pytest.fixture(autouse=True)
def empty_file() -> Iterator[None]:
    """Start each test with an empty file; the preferences, and so the extension, stay."""
    bpy.ops.wm.read_homefile(use_empty=True)
    yield


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_service(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture
def use_service(service: ServiceProcess, monkeypatch: pytest.MonkeyPatch) -> ServiceProcess:
    """Have the add-on use the real local service with a fresh key that has 100 v-credits."""
    monkeypatch.setenv("AIMOCAP_BASE_URL", service.url)
    monkeypatch.setenv("AIMOCAP_KEY", service.create_key(100))
    return service


@pytest.fixture
def snapshot() -> Callable[[], dict[str, list[str]]]:
    """Return a function that lists every data block of the file, to show that nothing was left behind."""

    def take() -> dict[str, list[str]]:
        skipped = {"window_managers", "screens", "workspaces", "libraries", "all_ids"}
        return {
            each.identifier: sorted(block.name for block in getattr(bpy.data, each.identifier))
            for each in bpy.data.bl_rna.properties
            if each.type == "COLLECTION" and each.identifier not in skipped
        }

    return take
