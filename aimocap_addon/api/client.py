# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the AIMoCap API: five calls, an upload and a download.

The bearer key goes to the API's own origin alone. Nothing here repeats a call by itself: what is safe
to repeat, and when, is decided by whoever knows the capture's state.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from .addresses import is_loopback
from .answers import error_from_response, find_failure, parse_poll, parse_result, read_json
from .destinations import check, origin, parse_base_url, resolve
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
from .results import FileKind
from .transfers import (
    IsCanceled,
    TransferProgress,
    ignore_progress,
    never_canceled,
    read_answer,
    read_video,
    save_response,
)

UPLOAD_CONTENT_TYPE = "video/mp4"  # what the official example sends whatever the file is
_MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Patience:
    """How long the client waits, in seconds."""

    connect: float = 10.0
    answer: float = 30.0  # for the next bytes of an answer
    transfer: float = 120.0  # for the next bytes of a file, or for an answer that follows a file
    whole_answer: float = 300.0  # for all of an answer that is no file


class AimocapClient:
    """One service and one key. Not shared between threads: each capture's driver makes its own."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        transport: httpx.BaseTransport | None = None,
        patience: Patience = Patience(),
    ) -> None:
        """Raises ConfigurationError for a base URL or a key that cannot be used."""
        self._patience = patience
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
        url = resolve(self._base_url, upload_url)
        content = read_video(video, size, on_progress, is_canceled)
        with self._key_kept_out(), self._transport_errors(url):
            response = self._exchange(
                self._http.build_request("PUT", url, content=content, headers=headers, timeout=self._transfer_timeout)
            )
            if not response.is_success:
                raise error_from_response(response, with_key=False)

    def complete_upload(self, job_id: str) -> None:
        """Submit the uploaded video. Not to be repeated before `poll` said that the job is still a draft.

        The API promises nothing about the answer's body, so any 2xx answer counts.
        """
        # The service checks the whole file before it answers.
        self._request("POST", f"/jobs/{quote(job_id, safe='')}/complete-upload", timeout=self._transfer_timeout)

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
        kind: FileKind,
        on_progress: TransferProgress = ignore_progress,
        is_canceled: IsCanceled = never_canceled,
    ) -> None:
        """Fetch a result file to `destination`, which appears only when it is whole and what `kind` says.

        The key is left out, and added only where the API's own origin answers 401 or 403.
        """
        target = resolve(self._base_url, url)
        refusal: ApiError | None = None
        for with_key in (False, True):
            with (
                self._key_kept_out(),
                self._transport_errors(target),
                self._open_download(target, with_key) as response,
            ):
                if response.status_code in (401, 403) and self._is_own(response.request.url) and not with_key:
                    refusal = error_from_response(self._read(response), with_key=False)
                    continue
                if refusal is not None and not response.is_success:
                    raise refusal  # the key did not help, so the address is what is wrong
                save_response(response, destination, kind, on_progress, is_canceled)
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
            request = self._http.build_request("GET", url, headers=headers, timeout=self._transfer_timeout)
            response = self._http.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                following = response.next_request.url
            finally:
                response.close()
            url = check(self._base_url, following)
        raise TransferError("The result's address redirects without end: try again later.")

    def _is_own(self, url: httpx.URL) -> bool:
        return origin(url) == origin(self._base_url)

    @property
    def _transfer_timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self._patience.transfer, connect=self._patience.connect)

    def _call(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        response = self._request(method, path, json=json)
        with self._key_kept_out():
            return read_json(response, self._key)

    def _request(
        self, method: str, path: str, *, json: Any = None, timeout: httpx.Timeout | None = None
    ) -> httpx.Response:
        url = self._base_url.copy_with(path=self._base_url.path.rstrip("/") + API_PREFIX + path)
        timeout = timeout or httpx.Timeout(self._patience.answer, connect=self._patience.connect)
        with self._key_kept_out(), self._transport_errors(url):
            response = self._exchange(
                self._http.build_request(method, url, json=json, headers=self._authorization, timeout=timeout)
            )
            if not response.is_success:
                raise error_from_response(response, with_key=True)
        return response

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its answer, read to its end; nothing is repeated or redirected."""
        with contextlib.closing(self._http.send(request, stream=True)) as response:
            return self._read(response)

    def _read(self, response: httpx.Response) -> httpx.Response:
        return read_answer(response, self._patience.whole_answer)

    @contextlib.contextmanager
    def _key_kept_out(self) -> Iterator[None]:
        """Keep the key out of errors and of their tracebacks, since a service may repeat what it was sent."""
        try:
            yield
        except AimocapError as error:
            error.redact(self._key)
            raise error from None  # what a library says of the answer quotes it

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
