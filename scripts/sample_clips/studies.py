# SPDX-License-Identifier: GPL-3.0-or-later
"""Motions of the solver's benchmark, in two groups that must stay apart. No bpy.

`offer`, `lunge` and `quarter_turns` are there to choose the solver's numbers with; all others only to report what it
comes to, and nothing may be chosen by them. Angles and directions are written as in `motions`.
"""

from __future__ import annotations

import numpy as np

from .motions import STANDING, Array, Keys, arm, foot, standing_feet, track, turns
from .skeleton import REST_HEADS, Foot, Motion, index
from .walking import Route, walk

ArmKeys = list[tuple[float, tuple[float, float, float], tuple[float, float, float]]]

_BALL = REST_HEADS[index("ball_l")]
_FLOOR = float(_BALL[2])
_IDLE = ((0.22, 0.02, -1.0), (0.12, -0.25, -1.0))
_GUARD = ((0.35, -0.45, -0.85), (-0.25, -0.45, 0.85))
_NO_TURN: Keys = ((0.0, (0.0, 0.0, 0.0)),)


def _body(
    times: Array,
    *,
    feet: dict[str, Foot],
    pelvis: Keys = ((0.0, (0.0, 0.0, STANDING)),),
    turn: Keys = _NO_TURN,
    chest: Keys = _NO_TURN,
    head: Keys = _NO_TURN,
    left: ArmKeys,
    right: ArmKeys,
) -> Motion:
    return Motion(
        pelvis=track(pelvis, times),
        pelvis_turn=turns(turn, times),
        chest=turns(chest, times),
        head=turns(head, times),
        arms={"l": arm("l", left, times), "r": arm("r", right, times)},
        feet=feet,
    )


def offer(times: Array) -> Motion:
    """Hold something out to the camera with both hands, take it back, and point at the camera with the left."""
    hold = ((0.25, -0.35, -0.9), (-0.25, -1.0, 0.15))
    give = ((0.1, -1.0, -0.35), (-0.15, -1.0, 0.05))
    point = ((0.05, -1.0, 0.05), (-0.02, -1.0, 0.08))
    right: ArmKeys = [(0.2, *_IDLE), (0.6, *hold), (0.8, *hold), (1.15, *give), (1.4, *give), (1.8, *_IDLE)]
    left: ArmKeys = [*right[:-1], (1.8, *hold), (2.15, *point), (2.5, *point), (2.9, *_IDLE)]
    lean = [(0.7, (0, 0, 0)), (1.2, (0, 10, 0)), (1.5, (0, 8, 0)), (2.2, (-12, 4, 0)), (2.9, (0, 0, 0))]
    return _body(times, feet=standing_feet(times), chest=lean, left=left, right=right)


def lunge(times: Array) -> Motion:
    """Step the left foot far forward, sink, and push back up, hands on the way to the front thigh."""
    home, deep = (0.0, 0.0, STANDING), (0.0, -0.36, 0.66)
    front = (0.12, float(_BALL[1]), _FLOOR)
    ahead = (0.12, float(_BALL[1]) - 0.72, _FLOOR)
    mid = (0.12, float(_BALL[1]) - 0.36, _FLOOR + 0.12)
    on_thigh = ((0.1, -0.55, -0.8), (-0.05, -0.8, -0.6))
    arms: ArmKeys = [(0.3, *_IDLE), (1.2, *on_thigh), (1.7, *on_thigh), (2.6, *_IDLE)]
    return _body(
        times,
        pelvis=[
            (0.2, home),
            (0.9, (0.0, -0.3, 0.84)),
            (1.35, deep),
            (1.65, deep),
            (2.1, (0.0, -0.3, 0.84)),
            (2.75, home),
        ],
        chest=[(0.5, (0, 0, 0)), (1.3, (0, 12, 0)), (1.7, (0, 12, 0)), (2.5, (0, 0, 0))],
        left=arms,
        right=arms,
        feet={
            "l": foot(
                times,
                [(0.3, front), (0.6, mid), (0.9, ahead), (2.1, ahead), (2.4, mid), (2.7, front)],
                [(0.0, (4,))],
            ),
            "r": foot(
                times,
                [(0.0, (-0.12, float(_BALL[1]), _FLOOR))],
                [(0.0, (-10,))],
                [(0.4, (0,)), (0.9, (28,)), (1.4, (52,)), (1.65, (52,)), (2.1, (28,)), (2.6, (0,))],
            ),
        },
    )


