# SPDX-License-Identifier: GPL-3.0-or-later
"""The API key goes to the API's own origin alone, and unusable settings are refused before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import ApiError, ConfigurationError, KeyRefusedError, UnexpectedAnswerError
from aimocap_addon.api.models import CreateJobRequest
from aimocap_addon.api.results import FileKind
from tests.loopback import Answer, LoopbackServer, Request

ANY = FileKind(2**30, lambda _path: None)
KEY = "sk-test-0123456789"
CREATE = CreateJobRequest(source_filename="walk.mp4", target_ids=["default"])


def keys_seen(server: LoopbackServer) -> list[str | None]:
    return [request.headers.get("Authorization") for request in server.requests]


class Pair:
    """The API and, on another port, a storage that no key may reach."""

    def __init__(self) -> None:
        self.answer_api: Callable[[Request], Answer] = lambda _request: Answer(404)
        self.answer_storage: Callable[[Request], Answer] = lambda _request: Answer(body=b"whole")
        self.api = LoopbackServer(lambda request: self.answer_api(request))  # noqa: PLW0108 - set later
        self.storage = LoopbackServer(lambda request: self.answer_storage(request))  # noqa: PLW0108


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    with pair.api, pair.storage:
        yield pair


@pytest.fixture
def client(pair: Pair) -> Iterator[AimocapClient]:
    with AimocapClient(pair.api.url, KEY) as client:
        yield client


def test_every_call_of_the_api_carries_the_key(pair: Pair, client: AimocapClient) -> None:
    pair.answer_api = lambda _request: Answer.of({"jobId": "j", "uploadUrl": "/up", "status": "completed"})
    client.create_job(CREATE)
    client.complete_upload("j")
    client.poll("j")
    client.result("j")
    assert keys_seen(pair.api) == [f"Bearer {KEY}"] * 4


def test_surrounding_white_space_of_a_pasted_key_is_dropped(pair: Pair) -> None:
    pair.answer_api = lambda _request: Answer.of({"status": "queued"})
    with AimocapClient(pair.api.url + "/", f"  {KEY}\n") as client:
        client.poll("j")
    assert keys_seen(pair.api) == [f"Bearer {KEY}"]
    assert pair.api.requests[0].path == "/api/v1/mocap/jobs/j"


def test_upload_carries_no_key_even_to_the_api_itself(pair: Pair, client: AimocapClient, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"film")
    pair.answer_api = lambda _request: Answer()
    client.upload(pair.storage.url + "/put?signature=1", video)
    client.upload("/put?signature=1", video)
    assert keys_seen(pair.storage) == [None]
    assert keys_seen(pair.api) == [None]


def test_download_from_elsewhere_never_carries_the_key(pair: Pair, client: AimocapClient, tmp_path: Path) -> None:
    pair.answer_storage = lambda _request: Answer(401)
    with pytest.raises(Exception, match="HTTP 401"):
        client.download(pair.storage.url + "/a.fbx", tmp_path / "a.fbx", ANY)
    assert keys_seen(pair.storage) == [None]


@pytest.mark.parametrize("status", [401, 403])
def test_download_from_the_api_adds_the_key_only_when_asked(
    pair: Pair, client: AimocapClient, tmp_path: Path, status: int
) -> None:
    pair.answer_api = lambda request: Answer(body=b"FBX") if "Authorization" in request.headers else Answer(status)
    client.download("/files/a.fbx", tmp_path / "a.fbx", ANY)
    assert keys_seen(pair.api) == [None, f"Bearer {KEY}"]
    assert (tmp_path / "a.fbx").read_bytes() == b"FBX"


@pytest.mark.parametrize("with_key", [400, 401, 403])
def test_download_that_the_key_does_not_open_has_an_expired_address(
    pair: Pair, client: AimocapClient, tmp_path: Path, with_key: int
) -> None:
    pair.answer_api = lambda request: Answer(with_key if "Authorization" in request.headers else 403)
    with pytest.raises(ApiError, match="expired") as caught:
        client.download("/files/a.fbx", tmp_path / "a.fbx", ANY)
    assert not isinstance(caught.value, KeyRefusedError)
    assert caught.value.status == 403
    assert not list(tmp_path.iterdir())


def test_redirect_from_the_api_to_elsewhere_loses_the_key(pair: Pair, client: AimocapClient, tmp_path: Path) -> None:
    def answer(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return Answer(401)
        return Answer(302, headers={"Location": pair.storage.url + "/a.fbx"})

    pair.answer_api = answer
    client.download("/files/a.fbx", tmp_path / "a.fbx", ANY)
    assert keys_seen(pair.storage) == [None]
    assert (tmp_path / "a.fbx").read_bytes() == b"whole"


def test_redirect_from_elsewhere_to_the_api_shows_the_key_to_the_api_alone(
    pair: Pair, client: AimocapClient, tmp_path: Path
) -> None:
    pair.answer_storage = lambda _request: Answer(302, headers={"Location": pair.api.url + "/files/a.fbx"})
    pair.answer_api = lambda request: Answer(body=b"FBX") if "Authorization" in request.headers else Answer(401)
    client.download(pair.storage.url + "/a.fbx", tmp_path / "a.fbx", ANY)
    assert set(keys_seen(pair.storage)) == {None}
    assert keys_seen(pair.api) == [None, f"Bearer {KEY}"]


def test_redirected_api_call_is_an_error_and_is_not_followed(pair: Pair, client: AimocapClient) -> None:
    pair.answer_api = lambda _request: Answer(307, headers={"Location": pair.storage.url + "/api/v1/mocap/jobs"})
    with pytest.raises(Exception, match="redirects to another address"):
        client.create_job(CREATE)
    assert not pair.storage.requests


def test_redirect_away_from_web_addresses_is_not_followed(pair: Pair, client: AimocapClient, tmp_path: Path) -> None:
    pair.answer_api = lambda _request: Answer(302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(UnexpectedAnswerError, match="not https"):
        client.download("/a.fbx", tmp_path / "a.fbx", ANY)


def test_endless_redirects_end(pair: Pair, client: AimocapClient, tmp_path: Path) -> None:
    pair.answer_api = lambda _request: Answer(302, headers={"Location": "/again"})
    with pytest.raises(Exception, match="redirects without end"):
        client.download("/a.fbx", tmp_path / "a.fbx", ANY)
    assert len(pair.api.requests) < 10


def test_plain_http_address_from_a_service_elsewhere_is_refused(tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"film")
    with AimocapClient("https://aimocap.invalid", KEY) as client:
        for address in (
            "http://aimocap.invalid/put",
            "http://127.0.0.1:9/put",
            "ftp://aimocap.invalid/put",
            "https://[",
        ):
            with pytest.raises(UnexpectedAnswerError):
                client.upload(address, video)
            with pytest.raises(UnexpectedAnswerError):
                client.download(address, tmp_path / "a.fbx", ANY)


@pytest.mark.parametrize(
    ("base_url", "sentence"),
    [
        ("http://aimocap.net", "unencrypted"),
        ("http://127.0.0.1.example.org", "unencrypted"),
        ("http://localhost.example.org", "unencrypted"),
        ("http://192.168.0.7:8723", "unencrypted"),
        ("file:///tmp/service", "not a web address"),
        ("aimocap.net", "not a web address"),
        ("", "not a web address"),
        ("https://", "not a web address"),
        ("https://aimocap net", "not a web address"),
        ("https://aimocap.net:99999", "not a web address"),
        ("https://[::1", "not a web address"),
        ("https://xn--/", "not a web address"),
        ("https://" + "a" * 70 + ".net", "not a web address"),
        ("https://user:word@aimocap.net", "not a web address"),
        ("https://aimocap.net/?key=1", "not a web address"),
        ("https://aimocap.net/#top", "not a web address"),
        ("\x00", "not a web address"),
    ],
)
def test_unusable_base_url_is_refused(base_url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        AimocapClient(base_url, KEY)


def test_password_in_a_base_url_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AimocapClient("https://user:hush@aimocap.net", KEY)
    assert "hush" not in str(caught.value) + caught.value.detail


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:8723", "http://localhost:8723/", "http://[::1]:8723"])
def test_plain_http_is_good_on_this_machine(base_url: str) -> None:
    AimocapClient(base_url, KEY).close()


@pytest.mark.parametrize("key", ["", "   ", "sk-two words", "sk-ä", "sk-\x07bell", "sk-line\nbreak"])
def test_unusable_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AimocapClient("http://127.0.0.1:9", key)
    assert not key.strip() or key.strip() not in str(caught.value) + caught.value.detail


def test_key_stands_in_no_error(pair: Pair, client: AimocapClient) -> None:
    pair.answer_api = lambda request: Answer.of({"message": "no", "sent": dict(request.headers)}, 500)
    with pytest.raises(Exception, match="no") as caught:
        client.poll("j")
    assert KEY not in caught.value.detail + str(caught.value)  # type: ignore[attr-defined]


def test_unusable_proxy_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="ALL_PROXY"):
        AimocapClient("https://aimocap.invalid", KEY)


def test_proxy_of_the_environment_is_not_used_for_this_machine(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", pair.storage.url)
    monkeypatch.setenv("http_proxy", pair.storage.url)
    pair.answer_api = lambda _request: Answer.of({"status": "queued"})
    with AimocapClient(pair.api.url, KEY) as client:
        client.poll("j")
    assert not pair.storage.requests
