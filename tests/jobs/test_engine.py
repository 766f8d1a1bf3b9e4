# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine takes a capture to its end through every fault of the service, and never has it charged twice."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aimocap_addon.api.client import AimocapClient
from aimocap_addon.api.errors import API_ERROR_SENTENCES
from aimocap_addon.api.models import JobOutput
from aimocap_addon.jobs.engine import WAITS_FOR_A_PLACE, CaptureEngine
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import DATABASE_NAME, CaptureStore
from aimocap_addon.jobs.translation import create_request, result_name
from aimocap_addon.jobs.waiting import Pace, StopSignal
from tests.jobs.scripted_service import (
    LOST_ANSWER,
    LOST_REQUEST,
    Fault,
    ScriptedService,
    refusal,
    server_error,
)
from tests.loopback import Answer, Request, closed_port_url
from tests.result_files import FBX, PREVIEW, ROBOT_JSON

FILM = b"film" * 200_000
FAST = Pace(poll_interval=0.01, backoff_first=0.01, backoff_ceiling=0.02, give_up_after=20.0, deadline=60.0)
IMPATIENT = dataclasses.replace(FAST, give_up_after=0.2)


@dataclasses.dataclass
class Bench:
    """A service and a client of it, a store, a video, and what the engine reported."""

    service: ScriptedService
    client: AimocapClient
    store: CaptureStore
    video: Path
    seen: list[CaptureRecord] = dataclasses.field(default_factory=list)
    stop: StopSignal = dataclasses.field(default_factory=StopSignal)

    def new(self, **request: object) -> CaptureRecord:
        fields = {"video": str(self.video), "title": "Läufer", "service_url": self.service.url} | request
        return CaptureRecord.new(CaptureRequest(**fields))  # type: ignore[arg-type]

    def run(self, record: CaptureRecord | None = None, pace: Pace = FAST, url: str = "") -> CaptureRecord:
        client = AimocapClient(url, "sk-test") if url else self.client
        return CaptureEngine(self.store, client, self.seen.append, self.stop, pace).run(record or self.new())

    def restart(self) -> None:
        """As if Blender had been started anew."""
        self.store = CaptureStore(self.store.folder)
        self.stop = StopSignal()
        self.seen = []

    def stored(self) -> CaptureRecord:
        [record] = self.store.recent()
        return record

    @property
    def stages(self) -> list[Stage]:
        """The stages that were reported, each once per stay."""
        stages: list[Stage] = []
        for record in self.seen:
            if not stages or stages[-1] is not record.stage:
                stages.append(record.stage)
        return stages


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    video = tmp_path / "walk.mp4"
    video.write_bytes(FILM)
    service = ScriptedService()
    with service.server, AimocapClient(service.url, "sk-test") as client:
        yield Bench(service, client, CaptureStore(tmp_path / "store"), video)


def interrupt_at(bench: Bench, call: str) -> None:
    """Let Blender close while this call is with the service."""

    def before(name: str, _request: Request) -> None:
        if name == call:
            bench.stop.interrupt()

    bench.service.before = before


# The whole way


def test_capture_goes_its_way(bench: Bench) -> None:
    record = bench.run(bench.new(trim_start_sec=1.0, trim_end_sec=2.5, export_fps=60))
    assert record.stage is Stage.READY, record.failure
    assert record.motion_file is not None
    assert record.motion_file.read_bytes() == FBX
    assert bench.service.calls == ["create", "upload", "complete", "poll", "poll", "poll", "result", "download default"]
    assert bench.stages == [
        Stage.CREATED,
        Stage.UPLOADING,
        Stage.ADMITTED,
        Stage.PROCESSING,
        Stage.DOWNLOADING,
        Stage.READY,
    ]
    [job] = bench.service.jobs.values()
    assert (job.video, job.charges) == (FILM, 1)
    assert job.request == {
        "title": "Läufer",
        "sourceFilename": "walk.mp4",
        "trimStartSec": 1.0,
        "trimEndSec": 2.5,
        "exportFps": 60,
        "targetIds": ["default"],
    }
    assert bench.stored() == record


