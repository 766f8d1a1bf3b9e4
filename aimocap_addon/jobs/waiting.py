# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine waits: between polls, after errors, through a loss of the network and a sleep of the machine."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass

_SLICE = 2.0  # seconds between two looks at the clock
_ASLEEP = 10.0  # seconds by which the clock runs ahead of a slice if the machine slept
_POLL_SHARE = 0.05  # of the time waited so far: a result is late by at most this share


@dataclass(frozen=True)
class Pace:
    """How the engine waits, in seconds."""

    poll_interval: float = 5.0  # what the official example uses
    poll_ceiling: float = 30.0  # the longest pause between polls of a job that takes long
    backoff_first: float = 1.0
    backoff_ceiling: float = 60.0
    give_up_after: float = 600.0  # of failing, without any success in between
    give_up_offline: float = 600.0  # of no connection at all, once something is under way
    fail_fast: bool = True  # a capture that meets no service before anything was sent fails at once
    deadline: float = 24 * 3600.0  # from the submission; until then, of the run

    def poll_pause(self, waited: float) -> float:
        """Return the seconds to the next poll of a job that has been waited for `waited` seconds.

        Longer for long jobs, up to the ceiling; with jitter, so that many captures do not poll in step.
        """
        pause = max(self.poll_interval, min(self.poll_ceiling, _POLL_SHARE * waited))
        return pause * random.uniform(1.0, 1.1)

    def backoff(self, attempt: int) -> float:
        """Return the seconds to wait after the failed attempt of this number, from 0: exponential with jitter."""
        ceiling = min(self.backoff_ceiling, self.backoff_first * 2.0 ** min(attempt, 16))
        return ceiling * random.uniform(0.5, 1.0)


CLOUD_PACE = Pace()
LOOPBACK_PACE = Pace(poll_interval=0.5, poll_ceiling=5.0, backoff_ceiling=5.0, give_up_after=60.0, give_up_offline=60.0)


class StopSignal(threading.Event):
    """Set when a capture is to end early; `interrupted` when Blender closes rather than a person stops it."""

    interrupted = False

    def interrupt(self) -> None:
        """End the run without marking the capture as stopped, so that it can go on at the next start.

        What a person has stopped before stays stopped.
        """
        if not self.is_set():
            self.interrupted = True
        self.set()

    def rest(self, seconds: float) -> bool:
        """Wait for `seconds`, or until the signal is set; returns at once, with True, when the machine has slept.

        A sleep shows as a jump of the wall clock. The monotonic clock cannot tell: it stands still during sleep on
        Linux and macOS and goes on on Windows.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0.0 and not self.is_set():
            period, before = min(left, _SLICE), time.time()
            self.wait(period)
            if time.time() - before > period + _ASLEEP:
                return True
        return False
