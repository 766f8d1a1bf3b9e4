# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing at a time that a person waits for and Blender does not: a question to the service, a walk through folders.

Threading contract: `begin` and `shutdown` are called from the main thread. The thread calls `work` and writes nothing
but `sentence`, `failed` and `is_running`, whole values each, which drawing reads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_END_SEC = 10.0


class ErrandError(Exception):
    """What was asked for did not come about; the message is one sentence."""


class Errand:
    """Something that runs on a thread and comes back with a sentence."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self.is_running = False
        self.failed = False
        self.sentence = ""

    def begin(self, work: Callable[[], str]) -> bool:
        """Run `work`, which returns a sentence or raises ErrandError; False if the last one is not back yet."""
        if self.is_running:
            return False
        self.is_running, self.failed, self.sentence = True, False, ""
        self._thread = threading.Thread(target=self._run, args=(work,), name=f"aimocap-{self._name}", daemon=True)
        self._thread.start()
        return True

    def shutdown(self) -> None:
        """Wait a while for what is under way; its question has a time-out of its own."""
        if self._thread is not None:
            self._thread.join(_END_SEC)

    def _run(self, work: Callable[[], str]) -> None:
        try:
            self.sentence = work()
        except ErrandError as error:
            self.failed, self.sentence = True, str(error)
        except Exception as error:  # told, so that nobody waits for an answer that does not come
            self.failed, self.sentence = True, f"An internal error stopped this ({type(error).__name__}): report it."
        finally:
            self.is_running = False