def _pivot(times: Array, steps: list[tuple[str, float, float]]) -> dict[str, Foot]:
    """Return feet that step about the spot: (side, time of landing, degrees the foot then points to)."""
    feet = {}
    for side, sign in (("l", 1.0), ("r", -1.0)):

        def place(degrees: float, lift: float = 0.0, sign: float = sign) -> tuple[float, float, float]:
            c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
            x, y = sign * 0.12, float(_BALL[1])
            return (c * x - s * y, s * x + c * y, _FLOOR + lift)

        now = 0.0
        ball: list[tuple[float, tuple[float, float, float]]] = [(0.0, place(0.0))]
        yaw: list[tuple[float, tuple[float]]] = [(0.0, (sign * 8.0,))]
        for _, landing, degrees in [step for step in steps if step[0] == side]:
            ball += [
                (landing - 0.3, place(now)),
                (landing - 0.15, place(0.5 * (now + degrees), 0.07)),
                (landing, place(degrees)),
            ]
            yaw += [(landing - 0.3, (now + sign * 8.0,)), (landing, (degrees + sign * 8.0,))]
            now = degrees
        feet[side] = foot(times, ball, yaw)
    return feet


def quarter_turns(times: Array) -> Motion:
    """Turn a quarter to the left, look around with an arm lifted aside, and turn back."""
    aside = ((1.0, -0.1, 0.05), (1.0, -0.3, 0.2))
    on_hip = ((0.8, 0.35, -0.7), (-0.6, -0.5, -0.5))
    steps = [("l", 0.6, 50.0), ("r", 0.95, 85.0), ("l", 1.25, 90.0), ("r", 2.1, 30.0), ("l", 2.4, 0.0), ("r", 2.7, 0.0)]
    return _body(
        times,
        feet=_pivot(times, steps),
        turn=[(0.3, (0, 0, 0)), (1.15, (88, 0, 0)), (1.8, (88, 0, 0)), (2.6, (0, 0, 0))],
        head=[(0.2, (0, 0, 0)), (0.6, (30, 0, 0)), (1.2, (0, 0, 0)), (1.6, (-40, 0, 0)), (2.3, (0, 0, 0))],
        left=[(0.4, *_IDLE), (1.1, *aside), (1.6, *aside), (2.4, *_IDLE)],
        right=[(0.4, *_IDLE), (1.0, *on_hip), (1.9, *on_hip), (2.6, *_IDLE)],
    )


def reach(times: Array) -> Motion:
    """Point at the camera with the right hand, beckon, push with both palms, and sweep the left aside."""
    point = ((0.12, -1.0, -0.08), (0.02, -1.0, 0.06))
    beckon = ((0.3, -0.6, -0.7), (-0.1, -0.6, 0.8))
    push = ((0.2, -1.0, -0.02), (-0.12, -1.0, 0.12))
    ready = ((0.5, -0.1, -0.8), (0.0, -0.8, 0.55))
    sweep = ((0.9, -0.5, -0.1), (0.8, -0.7, 0.1))
    return _body(
        times,
        feet=standing_feet(times, apart=0.12),
        pelvis=[(0.2, (0.0, 0.0, STANDING)), (1.0, (-0.03, -0.02, STANDING)), (2.0, (0.02, -0.03, STANDING - 0.01))],
        chest=[(0.2, (0, 0, 0)), (0.7, (10, 3, 0)), (1.2, (6, 2, 0)), (1.75, (0, 9, 0)), (2.5, (14, 0, 0))],
        head=[(0.2, (0, 0, 0)), (0.7, (-8, 0, 0)), (2.5, (-6, 0, 0))],
        right=[
            (0.15, *_IDLE),
            (0.55, *point),
            (0.85, *point),
            (1.1, *beckon),
            (1.4, *ready),
            (1.75, *push),
            (2.0, *push),
            (2.5, *_IDLE),
        ],
        left=[(1.0, *_IDLE), (1.4, *ready), (1.75, *push), (2.0, *push), (2.45, *sweep), (2.8, *sweep)],
    )


