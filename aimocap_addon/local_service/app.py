# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP face of the service: routes, envelopes, who may call what.

Success is {"data": ...}; every error, also the framework's own, is {"error": {"code", "message"}}.
API routes want the bearer key. Upload and download routes want a signed URL and refuse a key: a client
that sends its key to a storage address would leak it elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from ..api.models import API_PREFIX, CreatedJob, JobStatus
from . import VERSION, admission, answers, bodies, jobs, keys
from .database import ApiKey, Database, Job, Output
from .errors import RequestRefusedError
from .openapi import DOCUMENT_PATH, document
from .poll_cache import PollCache, caller_of
from .signed_urls import UrlSigner
from .storage import Storage
from .submission import submit
from .uploads import receive_video

UPLOADS = "/storage/uploads"
RESULTS = "/storage/results"
_EXTRA_HEADERS = {
    HTTPStatus.REQUEST_TIMEOUT: {"Connection": "close"},  # or the rest of the body would be waited for
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.TOO_MANY_REQUESTS: {"Retry-After": "5"},
}


def create_app(
    database: Database,
    storage: Storage,
    signer: UrlSigner,
    on_queued: Callable[[], None],
    idle_sec: float = bodies.IDLE_SEC,
) -> FastAPI:
    """Return the application.

    `on_queued` is called when a job has entered the queue; a request whose body stops arriving for `idle_sec`
    is refused.
    """
    app = FastAPI(title="AIMoCap local service", version=VERSION, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False  # an address is right or gets an error, never another address
    app.add_exception_handler(RequestRefusedError, _answer_refusal)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_own_failure)

    polls = PollCache(database)

    def key_of(request: Request) -> ApiKey:
        with database.read() as session:
            return keys.authenticate(session, request.headers.get("Authorization"))

    def download_url(request: Request) -> answers.DownloadUrl:
        base = str(request.base_url)
        return lambda job_id, filename: signer.sign(base, "GET", f"{RESULTS}/{job_id}/{filename}")

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        return {"data": {"service": "aimocap-local", "version": VERSION, "status": "ok"}}

    @app.get(DOCUMENT_PATH)
    def openapi(request: Request) -> JSONResponse:
        return JSONResponse(document(str(request.base_url)))

    @app.post(f"{API_PREFIX}/jobs")
    async def create(request: Request) -> dict[str, Any]:
        key = await run_in_threadpool(key_of, request)
        spec = admission.read_create(await bodies.read_json(request, idle_sec))

        def create_draft() -> str:
            with database.write() as session:
                current = session.get_one(ApiKey, key.id)
                admission.check_create(session, current, spec)
                return jobs.create_draft(session, current, spec).id

        job_id = await run_in_threadpool(create_draft)
        created = CreatedJob(
            job_id=job_id,
            mocap_type=spec.mocap_type,
            upload_url=signer.sign(str(request.base_url), "PUT", f"{UPLOADS}/{job_id}"),
            source_key=storage.source_key(job_id),
        )
        return {"data": created.to_wire()}

    @app.post(f"{API_PREFIX}/jobs/{{job_id}}/complete-upload")
    def complete_upload(request: Request, job_id: str) -> dict[str, Any]:
        status = submit(database, storage, job_id, key_of(request).id)
        on_queued()
        return {"data": {"jobId": job_id, "status": status}}

    def read_poll(request: Request, job_id: str) -> tuple[bytes, float]:
        key = key_of(request)
        with database.read() as session:
            job = jobs.find_job(session, job_id, key.id)
            answer = answers.poll_answer(job, jobs.events(session, job), download_url(request))
        return json.dumps({"data": answer}).encode(), job.updated_at

    @app.get(f"{API_PREFIX}/jobs/{{job_id}}")
    async def poll(request: Request, job_id: str) -> Response:
        caller = caller_of(request.headers.get("Authorization"), request.headers.get("Host"))
        body = polls.get(job_id, caller)
        if body is None:
            began = time.monotonic()
            body, updated_at = await run_in_threadpool(read_poll, request, job_id)
            polls.put(job_id, caller, body, updated_at, began)
        return Response(body, media_type="application/json")

    @app.get(f"{API_PREFIX}/jobs/{{job_id}}/result")
    def result(request: Request, job_id: str) -> dict[str, Any]:
        key = key_of(request)
        with database.read() as session:
            job = jobs.find_job(session, job_id, key.id)
            if job.status == JobStatus.FAILED:
                raise RequestRefusedError(HTTPStatus.CONFLICT, job.error_code or "", job.error_message or "")
            if job.status == JobStatus.CANCELED:
                raise RequestRefusedError(
                    HTTPStatus.CONFLICT,
                    "job_canceled",
                    "The job was canceled and has no result: capture the clip again.",
                )
            if job.status != JobStatus.COMPLETED:
                raise RequestRefusedError(
                    HTTPStatus.CONFLICT,
                    "job_not_completed",
                    f"The job is {job.status} and has no result yet: poll it until it is completed.",
                )
            return {"data": answers.result_answer(job, jobs.events(session, job), download_url(request))}

    app.include_router(_storage(database, storage, signer, idle_sec))
    return app