def test_record_is_on_disk_before_the_request_that_it_is_about(bench: Bench) -> None:
    found: dict[str, CaptureRecord] = {}

    def before(call: str, _request: Request) -> None:
        found.setdefault(call, CaptureStore(bench.store.folder).recent()[0])

    bench.service.before = before
    record = bench.run()
    assert {each.capture_id for each in found.values()} == {record.capture_id}
    assert (found["create"].stage, found["create"].job_id) == (Stage.CREATED, None)
    assert (found["upload"].stage, found["upload"].job_id) == (Stage.UPLOADING, "mocap_1")
    assert not found["upload"].submit_sent
    assert found["complete"].submit_sent
    assert found["poll"].stage is Stage.ADMITTED
    assert found["result"].stage is Stage.DOWNLOADING


def test_progress_stays_a_share_and_reaches_the_end(bench: Bench) -> None:
    bench.service.outputs = {"default": FBX, "unitree_g1": ROBOT_JSON}
    bench.run(bench.new(targets=("default", "unitree_g1")))
    assert all(0.0 <= record.progress <= 1.0 for record in bench.seen)
    for stage in (Stage.UPLOADING, Stage.DOWNLOADING):
        steps = [record.progress for record in bench.seen if record.stage is stage]
        assert steps == sorted(steps)
        assert steps[-1] == 1.0
    assert bench.seen[-1].progress == 1.0


def test_all_targets_and_the_preview_arrive(bench: Bench) -> None:
    bench.service.outputs = {"default": FBX, "unitree_g1": ROBOT_JSON}
    bench.service.preview = True
    record = bench.run(bench.new(targets=("default", "unitree_g1")))
    assert {target: Path(path).read_bytes() for target, path in record.files.items()} == bench.service.outputs
    assert Path(record.files["unitree_g1"]).suffix == ".json"
    assert record.preview is not None
    assert Path(record.preview).read_bytes() == PREVIEW
    assert record.message == ""


def test_missing_preview_is_no_failure(bench: Bench) -> None:
    bench.service.preview = True
    bench.service.faults["download preview"] = [server_error()]
    record = bench.run()
    assert (record.stage, record.preview) == (Stage.READY, None)


def test_missing_target_is_named_and_the_rest_arrives(bench: Bench) -> None:
    record = bench.run(bench.new(targets=("default", "unitree_g1")))
    assert record.stage is Stage.READY
    assert list(record.files) == ["default"]
    assert "unitree_g1" in record.message


def test_completed_job_without_files_is_asked_again_and_not_paid_again(bench: Bench) -> None:
    bench.service.outputs = {}
    record = bench.run()
    assert (record.stage, record.failure and record.failure.code) == (Stage.FAILED, "no_output")
    bench.service.outputs = {"default": FBX}
    record = bench.run(record.resumed())
    assert record.stage is Stage.READY
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


def test_result_that_only_the_poll_brings_is_used(bench: Bench) -> None:
    outputs = {"outputs": [{"targetId": "default", "fbxUrl": f"{bench.service.url}/file/default"}]}
    done = Fault(Answer.of({"job": {"status": "completed"}, "result": outputs}))
    bench.service.faults["poll"] = [done, done]
    bench.service.faults["result"] = [Fault(Answer(404))]
    record = bench.run()
    assert record.stage is Stage.READY
    assert bench.service.count("result") == 1


def test_status_words_of_other_versions_are_understood(bench: Bench) -> None:
    bench.service.running = ("QUEUED", "packaging", "Completed")
    assert bench.run().stage is Stage.READY


def test_events_are_passed_on(bench: Bench) -> None:
    body = {"job": {"status": "processing"}, "events": [{"message": "Solving", "progress": 0.25}]}
    bench.service.faults["poll"] = [Fault(Answer.of(body))]
    bench.run()
    assert ("Solving", 0.25) in [(record.message, record.progress) for record in bench.seen]


# Create


def test_lost_answer_of_create_leaves_a_draft_that_is_never_paid(bench: Bench) -> None:
    bench.service.faults["create"] = [LOST_ANSWER]
    record = bench.run()
    assert (record.stage, record.job_id) == (Stage.READY, "mocap_2")
    assert [job.charges for job in bench.service.jobs.values()] == [0, 1]


def test_create_whose_answers_are_always_lost_ends_after_a_few_drafts(bench: Bench) -> None:
    bench.service.faults["create"] = [LOST_ANSWER] * 100
    record = bench.run()
    assert record.stage is Stage.FAILED
    assert len(bench.service.jobs) == 3
    assert bench.service.charges == 0


