# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does about captures and keys between captures: measuring, cleaning up, testing the key."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from pathlib import Path

import pytest

from aimocap_addon.jobs.errand import Errand, ErrandError
from aimocap_addon.jobs.key_test import key_sentence
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from aimocap_addon.jobs.upkeep import clean_up, space_sentence

DAY = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> CaptureStore:
    return CaptureStore(tmp_path)


def keep(store: CaptureStore, title: str, days: float, **changes: object) -> CaptureRecord:
    """Keep a capture of that age, with a file of 1000 bytes."""
    record = CaptureRecord.new(CaptureRequest(video="/v.mp4", title=title, service_url="http://localhost"))
    record = store.save(dataclasses.replace(record, created_at=time.time() - days * DAY, **changes))  # type: ignore[arg-type]
    folder = store.results_folder(record.capture_id)
    folder.mkdir(parents=True)
    (folder / "motion.fbx").write_bytes(bytes(1000))
    return record


def test_space_is_that_of_the_results(store: CaptureStore) -> None:
    assert space_sentence(store.folder) == "0 files, 0.0 MB."
    for number in range(60):
        keep(store, str(number), 1.0, stage=Stage.STOPPED)
    assert space_sentence(store.folder) == "60 files, 0.1 MB."


def test_clean_up_takes_what_is_old_and_done_with(store: CaptureStore) -> None:
    old = [
        keep(store, "failed", 40.0, stage=Stage.FAILED),
        keep(store, "stopped", 40.0, stage=Stage.STOPPED),
        keep(store, "in a file", 40.0, stage=Stage.READY, delivered=True),
    ]
    kept = [
        keep(store, "young", 20.0, stage=Stage.STOPPED),
        keep(store, "under way", 40.0, stage=Stage.PROCESSING),
        keep(store, "for a file that is not open", 40.0, stage=Stage.READY),
    ]
    claimed = keep(store, "worked on", 40.0, stage=Stage.FAILED)
    with store.claimed(claimed.capture_id):
        assert clean_up(store, 30.0) == "3 captures were removed."
    left = {record.capture_id for record in store.recent()}
    assert left == {record.capture_id for record in (*kept, claimed)}
    assert not any(store.results_folder(record.capture_id).exists() for record in old)
    assert all(store.results_folder(record.capture_id).is_dir() for record in kept)


def test_a_service_that_is_not_there_is_told() -> None:
    with pytest.raises(ErrandError, match=r"No service answers at .*127\.0\.0\.1"):
        key_sentence("http://127.0.0.1:9", "amc_key")


def test_an_errand_comes_back_with_a_sentence() -> None:
    may_go_on = threading.Event()

    def work() -> str:
        may_go_on.wait(10.0)
        return "Done."

    errand = Errand("test")
    assert errand.begin(work)
    assert errand.is_running
    assert not errand.begin(work)
    may_go_on.set()
    errand.shutdown()
    assert (errand.is_running, errand.failed, errand.sentence) == (False, False, "Done.")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(ErrandError("It failed: do this."), "It failed: do this."), (KeyError("x"), "internal error .*KeyError")],
)
def test_an_errand_that_fails_says_why(error: Exception, sentence: str) -> None:
    def work() -> str:
        raise error

    errand = Errand("test")
    errand.begin(work)
    errand.shutdown()
    assert errand.failed
    assert not errand.is_running
    assert re.search(sentence, errand.sentence)
