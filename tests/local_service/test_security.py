# SPDX-License-Identifier: GPL-3.0-or-later
"""Those who mean no good, or speak badly: a 4xx, and nothing left behind."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from aimocap_addon.local_service.database import ApiKey, Database
from scripts.service_process import ServiceProcess, run_command, running_service
from tests.local_service import small_solver
from tests.local_service.conftest import JOBS, Caller, error_of, new_caller


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that waits for nobody longer than a second."""
    data = tmp_path_factory.mktemp("strict") / "data"
    with running_service(data, "--idle-limit", "1", module=small_solver.MODULE) as service:
        yield service


def files(service: ServiceProcess) -> set[str]:
    return {str(path) for folder in ("uploads", "work", "results") for path in (service.data / folder).rglob("*")}


def talk(service: ServiceProcess, sent: bytes, seconds: float = 10.0) -> bytes:
    """Send raw bytes and return what comes until the service ends the connection."""
    place = urlsplit(service.url)
    assert place.hostname is not None
    assert place.port is not None
    heard = b""
    with socket.create_connection((place.hostname, place.port), timeout=seconds) as connection:
        connection.sendall(sent)
        while piece := connection.recv(65536):
            heard += piece
    return heard


def is_refused(heard: bytes) -> bool:
    return re.match(rb"HTTP/1.1 4\d\d ", heard) is not None and heard.rstrip().endswith(b"}}")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nBad header\r\n\r\n",
        b"POST /api/v1/mocap/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v1/mocap/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(service: ServiceProcess, sent: bytes) -> None:
    logged = len(service.log.read_text())
    assert is_refused(talk(service, sent))
    assert httpx.get(f"{service.url}/healthz", trust_env=False).status_code == 200
    assert "Traceback" not in service.log.read_text()[logged:]


def test_a_head_without_end_is_not_read(service: ServiceProcess) -> None:
    with pytest.raises(OSError):
        for _ in range(100):  # the service closes the connection while we are still talking
            talk(service, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 50_000_000)
    assert httpx.get(f"{service.url}/healthz", trust_env=False).status_code == 200


def test_a_head_that_does_not_arrive_is_given_up(strict: ServiceProcess) -> None:
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: a\r\n"):
        heard = talk(strict, sent)
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert is_refused(heard)


def test_a_head_that_dribbles_is_given_up(strict: ServiceProcess) -> None:
    place = urlsplit(strict.url)
    with socket.create_connection((str(place.hostname), place.port or 0), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError):
            for _ in range(100):
                connection.sendall(b"X: y\r\n")
                time.sleep(0.1)


def test_bodies_that_do_not_arrive_are_given_up_and_leave_nothing(strict: ServiceProcess) -> None:
    caller = new_caller(strict)
    head = f"POST {JOBS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {caller.key}\r\nContent-Length: 90\r\n\r\n{{"
    heard = talk(strict, head.encode())
    assert heard.startswith(b"HTTP/1.1 408 ")
    before = files(strict)
    draft = caller.create().json()["data"]
    url = urlsplit(draft["uploadUrl"])
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    heard = talk(strict, head.encode() + bytes(50_000))
    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in heard
    assert files(strict) == before
    assert error_of(caller.complete(draft["jobId"])) == (409, "upload_missing")


