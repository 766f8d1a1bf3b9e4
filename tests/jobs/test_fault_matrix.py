# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures through every fault of every call, with the real service: each ends right, paid once, with whole files.

    .venv/dev/bin/python -m pytest tests/jobs/test_fault_matrix.py -s

prints the table of docs/reliability.md.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from scripts.service_process import running_service
from tests.jobs.faulty_proxy import CALLS
from tests.jobs.network_faults import (
    Outcome,
    by_the_service,
    failing_names,
    network_faults,
    service_faults,
    through_the_network,
)
from tests.local_service import small_solver
from tests.local_service.conftest import write_video
from tests.loopback import Answer, LoopbackServer, Request

_AT_ONCE = 8  # captures that mostly wait
_FEWEST_CASES = 120


@contextlib.contextmanager
def another_host() -> Iterator[LoopbackServer]:
    """A server of somebody else, to which calls are redirected and which knows nothing."""
    with LoopbackServer(lambda _request: Answer(404, b"nothing here")) as server:
        yield server


@pytest.fixture(scope="module")
def strangers() -> Iterator[LoopbackServer]:
    with another_host() as server:
        yield server


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, strangers: LoopbackServer) -> Iterator[list[Outcome]]:
    """Every case once: those of the network at the same time, the service's own one after the other."""
    folder = tmp_path_factory.mktemp("matrix")
    video = write_video(folder / "walk.mp4", 1.0)
    numbers = count()

    def store() -> Path:
        return folder / f"store {next(numbers)}"

    faults = folder / "faulty" / "faults.json"
    faults.parent.mkdir()
    faults.write_text("[]")
    with (
        running_service(folder / "plain" / "data", module=small_solver.MODULE) as plain,
        running_service(faults.parent / "data", "--faults", str(faults), module=small_solver.MODULE) as faulty,
        failing_names(),
        ThreadPoolExecutor(_AT_ONCE + 1) as pool,
    ):
        own = pool.submit(lambda: [by_the_service(faulty, video, store(), *case) for case in service_faults()])
        futures = [
            pool.submit(through_the_network, plain, video, store(), call, name, fault)
            for name, fault in network_faults(strangers.url).items()
            for call in CALLS
        ]
        yield [future.result() for future in futures] + own.result()


def print_table(outcomes: list[Outcome]) -> None:
    """Print what became of every call under every fault."""
    by_place = {(each.fault, each.call): each for each in outcomes}
    names = list(dict.fromkeys(each.fault for each in outcomes))
    print("\n{:<24}".format("fault") + "".join(f"{call:<10}" for call in CALLS))
    for name in names:
        cells = [by_place.get((name, call)) for call in CALLS]
        print(f"{name:<24}" + "".join(f"{_word(cell):<10}" for cell in cells).rstrip())
    tried, survived = len(outcomes), sum(each.survived for each in outcomes)
    alone = sum(each.survived and not each.retries for each in outcomes)
    print(
        f"\nfaults tried {tried}, survived {survived} ({alone} without help), "
        f"double charges {sum(each.charges > 1 for each in outcomes)}, "
        f"files damaged {sum(len(each.damaged) for each in outcomes)}, "
        f"keys sent with videos {sum(each.key_leaks for each in outcomes)}"
    )


def _word(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    if not outcome.survived:
        return "LOST"
    return "retry" if outcome.retries else "done"


def test_every_fault_is_survived(outcomes: list[Outcome]) -> None:
    print_table(outcomes)
    assert len({(each.call, each.fault) for each in outcomes}) >= _FEWEST_CASES
    assert [each for each in outcomes if not each.struck] == []
    assert [each for each in outcomes if not each.survived] == []


def test_nobody_pays_twice(outcomes: list[Outcome]) -> None:
    assert [each for each in outcomes if each.charges != 1] == []


def test_no_damaged_file_is_ever_seen(outcomes: list[Outcome]) -> None:
    assert [each for each in outcomes if each.damaged] == []


def test_failures_are_told_in_sentences(outcomes: list[Outcome]) -> None:
    sentences = [sentence for each in outcomes for sentence in each.sentences]
    assert sentences  # some faults cannot be outlasted
    for sentence in sentences:
        assert sentence[0].isupper() or sentence.startswith("http"), sentence
        assert sentence.endswith("."), sentence
        assert ":" in sentence, sentence  # what happened: what to do


def test_key_reaches_the_api_alone(outcomes: list[Outcome], strangers: LoopbackServer) -> None:
    assert not any(each.key_leaks for each in outcomes)
    requests: list[Request] = strangers.requests
    assert requests  # the client followed a download there
    assert not any("authorization" in {name.lower() for name in each.headers} for each in requests)
