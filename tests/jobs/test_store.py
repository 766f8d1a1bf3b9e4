# SPDX-License-Identifier: GPL-3.0-or-later
"""The store keeps captures through crashes, other Blenders and damaged rows."""

from __future__ import annotations

import dataclasses
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import DATABASE_NAME, CaptureStore, StoreError

REQUEST = CaptureRequest("/films/walk.mp4", "walk", "https://aimocap.net")
ROOT = Path(__file__).parents[2]

WRITER = """
import sys
from pathlib import Path
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest
from aimocap_addon.jobs.store import CaptureStore
store = CaptureStore(Path(sys.argv[1]))
for index in range(20):
    record = store.save(CaptureRecord.new(CaptureRequest("/v.mp4", f"{sys.argv[2]} {index}", "")))
    store.save(record.changed(message="second"))
"""

HOLDER = """
import sys
from pathlib import Path
from aimocap_addon.jobs.store import CaptureStore
with CaptureStore(Path(sys.argv[1])).claimed("one") as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> CaptureStore:
    return CaptureStore(tmp_path / "user" / "aimocap")


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_what_was_saved_is_there_for_a_new_store(store: CaptureStore) -> None:
    record = store.save(CaptureRecord.new(REQUEST))
    store.save(record.moved_to(Stage.UPLOADING, job_id="j", upload_url="u"))
    again = CaptureStore(store.folder)
    loaded = again.load(record.capture_id)
    assert loaded is not None
    assert (loaded.stage, loaded.job_id, loaded.request) == (Stage.UPLOADING, "j", REQUEST)
    assert [each.capture_id for each in again.recent()] == [record.capture_id]


def test_name_that_is_no_unicode_is_kept(store: CaptureStore) -> None:
    record = store.save(CaptureRecord.new(CaptureRequest("/films/\udce9t\udce9.mp4", "é", "")))
    assert store.load(record.capture_id) == record


def test_unknown_capture_is_none(store: CaptureStore) -> None:
    assert store.load("nothing") is None


def test_recent_lists_the_newest_first(store: CaptureStore) -> None:
    records = [dataclasses.replace(CaptureRecord.new(REQUEST), created_at=float(index)) for index in range(5)]
    for record in (records[2], records[0], records[4], records[1], records[3]):
        store.save(record)
    store.save(records[0].changed(message="changed last, but not made last"))
    assert [record.created_at for record in store.recent(3)] == [4.0, 3.0, 2.0]


@pytest.mark.parametrize("row", ["not json", "{}", None, 7, b"\xff", '{"stage": "later"}'])
def test_damaged_row_hides_no_other(store: CaptureStore, row: object) -> None:
    good = store.save(CaptureRecord.new(REQUEST))
    connection = sqlite3.connect(store.folder / DATABASE_NAME)
    with connection:
        connection.execute("CREATE TABLE copy AS SELECT * FROM captures")  # without the constraints
        connection.execute("DROP TABLE captures")
        connection.execute("ALTER TABLE copy RENAME TO captures")
        connection.execute("INSERT INTO captures VALUES ('bad', 9e9, ?, 1)", (row,))
    connection.close()
    assert store.load("bad") is None
    assert store.recent() == [good]


def test_threads_and_processes_write_at_the_same_time(store: CaptureStore) -> None:
    processes = [run_python(WRITER, str(store.folder), name) for name in ("a", "b")]

    def write() -> None:
        for _ in range(20):
            store.save(store.save(CaptureRecord.new(REQUEST)).changed(message="second"))

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    records = store.recent(1000)
    assert len(records) == 100
    assert {record.message for record in records} == {"second"}


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"folder .*file.* cannot be used .*: check its permissions and free space\."):
        CaptureStore(tmp_path / "file" / "aimocap")


def test_file_that_is_no_database_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"these are no captures" * 100)
    with pytest.raises(StoreError, match="cannot be used"):
        CaptureStore(tmp_path)
    assert (tmp_path / DATABASE_NAME).read_bytes().startswith(b"these")


def test_store_that_becomes_unusable_says_so_for_every_use(store: CaptureStore) -> None:
    record = store.save(CaptureRecord.new(REQUEST))
    for file in store.folder.glob(DATABASE_NAME + "*"):
        file.unlink()
    (store.folder / DATABASE_NAME).mkdir()
    for use in (lambda: store.save(record), lambda: store.load("x"), store.recent):
        with pytest.raises(StoreError, match="cannot be used"):
            use()


def test_claim_is_one_thread_s_at_a_time(store: CaptureStore) -> None:
    with store.claimed("one") as first, store.claimed("one") as second, store.claimed("two") as other:
        assert (first, second, other) == (True, False, True)
    with store.claimed("one") as again:
        assert again


def test_claim_ends_with_an_exception(store: CaptureStore) -> None:
    with pytest.raises(KeyError), store.claimed("one"):
        raise KeyError
    with store.claimed("one") as again:
        assert again


def test_claim_of_another_process_holds_until_it_dies(store: CaptureStore) -> None:
    process = run_python(HOLDER, str(store.folder))
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        with store.claimed("one") as ours:
            assert not ours
    finally:
        process.kill()
        process.communicate(timeout=30)
    with store.claimed("one") as ours:
        assert ours


def test_claim_in_a_folder_that_went_away_is_an_error(tmp_path: Path) -> None:
    store = CaptureStore(tmp_path / "a")
    (tmp_path / "a" / "claims").write_text("")
    with pytest.raises(StoreError), store.claimed("one"):
        pass


def ready(**changes: object) -> CaptureRecord:
    return dataclasses.replace(CaptureRecord.new(REQUEST), stage=Stage.READY, **changes)  # type: ignore[arg-type]


def test_pending_are_those_under_way_and_those_not_delivered(store: CaptureStore) -> None:
    records = {stage: store.save(dataclasses.replace(CaptureRecord.new(REQUEST), stage=stage)) for stage in Stage}
    store.save(ready(delivered=True))
    expected = [record for stage, record in records.items() if stage not in (Stage.FAILED, Stage.STOPPED)]
    assert sorted(store.pending(), key=lambda record: record.created_at) == expected
    assert store.pending(2) == store.pending()[:2]


def test_delivery_is_given_once_whoever_asks(store: CaptureStore) -> None:
    record = store.save(ready())
    taken: list[CaptureRecord | None] = []
    threads = [
        threading.Thread(target=lambda: taken.append(CaptureStore(store.folder).take_delivery(record.capture_id)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    [delivered] = [each for each in taken if each is not None]
    assert delivered.delivered
    assert store.load(record.capture_id) == delivered
    assert store.pending() == []


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.READY])
def test_what_is_not_ready_is_not_delivered(store: CaptureStore, stage: Stage) -> None:
    record = store.save(dataclasses.replace(CaptureRecord.new(REQUEST), stage=stage))
    assert store.take_delivery(record.capture_id) is None
    assert store.take_delivery("unknown") is None
    assert store.load(record.capture_id) == record


def test_store_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    under_way, done = CaptureRecord.new(REQUEST), dataclasses.replace(CaptureRecord.new(REQUEST), stage=Stage.STOPPED)
    connection = sqlite3.connect(tmp_path / DATABASE_NAME)
    with connection:
        connection.execute(
            "CREATE TABLE captures (capture_id TEXT PRIMARY KEY, created_at REAL NOT NULL, record TEXT NOT NULL)"
        )
        for record in (under_way, done):
            row = (record.capture_id, record.created_at, record.to_json())
            connection.execute("INSERT INTO captures VALUES (?, ?, ?)", row)
    connection.close()
    stores = [CaptureStore(tmp_path) for _ in range(2)]
    assert stores[0].pending() == [under_way]
    assert len(stores[1].recent()) == 2


def test_queries_for_what_is_pending_do_not_grow_with_the_history(store: CaptureStore) -> None:
    for _ in range(300):
        store.save(ready(delivered=True))
    wanted = store.save(CaptureRecord.new(REQUEST))
    connection = sqlite3.connect(store.folder / DATABASE_NAME)
    steps = [0]
    connection.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1) or 0, 1)
    rows = connection.execute("SELECT record FROM captures WHERE pending = 1 ORDER BY created_at LIMIT 1000").fetchall()
    connection.close()
    assert len(rows) == 1
    assert steps[0] < 100
    assert store.pending() == [wanted]


def test_a_removed_capture_takes_its_files_along_and_no_others(store: CaptureStore) -> None:
    gone, kept = (store.save(CaptureRecord.new(REQUEST)) for _ in range(2))
    for record in (gone, kept):
        folder = store.results_folder(record.capture_id)
        folder.mkdir(parents=True)
        (folder / "walk.fbx").write_text("motion")
    assert store.remove(gone.capture_id)
    assert store.recent() == [kept]
    assert not store.results_folder(gone.capture_id).exists()
    assert (store.results_folder(kept.capture_id) / "walk.fbx").read_text() == "motion"
    assert not store.is_claimed(gone.capture_id)


def test_a_capture_that_another_process_works_on_is_not_removed(store: CaptureStore) -> None:
    store.save(dataclasses.replace(CaptureRecord.new(REQUEST), capture_id="one"))
    holder = run_python(HOLDER, str(store.folder))
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "True"
    assert not store.remove("one")
    assert store.load("one") is not None
    holder.communicate("")
    assert store.remove("one")
    assert store.load("one") is None


@pytest.mark.parametrize("capture_id", ["", "..", "../results", "a/b"])
def test_a_damaged_id_removes_nothing(store: CaptureStore, capture_id: str) -> None:
    store.results_folder("one").mkdir(parents=True)
    with pytest.raises(StoreError, match="no capture's id"):
        store.remove(capture_id)
    assert store.results_folder("one").is_dir()


def test_a_list_read_again_shows_what_changed(store: CaptureStore) -> None:
    old, new = (store.save(dataclasses.replace(CaptureRecord.new(REQUEST), created_at=age)) for age in (1.0, 2.0))
    assert store.recent() == [new, old]
    changed = store.save(old.moved_to(Stage.FAILED))
    assert store.recent() == [new, changed]
    assert store.recent(1) == [new]
