# SPDX-License-Identifier: GPL-3.0-or-later
"""`blender --command aimocap batch`: many captures by a manifest, which a second run takes on where the first ended."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import pytest
import rigs
from bl_ext.user_default.aimocap.scene import compat
from bl_ext.user_default.aimocap.scene.blend_file import is_whole
from bl_ext.user_default.aimocap.ui import commands
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from stub_service import FRAMES, movements, running_stub_service, video

import characters
from service_process import ServiceProcess

PATIENCE = 90.0

# A Blender of its own, to be killed while it runs a batch.
BLENDER = """
import sys, os
import bpy, addon_utils
addon_utils.enable("bl_ext.user_default.aimocap", default_set=True)
from pathlib import Path
from bl_ext.user_default.aimocap.ui import addon, commands
folder, *arguments = sys.argv[1:]
addon.user_folder = lambda **_: Path(folder)
status = commands.run(arguments)
sys.stdout.flush()
os._exit(status)
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that solves two jobs at once."""
    with running_stub_service(tmp_path_factory.mktemp("service"), "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def key(process: ServiceProcess) -> str:
    return process.create_key(10_000)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with two characters, since making them takes long."""
    bpy.ops.wm.read_homefile(use_empty=True)
    characters.make_mixamo_character("Hero")
    rigs.build("Second", rigs.UNREAL)
    path = tmp_path_factory.mktemp("characters") / "two heroes.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


@pytest.fixture
def heroes(library: Path, tmp_path: Path) -> str:
    """A copy of the library."""
    return shutil.copy(library, tmp_path)


