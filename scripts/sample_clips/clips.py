# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips there are: their motions, looks and cameras. No bpy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import motions, skeleton, studies, walking

FPS = 30


@dataclass(frozen=True)
class Clip:
    """One clip: its motion and person (None for an empty room), length in seconds and camera.

    `azimuth` is in degrees, `distance`, `height` and `aim` in metres, `lens` in mm on a 36 mm sensor. `post` (x, y)
    puts a post between the camera and the person.
    """

    seconds: float
    motion: Callable[[motions.Array], skeleton.Motion] | None = None
    look: str = ""
    size: tuple[int, int] = (480, 640)
    azimuth: float = 0.0
    distance: float = 4.2
    height: float = 1.2
    aim: tuple[float, float, float] = (0.0, 0.0, 0.95)
    lens: float = 54.0
    post: tuple[float, float] | None = None

    @property
    def frames(self) -> int:
        return round(self.seconds * FPS)

    def fingerprint(self) -> str:
        """Return what changes when the clip's pictures do: its motion, its camera, or the code that draws them."""
        digest = hashlib.sha256(repr(replace(self, motion=None)).encode())
        if self.motion is not None:
            turns, heads = skeleton.solve(self.motion(np.arange(self.frames) / FPS))
            digest.update(np.round(turns, 6).tobytes() + np.round(heads, 6).tobytes())
        here = Path(__file__).parent
        for source in [
            *sorted((here.parent / "figures").glob("*.py")),
            *(here / f"{n}.py" for n in ("person", "stage")),
        ]:
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]


SAMPLES = {
    "wave_squat": Clip(5.0, motions.wave_squat, "casual"),
    "walk_turn": Clip(4.9, walking.walk_turn, "walker", (640, 640), aim=(0.0, 0.0, 0.85), lens=50.0),
    "punch_kick": Clip(4.4, motions.punch_kick, "boxer", azimuth=35.0),
    "empty_room": Clip(1.5),
}
# The solver's numbers are chosen with these and the samples ...
TUNING = {
    "offer": Clip(3.0, studies.offer, "walker", height=0.7),
    "lunge": Clip(3.0, studies.lunge, "casual", azimuth=-80.0, aim=(0.0, -0.2, 0.95)),
    "quarter_turns": Clip(3.0, studies.quarter_turns, "casual", height=2.0, aim=(0.0, 0.0, 0.9)),
}
# ... and what it comes to is told of these.
REPORTING = {
    "reach": Clip(3.0, studies.reach, "casual", height=1.5),
    "pick_up": Clip(3.0, studies.pick_up, "walker", azimuth=85.0, height=1.0),
    "turn_around": Clip(3.0, studies.turn_around, "casual", height=1.7),
    "low_kick": Clip(3.0, studies.low_kick, "boxer", azimuth=-20.0, height=0.5),
    "hooks": Clip(3.0, studies.hooks, "boxer", azimuth=-40.0, height=1.4),
    "jumping_jacks": Clip(2.8, studies.jumping_jacks, "walker", distance=4.8, height=1.2, aim=(0.0, 0.0, 1.05)),
    "post": Clip(3.0, studies.stroll, "casual", (640, 480), azimuth=8.0, lens=40.0, post=(0.0, -1.1)),
    "approach": Clip(
        3.0, studies.stroll, "walker", azimuth=62.0, distance=5.2, height=2.2, aim=(0.1, 0.0, 0.85), lens=46.0
    ),
}
CLIPS = SAMPLES | TUNING | REPORTING
