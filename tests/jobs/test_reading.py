# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the store on a thread: what the main thread gets, and when it gets nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from aimocap_addon.jobs.reading import Reading, StoreReader, read
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore, StoreError


@pytest.fixture
def store(tmp_path: Path) -> CaptureStore:
    return CaptureStore(tmp_path)


def begun(store: CaptureStore, title: str) -> CaptureRecord:
    return store.save(CaptureRecord.new(CaptureRequest(video="/v.mp4", title=title, service_url="http://localhost")))


def taken(reader: StoreReader) -> Reading | None:
    """Return what the reader has once its thread has ended."""
    until = time.monotonic() + 10.0
    while time.monotonic() < until:
        threads = [each for each in threading.enumerate() if each.name == "aimocap-reader"]
        if not threads:
            return reader.take()
        threads[0].join(1.0)
    raise AssertionError("The reader did not end.")


def test_a_reading_tells_what_is_pending_and_who_is_at_it(store: CaptureStore) -> None:
    ours, others = begun(store, "ours"), begun(store, "others")
    stopped = store.save(begun(store, "stopped").moved_to(Stage.STOPPED))
    with store.claimed(others.capture_id):
        reading = read(store, 100)
    assert {record.capture_id for record in reading.pending} == {ours.capture_id, others.capture_id}
    assert stopped in reading.recent
    assert reading.claimed == {others.capture_id}


def test_the_reader_hands_over_one_reading(store: CaptureStore) -> None:
    record = begun(store, "one")
    reader = StoreReader(lambda: store, 10)
    assert reader.take() is None  # none was asked for
    reader.begin()
    reading = taken(reader)
    assert reading is not None
    assert reading.recent == (record,)
    assert reader.take() is None


def test_a_slow_disk_keeps_nobody_waiting(store: CaptureStore) -> None:
    is_free = threading.Event()

    def open_slowly() -> CaptureStore:
        is_free.wait(10.0)
        return store

    reader = StoreReader(open_slowly, 10)
    reader.begin()
    reader.begin()  # nothing: one is under way
    assert reader.take() is None
    is_free.set()
    assert taken(reader) is not None


def test_what_was_changed_meanwhile_is_read_again(store: CaptureStore) -> None:
    reader = StoreReader(lambda: store, 10)
    reader.begin()
    reader.outdate()
    assert taken(reader) is None
    record = begun(store, "new")
    reader.begin()
    reading = taken(reader)
    assert reading is not None
    assert reading.recent == (record,)


def test_a_store_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reader = StoreReader(lambda: CaptureStore(tmp_path / "file"), 10)
    reader.begin()
    with pytest.raises(StoreError, match="check its permissions"):
        taken(reader)
    assert reader.take() is None
