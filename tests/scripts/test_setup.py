# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts say on a machine that lacks something, and what they do again when it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import environments  # noqa: E402 - found by the path set above
from environments import Environment, SetupError  # noqa: E402


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environments, "VENV_ROOT", tmp_path / "environments")
    return tmp_path


def quiet(_text: str) -> None:
    pass


def test_missing_python_is_one_sentence(own_folder: Path) -> None:
    with pytest.raises(SetupError, match=r"^Python 3\.99 was not found: install it .*and run this again\.$"):
        environments.ensure(Environment("future", "3.99", ()), quiet)
    assert not (own_folder / "environments").exists()


def test_missing_library_names_the_package() -> None:
    output = "ImportError: libXi.so.6: cannot open shared object file: No such file or directory"
    sentence = environments.missing_library_sentence(output, "Blender's Python module")
    assert sentence is not None
    assert sentence.startswith("Blender's Python module needs the shared library libXi.so.6: install libxi6")
    assert environments.missing_library_sentence("ImportError: No module named bpy", "Blender") is None


def test_package_that_cannot_be_installed_is_one_sentence(own_folder: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    absent = Environment("absent", version, (str(own_folder / "no-such-package.whl"),))
    with pytest.raises(SetupError, match="could not be installed: check the network"):
        environments.ensure(absent, quiet)


def test_environment_is_made_once_and_again_when_its_requirements_change(own_folder: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    said: list[str] = []
    first = Environment("small", version, ("--no-index", "pip"))
    python = environments.ensure(first, said.append)
    assert subprocess.run([str(python), "-c", "pass"], check=False).returncode == 0
    environments.ensure(first, said.append)
    assert len(said) == 1
    environments.ensure(Environment("small", version, ("--no-index", "pip", "setuptools")), said.append)
    assert len(said) == 2


def test_demo_refuses_a_video_that_is_not_there() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--video", "absent.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("absent.mp4: check the path.")
    assert "Traceback" not in done.stderr
