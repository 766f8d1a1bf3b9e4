# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender of its own subscribes to a published repository, installs from it and updates to the next version."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import repository

PACKAGE = Path(os.environ["AIMOCAP_EXTENSION_ZIP"])

# What a person does in Preferences > Get Extensions, and what is then there.
BLENDER = """
import json, os, sys
import bpy
url, folder = sys.argv[1:]
preferences = bpy.context.preferences
preferences.system.use_online_access = True
repositories = preferences.extensions.repos
index = next((number for number, each in enumerate(repositories) if each.remote_url == url), None)
if index is None:
    added = repositories.new(name="AIMoCap", module="aimocap_site", custom_directory=folder, remote_url=url)
    index = list(repositories).index(added)
bpy.ops.extensions.repo_sync(repo_index=index)
if os.path.isdir(os.path.join(folder, "aimocap")):
    bpy.ops.extensions.package_upgrade_all()
else:
    bpy.ops.extensions.package_install(repo_index=index, pkg_id="aimocap", enable_on_install=True)
import addon_utils
addon_utils.enable("bl_ext.aimocap_site.aimocap", default_set=True)
import bl_ext.aimocap_site.aimocap as aimocap, httpx, pydantic
manifest = open(os.path.join(os.path.dirname(aimocap.__file__), "blender_manifest.toml")).read()
print("FOUND", json.dumps([manifest, "aimocap" in dir(bpy.ops), httpx.__file__, pydantic.__file__]))
sys.stdout.flush()
os._exit(0)
"""


def raise_version(package: Path, version: str, folder: Path) -> Path:
    """Write the zip again under another version."""
    raised = folder / re.sub(r"-[\d.]+-", f"-{version}-", package.name)
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(raised, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "blender_manifest.toml":
                content = re.sub(rb"(?m)^version = .*$", f'version = "{version}"'.encode(), content)
            new.writestr(entry, content)
    return raised


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/index.json"
    server.shutdown()
    thread.join()
    server.server_close()


def test_blender_updates_from_a_published_repository(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = site
    version = PACKAGE.name.split("-")[1]

    def blender() -> tuple[str, bool, str, str]:
        answer = subprocess.run(
            [sys.executable, "-c", BLENDER, url, str(tmp_path / "installed")],
            env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
            capture_output=True,
            text=True,
            timeout=300,
        )
        found = [line for line in answer.stdout.splitlines() if line.startswith("FOUND ")]
        assert found, answer.stdout + answer.stderr
        return tuple(json.loads(found[0].removeprefix("FOUND ")))

    repository.publish([PACKAGE], version, folder)
    manifest, registered, *libraries = blender()
    assert f'\nversion = "{version}"\n' in manifest
    assert registered
    assert all(str(tmp_path) in path for path in libraries)  # the wheels that the zip brought

    repository.publish([raise_version(PACKAGE, "99.0.0", tmp_path)], "99.0.0", folder)
    manifest, registered, *_ = blender()
    assert '\nversion = "99.0.0"\n' in manifest
    assert registered
