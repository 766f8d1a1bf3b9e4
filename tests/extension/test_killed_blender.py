# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender killed again and again while it captures: every capture is completed, each is paid once.

AIMOCAP_TEST_KILLS says how often, by default 8 times in Blender 4.5 and twice in others; AIMOCAP_TEST_SEED repeats a
run. `-s` shows the table.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.jobs.record import CaptureRecord, Stage
from bl_ext.user_default.aimocap.jobs.store import CaptureStore
from stub_service import movements, running_stub_service, video

import characters
from service_process import ServiceProcess

KILLS = int(os.environ.get("AIMOCAP_TEST_KILLS", "8" if bpy.app.version[:2] == (4, 5) else "2"))
SEED = int(os.environ.get("AIMOCAP_TEST_SEED", "0")) or random.randrange(1, 10**6)
PADDING = 30_000_000  # bytes that make the upload long enough to be met
MOMENTS = ("Starting", "Uploading", "Uploading", "Waiting", "Solving", "Solving", "Downloading", "Ready", "saved")
PATIENCE = 120.0

# A Blender of its own: goes on with what it finds, as at start-up, while it captures one more video as a script does.
BLENDER = """
import os, sys, time
import bpy, addon_utils
addon_utils.enable("bl_ext.user_default.aimocap", default_set=True)
from pathlib import Path
from bl_ext.user_default.aimocap.ui import addon, delivery, handlers
from bl_ext.user_default.aimocap.ui.session import session
folder, scene, clip = sys.argv[1:]
addon.user_folder = lambda **_: Path(folder)
bpy.ops.wm.open_mainfile(filepath=scene)
handlers.look_after_captures(bpy.context)
print("up", flush=True)
if clip:
    bpy.ops.aimocap.capture_file("EXEC_DEFAULT", filepath=clip, armature="Hero")
    bpy.ops.wm.save_mainfile()
    print("saved", flush=True)
until = time.monotonic() + 90
while not clip and time.monotonic() < until:
    running = session().running
    session().pump()
    handlers.look_after_captures(bpy.context)
    for record in session().arrived:
        print(*delivery.conclude(record), flush=True)
    if not running and not session().running:
        bpy.ops.wm.save_mainfile()
        break
    time.sleep(0.1)
if clip:
    time.sleep(60)
sys.stdout.flush()
os._exit(0)
"""


@dataclasses.dataclass
class World:
    """What the Blenders share: the service, the captures' folder, a file with a character, a long video."""

    service: ServiceProcess
    user: Path
    scene: Path
    clip: Path

    def blender(self, clip: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", BLENDER, str(self.user), str(self.scene), clip],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def unfinished(self) -> collections.Counter[Stage]:
        store = CaptureStore(self.user)
        return collections.Counter(record.stage for record in store.pending() if not record.stage.is_final)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    characters.make_mixamo_character("Hero")
    scene = tmp_path / "scene.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(scene))
    clip = video(tmp_path, "walk")
    with clip.open("ab") as stream:  # a box that players skip
        stream.write((8 + PADDING).to_bytes(4, "big") + b"free")
        stream.truncate(stream.tell() + PADDING)
    with running_stub_service(tmp_path, solve_sec=0.3) as service:
        monkeypatch.setenv("AIMOCAP_BASE_URL", service.url)
        monkeypatch.setenv("AIMOCAP_KEY", service.create_key(100_000))
        yield World(service, tmp_path / "user", scene, clip)


def wait_for(blender: subprocess.Popen[str], *words: str) -> list[str]:
    """Read what a Blender prints until it says one of `words`; it is killed if it never does."""
    watchdog = threading.Timer(PATIENCE, blender.kill)
    watchdog.start()
    lines = []
    assert blender.stdout is not None
    for line in blender.stdout:
        lines.append(line)
        if any(word in line for word in words):
            break
    watchdog.cancel()
    return lines


def test_every_capture_is_completed_and_paid_once(world: World) -> None:
    chance = random.Random(SEED)
    met: collections.Counter[Stage] = collections.Counter()
    for _ in range(KILLS):
        blender = world.blender(str(world.clip))
        moment = chance.choice(MOMENTS)
        # A busy machine may pass a moment over between two questions; it is killed at the end then.
        lines = wait_for(blender, moment, "saved")
        assert any(moment in line or "saved" in line for line in lines), "".join(lines)
        time.sleep(chance.uniform(0.0, 0.15))
        blender.kill()
        blender.communicate()
        met += world.unfinished() or collections.Counter({Stage.READY: 1})

    last = world.blender("")
    output, _ = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, output

    records: list[CaptureRecord] = CaptureStore(world.user).recent(10_000)
    ended = collections.Counter(record.stage for record in records)
    charges = collections.Counter(movements(world.service.data))
    partial = list(world.user.rglob("*.part"))
    print(f"\nseed {SEED}: {KILLS} kills, captures met at {dict(met)}; {dict(ended)}; ledger {dict(charges)}")
    assert ended == {Stage.READY: KILLS}, output
    assert charges == {"charge": KILLS}
    assert all(record.motion_file is not None and record.motion_file.is_file() for record in records)
    assert all(record.delivered for record in records)
    assert not partial
    bpy.ops.wm.open_mainfile(filepath=str(world.scene))
    assert bpy.data.objects["Hero"].animation_data.action is not None
    shutil.rmtree(world.user / "results")