def test_unreachable_service_fails_at_once_with_what_to_do(bench: Bench) -> None:
    record = bench.run(url=closed_port_url())
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert "start the local service" in record.failure.sentence
    assert record.failure.retryable
    assert bench.stages == [Stage.CREATED, Stage.FAILED]
    assert bench.run(record.resumed()).stage is Stage.READY


def test_address_that_is_no_such_service_fails_at_once(bench: Bench) -> None:
    bench.service.faults["create"] = [Fault(Answer(200, b"<html>Welcome</html>"))] * 9
    record = bench.run()
    assert record.failure is not None
    assert "base URL" in record.failure.sentence
    assert bench.service.count("create") == 1


@pytest.mark.parametrize(
    "fault", [server_error(500), server_error(503), refusal("api_concurrency_limit_exceeded", 429)]
)
def test_create_that_the_service_cannot_take_now_is_repeated(bench: Bench, fault: Fault) -> None:
    bench.service.faults["create"] = [fault] * 5
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("create"), bench.service.charges) == (6, 1)


@pytest.mark.parametrize(
    "code", [code for code in API_ERROR_SENTENCES if code not in ("api_concurrency_limit_exceeded", "api_key_invalid")]
)
@pytest.mark.parametrize("call", ["create", "complete"])
def test_refusal_ends_the_capture_with_its_sentence_and_code(bench: Bench, call: str, code: str) -> None:
    bench.service.faults[call] = [refusal(code, 422)]
    record = bench.run()
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert (record.failure.sentence, record.failure.code) == (API_ERROR_SENTENCES[code], code)
    assert (bench.service.count(call), bench.service.charges) == (1, 0)


@pytest.mark.parametrize("content", [None, b""])
def test_video_that_is_gone_or_empty_is_told_before_anything_is_sent(bench: Bench, content: bytes | None) -> None:
    bench.video.unlink()
    if content is not None:
        bench.video.write_bytes(content)
    record = bench.run()
    assert record.failure is not None
    assert str(bench.video) in record.failure.sentence
    assert not bench.service.calls


def test_file_name_that_is_no_unicode_is_sent_readably() -> None:
    request = CaptureRequest("/films/\udce9t.mp4", "\udce9t", "")
    body = create_request(request).to_wire()
    assert (body["sourceFilename"], body["title"]) == ("?t.mp4", "?t")


# Upload


def test_broken_upload_is_sent_again_to_the_same_draft(bench: Bench) -> None:
    bench.service.faults["upload"] = [LOST_REQUEST, server_error(503)]
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("create"), bench.service.count("upload")) == (1, 3)
    assert bench.service.charges == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_expired_upload_address_makes_a_new_draft(bench: Bench, status: int) -> None:
    bench.service.faults["upload"] = [Fault(Answer(status, b"<Error><Code>AccessDenied</Code></Error>"))]
    record = bench.run()
    assert (record.stage, record.job_id) == (Stage.READY, "mocap_2")
    assert [job.charges for job in bench.service.jobs.values()] == [0, 1]


def test_upload_that_is_always_forbidden_ends_after_a_few_drafts(bench: Bench) -> None:
    bench.service.faults["upload"] = [Fault(Answer(403))] * 100
    record = bench.run()
    assert record.failure is not None
    assert "key" not in record.failure.sentence
    assert (len(bench.service.jobs), bench.service.charges) == (3, 0)


def test_waiting_for_a_place_leaves_the_new_drafts_for_expired_addresses(bench: Bench) -> None:
    bench.service.faults["create"] = [refusal("api_concurrency_limit_exceeded", 429)] * 5
    bench.service.faults["upload"] = [Fault(Answer(403))]
    assert bench.run().stage is Stage.READY


def test_video_that_changes_while_it_is_sent_is_not_submitted(bench: Bench) -> None:
    def before(call: str, _request: Request) -> None:
        if call == "create":
            bench.video.write_bytes(b"")

    bench.service.before = before
    record = bench.run()
    assert record.failure is not None
    assert bench.video.name in record.failure.sentence
    assert "complete" not in bench.service.calls


# Complete upload: the call that costs


