# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides tell people to type works: Python, commands and manifests, block by block."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import pytest
from bl_ext.user_default.aimocap.ui import commands
from bl_ext.user_default.aimocap.ui.commands import arguments as command_arguments
from bl_ext.user_default.aimocap.ui.session import CaptureSession, session
from conftest import CLIPS, ROOT
from stub_service import running_stub_service

import characters
from service_process import ServiceProcess

SCRIPTING = ROOT / "docs" / "scripting.md"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ blender --command aimocap "


@dataclass(frozen=True)
class Block:
    """A piece of code in a guide."""

    kind: str
    text: str
    line: int


def blocks(guide: Path) -> list[Block]:
    text = guide.read_text(encoding="utf-8")
    return [Block(found[1], found[2], text[: found.start()].count("\n") + 2) for found in _BLOCK.finditer(text)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_stub_service(tmp_path_factory.mktemp("service")) as process:
        yield process


@pytest.fixture
def folder(service: ServiceProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the guide's reader is: beside a video and a file with two characters."""
    (tmp_path / "clip.mp4").write_bytes((CLIPS / "wave_squat.mp4").read_bytes())
    characters.make_mixamo_character("Hero")
    characters.make_unreal_character("Twin")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    monkeypatch.setenv("AIMOCAP_BASE_URL", service.url)
    monkeypatch.setenv("AIMOCAP_KEY", service.create_key(10_000))
    monkeypatch.setattr("bl_ext.user_default.aimocap.ui.addon.user_folder", lambda **_: tmp_path / "user")
    monkeypatch.setattr(bpy.types.WindowManager, "aimocap_session", CaptureSession())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    session().shutdown()


def test_code_of_the_scripting_guide_runs(folder: Path, capfd) -> None:
    done = dict.fromkeys(("python", "console", "csv"), 0)
    for block in blocks(SCRIPTING):
        done[block.kind] += 1
        bpy.ops.wm.open_mainfile(filepath=str(folder / "scene.blend"))
        if block.kind == "csv":
            Path("jobs.csv").write_text(block.text, encoding="utf-8")
        elif block.kind == "console":
            for line in block.text.splitlines():
                assert line.startswith(_PROMPT), line
                assert commands.run(shlex.split(line.removeprefix(_PROMPT))) == 0, capfd.readouterr().err
        else:
            code = "\n" * (block.line - 1) + block.text  # so that a failure names the guide's own line
            exec(compile(code, str(SCRIPTING), "exec"), {"__name__": "guide"})
    assert all(done.values()), done
    assert {"out.blend", "twins.blend", "robot.blend", "shot_010.blend", "robot.csv"} <= {
        each.name for each in folder.iterdir()
    }


def test_commands_in_all_guides_are_understood() -> None:
    parser = command_arguments.parser("aimocap")
    lines = []
    for guide in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for line in guide.read_text(encoding="utf-8").splitlines():
            found = re.match(r"(?:    |\$ )blender (?:--online-mode )?--command aimocap (.*)", line)
            if found:
                parser.parse_args(shlex.split(found[1], comments=True))
                lines.append(found[1].split()[0])
    assert {"capture", "batch", "resume", "doctor"} <= set(lines)


def test_guide_lists_every_operator_with_properties_that_it_has() -> None:
    text = SCRIPTING.read_text(encoding="utf-8")
    table = text[text.index("### The operators") : text.index("### Scripts of your own")]
    told = set(re.findall(r"`(\w+)`", table))
    names = {name for name in dir(bpy.ops.aimocap) if not name.startswith("_")}
    assert names - told == set()
    known = set(names)
    for name in names:
        for prop in getattr(bpy.ops.aimocap, name).get_rna_type().properties:
            known.add(prop.identifier)
            known |= {item.identifier for item in prop.enum_items} if prop.type == "ENUM" else set()
    assert told - known == set()


def test_options_of_binding_are_all_told() -> None:
    from bl_ext.user_default.aimocap.ui.bind_options import OPTION_NAMES

    text = SCRIPTING.read_text(encoding="utf-8")
    assert [name for name in OPTION_NAMES if f"| `{name}` |" not in text] == []
