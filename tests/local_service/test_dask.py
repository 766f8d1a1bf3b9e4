# SPDX-License-Identifier: GPL-3.0-or-later
"""The service with a Dask cluster of two worker processes, reached over TCP, in place of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.service_process import ROOT, ServiceProcess, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import cancel, error_of, new_caller

distributed = pytest.importorskip("distributed", reason="needs Dask's package “distributed”")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def clustered(scheduler: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    data = tmp_path_factory.mktemp("clustered") / "data"
    # The service's own environment has no Dask: its client has to be of the cluster's version.
    with running_service(data, "--dask", scheduler, module=small_solver.MODULE, python=sys.executable) as service:
        yield service


def workers_of(service: ServiceProcess, job_ids: list[str]) -> set[str]:
    return {(service.data / "worker_pids" / job_id).read_text() for job_id in job_ids}


def test_both_workers_do_jobs(clustered: ServiceProcess, clip: Path) -> None:
    caller = new_caller(clustered)
    ids = [caller.submit(clip, name="together.mp4") for _ in range(4)]
    polls = [caller.wait(job_id) for job_id in ids]
    assert [poll["job"]["status"] for poll in polls] == ["completed"] * 4
    assert "Looking at the video" in [event["message"] for event in polls[0]["events"]]
    assert small_solver.solved(caller.plain.get(polls[0]["result"]["outputs"][0]["fbxUrl"]).content)["fps"] == 30
    pids = workers_of(clustered, ids)
    assert len(pids) == 2
    assert str(os.getpid()) not in pids
    assert caller.balance() == 1000 - 4 * 4


def test_a_worker_that_dies_costs_its_job_alone(clustered: ServiceProcess, clip: Path) -> None:
    caller = new_caller(clustered)
    dying, other = caller.submit(clip, name="crash.mp4"), caller.submit(clip)
    assert caller.wait(other)["job"]["status"] == "completed"
    assert caller.wait(dying)["job"]["errorCode"] == "processing_failed"
    assert caller.movements(dying) == ["charge", "refund"]
    assert caller.wait(caller.submit(clip))["job"]["status"] == "completed"


def test_canceled_jobs_leave_the_workers_free(clustered: ServiceProcess, clip: Path) -> None:
    caller = new_caller(clustered)
    endless = [caller.submit(clip, name="endless.mp4") for _ in range(2)]
    for job_id in endless:
        caller.wait(job_id, "processing")
        cancel(clustered, job_id)
    assert caller.wait(caller.submit(clip))["job"]["status"] == "completed"
    assert [caller.poll(job_id)["job"]["status"] for job_id in endless] == ["canceled", "canceled"]
    assert caller.balance() == 1000 - 4


def test_failures_of_the_video_come_home_with_their_code(clustered: ServiceProcess, clip: Path) -> None:
    caller = new_caller(clustered)
    job_id = caller.submit(clip, name="nobody.mp4")
    assert caller.wait(job_id)["job"]["errorCode"] == "no_person_found"
    assert error_of(caller.result(job_id)) == (409, "no_person_found")


def serve(*arguments: str, python: str) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", small_solver.MODULE, "serve", "--port", "0", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_scheduler_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = serve("--data", str(tmp_path / "data"), "--dask", "tcp://127.0.0.1:9", python=sys.executable)
    assert done.returncode == 1
    assert "tcp://127.0.0.1:9" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_python_without_dask_is_one_sentence(tmp_path: Path) -> None:
    without = ROOT / ".venv/service/bin/python"
    if not without.exists():
        pytest.skip("needs the service's own environment, which has no Dask")
    done = serve("--data", str(tmp_path / "data"), "--dask", "tcp://127.0.0.1:9", python=str(without))
    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert "distributed" in sentence