def _storage(database: Database, storage: Storage, signer: UrlSigner, idle_sec: float) -> APIRouter:
    """Return the routes of signed addresses."""
    router = APIRouter()

    @router.put(f"{UPLOADS}/{{job_id}}")
    async def upload(request: Request, job_id: str, expires: str = "", signature: str = "") -> dict[str, Any]:
        _refuse_key(request)
        signer.check("PUT", f"{UPLOADS}/{job_id}", expires, signature)
        await receive_video(request, database, storage, job_id, idle_sec)
        return {"data": {"jobId": job_id}}

    @router.get(f"{RESULTS}/{{job_id}}/{answers.MANIFEST_NAME}")
    def manifest(request: Request, job_id: str, expires: str = "", signature: str = "") -> JSONResponse:
        _refuse_key(request)
        signer.check("GET", f"{RESULTS}/{job_id}/{answers.MANIFEST_NAME}", expires, signature)
        with database.read() as session:
            job = session.get(Job, job_id)
            if job is None or job.status != JobStatus.COMPLETED:
                raise _result_gone()
            try:
                return JSONResponse(
                    answers.manifest(job, lambda name: storage.result_path(job_id, name).stat().st_size)
                )
            except FileNotFoundError as error:
                raise _result_gone() from error

    @router.api_route(f"{RESULTS}/{{job_id}}/{{filename}}", methods=["GET", "HEAD"])
    def download(request: Request, job_id: str, filename: str, expires: str = "", signature: str = "") -> FileResponse:
        _refuse_key(request)
        signer.check("GET", f"{RESULTS}/{job_id}/{filename}", expires, signature)
        query = select(Output).where(Output.job_id == job_id, Output.filename == filename)
        with database.read() as session:
            output = session.scalars(query).one_or_none()
        path = storage.result_path(job_id, filename)
        if output is None or not path.is_file():
            raise _result_gone()
        return _Download(path, media_type="application/octet-stream", filename=f"{job_id}_{filename}")

    return router


class _Download(FileResponse):
    """A file that refuses wrong byte ranges in the API's words rather than in plain text."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = False

        async def in_our_words(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                refused = True
                sentence = "The file has no such byte range: ask for one within it, or for the whole file."
                await _error(message["status"], "range_invalid", sentence)(scope, receive, send)
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, in_our_words)


def _refuse_key(request: Request) -> None:
    if "Authorization" in request.headers:
        raise RequestRefusedError(
            HTTPStatus.BAD_REQUEST,
            "authorization_not_allowed",
            "A signed address is used without an Authorization header: keep the API key for API calls.",
        )


def _result_gone() -> RequestRefusedError:
    return RequestRefusedError(
        HTTPStatus.NOT_FOUND, "result_not_found", "The result is not here any more: capture the clip again."
    )


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def _answer_refusal(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefusedError)
    return _error(error.status, error.code, error.message, _EXTRA_HEADERS.get(error.status))


def _answer_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _error(404, "not_found", "There is nothing at this address: check the path.", headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _error(405, "method_not_allowed", "This address does not take this method: check the call.", headers)
    return _error(error.status_code, "request_invalid", "The request cannot be read: check the call.", headers)


def _answer_own_failure(_request: Request, _error_: Exception) -> JSONResponse:
    return _error(500, "internal_error", "The service failed at this request: try again, then see the service's log.")
