# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the AIMoCap API: five calls, an upload and a download.

The bearer key goes to the API's own origin alone. Nothing here repeats a call by itself: what is safe
to repeat, and when, is decided by whoever knows the capture's state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from .addresses import is_loopback
from .answers import error_from_response, find_failure, parse_poll, parse_result, read_json
from .errors import (
    AimocapError,
    ApiError,
    ConfigurationError,
    ConnectionFailedError,
    SourceFileError,
    TransferError,
    UnexpectedAnswerError,
    UnreachableError,
    sentence_for,
)
from .models import API_PREFIX, CreatedJob, CreateJobRequest, JobPoll, JobResult
from .transfers import IsCanceled, TransferProgress, ignore_progress, never_canceled, read_video, save_response

UPLOAD_CONTENT_TYPE = "video/mp4"  # what the official example sends whatever the file is
_API_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRANSFER_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_MAX_REDIRECTS = 5


def parse_base_url(text: str) -> httpx.URL:
    """Return the base URL without trailing slash; raises ConfigurationError if it may not be used.

    https is required except on loopback, since the key travels with every call.
    """
    sentence = f"“{text}” is not a web address like https://host/path: set the base URL in the preferences."
    try:
        url = _parse_web_address(text.strip().rstrip("/"))
    except ValueError as error:
        raise ConfigurationError(sentence) from error
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError(sentence)
    if url.scheme == "http" and not is_loopback(str(url)):
        raise ConfigurationError(
            f"“{text}” would send the API key unencrypted: use an https address (http is for this machine alone)."
        )
    return url