def pick_up(times: Array) -> Motion:
    """Crouch, take something from the floor with both hands, and stand up with it before the chest."""
    down = ((0.12, -0.75, -0.8), (0.0, -0.45, -0.9))
    carry = ((0.2, -0.15, -0.95), (-0.25, -1.0, 0.25))
    arms: ArmKeys = [(0.2, *_IDLE), (1.1, *down), (1.45, *down), (2.2, *carry), (2.8, *carry)]
    low = (0.0, 0.14, 0.52)
    return _body(
        times,
        feet=standing_feet(times, apart=0.16, yaw=16.0),
        pelvis=[(0.2, (0.0, 0.0, STANDING)), (1.1, low), (1.45, low), (2.2, (0.0, 0.01, STANDING))],
        turn=[(0.2, (0, 0, 0)), (1.1, (0, 34, 0)), (1.45, (0, 34, 0)), (2.2, (0, -2, 0))],
        chest=[(0.2, (0, 0, 0)), (1.1, (0, 22, 0)), (1.45, (0, 22, 0)), (2.2, (0, -3, 0))],
        head=[(0.2, (0, 0, 0)), (1.1, (0, -12, 0)), (1.45, (0, -12, 0)), (2.2, (0, 6, 0))],
        left=arms,
        right=arms,
    )


def turn_around(times: Array) -> Motion:
    """Turn once around on the spot in eight steps, arms a little lifted."""
    steps = [("lr"[i % 2], 0.45 + 0.3 * i, min(45.0 * (i + 1), 360.0)) for i in range(9)]
    out = ((0.5, -0.15, -0.85), (0.4, -0.5, -0.7))
    arms: ArmKeys = [(0.1, *_IDLE), (0.7, *out), (2.4, *out), (2.9, *_IDLE)]
    return _body(
        times,
        feet=_pivot(times, steps),
        turn=[(0.1, (0, 0, 0)), (0.75, (62, 0, 0)), (1.5, (180, 0, 0)), (2.25, (296, 0, 0)), (2.95, (360, 0, 0))],
        head=[(0.1, (0, 0, 0)), (0.5, (20, 0, 0)), (2.3, (20, 0, 0)), (2.8, (0, 0, 0))],
        left=arms,
        right=arms,
    )


def low_kick(times: Array) -> Motion:
    """Raise the left knee, kick forward and low to the side, set the foot down, and kick once more with the right."""
    low = 0.895
    wide = ((0.75, -0.15, -0.7), (0.2, -0.7, 0.5))
    stand = {"l": (0.14, -0.12, _FLOOR), "r": (-0.14, 0.05, _FLOOR)}
    left = [
        (0.4, stand["l"]),
        (0.62, (0.14, -0.2, 0.34)),
        (0.82, (0.26, -0.72, 0.52)),
        (0.92, (0.26, -0.72, 0.52)),
        (1.12, (0.16, -0.25, 0.3)),
        (1.4, stand["l"]),
    ]
    right = [
        (1.65, stand["r"]),
        (1.87, (-0.12, -0.22, 0.4)),
        (2.07, (-0.1, -0.8, 0.78)),
        (2.17, (-0.1, -0.8, 0.78)),
        (2.37, (-0.12, -0.2, 0.34)),
        (2.65, stand["r"]),
    ]
    arms: ArmKeys = [(0.3, *_GUARD), (0.82, *wide), (1.3, *_GUARD), (2.1, *wide), (2.6, *_GUARD)]
    return _body(
        times,
        pelvis=[
            (0.1, (0.0, 0.0, low)),
            (0.5, (-0.09, -0.01, low + 0.01)),
            (1.2, (-0.09, -0.01, low + 0.01)),
            (1.75, (0.09, -0.09, low + 0.01)),
            (2.45, (0.09, -0.09, low + 0.01)),
            (2.85, (0.0, -0.03, low)),
        ],
        turn=[(0.3, (-8, 3, 0)), (0.85, (6, -6, 4)), (1.5, (-6, 3, 0)), (2.1, (4, -9, -3)), (2.7, (-8, 3, 0))],
        chest=[(0.3, (-5, 8, 0)), (0.85, (-14, 6, 0)), (1.5, (0, 8, 0)), (2.1, (12, 6, 0)), (2.7, (-5, 8, 0))],
        left=arms,
        right=arms,
        feet={
            "l": foot(
                times, left, [(0.0, (6,))], [(0.4, (0,)), (0.62, (30,)), (0.85, (-10,)), (1.1, (20,)), (1.4, (0,))]
            ),
            "r": foot(
                times, right, [(0.0, (-14,))], [(1.65, (0,)), (1.87, (30,)), (2.1, (-15,)), (2.37, (20,)), (2.65, (0,))]
            ),
        },
    )


