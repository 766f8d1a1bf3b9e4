# SPDX-License-Identifier: GPL-3.0-or-later
"""Solvers of other packages, named by entry point, in the place of the built-in one.

A package offers one by an entry point of the group `aimocap.solvers`: a callable without arguments that returns a
`solver.interface.Solver`. It is loaded in the worker process, so that the service itself need not be able to.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from .errors import CannotStartError
from .solver.interface import Solver

GROUP = "aimocap.solvers"


def find(name: str) -> EntryPoint:
    """Return the entry point of the solver called `name`, without loading it; raises CannotStartError."""
    offered = entry_points(group=GROUP)
    found = next(iter(offered.select(name=name)), None)
    if found is None:
        known = ", ".join(sorted(offered.names)) or "none"
        raise CannotStartError(
            f"No installed package offers a solver called “{name}” (offered: {known}): install one into the service's "
            "environment, correct --solver, or leave it out."
        )
    return found


def load(name: str) -> Solver:
    """Return a new solver; raises CannotStartError, or what the package raises."""
    return find(name).load()()
