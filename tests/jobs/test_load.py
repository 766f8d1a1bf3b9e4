# SPDX-License-Identifier: GPL-3.0-or-later
"""Many captures from one Blender: all arrive, each is paid once, and neither memory nor the store suffers."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aimocap_addon.jobs.drivers import MOST_WORKERS, CaptureRunner, ServiceAccess
from aimocap_addon.jobs.engine import WAITS_FOR_A_PLACE
from aimocap_addon.jobs.record import CaptureRecord, CaptureRequest, Stage
from aimocap_addon.jobs.store import CaptureStore
from scripts.service_process import ROOT, running_service
from tests.jobs.test_local_service import movements

CAPTURES = 100
CLIP = ROOT / "tests/data/clips/wave_squat.mp4"
PATIENCE = 300.0


def resident_mib() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_hundred_captures_queued_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [0]
    connect: Callable[..., Any] = sqlite3.connect

    def counted(*arguments: Any, **named: Any) -> sqlite3.Connection:
        opened[0] += 1
        return connect(*arguments, **named)

    monkeypatch.setattr(sqlite3, "connect", counted)
    store = CaptureStore(tmp_path / "store")
    runner = CaptureRunner(store)
    latest: dict[str, CaptureRecord] = {}
    messages: Counter[str] = Counter()
    memory: list[float] = []
    threads = 0
    with running_service(tmp_path / "service" / "data", module="tests.local_service.small_solver") as service:
        access = ServiceAccess(service.url, service.create_key(10_000, "free"))
        for number in range(CAPTURES):
            request = CaptureRequest(str(CLIP), f"walk {number}", service.url, trim_end_sec=1.0)
            runner.start(CaptureRecord.new(request), access)
        until = time.monotonic() + PATIENCE
        while runner.running and time.monotonic() < until:
            for record in runner.drain(0.005):
                latest[record.capture_id] = record
                messages[record.message] += 1
            threads = max(threads, sum(each.name.startswith("aimocap-") for each in threading.enumerate()))
            memory.append(resident_mib())
            time.sleep(0.05)
        for record in runner.drain(5.0):
            latest[record.capture_id] = record
        runner.shutdown()
        assert Counter(record.stage for record in latest.values()) == {Stage.READY: CAPTURES}
        assert movements(service.data) == ["charge"] * CAPTURES
    warm = memory[len(memory) // 3]  # the libraries are loaded and every worker has begun
    print(
        f"\n{CAPTURES} captures, {threads} threads; memory {warm:.0f} MiB after a third of the time, "
        f"{max(memory):.0f} MiB at most; {opened[0] / CAPTURES:.1f} connections to the store per capture; waited for a "
        f"place {messages[WAITS_FOR_A_PLACE]} times"
    )
    assert messages[WAITS_FOR_A_PLACE] > 0
    assert threads <= MOST_WORKERS
    assert max(memory) - warm < 24.0
    assert opened[0] < 40 * CAPTURES
    assert store.pending(10_000) != []  # ready, and waiting for their file
