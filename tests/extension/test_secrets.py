# SPDX-License-Identifier: GPL-3.0-or-later
"""The key stays where a person put it: nothing that Blender writes, shows or starts has it, whatever a service says.

The service here repeats the key in everything it answers, and lets the capture fail.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.jobs.drivers import ServiceAccess
from bl_ext.user_default.aimocap.ui import addon, commands, key_storage
from bl_ext.user_default.aimocap.ui.session import session
from conftest import CLIPS

import characters
from loopback import Answer, LoopbackServer, Request

KEY = "sk-0b5e7f-never-to-be-seen-4417"
WAVE = str(CLIPS / "wave_squat.mp4")


class Gossip:
    """A service that repeats the key wherever an answer has room, and fails the job at `fails`."""

    def __init__(self) -> None:
        self.fails = "job"
        self.command_lines: set[bytes] = set()
        self.server = LoopbackServer(self._answer)

    def _answer(self, request: Request) -> Answer:
        self._look_at_processes()
        said = f"{KEY} {request.headers.get('Authorization')}"
        call = request.path.rpartition("/")[2].split("?")[0]
        if call == self.fails:
            return Answer.of({"error": {"code": f"bad_{KEY}", "message": f"{said} is bad"}, "sent": said}, 400)
        if call == "jobs":
            body = {"jobId": "mocap_1", "uploadUrl": f"{self.server.url}/up", "mocapType": said, "sourceKey": said}
            return Answer.of({"data": body, "message": said})
        if call == "mocap_1":
            job = {"id": "mocap_1", "status": "failed", "error": {"code": f"E{KEY}", "message": f"{said} is used up"}}
            return Answer.of({"data": {"job": job, "events": [{"message": said}], "note": said}})
        return Answer.of({"data": said})

    def _look_at_processes(self) -> None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                self.command_lines.add(path.read_bytes())


@pytest.fixture
def gossip(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gossip]:
    gossip = Gossip()
    with gossip.server:
        monkeypatch.setenv("AIMOCAP_BASE_URL", gossip.server.url)
        yield gossip


@pytest.fixture(params=["environment", "preferences"])
def key_place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The key lies where a person can put it."""
    chosen = addon.preferences(bpy.context)
    assert chosen is not None
    if request.param == "environment":
        monkeypatch.setenv("AIMOCAP_KEY", KEY)
    else:
        monkeypatch.delenv("AIMOCAP_KEY", raising=False)
        chosen.local_key = KEY
    yield request.param
    chosen.local_key = ""


@pytest.fixture
def everything_logged() -> Iterator[list[str]]:
    """All that any library logs, at its most talkative."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(logging.Formatter().format(record))  # type: ignore[method-assign]
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(level)


def assert_no_key_in_files(folder: Path) -> None:
    read = [path for path in folder.rglob("*") if path.is_file()]
    assert read
    for path in read:
        assert KEY.encode() not in path.read_bytes(), path


def failing_capture() -> str:
    """Run a capture that fails; returns what the person reads, with the traceback that a script sees."""
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_end=1.0)
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("fails", ["job", "jobs", "up"])
def test_key_is_in_nothing_that_is_written_or_shown(
    gossip: Gossip, key_place: str, everything_logged: list[str], capfd, tmp_path: Path, fails: str
) -> None:
    gossip.fails = fails
    characters.make_mixamo_character("Hero")
    bpy.context.preferences.filepaths.use_file_compression = False
    bpy.ops.ed.undo_push(message="before")

    told = failing_capture()
    bpy.ops.ed.undo_push(message="after")
    commands.run(["doctor"])

    assert "…" in told or fails == "up"  # the service's words came through without the key
    printed = capfd.readouterr()
    carried = [request.headers.get("Authorization", "") for request in gossip.server.requests]
    assert f"Bearer {KEY}" in carried  # so there was something to keep secret
    for text in (told, printed.out, printed.err, *everything_logged, *sys.argv):
        assert KEY not in text
    assert not any(KEY.encode() in each for each in gossip.command_lines)
    # The captures' folder: job store with its journal, results, logs.
    assert_no_key_in_files(Path(addon.user_folder()))
    # The file as it is, and as each undo step has it.
    for step in range(3):
        path = tmp_path / f"step{step}.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)
        if bpy.ops.ed.undo.poll():
            bpy.ops.ed.undo()
    assert_no_key_in_files(tmp_path)


def test_key_does_not_show_where_objects_are_printed(gossip: Gossip, key_place: str) -> None:
    service = addon.service(bpy.context)
    assert service.api_key == KEY
    assert KEY not in repr(service) + str(service)
    assert KEY not in repr(ServiceAccess(service.base_url, service.api_key))
    characters.make_mixamo_character("Hero")
    failing_capture()
    assert KEY not in repr(session().records)


KEYRING = """#!/bin/sh
# Stands for libsecret's secret-tool, which no test machine has: one secret, by its documented arguments and streams.
echo "$@" >> "{folder}/arguments"
case "$1" in
    store) cat > "{folder}/secret" ;;
    lookup) [ -e "{folder}/locked" ] && {{ echo "The keyring is locked" >&2; exit 3; }}
            cat "{folder}/secret" 2> /dev/null || exit 1 ;;
    clear) rm -f "{folder}/secret" ;;
