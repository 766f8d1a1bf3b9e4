# SPDX-License-Identifier: GPL-3.0-or-later
"""What a capture costs, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .addon import Service
from .translations import phrase


def estimate_words(service: Service, seconds: Sequence[float]) -> str:
    """Return the length of the videos and their price: each begun second is one v-credit, on this machine none."""
    whole = sum(seconds)
    if service.is_local:
        return phrase("{seconds:.1f} s, free with the local service", seconds=whole)
    price = sum(max(1, math.ceil(each - 1e-3)) for each in seconds)
    if price == 1:
        return phrase("{seconds:.1f} s = 1 v-credit", seconds=whole)
    return phrase("{seconds:.1f} s = {credits} v-credits", seconds=whole, credits=price)
