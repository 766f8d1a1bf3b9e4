# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's zips: the same bytes each time, whole, under stated licences, and published without a way back."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import build  # noqa: E402 - found by the path set above
import extension_builder  # noqa: E402
import repository  # noqa: E402
import wheels  # noqa: E402
from aimocap_addon import local_service  # noqa: E402
from environments import SetupError  # noqa: E402


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build.build(build.this_platform(), folder=tmp_path_factory.mktemp("dist"))


def copy_backwards(source: Path, target: Path) -> None:
    """Copy a tree with new times, the last names first, as another checkout may have it."""
    target.mkdir(parents=True)
    for path in sorted(source.iterdir(), reverse=True):
        if path.is_dir():
            copy_backwards(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def test_the_same_source_gives_the_same_bytes(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(build.source_time()))
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    copy_backwards(ROOT / "aimocap_addon", tmp_path / "elsewhere" / "aimocap_addon")
    for name in ("LICENSE", "blender_manifest.toml"):
        shutil.copyfile(ROOT / name, tmp_path / "elsewhere" / name)
    monkeypatch.setattr(build, "ROOT", tmp_path / "elsewhere")
    mask = os.umask(0o077)
    try:
        again = build.build(build.this_platform(), folder=tmp_path / "dist")
    finally:
        os.umask(mask)
    assert again.read_bytes() == package.read_bytes()


def test_a_zip_holds_what_its_manifest_lists_for_every_python(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        inside = set(archive.namelist())
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode("utf-8"))
    listed = {name.removeprefix("./") for name in manifest["wheels"]}
    assert listed == {name for name in inside if name.endswith(".whl")}
    assert manifest["platforms"] == [build.this_platform()]
    for version in wheels.PYTHON_VERSIONS:
        assert any(f"cp{version.replace('.', '')}" in name for name in listed)
    assert package.stat().st_size < build.LARGEST


def test_wheels_hold_what_the_locked_ones_hold(package: Path, tmp_path: Path) -> None:
    fetched = wheels.fetch(tmp_path, build.this_platform(), wheels.PYTHON_VERSIONS)
    with zipfile.ZipFile(package) as archive:
        for wheel in fetched:
            packed = archive.read(f"wheels/{wheel.name}")
            assert len(packed) <= wheel.stat().st_size
            with zipfile.ZipFile(wheel) as locked, zipfile.ZipFile(io.BytesIO(packed)) as shipped:
                assert shipped.namelist() == locked.namelist()
                assert all(shipped.read(name) == locked.read(name) for name in locked.namelist())


def test_the_licence_of_every_wheel_is_in_the_zip(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        licences = archive.read(build.LICENCES).decode("utf-8")
        packed = [Path(name).name for name in archive.namelist() if name.endswith(".whl")]
    for name, version in {tuple(wheel.split("-")[:2]) for wheel in packed}:
        stated = re.search(rf"(?im)^- {name.replace('_', '[-_]')} {re.escape(version)}: (.+), http", licences)
        assert stated, name
        assert stated[1] != "see its text", name
    assert licences.count("\n" + "=" * 80 + "\n") == 2 * len({wheel.split("-")[0] for wheel in packed})
    assert "Permission is hereby granted" in licences
    assert "Mozilla Public License" in licences


def test_a_wheel_without_a_licence_is_not_shipped(tmp_path: Path) -> None:
    wheel = tmp_path / "bare-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bare-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: bare\nVersion: 1.0\n")
    with pytest.raises(SetupError, match=r"^The wheel bare-1\.0-py3-none-any\.whl has no licence file"):
        wheels.collect_licences([wheel])


def test_another_wheel_than_the_locked_one_is_refused(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / wheels.LOCK.name
    changed.write_text(re.sub(r"(certifi==\S+ \\\n\s+--hash=sha256:)\w+", rf"\g<1>{'0' * 64}", wheels.LOCK.read_text()))
    assert changed.read_text() != wheels.LOCK.read_text()
    monkeypatch.setattr(wheels, "LOCK", changed)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels.CACHE))
    with pytest.raises(SetupError, match=r"certifi.*is not the one that requirements-extension\.txt names"):
        wheels.fetch(tmp_path, build.this_platform(), wheels.PYTHON_VERSIONS)


