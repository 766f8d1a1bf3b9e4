# SPDX-License-Identifier: GPL-3.0-or-later
"""A service cannot lead the client to files, other programs' ports, or hosts inside the person's own network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.destinations import resolve
from aimocap_addon.api.errors import UnexpectedAnswerError
from aimocap_addon.api.models import CreateJobRequest, ResultType
from aimocap_addon.api.results import RESULT_KINDS
from tests.loopback import Answer, LoopbackServer

CLOUD = httpx.URL("https://aimocap.invalid/base")
LOCAL = httpx.URL("http://127.0.0.1:8765")
INSIDE = httpx.URL("https://10.1.2.3:8443")
FBX = RESULT_KINDS[ResultType.FBX]

NO_WEB_ADDRESS = [
    "file:///etc/passwd",
    "file://aimocap.invalid/etc/passwd",
    "ftp://aimocap.invalid/a",
    "javascript:alert(1)",
    "data:text/plain,a",
    "gopher://aimocap.invalid/",
    "http://aimocap.invalid/a",
    "https://[::1",
    "https://a b/",
    "https://aimocap.invalid:99999/",
    "/" + "a" * 10_000,
    "\x00",
]
PRIVATE = [
    "https://127.0.0.1/a",
    "https://127.1/a",
    "https://2130706433/a",
    "https://0x7f000001/a",
    "https://localhost/a",
    "https://localhost:8765/a",
    "https://10.0.0.7/a",
    "https://172.16.0.1/a",
    "https://192.168.178.1/a",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/a",
    "https://0.0.0.0/a",
    "https://[::1]/a",
    "https://[::ffff:10.0.0.7]/a",
    "https://[fe80::1]/a",
    "https://[fd00::7]/a",
    "//192.168.178.1/a",
]


@pytest.mark.parametrize("base", [CLOUD, LOCAL], ids=["cloud", "local"])
@pytest.mark.parametrize("address", NO_WEB_ADDRESS)
def test_what_is_no_safe_web_address_is_refused(base: httpx.URL, address: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"\.$"):
        resolve(base, address)


@pytest.mark.parametrize("address", PRIVATE)
def test_cloud_leads_into_no_private_network(address: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match="own network"):
        resolve(CLOUD, address)


@pytest.mark.parametrize("address", ["https://8.8.8.8/a", "https://storage.invalid/a?sig=1", "/files/a", "files/a"])
def test_cloud_leads_to_its_storage(address: str) -> None:
    assert resolve(CLOUD, address).scheme == "https"


def test_service_inside_a_company_leads_to_its_own_hosts() -> None:
    assert resolve(INSIDE, "https://10.1.2.4/a").host == "10.1.2.4"
    assert resolve(INSIDE, "/a").host == "10.1.2.3"


@pytest.mark.parametrize("address", ["https://storage.invalid/a", "https://10.0.0.7/a", "https://8.8.8.8/a"])
def test_service_on_this_machine_leads_nowhere_else(address: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match="on another one"):
        resolve(LOCAL, address)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a", "http://localhost:9/a", "https://[::1]:9/a", "/a"])
def test_service_on_this_machine_leads_to_this_machine(address: str) -> None:
    assert resolve(LOCAL, address).path == "/a"


class Service:
    """A service on this machine that answers every request alike."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.server = LoopbackServer(lambda _request: self.answer)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    with service.server:
        yield service


@pytest.mark.parametrize("address", ["https://storage.invalid/a", "file:///etc/passwd", "http://10.0.0.7/a"])
def test_redirects_are_looked_at_like_addresses(service: Service, tmp_path: Path, address: str) -> None:
    service.answer = Answer(302, headers={"Location": address})
    with AimocapClient(service.server.url, "sk-test") as client, pytest.raises(UnexpectedAnswerError):
        client.download("/a", tmp_path / "a.fbx", FBX)
    assert len(service.server.requests) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("job_id", ["..", ".", "", "a" * 501])
def test_job_that_would_change_the_path_is_no_job(service: Service, job_id: str) -> None:
    service.answer = Answer.of({"jobId": job_id, "uploadUrl": "/up"})
    with AimocapClient(service.server.url, "sk-test") as client, pytest.raises(UnexpectedAnswerError):
        client.create_job(CreateJobRequest(source_filename="a.mp4", target_ids=["default"]))


def test_job_s_name_stays_one_part_of_the_path(service: Service) -> None:
    service.answer = Answer.of({"status": "queued"})
    with AimocapClient(service.server.url, "sk-test") as client:
        client.poll("../../admin?x=1#y")
    assert service.server.requests[0].path == "/api/v1/mocap/jobs/..%2F..%2Fadmin%3Fx%3D1%23y"


def test_answer_without_end_is_broken_off(service: Service) -> None:
    service.answer = Answer(body=b'{"a": "' + b"x" * 20_000_000)
    with AimocapClient(service.server.url, "sk-test") as client, pytest.raises(UnexpectedAnswerError, match="too long"):
        client.poll("j")
