# SPDX-License-Identifier: GPL-3.0-or-later
"""Another package's solver, installed beside the service and named when it starts, does the jobs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.service_process import MODULE, ROOT, ServiceProcess, run_command, running_service
from tests.local_service.conftest import Caller, error_of

EXAMPLE = Path(__file__).with_name("example_solver") / "nodding.py"
CLIP = ROOT / "tests/data/clips/wave_squat.mp4"


def install(folder: Path) -> None:
    """Install the example as pip would: its module, and what its distribution says of it."""
    shutil.copy(EXAMPLE, folder)
    about = folder / "nodding-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nodding\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[aimocap.solvers]\nnodding = nodding:NoddingSolver\nbroken = nodding:Missing\n"
    )


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    install(folder)
    return folder


@pytest.fixture(scope="module")
def nodding(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    data, path = tmp_path_factory.mktemp("nodding") / "data", {"PYTHONPATH": str(packages)}
    with running_service(data, "--solver", "nodding", module=MODULE, environment=path) as service:
        yield service


def test_it_solves_the_jobs(nodding: ServiceProcess) -> None:
    caller = Caller(nodding, nodding.create_key(100))
    poll = caller.wait(caller.submit(CLIP, trimEndSec=1.0), seconds=120)
    assert poll["job"]["status"] == "completed", (poll, nodding.log.read_text()[-3000:])
    assert "Nodding" in [event["message"] for event in poll["events"]]
    assert poll["result"]["warnings"] == ["Only the head was captured."]
    fbx = caller.plain.get(poll["result"]["fbxUrl"]).content
    assert b"head" in fbx and b"thigh_l" not in fbx
    assert caller.plain.get(poll["result"]["previewVideoUrl"]).content[4:8] == b"ftyp"


def test_its_refusal_reaches_the_client(nodding: ServiceProcess) -> None:
    caller = Caller(nodding, nodding.create_key(100))
    job_id = caller.submit(CLIP, trimEndSec=1.0, mocapType="upper_body")
    poll = caller.wait(job_id, seconds=60)
    assert poll["job"]["errorMessage"] == "This solver nods with the whole body alone: capture the full body."
    assert error_of(caller.result(job_id)) == (409, "solve_failed")
    assert caller.balance() == 100


def test_a_broken_one_fails_the_job_and_not_the_service(packages: Path, tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(packages)}
    with running_service(tmp_path / "data", "--solver", "broken", environment=path) as service:
        caller = Caller(service, service.create_key(100))
        job = caller.wait(caller.submit(CLIP, trimEndSec=1.0), seconds=60)["job"]
        assert job["errorCode"] == "processing_failed"
        assert "Missing" in service.log.read_text()
        assert caller.balance() == 100


def test_an_unknown_name_is_told_at_the_start(packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages)]))
    done = run_command("serve", "--port", "0", "--data", str(tmp_path / "data"), "--solver", "noding")
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert "“noding”" in sentence
    assert "broken, nodding" in sentence
