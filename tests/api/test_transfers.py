# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos go up whole or not at all; results appear whole or not at all."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import (
    AimocapError,
    ApiError,
    ConnectionFailedError,
    KeyRefusedError,
    SourceFileError,
    TransferCanceledError,
    TransferError,
    UnreachableError,
)
from aimocap_addon.api.results import FileKind
from aimocap_addon.api.transfers import CHUNK_BYTES
from tests.loopback import NO_ANSWER, Answer, LoopbackServer, Request, closed_port_url

ANY = FileKind(2**30, lambda _path: None)
FILM = bytes(range(256)) * (5 * CHUNK_BYTES // 256) + b"tail"


class Storage:
    """One server that answers every request alike."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.server = LoopbackServer(lambda _request: self.answer)

    @property
    def requests(self) -> list[Request]:
        return self.server.requests


@pytest.fixture
def storage() -> Iterator[Storage]:
    storage = Storage()
    with storage.server:
        yield storage


@pytest.fixture
def client(storage: Storage) -> Iterator[AimocapClient]:
    with AimocapClient(storage.server.url, "sk-test") as client:
        yield client


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Läufer 走.mov"
    path.write_bytes(FILM)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "one"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# Upload


def test_upload_sends_every_byte_with_its_length_as_mp4(storage: Storage, client: AimocapClient, film: Path) -> None:
    client.upload("/put", film)
    [request] = storage.requests
    assert (request.method, request.body) == ("PUT", FILM)
    assert request.headers["Content-Length"] == str(len(FILM))
    assert request.headers["Content-Type"] == "video/mp4"
    assert "Transfer-Encoding" not in request.headers


def test_upload_progress_grows_to_the_full_size(client: AimocapClient, film: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    client.upload("/put", film, lambda done, total: steps.append((done, total)))
    done = [step[0] for step in steps]
    assert done == sorted(set(done))
    assert len(steps) > 2
    assert steps[-1] == (len(FILM), len(FILM))
    assert {total for _, total in steps} == {len(FILM)}


def test_upload_stops_when_asked_and_the_service_gets_no_whole_file(
    storage: Storage, client: AimocapClient, film: Path
) -> None:
    sent = 0

    def count(done: int, _total: int | None) -> None:
        nonlocal sent
        sent = done

    with pytest.raises(TransferCanceledError):
        client.upload("/put", film, count, lambda: sent >= 2 * CHUNK_BYTES)
    assert 2 * CHUNK_BYTES <= sent < len(FILM)
    assert all(len(request.body) < len(FILM) for request in storage.requests)


def test_file_that_shrinks_under_way_is_named(client: AimocapClient, film: Path) -> None:
    def shrink(_done: int, _total: int | None) -> None:
        os.truncate(film, CHUNK_BYTES)

    with pytest.raises(SourceFileError, match=r"Läufer 走\.mov.*changed"):
        client.upload("/put", film, shrink)


def test_file_that_grows_under_way_is_sent_as_measured(storage: Storage, client: AimocapClient, film: Path) -> None:
    def grow(_done: int, _total: int | None) -> None:
        with film.open("ab") as more:
            more.write(b"more")

    client.upload("/put", film, grow)
    assert storage.requests[0].body == FILM


@pytest.mark.parametrize("kind", ["missing", "empty", "folder"])
def test_file_that_cannot_be_sent_sends_nothing(
    storage: Storage, client: AimocapClient, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "clip.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(SourceFileError, match=r"clip\.mp4"):
        client.upload("/put", path)
    assert not storage.requests or not storage.requests[0].body


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_of_the_storage_counts(storage: Storage, client: AimocapClient, film: Path, status: int) -> None:
    storage.answer = Answer(status)
    client.upload("/put", film)


@pytest.mark.parametrize("status", [401, 403])
def test_expired_upload_address_is_not_taken_for_a_refused_key(
    storage: Storage, client: AimocapClient, film: Path, status: int
) -> None:
    xml = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    storage.answer = Answer(status, xml, {"Content-Type": "application/xml"})
    with pytest.raises(ApiError) as caught:
        client.upload("/put", film)
    assert not isinstance(caught.value, KeyRefusedError)
    assert (caught.value.status, caught.value.code) == (status, None)
    assert "expired" in caught.value.user_message
    assert "AccessDenied" in caught.value.detail


def test_published_code_in_the_storage_s_xml_is_found(storage: Storage, client: AimocapClient, film: Path) -> None:
    storage.answer = Answer(413, b"<Error><Code>api_file_size_limit_exceeded</Code></Error>")
    with pytest.raises(ApiError, match="bigger than your plan allows"):
        client.upload("/put", film)


# Download


def test_download_appears_whole_and_only_then(storage: Storage, client: AimocapClient, results: Path) -> None:
    storage.answer = Answer(body=FILM)
    steps: list[int] = []

    def look(done: int, total: int | None) -> None:
        assert total == len(FILM)
        assert names(results) == ["a.fbx.part"]
        steps.append(done)

    client.download("/a", results / "a.fbx", ANY, look)
    assert names(results) == ["a.fbx"]
    assert (results / "a.fbx").read_bytes() == FILM
    assert steps == sorted(steps)
    assert steps[-1] == len(FILM)


FAULTS = {
    "cut short": Answer(body=FILM, cut_after=CHUNK_BYTES),
    "cut at once": Answer(body=FILM, cut_after=0),
    "promises more": Answer(body=FILM, headers={"Content-Length": str(len(FILM) + 1)}, cut_after=len(FILM)),
    "empty": Answer(),
    "no content": Answer(204),
    "chunks without an end": Answer(body=b"5\r\nwhole\r\n", headers={"Transfer-Encoding": "chunked"}, cut_after=10),
    "compressed and cut": Answer(
        body=gzip.compress(os.urandom(5000)), headers={"Content-Encoding": "gzip"}, cut_after=900
    ),
    "compressed badly": Answer(body=b"no gzip at all", headers={"Content-Encoding": "gzip"}),
    "no answer": NO_ANSWER,
    "forbidden": Answer(403, b"<Error/>"),
    "not found": Answer.of({"error": {"code": "not_found", "message": "Gone."}}, 404),
    "server error": Answer(500, b"oops"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_failed_download_leaves_nothing(storage: Storage, client: AimocapClient, results: Path, fault: str) -> None:
    storage.answer = FAULTS[fault]
    with pytest.raises(AimocapError):
        client.download("/a", results / "a.fbx", ANY)
    assert names(results) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_failed_download_keeps_the_older_file(
    storage: Storage, client: AimocapClient, results: Path, fault: str
) -> None:
    results.mkdir(parents=True)
    (results / "a.fbx").write_bytes(b"older")
    storage.answer = FAULTS[fault]
    with pytest.raises(AimocapError):
        client.download("/a", results / "a.fbx", ANY)
    assert names(results) == ["a.fbx"]
    assert (results / "a.fbx").read_bytes() == b"older"


def test_whole_download_replaces_the_older_file(storage: Storage, client: AimocapClient, results: Path) -> None:
    results.mkdir(parents=True)
    (results / "a.fbx").write_bytes(b"older and longer than the new one")
    storage.answer = Answer(body=b"newer")
    client.download("/a", results / "a.fbx", ANY)
    assert (results / "a.fbx").read_bytes() == b"newer"


def test_download_asks_for_no_compression_but_reads_it(storage: Storage, client: AimocapClient, results: Path) -> None:
    storage.answer = Answer(body=gzip.compress(FILM), headers={"Content-Encoding": "gzip"})
    client.download("/a", results / "a.fbx", ANY)
    assert storage.requests[0].headers["Accept-Encoding"] == "identity"
    assert (results / "a.fbx").read_bytes() == FILM


def test_stopped_download_leaves_nothing(storage: Storage, client: AimocapClient, results: Path) -> None:
    storage.answer = Answer(body=FILM)
    reached = 0

    def count(done: int, _total: int | None) -> None:
        nonlocal reached
        reached = done

    with pytest.raises(TransferCanceledError):
        client.download("/a", results / "a.fbx", ANY, count, lambda: reached > 0)
    assert 0 < reached < len(FILM)
    assert names(results) == []


def test_results_folder_that_is_no_folder_is_named(storage: Storage, client: AimocapClient, tmp_path: Path) -> None:
    storage.answer = Answer(body=FILM)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TransferError, match=r"cannot be written.*choose another results folder"):
        client.download("/a", tmp_path / "file" / "a.fbx", ANY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_full_disk_is_named(storage: Storage, client: AimocapClient, results: Path) -> None:
    storage.answer = Answer(body=FILM)
    results.mkdir(parents=True)
    (results / "a.fbx.part").symlink_to("/dev/full")
    with pytest.raises(TransferError, match="No space left"):
        client.download("/a", results / "a.fbx", ANY)
    assert names(results) == []


@pytest.mark.parametrize("address", ["/files/a.fbx?sig=1", "files/a.fbx?sig=1", "//{host}/files/a.fbx?sig=1"])
def test_relative_addresses_mean_the_service(
    storage: Storage, client: AimocapClient, film: Path, results: Path, address: str
) -> None:
    address = address.format(host=storage.server.url.removeprefix("http://"))
    storage.answer = Answer(body=b"FBX")
    client.upload(address, film)
    client.download(address, results / "a.fbx", ANY)
    assert [request.path for request in storage.requests] == ["/files/a.fbx?sig=1"] * 2


# No answer


def test_unreachable_service_says_how_to_start_it(film: Path, results: Path) -> None:
    url = closed_port_url()
    with AimocapClient(url, "sk-test") as client:
        calls = (
            lambda: client.poll("j"),
            lambda: client.upload("/put", film),
            lambda: client.download("/a", results / "a.fbx", ANY),
        )
        for call in calls:
            with pytest.raises(UnreachableError, match=f"No service answers at {url}: start the local service"):
                call()
    assert names(results) == []


def test_lost_answer_is_told_apart_from_no_connection(storage: Storage, client: AimocapClient, film: Path) -> None:
    storage.answer = NO_ANSWER
    for call in (lambda: client.complete_upload("j"), lambda: client.upload("/put", film)):
        with pytest.raises(ConnectionFailedError, match="broke off") as caught:
            call()
        assert not isinstance(caught.value, UnreachableError)


def test_unknown_host_is_unreachable() -> None:
    with (
        AimocapClient("https://no-such-host.invalid", "sk-test") as client,
        pytest.raises(UnreachableError, match="internet connection"),
    ):
        client.poll("j")


def test_service_that_speaks_no_tls_is_unreachable(storage: Storage) -> None:
    with (
        AimocapClient(storage.server.url.replace("http:", "https:"), "sk-test") as client,
        pytest.raises(UnreachableError, match="certificate"),
    ):
        client.poll("j")


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_unreadable_video_is_named(client: AimocapClient, film: Path) -> None:
    film.chmod(0)
    with pytest.raises(SourceFileError, match="cannot be read"):
        client.upload("/put", film)