def test_a_slow_but_steady_upload_is_taken(strict: ServiceProcess, clip: Path) -> None:
    caller = new_caller(strict)
    draft = caller.create().json()["data"]
    content = clip.read_bytes()

    def slowly() -> Iterator[bytes]:
        for part in range(4):
            time.sleep(0.5)
            yield content[part * len(content) // 4 : (part + 1) * len(content) // 4]

    assert caller.upload(draft["uploadUrl"], slowly()).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_bodies_of_other_kinds_are_refused(caller: Caller, clip: Path, kind: str) -> None:
    body = b'{"sourceFilename": "a.mp4", "targetIds": ["default"]}'
    refused = caller.http.post(JOBS, content=body, headers={"Content-Type": kind})
    assert error_of(refused) == (415, "content_type_unsupported")
    draft = caller.create().json()["data"]
    before = files(caller.service)
    sent = caller.upload(draft["uploadUrl"], clip.read_bytes(), headers={"Content-Type": kind})
    assert error_of(sent) == (415, "content_type_unsupported")
    assert files(caller.service) == before


@pytest.mark.parametrize(
    "path",
    [
        f"{JOBS}/../../../healthz%00",
        f"{JOBS}/..%2f..%2fservice.sqlite3",
        f"{JOBS}/%00",
        f"{JOBS}/" + "a" * 10_000,
        f"{JOBS}/%ff%fe/result",
        "/storage/results/..%2f..%2fservice.sqlite3/x?expires=1&signature=1",
        "/storage/results/%2e%2e/service.sqlite3?expires=1&signature=1",
        "/storage/results/mocap_1/default.fbx?expires=1e9&signature=%00",
        "/storage/results/mocap_1/default.fbx?expires=&signature=",
        "/storage/results/mocap_1/manifest.json",
    ],
)
def test_paths_lead_nowhere_else(caller: Caller, path: str) -> None:
    place = urlsplit(caller.service.url)
    head = f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    bearer = f"Authorization: Bearer {caller.key}\r\n" if path.startswith(JOBS) else ""
    heard = talk(caller.service, f"{head}{bearer}\r\n".encode())
    assert place.scheme == "http"
    assert is_refused(heard)
    assert b"SQLite format" not in heard


@pytest.mark.parametrize(
    "name", ["../../service.sqlite3", "..\\..\\x.mp4", "/etc/passwd", ".mp4", "a\u202f(1).mov", "ä" * 400]
)
def test_a_file_name_cannot_leave_its_folder(caller: Caller, clip: Path, name: str) -> None:
    job_id = caller.draft(clip, name=name)
    [kept] = [path for path in (caller.service.data / "uploads" / job_id).rglob("*") if path.is_file()]
    assert kept.parents[1].name == job_id
    assert caller.complete(job_id).status_code == 200


@pytest.mark.parametrize("name", ["a\x00.mp4", "a\n.mp4", "\\ud800.mp4", "a\u2028b"])
def test_names_that_are_no_line_are_refused(caller: Caller, name: str) -> None:
    name = name.replace("\x00", "\\u0000").replace("\n", "\\n")
    body = f'{{"sourceFilename": "{name}", "targetIds": ["default"]}}'.encode()
    refused = caller.http.post(JOBS, content=body, headers={"Content-Type": "application/json"})
    assert error_of(refused) == (400, "request_invalid")


def test_ids_and_signatures_cannot_be_guessed(caller: Caller) -> None:
    drafts = [caller.create().json()["data"] for _ in range(20)]
    ids = {draft["jobId"] for draft in drafts}
    assert len(ids) == 20
    assert all(re.fullmatch(r"mocap_[0-9a-f]{24}", job_id) for job_id in ids)  # 96 random bits
    signatures = {httpx.URL(draft["uploadUrl"]).params["signature"] for draft in drafts}
    assert {len(signature) for signature in signatures} == {64}
    assert len(signatures) == 20


def test_keys_are_kept_as_hashes_alone(caller: Caller) -> None:
    database = Database(caller.service.data)
    try:
        with database.read() as session:
            stored = " ".join(f"{key.sha256} {key.hint}" for key in session.query(ApiKey))
    finally:
        database.close()
    assert caller.key not in stored
    assert caller.key.encode() not in b"".join(path.read_bytes() for path in caller.service.data.glob("service.*"))
    assert caller.key not in caller.service.log.read_text()


def test_a_key_reaches_no_job_of_another(caller: Caller, clip: Path) -> None:
    job_id = caller.submit(clip)
    caller.wait(job_id)
    other = new_caller(caller.service)
    missing = other.http.get(f"{JOBS}/mocap_000000000000000000000000")
    for answer in (other.http.get(f"{JOBS}/{job_id}"), other.result(job_id), other.complete(job_id)):
        assert answer.json() == missing.json()  # not even that it exists is told
        assert answer.status_code == 404


def certificate(folder: Path) -> tuple[Path, Path]:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with openssl, which is not there")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [
        openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return cert, key


def test_other_addresses_are_served_over_tls(tmp_path: Path, clip: Path) -> None:
    cert, key = certificate(tmp_path)
    options = ("--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(key))
    with running_service(tmp_path / "data", *options, module=small_solver.MODULE) as service:
        assert service.url.startswith("https://0.0.0.0:")
        trust = ssl.create_default_context(cafile=str(cert))
        base = f"https://127.0.0.1:{urlsplit(service.url).port}"
        bearer = {"Authorization": f"Bearer {service.create_key(10)}"}
        with httpx.Client(base_url=base, verify=trust, trust_env=False) as http:
            body = {"sourceFilename": "a.mp4", "targetIds": ["default"]}
            draft = http.post(JOBS, json=body, headers=bearer).json()["data"]
            assert draft["uploadUrl"].startswith(base)
            assert http.put(draft["uploadUrl"], content=clip.read_bytes()).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{urlsplit(service.url).port}/healthz", trust_env=False)


def test_other_addresses_without_tls_need_the_flag(tmp_path: Path) -> None:
    options = ("--host", "0.0.0.0", "--insecure-any-host")
    with running_service(tmp_path / "data", *options, module=small_solver.MODULE) as service:
        place = f"http://127.0.0.1:{urlsplit(service.url).port}"
        assert httpx.get(f"{place}/healthz", trust_env=False).status_code == 200


def test_certificates_that_are_none_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    serve = ("serve", "--port", "0", "--data", str(tmp_path / "data"))
    for options in (
        ("--tls-cert", str(tmp_path / "cert.pem")),
        ("--tls-cert", str(tmp_path / "none.pem")),
        ("--tls-key", str(tmp_path / "cert.pem")),
    ):
        done = run_command(*serve, *options, module=small_solver.MODULE)
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert "--tls-cert" in done.stderr or "certificate" in done.stderr