@pytest.fixture
def stub(process: ServiceProcess, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The service's data folder. It is used by a Blender that has just started and has captured nothing yet."""
    monkeypatch.setenv("AIMOCAP_BASE_URL", process.url)
    monkeypatch.setenv("AIMOCAP_KEY", key)
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    yield process.data
    session().shutdown()
    (process.data / "go").touch()


@pytest.fixture
def charges(process: ServiceProcess) -> Callable[[], list[str]]:
    """Return a function that tells what the ledger has had since the test began."""
    before = len(movements(process.data))
    return lambda: movements(process.data)[before:]


def write(tmp_path: Path, *lines: str, name: str = "jobs.csv") -> str:
    manifest = tmp_path / name
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(manifest)


def read(report: Path) -> dict[str, Any]:
    return json.loads(report.read_text(encoding="utf-8"))


def states(report: Path) -> list[tuple[str, int | None]]:
    return [(row["state"], row["exit_code"]) for row in read(report)["rows"]]


def motion(path: Path, name: str) -> bpy.types.Object:
    """Open a file and return the armature with its motion."""
    bpy.ops.wm.open_mainfile(filepath=str(path))
    armature = bpy.data.objects[name]
    assert armature.animation_data.action is not None
    return armature


def test_rows_are_captured_side_by_side_and_one_that_fails_holds_up_none(stub, heroes, tmp_path, capfd) -> None:
    for name in ("held", "quick", "nobody"):
        video(tmp_path, name)
    manifest = write(
        tmp_path,
        "video,in,out,blend,armature,output,mirror,max_error,ground_offset",
        f"held.mp4,,,{heroes},Hero,held.blend,,,",
        "nobody.mp4,,,,,nobody.blend,,,",
        f"quick.mp4,1,2,{heroes},Hero;Second,quick.blend,yes,2,5",
    )
    report, quick = tmp_path / "report.json", tmp_path / "quick.blend"
    first = threading.Event()

    def release() -> None:
        until = time.monotonic() + PATIENCE
        while not (quick.exists() and read(report)["rows"][1]["exit_code"] is not None) and time.monotonic() < until:
            time.sleep(0.05)
        if read(report)["exit_code"] is None:  # so the row that is held is still under way
            first.set()
        while read(report)["exit_code"] is None and time.monotonic() < until:
            (stub / "go").touch()
            time.sleep(0.1)

    watcher = threading.Thread(target=release)
    watcher.start()
    status = commands.run(["batch", manifest, "--report", str(report)])
    watcher.join(PATIENCE)

    assert first.is_set()
    assert status == 1
    assert states(report) == [("done", 0), ("failed", 1), ("done", 0)]
    told = read(report)
    assert told["exit_code"] == 1
    assert "Nobody" in told["rows"][1]["sentence"]
    assert told["rows"][2]["job_id"] and told["rows"][2]["seconds"] == pytest.approx(1.0, abs=0.05)
    printed = capfd.readouterr()
    assert "2 done, 1 failed, 0 unfinished" in printed.out
    assert "AIMoCap: Row 2: " in printed.err
    assert not (tmp_path / "nobody.blend").exists()
    motion(quick, "Second")
    hero = motion(quick, "Hero")
    curves = compat.active_curves(hero)
    assert sum(len(curve.keyframe_points) for curve in curves) < 0.8 * FRAMES * len(curves)
    assert (hero.matrix_world @ hero.pose.bones["mixamorig:Hips"].head).z > 5.0
    motion(tmp_path / "held.blend", "Hero")


def test_second_run_goes_on_after_a_kill_and_a_third_has_nothing_to_do(stub, charges, heroes, tmp_path, capfd) -> None:
    for name in ("quick", "held"):
        video(tmp_path, name)
    manifest = write(
        tmp_path,
        "video,blend,armature,output",
        f"quick.mp4,{heroes},Hero,quick.blend",
        f"held.mp4,{heroes},Hero,held.blend",
    )
    report = tmp_path / "report.json"
    command = [sys.executable, "-c", BLENDER, str(tmp_path / "user"), "batch", manifest, "--report", str(report)]
    blender = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watchdog = threading.Timer(PATIENCE, blender.kill)
    watchdog.start()
    lines = []
    assert blender.stdout is not None
    for line in blender.stdout:
        lines.append(line)
        said = "".join(lines)
        if "Row 1: “Hero” moves" in said and "Row 2: Solving" in said:
            break
    blender.kill()
    watchdog.cancel()
    blender.communicate()
    assert states(report) == [("done", 0), ("running", None)], "".join(lines)
    assert read(report)["exit_code"] is None
    written = (tmp_path / "quick.blend").stat().st_mtime_ns

    (stub / "go").touch()
    assert commands.run(["batch", manifest, "--report", str(report)]) == 0, capfd.readouterr().err
    assert states(report) == [("done", 0), ("done", 0)]
    assert (tmp_path / "quick.blend").stat().st_mtime_ns == written
    motion(tmp_path / "held.blend", "Hero")
    assert charges() == ["charge", "charge"]

    for name in ("quick", "held"):  # what is done needs its video no more
        (tmp_path / f"{name}.mp4").unlink()
    assert commands.run(["batch", manifest, "--report", str(report)]) == 0
    assert "is there already" in read(report)["rows"][1]["sentence"]


def test_cut_off_output_is_written_again_at_no_charge(stub, charges, heroes, tmp_path) -> None:
    video(tmp_path, "quick")
    manifest = write(tmp_path, "video,blend,armature,output", f"quick.mp4,{heroes},Hero,out.blend")
    out = tmp_path / "out.blend"
    assert commands.run(["batch", manifest]) == 0
    with out.open("r+b") as stream:
        stream.truncate(out.stat().st_size - 1000)
    assert commands.run(["batch", manifest]) == 0
    motion(out, "Hero")
    assert charges() == ["charge"]


def test_rows_that_ask_the_service_for_the_same_share_a_capture(stub, charges, heroes, tmp_path) -> None:
    video(tmp_path, "quick")
    manifest = write(
        tmp_path,
        "video,blend,armature,output,frame_start",
        f"quick.mp4,{heroes},Hero,first.blend,",
        f"quick.mp4,{heroes},Second,second.blend,40",
        "quick.mp4,,,skeleton.blend,",
    )
    assert commands.run(["batch", manifest]) == 0
    motion(tmp_path / "first.blend", "Hero")
    second = motion(tmp_path / "second.blend", "Second")
    assert second.animation_data.action.frame_range[0] == 40
    hero = bpy.data.objects["Hero"]
    assert hero.animation_data is None or hero.animation_data.action is None
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "skeleton.blend"))
    assert [each.type for each in bpy.data.objects].count("ARMATURE") == 1
    assert charges() == ["charge"]


def test_capture_whose_files_were_deleted_is_made_again(stub, charges, tmp_path) -> None:
    video(tmp_path, "quick")
    manifest = write(tmp_path, "video,output", "quick.mp4,out.blend")
    assert commands.run(["batch", manifest]) == 0
    (tmp_path / "out.blend").unlink()
    for path in (tmp_path / "user" / "results").rglob("*.fbx"):
        path.unlink()
    assert commands.run(["batch", manifest]) == 0
    assert charges() == ["charge", "charge"]


