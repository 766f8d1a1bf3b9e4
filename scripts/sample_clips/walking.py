# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk of the sample clips: steps along a hairpin path, hips and arms following from the feet. No bpy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from aimocap_addon.motion.rotations import normalize

from .motions import track
from .skeleton import REST_HEADS, Arm, Array, Foot, Motion, ankle_position, index

_BALL = REST_HEADS[index("ball_l")]

_STEP_TIME, _SWING_TIME = 0.50, 0.39  # seconds; the difference is double support
_START = 0.25
_HALF_WIDTH = 0.085


@dataclass(frozen=True)
class Route:
    """A hairpin: `straight` metres along +X, a half turn of `radius` towards the camera, and back along -X.

    Only `length` metres of it are walked, in `steps` steps; `start` (2,) is where they begin.
    """

    straight: float = 1.55
    radius: float = 0.42
    length: float = 2 * 1.55 + np.pi * 0.42 - 0.25
    steps: int = 8
    start: tuple[float, float] = (-0.95, 0.42)

    @property
    def stride(self) -> float:
        """Metres per step: the feet start and end side by side, so the first and the last are half as long."""
        return self.length / (self.steps - 1)


def _path(route: Route, s: Array) -> tuple[Array, Array]:
    """Return positions (N, 2) and headings (N,) at `s` metres along the route."""
    turn = np.pi * route.radius
    angle = np.clip((s - route.straight) / turn, 0.0, 1.0) * np.pi
    back = np.maximum(s - route.straight - turn, 0.0)
    x = np.minimum(s, route.straight) - back + route.radius * np.sin(angle)
    y = route.radius * np.cos(angle)
    # Yaw 0 faces -Y, so +X is yaw 90 degrees; the half turn goes clockwise seen from above.
    return np.stack((x + route.start[0], y - route.radius + route.start[1]), axis=-1), np.pi / 2 - angle


def _place(route: Route, s: float, side: str) -> tuple[Array, float]:
    """Return where the ball of the foot stands beside the path at `s` metres, and the heading there."""
    (position,), (heading,) = _path(route, np.array([s]))
    left = np.array((np.cos(heading), np.sin(heading)))
    sideways = _HALF_WIDTH if side == "l" else -_HALF_WIDTH
    return np.array((*(position + sideways * left), _BALL[2])), float(heading)


@dataclass
class _Steps:
    """The steps of one foot: keys of (x, y, z, heading), keys of pitch in degrees, and times in the air."""

    places: list[tuple[float, tuple[float, ...]]]
    pitch: list[tuple[float, tuple[float]]] = field(default_factory=lambda: [(0.0, (0.0,))])
    swings: list[tuple[float, float]] = field(default_factory=list)

    def step(self, lift_off: float, landing: float, to: tuple[Array, float], heel_off: float, strike: float) -> None:
        """Add a step: the heel rises to `heel_off` degrees before lift-off, the toes are at `strike` on landing."""
        self.places += [(lift_off, self.places[-1][1]), (landing, (*to[0], to[1]))]
        self.swings.append((lift_off, landing))
        self.pitch += [
            (lift_off - 0.16, (0.0,)),
            (lift_off, (heel_off,)),
            (lift_off + 0.45 * (landing - lift_off), (0.45 * heel_off,)),
            (landing, (strike,)),
            (landing + 0.10, (0.0,)),
        ]

    def foot(self, times: Array) -> Foot:
        """Return the foot over time; a swinging foot clears the ground by 6 cm."""
        placed = track(self.places, times)
        for lift_off, landing in self.swings:
            phase = np.clip((times - lift_off) / (landing - lift_off), 0.0, 1.0)
            placed[:, 2] += 0.06 * np.sin(np.pi * phase) ** 2
        return Foot(placed[:, :3], placed[:, 3], np.radians(track(self.pitch, times)[:, 0]))


def _feet(route: Route, times: Array) -> dict[str, Foot]:
    steps = {}
    for side in "lr":
        place, heading = _place(route, 0.0, side)
        steps[side] = _Steps([(0.0, (*place, heading))])
    for k in range(route.steps):
        side = "rl"[k % 2]
        last = k == route.steps - 1
        lift_off = _START + k * _STEP_TIME
        to = _place(route, route.length if last else (k + 0.5) * route.stride, side)
        steps[side].step(lift_off, lift_off + _SWING_TIME, to, 26.0 if k == 0 else 36.0, -4.0 if last else -14.0)
    lift_off = _START + route.steps * _STEP_TIME
    closing = "rl"[route.steps % 2]
    steps[closing].step(lift_off, lift_off + _SWING_TIME, _place(route, route.length, closing), 26.0, 0.0)
    return {side: steps[side].foot(times) for side in "lr"}


