# SPDX-License-Identifier: GPL-3.0-or-later
"""The bones of a control rig that deform its mesh: what becomes of all that its controls and constraints do."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from .detection import detect
from .mapping import Mapping
from .skeleton import Skeleton

# Decimals of the rest matrices, in lengths of the skeleton, in which bones that lie on each other agree.
_DECIMALS = 4


def deform_mapping(skeleton: Skeleton, deforming: Collection[str]) -> Mapping | None:
    """Return the mapping of the bones named `deforming` by their own names, or None where these say nothing.

    They hang from each other through the rig's mechanism: a bone of it that lies on a deforming bone stands for that.
    """
    rows = [row for row, name in enumerate(skeleton.names) if name in deforming]
    rest = skeleton.rest.copy()
    rest[:, :3, 3] /= max(float(np.ptp(skeleton.rest_positions, axis=0).max()), 1e-9)
    places = [matrix.tobytes() for matrix in np.round(rest, _DECIMALS) + 0.0]  # no negative zeros
    at = {places[row]: i for i, row in enumerate(rows)}
    parents = []
    for i, row in enumerate(rows):
        above = int(skeleton.parents[row])
        while above >= 0 and at.get(places[above], i) == i:
            above = int(skeleton.parents[above])
        parents.append(at[places[above]] if above >= 0 else -1)
    found = detect([skeleton.names[row] for row in rows], parents)
    return None if found is None or found.controls else found