def test_service_that_is_away_leaves_rows_for_another_run(stub, tmp_path, monkeypatch, capfd) -> None:
    video(tmp_path, "quick")
    manifest = write(tmp_path, "video,output", "quick.mp4,out.blend")
    report = tmp_path / "report.json"
    monkeypatch.setenv("AIMOCAP_BASE_URL", "http://127.0.0.1:9")
    assert commands.run(["batch", manifest, "--report", str(report)]) == 3
    assert states(report) == [("unfinished", 3)]
    assert "No service answers" in read(report)["rows"][0]["sentence"]
    assert "Run the batch again" in capfd.readouterr().out


def test_check_sends_nothing(stub, heroes, tmp_path, capfd) -> None:
    video(tmp_path, "quick")
    manifest = write(tmp_path, "video,in,out,output", "quick.mp4,1,2.5,out.blend")
    assert commands.run(["batch", manifest, "--check"]) == 0
    assert "1 rows, 0 done before, 1 captures of 1.5 s to make" in capfd.readouterr().out
    assert not session().store().recent()


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["clip,output", "a,b.blend"], "needs a header row"),
        (["video,output,colour", "a,b.blend,c"], "needs a header row"),
        (["video,in,trim_start,output", "a,1,1,b.blend"], "needs a header row"),
        (["video", "quick.mp4"], "needs a header row"),
        (["video,output"], "has no rows"),
        (["video,output,mirror", "quick.mp4,b.blend,perhaps"], "Row 1 of jobs.csv: “perhaps” for mirror; write yes"),
        (["video,output,in", "quick.mp4,b.blend,soon"], "Row 1 of jobs.csv: argument --trim-start: invalid float"),
        (["video,output", "quick.mp4,a.blend", "quick.mp4,"], "Row 2 of jobs.csv: output is empty"),
        (["video,output", ",a.blend"], "Row 1 of jobs.csv: video is empty"),
        (["video,output", "quick.mp4,a.mov"], "Row 1 of jobs.csv: its output “a.mov” has to end in .blend"),
        (["video,output", "quick.mp4,a.blend", "quick.mp4,./a.blend"], "Row 2 of jobs.csv: row 1 has the same output"),
        (["video,output", "quick.mp4,a, b.blend"], "Row 1 of jobs.csv: it has more fields than the header"),
        (["video,output", "quick.mp4,a.blend", "gone.mp4,b.blend"], "Row 2 of jobs.csv: "),
        (["video,output", "quick.mp4,nowhere/b.blend"], "is not a folder that can be written"),
        (["video,output,blend", "quick.mp4,b.blend,gone.blend"], "Row 1 of jobs.csv: The file"),
        (["video,output,in,out", "quick.mp4,b.blend,2,1"], "Row 1 of jobs.csv: "),
        (["video,output,blend,armature", "quick.mp4,b.blend,HEROES,Villain"], "There is no armature “Villain”"),
        (["video,output,blend", "quick.mp4,HEROES,HEROES"], "Row 1 of jobs.csv: it would write over the file it reads"),
    ],
)
def test_manifest_that_cannot_be_used_is_refused_before_anything_is_sent(
    stub, heroes, tmp_path, capfd, lines, sentence
) -> None:
    video(tmp_path, "quick")
    manifest = write(tmp_path, *(line.replace("HEROES", heroes) for line in lines))
    before = Path(heroes).read_bytes()
    report = tmp_path / "report.json"
    assert commands.run(["batch", manifest, "--report", str(report)]) == 2
    assert sentence in capfd.readouterr().err
    assert not session().store().recent()
    assert not report.exists()
    assert Path(heroes).read_bytes() == before


def test_every_row_that_is_wrong_is_told(stub, tmp_path, capfd) -> None:
    manifest = write(tmp_path, "video,output", "first.mp4,a.blend", "second.mp4,b.blend")
    assert commands.run(["batch", manifest]) == 2
    said = capfd.readouterr().err
    assert "Row 1 of jobs.csv" in said and "Row 2 of jobs.csv" in said


@pytest.mark.parametrize("compressed", [False, True])
def test_whole_files_are_told_from_cut_ones(tmp_path, compressed) -> None:
    characters.make_mixamo_character("Hero")
    path = tmp_path / "file.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=compressed)
    assert is_whole(path)
    content = path.read_bytes()
    for length in (len(content) - 70, len(content) // 2, 3, 0):
        path.write_bytes(content[:length])
        assert not is_whole(path)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    assert not is_whole(path)