def _progress(route: Route, times: Array) -> Array:
    """Return how far along the path the hips are (F,): midway between the feet whenever both are down."""
    end = _START + route.steps * _STEP_TIME + 0.45
    middle = [(_START + (k + 0.9) * _STEP_TIME, ((k + 0.12) * route.stride,)) for k in range(1, route.steps)]
    keys = [(_START - 0.15, (0.0,)), (_START + 0.25, (0.12 * route.stride,)), *middle, (end, (route.length,))]
    return _smooth(track(keys, times)[:, 0], 4)


def walk_turn(times: Array) -> Motion:
    """Walk across the room, turn around in a half circle and walk back."""
    return walk(times, Route())


def walk(times: Array, route: Route) -> Motion:
    """Walk along the route, arms swinging against the legs."""
    feet = _feet(route, times)
    place, heading = _path(route, _progress(route, times))
    left = np.stack((np.cos(heading), np.sin(heading)), axis=-1)
    ahead = np.stack((np.sin(heading), -np.cos(heading)), axis=-1)
    lead = {side: np.sum((feet[side].ball[:, :2] - place) * ahead, axis=-1) for side in "lr"}
    twist = np.clip(_smooth(lead["r"] - lead["l"], 2), -0.7, 0.7)
    zero = np.zeros_like(twist)
    return Motion(
        pelvis=_hips(feet, place, left, ahead, np.abs(lead["l"] - lead["r"])),
        pelvis_turn=np.stack((heading + 0.16 * twist, zero + np.radians(2.0), zero), axis=-1),
        chest=np.stack((-0.36 * twist, zero + np.radians(3.0), zero), axis=-1),
        head=np.stack((0.2 * twist, zero - np.radians(3.0), zero), axis=-1),
        arms={"l": _swinging_arm(lead["r"] - lead["l"], 1.0), "r": _swinging_arm(lead["l"] - lead["r"], -1.0)},
        feet=feet,
    )


def _hips(feet: dict[str, Foot], place: Array, left: Array, ahead: Array, spread: Array) -> Array:
    """Return the pelvis (F, 3): over the bearing foot, lowest when the feet are far apart, within the legs' reach."""
    bearing = {side: np.clip(1.0 - (foot.ball[:, 2] - _BALL[2]) / 0.05, 0.0, 1.0) for side, foot in feet.items()}
    sway = _smooth(0.025 * (bearing["l"] - bearing["r"]), 4)
    # The balls of the feet are ahead of the hips when standing.
    ground = place + sway[:, None] * left + 0.9 * _BALL[1] * ahead
    height = 0.945 - 0.12 * spread**2
    for side, sign in (("l", 1.0), ("r", -1.0)):
        hip = ground + sign * REST_HEADS[index("thigh_l"), 0] * left
        height = np.minimum(height, _reachable(hip, ankle_position(feet[side], side)))
    # Smoothing may not lift the hips out of the legs' reach again, so the lowest value nearby is taken first.
    height = _smooth(_lowest_nearby(height, 2), 4)
    return np.concatenate((ground, height[:, None]), axis=-1)


def _swinging_arm(opposite_leg: Array, mirror: float) -> Arm:
    """Return an arm that swings with the lead (F,) in metres of the opposite foot; the elbow bends going forward."""
    swing = np.clip(0.95 * _smooth(opposite_leg, 3), -0.6, 0.6)
    bend = swing + 0.25 + 0.30 * np.clip(swing, 0.0, None)
    out = np.full_like(swing, 0.17 * mirror)
    return Arm(
        upper=normalize(np.stack((out, -np.sin(swing), -np.cos(swing)), axis=-1)),
        fore=normalize(np.stack((0.4 * out, -np.sin(bend), -np.cos(bend)), axis=-1)),
    )


def _reachable(hip: Array, ankle: Array) -> Array:
    """Return the highest the pelvis (F,) may be above hips at (F, 2) for a leg to reach its ankle (F, 3)."""
    thigh, calf, foot = (REST_HEADS[index(name)] for name in ("thigh_l", "calf_l", "foot_l"))
    leg = 0.992 * (np.linalg.norm(calf - thigh) + np.linalg.norm(foot - calf))
    aside = np.sum((ankle[:, :2] - hip) ** 2, axis=-1)
    return ankle[:, 2] + np.sqrt(leg**2 - aside) + REST_HEADS[0, 2] - thigh[2]


def _lowest_nearby(values: Array, reach: int) -> Array:
    padded = np.pad(values, reach, mode="edge")
    return np.min([padded[i : i + len(values)] for i in range(2 * reach + 1)], axis=0)


def _smooth(values: Array, rounds: int) -> Array:
    """Average each value with its neighbours `rounds` times, ends held."""
    for _ in range(rounds):
        padded = np.pad(values, 1, mode="edge")
        values = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return values
