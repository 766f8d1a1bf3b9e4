# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the real service again and again in little time: all is imported once, each start is a fork of that.

Reads lines of JSON from standard input, each the arguments of one `serve`, and answers with its process id.
"""

import json
import os
import signal
import sys

MODULE = "tests.local_service.forked_service"


def _become_service(output: str, arguments: list[str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(f"{output}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
    os.dup2(os.open(f"{output}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    from aimocap_addon.local_service.cli import main
    from tests.local_service import small_solver

    code = main(arguments, make_solver=lambda *_what: small_solver.solve)
    os._exit(code)


def _serve_starts() -> None:
    import aimocap_addon.local_service.server  # noqa: F401  what takes the time

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are killed
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _become_service(order["output"], order["arguments"])
        print(pid, flush=True)


if __name__ == "__main__":
    _serve_starts()