def _parse_web_address(text: str) -> httpx.URL:
    """Return the http or https URL; raises ValueError for anything that no request can be sent to."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from error
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 443) < 65536:
        raise ValueError("not a web address")
    if " " in url.host or "%" in url.host:
        raise ValueError("not a host name")
    url.raw_host.decode("ascii").encode("idna")  # what the look-up of the name does; a UnicodeError is a ValueError
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, url.port or default


class AimocapClient:
    """One service and one key. Not shared between threads: each capture's driver makes its own."""

    def __init__(self, base_url: str, api_key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """Raises ConfigurationError for a base URL or a key that cannot be used."""
        self._base_url = parse_base_url(base_url)
        key = api_key.strip()
        if not key:
            raise ConfigurationError(
                "There is no API key: set it in the add-on's preferences or in the environment variable AIMOCAP_KEY."
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ConfigurationError("The API key has characters that no key has: copy it again from the account page.")
        self._key = key
        self._authorization = {"Authorization": f"Bearer {key}"}
        try:
            self._http = httpx.Client(
                transport=transport,
                # A proxy from the environment cannot reach this machine's own loopback.
                trust_env=not is_loopback(str(self._base_url)),
                headers={"User-Agent": "aimocap-blender", "Accept": "application/json, */*"},
            )
        except (ImportError, ValueError, OSError, httpx.InvalidURL) as error:
            raise ConfigurationError(
                "The environment's proxy or certificate settings cannot be used: correct HTTPS_PROXY, ALL_PROXY or "
                "SSL_CERT_FILE and start Blender again.",
                detail=repr(error),
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create_job(self, request: CreateJobRequest) -> CreatedJob:
        """Create a draft and get the URL to upload to. Costs nothing; each call makes a new draft."""
        payload = self._call("POST", "/jobs", json=request.to_wire())
        try:
            return CreatedJob.model_validate(payload)
        except ValidationError as error:
            code, message = find_failure(payload)
            if code or message:  # a refusal in an answer that calls itself a success
                raise ApiError(sentence_for(code, message), status=200, code=code) from error
            raise UnexpectedAnswerError(
                "The service's answer lacks the upload address: check the base URL in the preferences.",
                detail=str(error),
            ) from error

    def upload(
        self,
        upload_url: str,
        video: Path,
        on_progress: TransferProgress = ignore_progress,
        is_canceled: IsCanceled = never_canceled,
    ) -> None:
        """Stream the file to a signed upload URL, without the key.

        Raises SourceFileError, TransferCanceledError, ConnectionFailedError or ApiError.
        """
        try:
            size = video.stat().st_size
        except OSError as error:
            raise SourceFileError(f"“{video.name}” cannot be read: choose the video again.") from error
        if size == 0:
            raise SourceFileError(f"“{video.name}” is empty: choose another video.")
        headers = {"Content-Type": UPLOAD_CONTENT_TYPE, "Content-Length": str(size)}
        url = self._resolve(upload_url)
        with self._transport_errors(url):
            response = self._http.put(
                url,
                content=read_video(video, size, on_progress, is_canceled),
                headers=headers,
                timeout=_TRANSFER_TIMEOUT,
            )
        if not response.is_success:
            raise error_from_response(response, with_key=False)

    def complete_upload(self, job_id: str) -> None:
        """Submit the uploaded video. Not to be repeated before `poll` said that the job is still a draft.

        The API promises nothing about the answer's body, so any 2xx answer counts.
        """
        # The service checks the whole file before it answers.
        self._request("POST", f"/jobs/{quote(job_id, safe='')}/complete-upload", timeout=_TRANSFER_TIMEOUT)

    def poll(self, job_id: str) -> JobPoll:
        """Ask for the job's state."""
        return parse_poll(self._call("GET", f"/jobs/{quote(job_id, safe='')}"))

    def result(self, job_id: str) -> JobResult:
        """Ask what a completed job delivered, with fresh download URLs."""
        return parse_result(self._call("GET", f"/jobs/{quote(job_id, safe='')}/result"))

    def download(
        self,
        url: str,
        destination: Path,
        on_progress: TransferProgress = ignore_progress,
        is_canceled: IsCanceled = never_canceled,
    ) -> None:
        """Fetch a result file to `destination`, which appears only when whole.

        The key is left out, and added only where the API's own origin answers 401 or 403.
        """
        target = self._resolve(url)
        refusal: ApiError | None = None
        for with_key in (False, True):
            with (
                self._key_kept_out(),
                self._transport_errors(target),
                self._open_download(target, with_key) as response,
            ):
                if response.status_code in (401, 403) and self._is_own(response.request.url) and not with_key:
                    response.read()
                    refusal = error_from_response(response, with_key=False)
                    continue
                if refusal is not None and not response.is_success:
                    raise refusal  # the key did not help, so the address is what is wrong
                save_response(response, destination, on_progress, is_canceled)
                return

    @contextlib.contextmanager
    def _open_download(self, url: httpx.URL, with_key: bool) -> Iterator[httpx.Response]:
        """Open a streamed GET, following redirects by hand: only web addresses, never from https to http.

        No compression is asked for, so that the length of the body can be checked. With the key, every hop
        decides anew whether it goes to the API's own origin.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            headers = {"Accept-Encoding": "identity"}
            if with_key and self._is_own(url):
                headers |= self._authorization
            request = self._http.build_request("GET", url, headers=headers, timeout=_TRANSFER_TIMEOUT)
            response = self._http.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                following = response.next_request.url
            finally:
                response.close()
            url = self._check_web_address(following)
        raise TransferError("The result's address redirects without end: try again later.")

    def _is_own(self, url: httpx.URL) -> bool:
        return _origin(url) == _origin(self._base_url)

    def _resolve(self, url: str) -> httpx.URL:
        try:
            return self._check_web_address(_parse_web_address(str(self._base_url.join(url))))
        except (httpx.InvalidURL, ValueError) as error:
            raise UnexpectedAnswerError("The service gave an address that cannot be used: try again.") from error

    def _check_web_address(self, url: httpx.URL) -> httpx.URL:
        plain_allowed = is_loopback(str(self._base_url)) and is_loopback(str(url))
        if url.scheme != "https" and not (url.scheme == "http" and plain_allowed):
            raise UnexpectedAnswerError("The service gave an address that is not https: nothing was sent there.")
        return url

    def _call(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        response = self._request(method, path, json=json)
        with self._key_kept_out():
            return read_json(response)

    def _request(
        self, method: str, path: str, *, json: Any = None, timeout: httpx.Timeout = _API_TIMEOUT
    ) -> httpx.Response:
        url = self._base_url.copy_with(path=self._base_url.path.rstrip("/") + API_PREFIX + path)
        with self._key_kept_out(), self._transport_errors(url):
            response = self._http.request(method, url, json=json, headers=self._authorization, timeout=timeout)
            if not response.is_success:
                raise error_from_response(response, with_key=True)
        return response

    @contextlib.contextmanager
    def _key_kept_out(self) -> Iterator[None]:
        """Keep the key out of errors, since a service may repeat what it was sent."""
        try:
            yield
        except AimocapError as error:
            error.redact(self._key)
            raise

    @contextlib.contextmanager
    def _transport_errors(self, url: httpx.URL) -> Iterator[None]:
        place = f"{url.scheme}://{url.netloc.decode('ascii')}"
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, UnicodeError) as error:
            if "[SSL" in str(error):
                sentence = f"{place} has no valid certificate: check the base URL and the machine's clock."
            elif is_loopback(str(url)):
                sentence = f"No service answers at {place}: start the local service or correct the address."
            else:
                sentence = f"{place} cannot be reached: check the internet connection and the base URL."
            raise UnreachableError(sentence, detail=repr(error)) from error
        except httpx.TimeoutException as error:
            raise ConnectionFailedError(
                f"{place} did not answer in time: check the connection if this stays.", detail=repr(error)
            ) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError, httpx.DecodingError) as error:
            raise ConnectionFailedError(
                f"The connection to {place} broke off: check the connection if this stays.", detail=repr(error)
            ) from error