def test_lost_answer_of_complete_is_followed_by_a_question_not_a_second_submit(bench: Bench) -> None:
    bench.service.faults["complete"] = [LOST_ANSWER]
    assert bench.run().stage is Stage.READY
    assert bench.service.calls[2:4] == ["complete", "poll"]
    assert (bench.service.count("complete"), bench.service.charges) == (1, 1)


@pytest.mark.parametrize("fault", [LOST_REQUEST, server_error(500), server_error(504)])
def test_complete_that_never_arrived_is_sent_once_more_after_asking(bench: Bench, fault: Fault) -> None:
    bench.service.faults["complete"] = [fault]
    assert bench.run().stage is Stage.READY
    assert bench.service.calls[2:5] == ["complete", "poll", "complete"]
    assert (bench.service.count("upload"), bench.service.charges) == (1, 1)


def test_status_is_known_before_complete_is_repeated_even_if_asking_fails(bench: Bench) -> None:
    bench.service.faults["complete"] = [LOST_ANSWER]
    bench.service.faults["poll"] = [LOST_REQUEST, server_error(), Fault(Answer(200, b"")), Fault(Answer.of({}))]
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("complete"), bench.service.charges) == (1, 1)


def test_stale_status_leads_to_a_conflict_and_the_capture_goes_on(bench: Bench) -> None:
    bench.service.faults["complete"] = [LOST_ANSWER]
    bench.service.faults["poll"] = [Fault(Answer.of({"job": {"status": "draft"}}))]
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("complete"), bench.service.charges) == (2, 1)


def test_conflict_of_a_draft_is_a_refusal_once_the_video_was_sent_again(bench: Bench) -> None:
    bench.service.faults["complete"] = [refusal("wrong_state", 409)] * 2
    record = bench.run()
    assert (record.stage, record.failure and record.failure.code) == (Stage.FAILED, "wrong_state")
    assert bench.service.charges == 0


def test_video_that_something_else_took_in_is_sent_again(bench: Bench) -> None:
    bench.service.faults["upload"] = [Fault(Answer(body=b"<html>Log in</html>"))]
    bench.service.faults["complete"] = [refusal("upload_missing", 409)]
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("create"), bench.service.count("upload"), bench.service.charges) == (1, 2, 1)


def test_submit_that_something_else_took_in_is_made_again_after_asking(bench: Bench) -> None:
    bench.service.faults["complete"] = [Fault(Answer(body=b"<html>Log in</html>"))]
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("create"), bench.service.count("complete"), bench.service.charges) == (1, 2, 1)
    assert bench.service.calls.index("poll") < len(bench.service.calls) - bench.service.calls[::-1].index("complete")


def test_network_that_wants_a_log_in_is_waited_out(bench: Bench) -> None:
    elsewhere = Answer(302, headers={"Location": "https://login.invalid/"})
    for call in ("complete", "poll", "result", "download default"):
        bench.service.faults[call] = [Fault(elsewhere)] * 2
    assert bench.run().stage is Stage.READY
    assert bench.service.charges == 1


def test_result_that_is_no_motion_is_fetched_again_and_given_up_in_the_end(bench: Bench) -> None:
    page = Fault(Answer(body=b"<html>Log in</html>"))
    bench.service.faults["download default"] = [page]
    assert bench.run().stage is Stage.READY
    bench.service.faults["download default"] = [page] * 9
    record = bench.run()
    assert record.failure is not None
    assert "cannot be used (it is no FBX file)" in record.failure.sentence
    assert record.failure.retryable
    assert bench.service.count("download default") == 2 + 3
    assert not list(bench.store.results_folder(record.capture_id).iterdir())


def test_full_plan_is_waited_out(bench: Bench) -> None:
    bench.service.faults["complete"] = [refusal("api_concurrency_limit_exceeded", 429)] * 3
    assert bench.run(pace=dataclasses.replace(FAST, give_up_after=0.0)).stage is Stage.READY
    assert WAITS_FOR_A_PLACE in [record.message for record in bench.seen]
    assert (bench.service.count("complete"), bench.service.count("upload"), bench.service.charges) == (4, 1, 1)


def test_topping_up_and_retrying_submits_the_same_draft(bench: Bench) -> None:
    bench.service.faults["complete"] = [refusal("insufficient_api_v_credits", 402)]
    record = bench.run()
    assert record.stage is Stage.FAILED
    record = bench.run(record.resumed())
    assert record.stage is Stage.READY
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