def hooks(times: Array) -> Motion:
    """Hook with the left, duck, uppercut with the right, and an overhand reach to the front."""
    low = 0.87
    hook = ((0.85, -0.55, -0.05), (-0.75, -0.7, 0.05))
    wound = ((0.4, 0.35, -0.85), (0.1, -0.9, 0.1))
    uppercut = ((0.15, -0.85, -0.35), (-0.15, -0.35, 0.95))
    overhand = ((0.3, -0.9, 0.45), (-0.1, -1.0, -0.1))
    left: ArmKeys = [(0.3, *_GUARD), (0.55, *hook), (0.65, *hook), (0.95, *_GUARD), (2.2, *_GUARD), (2.45, *overhand)]
    right: ArmKeys = [(1.2, *_GUARD), (1.5, *wound), (1.75, *uppercut), (1.9, *uppercut), (2.3, *_GUARD)]
    return _body(
        times,
        pelvis=[
            (0.3, (0.0, 0.0, low)),
            (0.9, (0.0, -0.03, low)),
            (1.25, (0.05, 0.0, 0.72)),
            (1.45, (0.02, 0.0, 0.74)),
            (1.8, (0.0, -0.05, low + 0.01)),
            (2.5, (0.02, -0.08, low)),
        ],
        turn=[(0.3, (-24, 3, 0)), (0.6, (-46, 4, 0)), (1.0, (-20, 4, 0)), (1.75, (14, 5, 0)), (2.5, (-30, 6, 0))],
        chest=[(0.3, (-6, 8, 0)), (0.6, (-18, 8, 0)), (1.25, (0, 24, 0)), (1.75, (16, 4, 0)), (2.5, (-14, 12, 0))],
        head=[(0.3, (24, -4, 0)), (0.6, (44, -4, 0)), (1.25, (12, -16, 0)), (1.75, (-20, 0, 0)), (2.5, (34, -8, 0))],
        left=left,
        right=right,
        feet={
            "l": foot(times, [(0.0, (0.12, -0.28, _FLOOR))], [(0.0, (2,))]),
            "r": foot(
                times, [(0.0, (-0.17, 0.16, _FLOOR))], [(0.0, (-36,))], [(1.4, (8,)), (1.75, (32,)), (2.2, (10,))]
            ),
        },
    )


def jumping_jacks(times: Array) -> Motion:
    """Two jumping jacks: feet apart with the arms overhead, and back."""
    up = ((0.35, -0.1, 0.95), (-0.1, -0.15, 0.98))
    level = ((1.0, -0.1, 0.0), (0.95, -0.15, 0.25))
    beats = [0.5, 1.0, 1.5, 2.0]  # middles of the jumps; landed apart after the first and the third
    ball: dict[str, list[tuple[float, tuple[float, float, float]]]] = {}
    for side, sign in (("l", 1.0), ("r", -1.0)):
        keys = [(0.35, (sign * 0.1, float(_BALL[1]), _FLOOR))]
        for i, beat in enumerate(beats):
            apart = 0.36 if i % 2 == 0 else 0.1
            before = 0.1 if i % 2 == 0 else 0.36
            keys += [
                (beat - 0.15, (sign * before, float(_BALL[1]), _FLOOR)),
                (beat, (sign * 0.23, float(_BALL[1]), _FLOOR + 0.09)),
                (beat + 0.15, (sign * apart, float(_BALL[1]), _FLOOR)),
            ]
        ball[side] = keys[1:]
    arms: ArmKeys = [(0.35, *_IDLE), (0.52, *level), (0.72, *up), (0.85, *up), (1.02, *level), (1.2, *_IDLE)]
    arms += [(1.35, *_IDLE), (1.52, *level), (1.72, *up), (1.85, *up), (2.02, *level), (2.2, *_IDLE)]
    height = [(0.1, STANDING), (0.33, 0.88), (0.5, STANDING + 0.06), (0.68, 0.85), (0.83, 0.85)]
    height += [(1.0, STANDING + 0.06), (1.18, 0.88), (1.33, 0.88), (1.5, STANDING + 0.06), (1.68, 0.85), (1.83, 0.85)]
    height += [(2.0, STANDING + 0.06), (2.18, 0.88), (2.6, STANDING)]
    pitch: Keys = ((0.33, (0,)), *((beat + d, (p,)) for beat in beats for d, p in ((-0.1, 20), (0.1, 20), (0.17, 0))))
    return _body(
        times,
        pelvis=[(t, (0.0, 0.0, z)) for t, z in height],
        left=arms,
        right=arms,
        feet={side: foot(times, ball[side], [(0.0, (sign * 14,))], pitch) for side, sign in (("l", 1.0), ("r", -1.0))},
    )


def stroll(times: Array) -> Motion:
    """Walk five steps straight on."""
    return walk(times, Route(straight=4.0, length=2.5, steps=5, start=(-1.25, 0.2)))
