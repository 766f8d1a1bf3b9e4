# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the AIMoCap API: five calls, an upload and a download.

The bearer key goes to the API's own origin alone. Nothing here repeats a call by itself: what is safe
to repeat, and when, is decided by whoever knows the capture's state.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from .addresses import is_loopback
from .answers import error_from_response, parse_poll, parse_result, read_json
from .errors import ConfigurationError, ConnectionFailedError, SourceFileError, TransferError, UnexpectedAnswerError
from .models import API_PREFIX, CreatedJob, CreateJobRequest, JobInfo, JobPoll, JobResult
from .transfers import IsCanceled, TransferProgress, ignore_progress, never_canceled, read_video, save_response

UPLOAD_CONTENT_TYPE = "video/mp4"  # what the official example sends whatever the file is
_API_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_TRANSFER_TIMEOUT = httpx.Timeout(120.0, connect=10.0)
_MAX_REDIRECTS = 5


def parse_base_url(text: str) -> httpx.URL:
    """Return the base URL without trailing slash; raises ConfigurationError if it may not be used.

    https is required except on loopback, since the key travels with every call.
    """
    try:
        url = httpx.URL(text.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise ConfigurationError(f"“{text}” is not a web address: set the base URL in the preferences.") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError(f"“{text}” is not a web address: set the base URL in the preferences.")
    if url.scheme == "http" and not is_loopback(str(url)):
        raise ConfigurationError(
            f"“{text}” would send the API key unencrypted: use an https address (http is for this machine alone)."
        )
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
        self._authorization = f"Bearer {key}"
        # A proxy from the environment cannot reach this machine's own loopback.
        self._http = httpx.Client(
            transport=transport,
            trust_env=not is_loopback(str(self._base_url)),
            headers={"User-Agent": "aimocap-blender", "Accept": "application/json, */*"},
        )

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
            raise error_from_response(response)

    def complete_upload(self, job_id: str) -> JobInfo:
        """Submit the uploaded video. Not to be repeated before `poll` said that the job is still a draft."""
        payload = self._call("POST", f"/jobs/{quote(job_id, safe='')}/complete-upload", body_optional=True)
        return parse_poll(payload).job

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

        The key is left out, and added only if the URL is of the API's own origin and answers 401 or 403.
        """
        target = self._resolve(url)
        for headers in ({}, {"Authorization": self._authorization}):
            with self._transport_errors(target), self._open_download(target, headers) as response:
                own = _origin(response.request.url) == _origin(self._base_url)
                if response.status_code in (401, 403) and own and not headers:
                    continue
                save_response(response, destination, on_progress, is_canceled)
                return

    @contextlib.contextmanager
    def _open_download(self, url: httpx.URL, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """Open a streamed GET, following redirects by hand: only web addresses, never from https to http."""
        for _ in range(_MAX_REDIRECTS + 1):
            request = self._http.build_request("GET", url, headers=headers, timeout=_TRANSFER_TIMEOUT)
            response = self._http.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                following = response.next_request.url
            finally:
                response.close()
            if _origin(following) != _origin(url):
                headers = {}
            url = self._check_web_address(following)
        raise TransferError("The result's address redirects without end: try again later.")

    def _resolve(self, url: str) -> httpx.URL:
        try:
            return self._check_web_address(self._base_url.join(url))
        except httpx.InvalidURL as error:
            raise UnexpectedAnswerError("The service gave an address that cannot be used: try again.") from error

    def _check_web_address(self, url: httpx.URL) -> httpx.URL:
        plain_allowed = is_loopback(str(self._base_url)) and is_loopback(str(url))
        if url.scheme != "https" and not (url.scheme == "http" and plain_allowed):
            raise UnexpectedAnswerError("The service gave an address that is not https: nothing was sent there.")
        return url

    def _call(self, method: str, path: str, *, json: Any = None, body_optional: bool = False) -> dict[str, Any]:
        url = self._base_url.copy_with(path=self._base_url.path.rstrip("/") + API_PREFIX + path)
        with self._transport_errors(url):
            response = self._http.request(
                method, url, json=json, headers={"Authorization": self._authorization}, timeout=_API_TIMEOUT
            )
        if not response.is_success:
            raise error_from_response(response)
        if body_optional and not response.content.strip():
            return {}
        return read_json(response)

    @contextlib.contextmanager
    def _transport_errors(self, url: httpx.URL) -> Iterator[None]:
        place = f"{url.scheme}://{url.netloc.decode('ascii')}"
        try:
            yield
        except httpx.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLError) or "CERTIFICATE" in str(error):
                sentence = f"{place} has no valid certificate: check the base URL and the machine's clock."
            elif is_loopback(str(url)):
                sentence = f"No service answers at {place}: start the local service or correct the address."
            else:
                sentence = f"{place} cannot be reached: check the internet connection and the base URL."
            raise ConnectionFailedError(sentence, detail=str(error)) from error
        except httpx.TimeoutException as error:
            raise ConnectionFailedError(
                f"{place} did not answer in time: it is tried again.", detail=repr(error)
            ) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.StreamError, httpx.DecodingError) as error:
            raise ConnectionFailedError(
                f"The connection to {place} broke off: it is tried again.", detail=repr(error)
            ) from error