def test_topping_up_after_the_draft_s_address_expired_makes_a_new_draft(bench: Bench) -> None:
    bench.service.faults["complete"] = [refusal("insufficient_api_v_credits", 402)]
    record = bench.run()
    bench.restart()
    bench.service.faults["upload"] = [Fault(Answer(403))]
    assert bench.run(record.resumed()).stage is Stage.READY
    assert [job.charges for job in bench.service.jobs.values()] == [0, 1]


def test_submitted_job_that_the_service_forgot_is_not_quietly_paid_again(bench: Bench) -> None:
    bench.service.before = lambda call, _request: bench.stop.set() if call == "poll" else None
    record = bench.run()
    assert (record.stage, bench.service.charges) == (Stage.STOPPED, 1)
    bench.restart()
    bench.service.before = lambda _call, _request: None
    bench.service.jobs.clear()
    record = bench.run(record.resumed())
    assert (record.stage, record.failure and record.failure.code) == (Stage.FAILED, "job_unknown")
    assert record.failure is not None
    assert "charged" in record.failure.sentence
    again = bench.run(record.resumed())
    assert (again.stage, again.failure and again.failure.code) == (Stage.FAILED, "job_unknown")
    assert not bench.service.jobs, "a retry asks for the same job; only a new capture makes a new one"


def test_draft_that_the_service_forgot_is_made_again(bench: Bench) -> None:
    interrupt_at(bench, "upload")
    record = bench.run()
    bench.restart()
    bench.service.before = lambda _call, _request: None
    bench.service.jobs.clear()
    assert bench.run(record).stage is Stage.READY
    assert bench.service.charges == 1


# Polling


@pytest.mark.parametrize(
    "faults",
    [
        [server_error(500)] * 3,
        [server_error(429), server_error(502), server_error(503)],
        [LOST_REQUEST, LOST_ANSWER],
        [Fault(Answer(200, b"<html>")), Fault(Answer.of([])), Fault(Answer.of({"job": {}}))],
    ],
)
def test_polling_outlasts_a_service_that_stumbles(bench: Bench, faults: list[Fault | None]) -> None:
    bench.service.faults["poll"] = faults
    assert bench.run().stage is Stage.READY
    assert (bench.service.count("complete"), bench.service.charges) == (1, 1)


def test_service_that_goes_away_for_a_while_is_waited_for(bench: Bench) -> None:
    record = bench.new()
    gone = closed_port_url()
    interrupt_at(bench, "poll")
    record = bench.run(record)
    bench.restart()
    stop_soon = threading.Timer(0.3, bench.stop.interrupt)
    stop_soon.start()
    record = bench.run(record, url=gone)
    stop_soon.join()
    assert record.stage is Stage.ADMITTED
    assert "No service answers" in bench.seen[-1].message
    bench.restart()
    bench.service.before = lambda _call, _request: None
    assert bench.run(record).stage is Stage.READY
    assert bench.service.charges == 1


def test_service_that_stays_away_ends_the_capture_which_can_go_on_later(bench: Bench) -> None:
    bench.service.faults["poll"] = [server_error()] * 500
    record = bench.run(pace=IMPATIENT)
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert record.failure.retryable
    assert 2 <= bench.service.count("poll") < 100
    bench.service.faults.clear()
    assert bench.run(record.resumed()).stage is Stage.READY
    assert (bench.service.count("complete"), bench.service.charges) == (1, 1)


def test_long_step_that_breaks_is_tried_again(bench: Bench) -> None:
    def before(call: str, _request: Request) -> None:
        if call == "upload" and bench.service.count("upload") == 1:
            time.sleep(2 * IMPATIENT.give_up_after)

    bench.service.before = before
    bench.service.faults["upload"] = [LOST_REQUEST]
    assert bench.run(pace=IMPATIENT).stage is Stage.READY


def test_nothing_is_waited_for_beyond_the_deadline(bench: Bench) -> None:
    bench.service.running = ("queued",)
    record = bench.run(pace=dataclasses.replace(FAST, deadline=0.3))
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert "No result came" in record.failure.sentence
    bench.service.running = ("queued", "completed")
    assert bench.run(record.resumed()).stage is Stage.READY
    assert bench.service.charges == 1