esac
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyring on this machine; returns the folder that holds what it was told."""
    folder = tmp_path / "keyring"
    (folder / "bin").mkdir(parents=True)
    tool = folder / "bin" / "secret-tool"
    tool.write_text(KEYRING.format(folder=folder))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def cloud(gossip: Gossip, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.AddonPreferences]:
    """The preferences with another service chosen than the local one, and its key in them."""
    for name in ("AIMOCAP_KEY", "AIMOCAP_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    chosen = addon.preferences(bpy.context)
    chosen.service, chosen.cloud_url, chosen.cloud_key = "CLOUD", gossip.server.url, KEY
    yield chosen
    for name in ("service", "cloud_url", "cloud_key", "cloud_key_kept_for"):
        chosen.property_unset(name)


@pytest.mark.skipif(sys.platform == "win32", reason="a keyring of Linux")
def test_key_in_the_keyring_is_used_and_is_nowhere_else(gossip: Gossip, cloud, keyring: Path, tmp_path: Path) -> None:
    assert bpy.ops.aimocap.keep_key() == {"FINISHED"}
    assert cloud.cloud_key == ""
    assert (keyring / "secret").read_text() == KEY
    bpy.ops.wm.save_userpref()
    for path in Path(bpy.utils.resource_path("USER")).rglob("userpref.blend"):
        assert KEY.encode() not in path.read_bytes()

    characters.make_mixamo_character("Hero")
    failing_capture()
    assert f"Bearer {KEY}" in [request.headers.get("Authorization") for request in gossip.server.requests]
    assert KEY not in (keyring / "arguments").read_text()
    assert not any(KEY.encode() in each for each in gossip.command_lines)

    cloud.cloud_url = "http://127.0.0.1:9"  # another service gets no key that was kept for this one
    assert not addon.service(bpy.context).key_is_kept
    cloud.cloud_url = gossip.server.url
    (keyring / "locked").touch()
    with pytest.raises(RuntimeError, match=r"keyring refuses \(The keyring is locked\): unlock it"):
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_end=1.0)
    assert bpy.ops.aimocap.forget_key() == {"FINISHED"}
    assert not (keyring / "secret").exists()
    with pytest.raises(RuntimeError, match="There is no API key"):
        bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_end=1.0)


KEYCHAIN = """#!/bin/sh
# Stands for macOS's security: one secret; commands by standard input, and a status of 44 for what is not there.
echo "$@" >> "{folder}/arguments"
case "$1" in
    -i) sed -n 's/^add-generic-password -U .* -w "\\(.*\\)"$/\\1/p' > "{folder}/secret" ;;
    find-generic-password) cat "{folder}/secret" 2> /dev/null || exit 44 ;;
    delete-generic-password) [ -e "{folder}/secret" ] || exit 44; rm "{folder}/secret" ;;
esac
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system's own keyring would be met")
def test_macos_keychain_gets_the_key_by_standard_input(cloud, keyring: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = keyring / "bin" / "security"
    tool.write_text(KEYCHAIN.format(folder=keyring))
    tool.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert bpy.ops.aimocap.keep_key() == {"FINISHED"}
    assert (keyring / "secret").read_text() == f"{KEY}\n"
    assert key_storage.read(cloud.cloud_key_kept_for) == KEY
    assert KEY not in (keyring / "arguments").read_text()
    assert bpy.ops.aimocap.forget_key() == {"FINISHED"}
    key_storage.forget(cloud.cloud_url)  # what is not there need not be removed
    with pytest.raises(key_storage.KeyStorageError, match="no key"):
        key_storage.read(cloud.cloud_url)
    for strange in ('sk-"quoted', "sk-two\nlines"):
        with pytest.raises(key_storage.KeyStorageError, match="copy it once more"):
            key_storage.keep(cloud.cloud_url, strange)


@pytest.mark.skipif(sys.platform != "linux", reason="a keyring of Linux")
def test_a_keyring_that_loses_the_key_leaves_it_in_the_preferences(cloud, keyring: Path) -> None:
    (keyring / "bin" / "secret-tool").write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(RuntimeError, match="did not keep the key"):
        bpy.ops.aimocap.keep_key()
    assert (cloud.cloud_key, cloud.cloud_key_kept_for) == (KEY, "")


def test_without_a_keyring_the_key_stays_where_it_is(cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="no system keyring"):
        bpy.ops.aimocap.keep_key()
    assert cloud.cloud_key == KEY


def test_preferences_say_that_keys_are_plain_text() -> None:
    properties = addon.preferences(bpy.context).bl_rna.properties
    for name in ("local_key", "cloud_key"):
        assert properties[name].subtype == "PASSWORD"
        assert "plain text" in properties[name].description
