# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept and what goes: by plan, by age, and after a run that ended half-way."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from aimocap_addon.local_service import admission, jobs, keys, ledger
from aimocap_addon.local_service.database import ApiKey, Database, Job, JobEvent, Output
from aimocap_addon.local_service.storage import Storage
from aimocap_addon.local_service.sweep import remove_strays, sweep
from scripts.service_process import running_service
from tests.local_service import small_solver
from tests.local_service.conftest import Caller, error_of, new_caller

DAY = 86_400.0


class Shelf:
    """A data folder with one key per plan."""

    def __init__(self, data: Path) -> None:
        self.data, self.database, self.storage = data, Database(data), Storage(data)
        with self.database.write() as session:
            for plan in ("free", "studio", "local"):
                keys.create_key(session, plan, 100)
            self.key_ids = {key.plan_name: key.id for key in session.query(ApiKey)}

    def draft(self, plan: str = "local", video: bool = True) -> str:
        spec = admission.read_create({"sourceFilename": "clip.mp4", "targetIds": ["default"]})
        with self.database.write() as session:
            job = jobs.create_draft(session, session.get_one(ApiKey, self.key_ids[plan]), spec)
            if video:
                part = self.storage.new_part(job.id)
                part.write_bytes(b"video")
                jobs.attach_source(session, job.id, self.storage.keep_part(part, "clip.mp4"))
            return job.id

    def ended(self, plan: str, fails: bool = False) -> str:
        job_id = self.draft(plan)
        made = self.storage.new_work(job_id) / "default.fbx"
        made.write_bytes(b"fbx")
        with self.database.write() as session:
            job = session.get_one(Job, job_id)
            jobs.admit(session, job, (0.0, 2.0))
            assert jobs.next_job(session, []) is job
            if fails:
                jobs.fail(session, job, "processing_failed", "It failed.")
            else:
                name = self.storage.keep_result(made, job_id)
                jobs.complete(session, job, [jobs.Delivery("default", "fbx", name)])
        self.storage.discard_work(job_id)
        self.storage.discard_sources(job_id)
        return job_id

    def ids(self) -> set[str]:
        with self.database.read() as session:
            return {job.id for job in session.query(Job)}

    def sweep(self, days: float) -> None:
        sweep(self.database, self.storage, time.time() + days * DAY)

    def has_files(self, job_id: str) -> bool:
        return any(path.is_file() for path in self.data.rglob(f"{job_id}/**/*"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.mark.parametrize(("plan", "days"), [("free", 7), ("studio", 30), ("local", 30)])
@pytest.mark.parametrize("fails", [False, True])
def test_ended_jobs_are_kept_for_the_days_of_their_plan(shelf: Shelf, plan: str, days: int, fails: bool) -> None:
    job_id = shelf.ended(plan, fails)
    shelf.sweep(days - 0.01)
    assert shelf.ids() == {job_id}
    assert shelf.has_files(job_id) is not fails
    shelf.sweep(days + 0.01)
    assert shelf.ids() == set()
    assert not shelf.has_files(job_id)
    with shelf.database.read() as session:
        assert session.query(JobEvent).count() == session.query(Output).count() == 0
        charged = [movement for movement in ledger.transactions(session) if movement.job_id == job_id]
        assert [movement.kind for movement in charged] == (["charge", "refund"] if fails else ["charge"])
        assert ledger.balance(session, shelf.key_ids[plan]) == (100 if fails else 98)


def test_a_plan_s_days_at_a_job_s_end_count(shelf: Shelf) -> None:
    job_id = shelf.ended("studio")
    with shelf.database.write() as session:
        session.get_one(ApiKey, shelf.key_ids["studio"]).plan_name = "free"
    shelf.sweep(8)
    assert shelf.ids() == {job_id}


def test_drafts_that_nobody_completes_lose_their_video_after_a_day(shelf: Shelf) -> None:
    job_id, empty = shelf.draft(), shelf.draft(video=False)
    shelf.sweep(0.99)
    assert shelf.has_files(job_id)
    shelf.sweep(1.01)
    assert not shelf.has_files(job_id)
    with shelf.database.read() as session:
        assert {session.get_one(Job, each).status for each in (job_id, empty)} == {"canceled"}


def test_jobs_that_wait_or_run_are_never_swept(shelf: Shelf) -> None:
    waiting, working = shelf.draft(), shelf.draft()
    with shelf.database.write() as session:
        for job_id in (working, waiting):
            jobs.admit(session, session.get_one(Job, job_id), (0.0, 2.0))
        jobs.next_job(session, [])
    shelf.sweep(1000)
    assert shelf.ids() == {waiting, working}
    assert shelf.has_files(waiting)
    assert shelf.has_files(working)


def test_a_start_removes_what_no_row_knows_and_nothing_else(shelf: Shelf) -> None:
    kept, delivered = shelf.draft(), shelf.ended("local")
    shelf.storage.new_part(kept).write_bytes(b"half")
    second = shelf.storage.new_part(kept)
    second.write_bytes(b"whole, but its row was never written")
    shelf.storage.keep_part(second, "clip.mp4")
    shelf.storage.keep_part(_written(shelf.storage.new_part("mocap_gone")), "clip.mp4")
    shelf.storage.keep_result(_written(shelf.storage.new_work(kept) / "default.fbx"), kept)
    _written(shelf.storage.new_work(kept) / "default.fbx")
    remove_strays(shelf.database, shelf.storage)
    files = [path.relative_to(shelf.data) for path in shelf.data.rglob("*") if path.is_file()]
    of_jobs = sorted(str(path) for path in files if len(path.parts) > 1)
    with shelf.database.read() as session:
        source = session.get_one(Job, kept).source_file
    assert of_jobs == [f"results/{delivered}/default.fbx", f"uploads/{kept}/{source}"]


def _written(path: Path) -> Path:
    path.write_bytes(b"content")
    return path


def test_uploads_that_the_disk_has_no_room_for_are_refused(tmp_path: Path, clip: Path) -> None:
    data, plenty = tmp_path / "data", shutil.disk_usage(tmp_path).free // 1024**2
    with running_service(data, "--disk-reserve", str(plenty * 2), module=small_solver.MODULE) as service:
        caller = new_caller(service)
        draft = caller.create().json()["data"]
        for content in (clip.read_bytes(), iter([clip.read_bytes()])):  # its size declared, and not
            refused = caller.upload(draft["uploadUrl"], content)
            assert error_of(refused) == (507, "upload_not_stored")
        assert "room" in refused.json()["error"]["message"]
        assert not [path for path in (data / "uploads").rglob("*") if path.is_file()]
    with running_service(data, "--disk-reserve", "0", module=small_solver.MODULE) as service:
        again = Caller(service, caller.key)
        assert again.wait(again.submit(clip))["job"]["status"] == "completed"