def test_what_the_service_asks_to_wait_is_waited(bench: Bench) -> None:
    moments: list[float] = []
    bench.service.before = lambda call, _request: moments.append(time.monotonic()) if call == "poll" else None
    bench.service.faults["poll"] = [Fault(Answer.of({}, 429, Retry_After="1"))]
    assert bench.run().stage is Stage.READY
    assert moments[1] - moments[0] >= 1.0


def test_retry_after_zero_does_not_hurry_the_engine(bench: Bench) -> None:
    bench.service.faults["poll"] = [Fault(Answer.of({}, 429, Retry_After="0"))] * 5000
    pace = dataclasses.replace(FAST, poll_interval=0.05, give_up_after=0.3)
    assert bench.run(pace=pace).stage is Stage.FAILED
    assert bench.service.count("poll") < 12


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (
            {"code": "api_duration_limit_exceeded"},
            API_ERROR_SENTENCES["api_duration_limit_exceeded"],
            "api_duration_limit_exceeded",
        ),
        ({"code": "no_person_found"}, API_ERROR_SENTENCES["no_person_found"], "no_person_found"),
        ({"code": "moon", "message": "The moon is in the way"}, "The moon is in the way.", "moon"),
        ({}, "The capture failed and the service gave no reason: try again, or try a shorter or clearer clip.", None),
    ],
)
def test_failed_job_tells_why(bench: Bench, error: dict[str, str], sentence: str, code: str | None) -> None:
    bench.service.running = ("queued", "failed")
    bench.service.job_error = error
    record = bench.run()
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert (record.failure.sentence, record.failure.code) == (sentence, code)
    assert not record.files
    assert "result" not in bench.service.calls


def test_retry_after_a_failed_job_is_a_new_job(bench: Bench) -> None:
    bench.service.running = ("queued", "failed")
    record = bench.run()
    bench.service.running = ("queued", "completed")
    record = bench.run(record.resumed())
    assert (record.stage, record.job_id) == (Stage.READY, "mocap_2")


@pytest.mark.parametrize("word", ["canceled", "CANCELLED"])
def test_canceled_job_ends_the_capture(bench: Bench, word: str) -> None:
    bench.service.running = ("queued", word)
    record = bench.run()
    assert (record.stage, record.failure and record.failure.code) == (Stage.FAILED, "canceled")


@pytest.mark.parametrize("call", ["poll", "result"])
@pytest.mark.parametrize("status", [401, 403])
def test_key_refused_after_the_submit_can_be_put_right_without_paying_again(
    bench: Bench, call: str, status: int
) -> None:
    bench.service.faults[call] = [Fault(Answer(status))]
    record = bench.run()
    assert (record.stage, record.failure and record.failure.code) == (Stage.FAILED, "api_key_invalid")
    assert bench.run(record.resumed()).stage is Stage.READY
    assert (len(bench.service.jobs), bench.service.count("complete"), bench.service.charges) == (1, 1, 1)


# Download


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500])
def test_expired_download_address_is_asked_for_again(bench: Bench, status: int) -> None:
    # The key's own origin is asked with the key before the address counts as expired.
    bench.service.faults["download default"] = [Fault(Answer(status))] * (2 if status in (401, 403) else 1)
    assert bench.run().stage is Stage.READY
    assert bench.service.count("result") == 2
    assert bench.service.charges == 1


@pytest.mark.parametrize(
    "fault", [LOST_REQUEST, Fault(Answer(body=FBX, cut_after=5)), Fault(Answer(body=b"")), server_error(503)]
)
def test_broken_download_is_fetched_again(bench: Bench, fault: Fault) -> None:
    bench.service.faults["download default"] = [fault]
    record = bench.run()
    assert record.motion_file is not None
    assert record.motion_file.read_bytes() == FBX
    assert [path.name for path in record.motion_file.parent.iterdir()] == [record.motion_file.name]


def test_what_has_arrived_is_not_fetched_again(bench: Bench) -> None:
    bench.service.outputs = {"default": FBX, "unitree_g1": ROBOT_JSON}
    bench.service.faults["download unitree_g1"] = [server_error()]
    assert bench.run(bench.new(targets=("default", "unitree_g1"))).stage is Stage.READY
    assert (bench.service.count("download default"), bench.service.count("download unitree_g1")) == (1, 2)


