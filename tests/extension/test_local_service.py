# SPDX-License-Identifier: GPL-3.0-or-later
"""The local service as Blender's own: set up on request, started, used, ended with Blender, never in others' way."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.ui.local_service import LocalService, LocalServiceError, State, find_python
from bl_ext.user_default.aimocap.ui.session import session
from conftest import CLIPS, ROOT

import characters
from service_process import ServiceProcess

WAVE = str(CLIPS / "wave_squat.mp4")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalService]:
    """This Blender's local service in a folder of its own, its environment standing in for the set-up's.

    The set-up downloads 150 MB; one test does that where it is asked for.
    """
    service = LocalService(tmp_path / "local_service")
    environment = tmp_path / "local_service" / "environment"
    environment.parent.mkdir(parents=True)
    made = ROOT / ".venv" / "service"
    subprocess.run([made / "bin" / "python", "-m", "venv", environment, "--without-pip"], check=True)
    for package in (made / "lib" / "python3.11" / "site-packages").iterdir():
        (environment / "lib" / "python3.11" / "site-packages" / package.name).symlink_to(package)
    monkeypatch.setattr(session(), "local_service", service)
    yield service
    service.stop()


@pytest.fixture
def installed(local: LocalService) -> LocalService:
    from bl_ext.user_default.aimocap.ui import local_service

    (local._environment / "installed").write_text(local_service._requirements_fingerprint())
    local.state = State.STOPPED
    return local


def test_start_capture_and_stop(installed: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", f"http://127.0.0.1:{free_port()}")
    characters.make_unreal_character("Hero")

    chosen = bpy.context.preferences.addons["bl_ext.user_default.aimocap"].preferences
    chosen.local_hands, chosen.local_actor_height = True, 1.8
    try:
        assert bpy.ops.aimocap.start_local_service() == {"FINISHED"}
    finally:
        chosen.local_hands, chosen.local_actor_height = False, 0.0
    assert installed.state is State.RUNNING
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_start=1.0, trim_end=1.5)
    assert bpy.data.objects["Hero"].animation_data.action is not None
    assert bpy.ops.aimocap.show_preview() == {"FINISHED"}
    strip = bpy.context.scene.sequence_editor.active_strip
    frames = strip.content_duration if bpy.app.version >= (5, 1, 0) else strip.frame_duration  # renamed there
    assert (frames, round(strip.fps)) == (15, 30)  # as long as the window, at the video's rate

    process = installed._process
    assert process is not None
    assert "--hands --actor-height 180" in " ".join(process.args)  # type: ignore[arg-type]
    assert bpy.ops.aimocap.stop_local_service() == {"FINISHED"}
    assert installed.state is State.STOPPED
    assert process is not None and process.poll() == 0
    first_key = installed.key
    assert bpy.ops.aimocap.start_local_service() == {"FINISHED"}
    assert installed.key == first_key  # its earlier captures stay its own
    if os.name == "posix":
        assert (installed.data.parent / "key").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="stops the process by a signal")
def test_a_service_that_falls_silent_is_told(installed: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", f"http://127.0.0.1:{free_port()}")
    assert bpy.ops.aimocap.start_local_service() == {"FINISHED"}
    assert installed._process is not None
    os.kill(installed._process.pid, signal.SIGSTOP)
    try:
        assert _becomes(lambda: "does not answer" in installed.sentence)
    finally:
        os.kill(installed._process.pid, signal.SIGCONT)
    assert _becomes(lambda: installed.sentence == "")
    assert installed.state is State.RUNNING


def _becomes(true: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.1)
    return true()


def test_service_ends_with_a_blender_that_dies(installed: LocalService) -> None:
    """The service listens to a pipe from Blender; here another process stands in for Blender and is killed."""
    port = free_port()
    code = (
        "import bpy, addon_utils, time\n"
        "from pathlib import Path\n"
        "addon_utils.enable('bl_ext.user_default.aimocap', default_set=True)\n"
        "from bl_ext.user_default.aimocap.ui.local_service import LocalService\n"
        f"service = LocalService(Path({str(installed.data.parent)!r}))\n"
        f"service.start('http://127.0.0.1:{port}', {sys.executable!r})\n"
        "service.wait(60); print(service._process.pid, flush=True); time.sleep(60)\n"
    )
    blender = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert blender.stdout is not None
    lines = []
    while not lines or not lines[-1].strip().isdigit():
        lines.append(blender.stdout.readline())
        assert lines[-1], lines
    pid = int(lines[-1])
    blender.kill()
    blender.wait()
    assert _becomes(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_service_that_runs_already_is_used_and_left_alone(
    installed: LocalService, service: ServiceProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", service.url)
    assert bpy.ops.aimocap.start_local_service() == {"FINISHED"}
    assert installed.state is State.SHARED
    bpy.ops.aimocap.stop_local_service()
    assert service.process.poll() is None


def test_another_program_on_the_port_is_named_and_left_alone(
    installed: LocalService, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AIMOCAP_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        with pytest.raises(RuntimeError, match="is used by another program"):
            bpy.ops.aimocap.start_local_service()
        with socket.create_connection(("127.0.0.1", server.server_port), timeout=5):
            pass
    finally:
        server.shutdown()
        server.server_close()
    assert installed.state is State.STOPPED


def test_service_that_cannot_start_says_why(installed: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIMOCAP_BASE_URL", f"http://127.0.0.1:{free_port()}")
    shutil.rmtree(installed.data, ignore_errors=True)
    installed.data.write_text("a file where the data folder should be")
    with pytest.raises(RuntimeError, match=r"cannot use its folder|cannot be written"):
        bpy.ops.aimocap.start_local_service()
    assert installed.state is State.STOPPED


def test_set_up_respects_online_access(local: LocalService) -> None:
    assert not bpy.app.online_access
    with pytest.raises(RuntimeError, match="Online access is off"):
        bpy.ops.aimocap.set_up_local_service("EXEC_DEFAULT")
    assert local.state is State.ABSENT


def test_set_up_that_fails_leaves_nothing_half_made(local: LocalService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    local.set_up()
    assert local.wait(120) is State.ABSENT
    assert "The set-up did not succeed" in local.sentence
    assert not (local.data.parent / "environment").exists()


def test_stopping_the_set_up_leaves_nothing_half_made(local: LocalService) -> None:
    local.set_up()
    time.sleep(0.5)
    local.stop()
    assert local.wait(60) is State.ABSENT
    assert local.sentence == ""
    assert not (local.data.parent / "environment").exists()


def test_a_system_without_the_solver_is_told_before_anything_is_fetched(
    local: LocalService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python3.11"
    python.write_text("#!/bin/sh\necho 3.11 linux-aarch64\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalServiceError, match=r"no package for this system \(linux-aarch64\)"):
        local.set_up()
    assert local.state is State.ABSENT


def test_no_fitting_python_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalServiceError, match=r"needs Python 3\.10, 3\.11 or 3\.12"):
        find_python()


@pytest.mark.skipif("AIMOCAP_TEST_SET_UP" not in os.environ, reason="downloads 150 MB; set AIMOCAP_TEST_SET_UP=1")
def test_set_up_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = LocalService(tmp_path / "local_service")
    monkeypatch.setattr(session(), "local_service", service)
    monkeypatch.setenv("AIMOCAP_BASE_URL", f"http://127.0.0.1:{free_port()}")
    bpy.context.preferences.system.use_online_access = True
    try:
        assert bpy.ops.aimocap.set_up_local_service("EXEC_DEFAULT") == {"FINISHED"}
    finally:
        bpy.context.preferences.system.use_online_access = False
    characters.make_unreal_character("Hero")
    assert bpy.ops.aimocap.start_local_service() == {"FINISHED"}
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=WAVE, armature="Hero", trim_start=1.0, trim_end=1.5)
    service.stop()
