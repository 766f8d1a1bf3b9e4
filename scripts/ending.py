# SPDX-License-Identifier: GPL-3.0-or-later
"""How scripts that run in Blender's Python end."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn


def run_and_end(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` and end the process with its exit code, none for 0; an exception is printed and ends it with 1.

    Blender as a module can hang while the interpreter ends (seen in 4.5), so that is left out.
    """
    code = 1
    try:
        code = main() or 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