@pytest.mark.parametrize("status", [404, 409])
def test_result_that_is_not_packed_yet_is_asked_for_again(bench: Bench, status: int) -> None:
    bench.service.faults["result"] = [Fault(Answer(status))] * 2
    assert bench.run().stage is Stage.READY
    assert bench.service.charges == 1


def test_results_folder_that_cannot_be_written_is_named_and_retried_without_paying(bench: Bench) -> None:
    (bench.store.folder / "results").write_text("in the way")
    record = bench.run(pace=IMPATIENT)
    assert record.failure is not None
    assert "cannot be written" in record.failure.sentence
    (bench.store.folder / "results").unlink()
    assert bench.run(record.resumed()).stage is Stage.READY
    assert bench.service.charges == 1


@pytest.mark.parametrize(
    ("title", "output", "name"),
    [
        ("Walk 1", JobOutput(target_id="default", fbx_url="/a"), "Walk 1.fbx"),
        ("../../etc/x", JobOutput(target_id="default", fbx_url="/a"), "etc_x.fbx"),
        ("", JobOutput(target_id="default", fbx_url="/a"), "capture.fbx"),
        ("Con", JobOutput(target_id="default", fbx_url="/a"), "Con_.fbx"),
        ("走", JobOutput(target_id="avatar:../7", fbx_url="/a"), "走_avatar_7.fbx"),
        ("a", JobOutput(target_id="unitree_g1", motion_json_url="/g"), "a_unitree_g1.json"),
        ('a<>:"/\\|?*b', JobOutput(target_id="default", fbx_url="/a"), "a_b.fbx"),
    ],
)
def test_file_names_are_ours_and_safe(title: str, output: JobOutput, name: str) -> None:
    assert result_name(title, output) == name


def test_long_titles_make_names_that_file_systems_take() -> None:
    for letter in ("a", "走", "𠀀"):
        name = result_name(letter * 500, JobOutput(target_id="unitree_g1", motion_json_url="/g"))
        assert len((name + ".part").encode()) <= 255


# Stop and go on


def test_stop_while_uploading_costs_nothing(bench: Bench) -> None:
    def stop(record: CaptureRecord) -> None:
        if record.stage is Stage.UPLOADING and record.progress > 0.0:
            bench.stop.set()

    record = CaptureEngine(bench.store, bench.client, stop, bench.stop, FAST).run(bench.new())
    assert record.stage is Stage.STOPPED
    assert "complete" not in bench.service.calls
    assert bench.stored().stage is Stage.STOPPED


def test_stop_as_the_upload_ends_is_still_in_time(bench: Bench) -> None:
    bench.service.before = lambda call, _request: bench.stop.set() if call == "upload" else None
    record = bench.run()
    assert (record.stage, bench.service.charges) == (Stage.STOPPED, 0)
    bench.restart()
    bench.service.before = lambda _call, _request: None
    assert bench.run(record.resumed()).stage is Stage.READY
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


@pytest.mark.parametrize("wait", ["poll_interval", "backoff_first"])
def test_stop_wakes_a_waiting_engine(bench: Bench, wait: str) -> None:
    bench.service.running = ("queued",)
    if wait == "backoff_first":
        bench.service.faults["create"] = [server_error()] * 100
    pace = dataclasses.replace(FAST, **{wait: 600.0}, backoff_ceiling=600.0)
    result: list[CaptureRecord] = []
    thread = threading.Thread(target=lambda: result.append(bench.run(pace=pace)), daemon=True)
    thread.start()
    wanted = "poll" if wait == "poll_interval" else "create"
    until = time.monotonic() + 20.0
    while not bench.service.count(wanted) and time.monotonic() < until:
        time.sleep(0.01)
    bench.stop.set()
    thread.join(20.0)
    assert [record.stage for record in result] == [Stage.STOPPED]