def test_the_lock_has_all_that_is_asked_for() -> None:
    locked = wheels.LOCK.read_text(encoding="utf-8")
    for requirement in wheels.EXTENSION_REQUIREMENTS:
        assert f"\n{requirement} " in locked
    core = re.search(r"pydantic-core==.*?(?=\n\w)", locked, re.DOTALL)
    assert core is not None
    assert core[0].count("--hash") == len(wheels.PLATFORMS) * len(wheels.LOCKED_PYTHON_VERSIONS)


def test_the_version_is_the_manifest_s() -> None:
    assert build.version() == local_service.VERSION
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" not in project


@pytest.mark.parametrize("stated", ["yesterday", "-5"])
def test_a_bad_source_date_is_one_sentence(stated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", stated)
    with pytest.raises(SetupError, match=f"^SOURCE_DATE_EPOCH has to be seconds since 1970, not “{stated}”"):
        build.source_time()


def small_package(folder: Path, version: str, code: str = "", platform: str = "linux-x64") -> Path:
    """Build a small extension of the same id."""
    stage = folder / f"stage-{version}-{platform}-{len(code)}"
    stage.mkdir(parents=True)
    manifest = re.sub(r"(?m)^version = .*$", f'version = "{version}"', (ROOT / "blender_manifest.toml").read_text())
    (stage / "blender_manifest.toml").write_text(f'platforms = ["{platform}"]\n{manifest}')
    (stage / "__init__.py").write_text(code)
    package = stage / f"aimocap-{version}-{platform.replace('-', '_')}.zip"
    extension_builder.build(stage, package)
    return package


def offered(folder: Path) -> list[str]:
    listed = json.loads((folder / "index.json").read_text())["data"]
    return sorted(each["version"] + " " + " ".join(each["platforms"]) for each in listed)


def test_a_higher_version_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    for version in ("0.9.0", "0.10.0"):
        repository.publish([small_package(tmp_path, version)], version, folder)
        assert offered(folder) == [f"{version} linux-x64"]
    assert (folder / "older" / "aimocap-0.9.0-linux_x64.zip").is_file()
    assert "0.10.0" in (folder / "index.html").read_text()


def test_each_platform_keeps_its_newest(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    both = [small_package(tmp_path, "0.9.0", platform=each) for each in ("linux-x64", "macos-arm64")]
    repository.publish(both, "0.9.0", folder)
    repository.publish([small_package(tmp_path, "0.10.0")], "0.10.0", folder)
    assert offered(folder) == ["0.10.0 linux-x64", "0.9.0 macos-arm64"]


def test_what_blender_would_not_update_to_is_not_published(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    first = small_package(tmp_path, "0.10.0")
    repository.publish([first], "0.10.0", folder)
    repository.publish([first], "0.10.0", folder)  # the same again is no change
    with pytest.raises(SetupError, match=r"offers version 0\.10\.0, and Blender updates to higher ones only"):
        repository.publish([small_package(tmp_path, "0.9.0")], "0.9.0", folder)
    with pytest.raises(SetupError, match=r"offers another aimocap-0\.10\.0-linux_x64\.zip"):
        repository.publish([small_package(tmp_path, "0.10.0", "changed = 1")], "0.10.0", folder)
    assert offered(folder) == ["0.10.0 linux-x64"]
    assert not (folder / "older").exists()
    assert (folder / first.name).read_bytes() == first.read_bytes()


@pytest.mark.parametrize("content", ["<html>", "{}"])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    with pytest.raises(SetupError, match="is not the index of a Blender repository"):
        repository.publish([], "0.1.0", tmp_path)
    assert (tmp_path / "index.json").read_text() == content


def test_the_command_says_what_is_wrong_in_one_line() -> None:
    command = [sys.executable, "scripts/build.py", "--here", "--repository", "LICENSE"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 1
    assert answer.stderr == "LICENSE is a file: name a folder for the repository.\n"
