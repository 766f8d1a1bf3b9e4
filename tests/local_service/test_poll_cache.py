# SPDX-License-Identifier: GPL-3.0-or-later
"""Polls are answered from memory as long as nothing changes, and never with what is not true any more."""

from __future__ import annotations

import time
from pathlib import Path

from aimocap_addon.local_service import admission, jobs, keys
from aimocap_addon.local_service.cancellation import cancel_job
from aimocap_addon.local_service.database import ApiKey, Database, Job
from aimocap_addon.local_service.poll_cache import PollCache, caller_of
from aimocap_addon.local_service.storage import Storage
from scripts.service_process import ServiceProcess
from tests.local_service.conftest import JOBS, cancel, error_of, new_caller


def test_what_another_process_commits_is_seen_by_the_next_poll(service: ServiceProcess, clip: Path) -> None:
    caller = new_caller(service)
    job_id = caller.draft(clip)
    for _ in range(3):
        assert caller.poll(job_id)["job"]["status"] == "draft"
    cancel(service, job_id)
    assert caller.poll(job_id)["job"]["status"] == "canceled"


def test_a_kept_answer_is_for_its_own_key_alone(service: ServiceProcess) -> None:
    caller, other = new_caller(service), new_caller(service)
    job_id = caller.draft(None)
    for _ in range(2):
        assert caller.poll(job_id)["job"]["id"] == job_id
        assert error_of(other.http.get(f"{JOBS}/{job_id}")) == (404, "job_not_found")
        assert error_of(other.plain.get(f"{other.service.url}{JOBS}/{job_id}")) == (401, "api_key_invalid")


def test_urls_of_a_kept_answer_begin_with_the_host_that_was_asked(service: ServiceProcess, clip: Path) -> None:
    caller = new_caller(service)
    job_id = caller.submit(clip)
    caller.wait(job_id)
    port = service.url.rsplit(":", 1)[1]
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"127.0.0.1:{port}"):
        answer = caller.http.get(f"{JOBS}/{job_id}", headers={"Host": host}).json()["data"]
        assert answer["result"]["outputs"][0]["fbxUrl"].startswith(f"http://{host}/")


def test_only_a_changed_job_s_answer_is_forgotten(tmp_path: Path) -> None:
    database, storage, caller = Database(tmp_path), Storage(tmp_path), caller_of("Bearer sk-a", "host")
    spec = admission.read_create({"sourceFilename": "clip.mp4", "targetIds": ["default"]})
    with database.write() as session:
        keys.create_key(session, "local", 100)
        ids = [jobs.create_draft(session, session.get_one(ApiKey, 1), spec).id for _ in range(2)]
    polls = PollCache(database)

    def read_and_keep(job_id: str, began: float) -> None:
        with database.read() as session:
            polls.put(job_id, caller, b"answer", session.get_one(Job, job_id).updated_at, began)

    for job_id in ids:
        assert polls.get(job_id, caller) is None
        read_and_keep(job_id, time.monotonic())
    assert [polls.get(job_id, caller) for job_id in ids] == [b"answer", b"answer"]
    with database.read() as session:
        before = session.get_one(Job, ids[0]).updated_at
    cancel_job(database, storage, ids[0])
    assert [polls.get(job_id, caller) for job_id in ids] == [None, b"answer"]
    # What was read before the change, and arrives after it, is not kept.
    polls.put(ids[0], caller, b"old", before, time.monotonic())
    assert polls.get(ids[0], caller) is None
    read_and_keep(ids[0], time.monotonic())
    assert polls.get(ids[0], caller) == b"answer"
    database.close()