@pytest.mark.parametrize(
    ("call", "stage"),
    [
        ("create", Stage.UPLOADING),
        ("upload", Stage.UPLOADING),
        ("complete", Stage.ADMITTED),
        ("poll", Stage.ADMITTED),
        ("result", Stage.DOWNLOADING),
        ("download default", Stage.READY),
    ],
)
def test_engine_goes_on_from_where_blender_was_closed(bench: Bench, call: str, stage: Stage) -> None:
    interrupt_at(bench, call)
    record = bench.run()
    assert record.stage in (stage, Stage.DOWNLOADING)
    assert bench.stored().stage is record.stage
    bench.restart()
    bench.service.before = lambda _call, _request: None
    record = bench.run(bench.stored())
    assert record.stage is Stage.READY
    assert (bench.service.count("create"), bench.service.count("complete"), bench.service.charges) == (1, 1, 1)


@pytest.mark.parametrize(("fault", "completes"), [(LOST_ANSWER, 1), (LOST_REQUEST, 2)])
def test_crash_while_submitting_is_settled_by_asking(bench: Bench, fault: Fault, completes: int) -> None:
    interrupt_at(bench, "complete")
    bench.service.faults["complete"] = [fault]
    record = bench.run()
    assert (record.stage, record.submit_sent) == (Stage.UPLOADING, True)
    bench.restart()
    bench.service.before = lambda _call, _request: None
    calls = len(bench.service.calls)
    assert bench.run(bench.stored()).stage is Stage.READY
    assert bench.service.calls[calls] == "poll"
    assert (bench.service.count("complete"), bench.service.charges) == (completes, 1)


def test_what_a_person_stopped_stays_stopped_when_blender_closes() -> None:
    stop = StopSignal()
    stop.set()
    stop.interrupt()
    assert not stop.interrupted


# One capture, one worker


def test_capture_that_another_process_works_on_is_left_alone(bench: Bench) -> None:
    record = bench.store.save(bench.new())
    with bench.store.claimed(record.capture_id):
        left = bench.run(record)
    assert (left.stage, bench.service.calls) == (Stage.CREATED, [])
    assert "another Blender" in left.message
    assert bench.stored() == record
    assert bench.run(record).stage is Stage.READY


def test_two_engines_at_once_make_one_job(bench: Bench) -> None:
    record = bench.store.save(bench.new())
    threads = [threading.Thread(target=bench.run, args=(record,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)
    assert bench.stored().stage is Stage.READY


@pytest.mark.parametrize("resume", [False, True])
def test_older_state_of_a_capture_does_not_start_it_again(bench: Bench, resume: bool) -> None:
    older = bench.new()
    if resume:
        bench.service.faults["create"] = [refusal("api_plan_inactive", 403)]
        older = bench.run(older)
    newer = bench.run(older.resumed() if resume else older)
    assert newer.stage is Stage.READY
    again = bench.run(older.resumed() if resume else older)
    assert again == newer
    assert (len(bench.service.jobs), bench.service.charges) == (1, 1)


# The store fails


@pytest.mark.parametrize("call", ["create", "upload", "complete", "poll", "result"])
def test_store_that_fails_under_way_ends_the_run_with_its_sentence(bench: Bench, call: str) -> None:
    def before(name: str, _request: Request) -> None:
        if name == call:
            bench.service.before = lambda _call, _request: None
            for file in bench.store.folder.glob(DATABASE_NAME + "*"):
                file.rename(file.with_name("aside" + file.name.removeprefix(DATABASE_NAME)))
            (bench.store.folder / DATABASE_NAME).mkdir()

    bench.service.before = before
    record = bench.run()
    assert record.stage is Stage.FAILED
    assert record.failure is not None
    assert "check its permissions and free space" in record.failure.sentence
    assert bench.seen[-1] == record
    assert bench.service.count("complete") <= 1
    (bench.store.folder / DATABASE_NAME).rmdir()
    for file in bench.store.folder.glob("aside*"):
        file.rename(file.with_name(DATABASE_NAME + file.name.removeprefix("aside")))
    assert bench.run(record.resumed()).stage is Stage.READY
    assert bench.service.charges == 1


def test_unexpected_exceptions_leave_the_capture_where_it_was(bench: Bench) -> None:
    def explode(record: CaptureRecord) -> None:
        if record.stage is Stage.ADMITTED:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        CaptureEngine(bench.store, bench.client, explode, bench.stop, FAST).run(bench.new())
    assert bench.stored().stage is Stage.ADMITTED
    assert bench.run(bench.stored()).stage is Stage.READY
    assert bench.service.charges == 1
