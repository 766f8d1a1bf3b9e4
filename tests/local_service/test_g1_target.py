# SPDX-License-Identifier: GPL-3.0-or-later
"""Target `unitree_g1` at the service, alone and together with `default`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimocap_addon.motion.g1.model import g1_model
from aimocap_addon.motion.g1.robot_motion import read_robot_motion
from aimocap_addon.motion.g1.violations import violations
from scripts.service_process import ROOT, ServiceProcess, running_service
from tests import result_files
from tests.local_service import small_solver
from tests.local_service.conftest import Caller, new_caller

CLIPS = ROOT / "tests/data/clips"
BOTH = ["default", "unitree_g1"]


@pytest.fixture(scope="module")
def real_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with running_service(tmp_path_factory.mktemp("real") / "data") as service:
        yield service


def test_both_targets_come_from_one_job_at_the_price_of_one(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip, targetIds=BOTH)
    poll = caller.wait(job_id)
    assert poll["job"]["status"] == "completed"
    assert poll["job"]["targetIds"] == BOTH
    result = caller.result(job_id).json()["data"]
    character, robot = result["outputs"]
    assert (character["targetId"], character["resultType"]) == ("default", "fbx")
    assert "motionJsonUrl" not in character
    assert (robot["targetId"], robot["resultType"]) == ("unitree_g1", "robot_motion_json")
    assert "fbxUrl" not in robot
    assert not {"targetId", "resultType", "fbxUrl", "motionJsonUrl"} & set(result)  # of the flat shape: which one?
    assert caller.plain.get(character["fbxUrl"]).content.startswith(b"Kaydara FBX Binary")
    served = caller.plain.get(robot["motionJsonUrl"])
    assert served.content == result_files.ROBOT_JSON
    assert ".json" in robot["motionJsonUrl"]
    files = caller.plain.get(result["manifestUrl"]).json()["files"]
    assert [(each["targetId"], each["resultType"]) for each in files] == [
        ("default", "fbx"), ("unitree_g1", "robot_motion_json"),
    ]  # fmt: skip
    assert files[1]["bytes"] == len(result_files.ROBOT_JSON)
    assert caller.movements(job_id) == ["charge"]
    assert caller.balance() == 1000 - 4  # seconds


def test_robot_alone_is_told_in_the_flat_shape_too(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip, targetIds=["unitree_g1"])
    caller.wait(job_id)
    result = caller.result(job_id).json()["data"]
    assert [output["targetId"] for output in result["outputs"]] == ["unitree_g1"]
    assert (result["targetId"], result["resultType"]) == ("unitree_g1", "robot_motion_json")
    assert result["motionJsonUrl"] == result["outputs"][0]["motionJsonUrl"]
    assert "fbxUrl" not in result


def test_one_target_may_be_lost_on_the_way(tmp_path: Path, clip: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"kind": "missing_output", "target": "unitree_g1"}]))
    with running_service(tmp_path / "data", "--faults", str(faults), module=small_solver.MODULE) as service:
        caller = new_caller(service)
        job_id = caller.submit(clip, targetIds=BOTH)
        caller.wait(job_id)
        assert [output["targetId"] for output in caller.result(job_id).json()["data"]["outputs"]] == ["default"]


@pytest.mark.parametrize(("mocap_type", "rate"), [("full_body", 24), ("upper_body", 60)])
def test_a_person_becomes_a_robot(real_service: ServiceProcess, mocap_type: str, rate: int) -> None:
    caller = Caller(real_service, real_service.create_key(100))
    fields = {"targetIds": ["unitree_g1"], "exportFps": rate, "mocapType": mocap_type}
    job_id = caller.submit(CLIPS / "wave_squat.mp4", "wave_squat.mp4", trimStartSec=2.5, trimEndSec=3.5, **fields)
    poll = caller.wait(job_id, seconds=240)
    assert poll["job"]["status"] == "completed", (poll, real_service.log.read_text()[-3000:])
    assert "Solving robot motion" in [event["message"] for event in poll["events"]]
    motion, warnings = read_robot_motion(caller.plain.get(poll["result"]["motionJsonUrl"]).content)
    assert not warnings
    assert not violations(motion, g1_model())
    assert (motion.fps, motion.frames) == (rate, rate)
    bent = motion.dof_pos[:, g1_model().joint_names.index("left_knee_joint")]
    assert (bent.max() > 1.0) == (mocap_type == "full_body")  # the person squats; without legs the robot stands
