# SPDX-License-Identifier: GPL-3.0-or-later
"""The shapes of a clothed person around the joints of any humanoid skeleton that faces -Y at rest. No bpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from .shapes import Array, Colour, Piece, capsule, ellipsoid


@dataclass(frozen=True)
class Bones:
    """Which bone plays which part of a body; `spine` runs from the pelvis up to the chest.

    `sides` maps "l" and "r" to the bones thigh, calf, foot, ball, clavicle, upperarm, lowerarm, hand; `fingers` to
    the finger bones.
    """

    spine: tuple[str, ...]
    neck: str
    head: str
    sides: Mapping[str, Mapping[str, str]]
    fingers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """Colours (linear RGB) and build of a figure; `girth` multiplies every thickness."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour
    girth: float = 1.0
    sleeves: float = 0.55  # share of the upper arm that the sleeve covers
    head_size: float = 1.0
    chest: float = 1.0  # multiplies the width of the upper torso


def _profile(table: Sequence[float]) -> Callable[[float], float]:
    at = np.linspace(0.0, 1.0, len(table))
    return lambda s: float(np.interp(s, at, table))


def _torso(bones: Bones, heads: Mapping[str, Array], look: Look, shirt: Piece, trousers: Piece) -> None:
    points = [heads[name] for name in bones.spine] + [heads[bones.neck]]
    lengths = np.array([np.linalg.norm(b - a) for a, b in pairwise(points)])
    ends = np.concatenate(([0.0], np.cumsum(lengths)))
    shoulders = abs(heads[bones.sides["l"]["upperarm"]][0]) / 0.175
    width = _profile((0.150, 0.146, 0.136, 0.140, 0.152, 0.150, 0.085))
    depth = _profile((0.108, 0.106, 0.098, 0.104, 0.112, 0.102, 0.070))
    hips = float(np.mean([abs(heads[bones.sides[s]["thigh"]][0]) for s in "lr"])) / 0.09
    hip = 0.5 * (heads[bones.sides["l"]["thigh"]] + heads[bones.sides["r"]["thigh"]])
    seat_y = 0.5 * (points[0][1] + hip[1])
    for s in np.linspace(0.0, 1.0, 24):
        at = s * ends[-1]
        segment = min(int(np.searchsorted(ends, at, side="right")) - 1, len(bones.spine) - 1)
        share = (at - ends[segment]) / lengths[segment]
        centre = points[segment] + share * (points[segment + 1] - points[segment])
        if centre[2] < hip[2] + 0.05:
            continue  # inside the trousers
        # A spine may start behind the hips; the shirt hangs from the chest to above them.
        centre[1] += max(0.0, 1.0 - 2.5 * s) * (seat_y - points[0][1])
        wide = (hips * (1 - s) + shoulders * look.chest * s) * look.girth
        radii = (width(s) * wide, depth(s) * look.girth, 0.07)
        shirt.shapes.append(ellipsoid(bones.spine[segment], centre, radii))
    for above, wide, deep in ((0.035, 0.150, 0.114), (0.0, 0.164, 0.124), (-0.03, 0.164, 0.126)):
        seat = np.array((0.0, seat_y + 0.01, hip[2] + above))
        radii = (wide * hips * look.girth, deep * look.girth, 0.085)
        trousers.shapes.append(ellipsoid(bones.spine[0], seat, radii))


def _arm(
    side: str,
    bones: Bones,
    heads: Mapping[str, Array],
    tails: Mapping[str, Array],
    look: Look,
    pieces: dict[str, Piece],
) -> None:
    names, g = bones.sides[side], look.girth
    shoulder, elbow, wrist = (heads[names[n]] for n in ("upperarm", "lowerarm", "hand"))
    height = 0.6 * heads[bones.neck][2] + 0.4 * heads[names["clavicle"]][2] - 0.015
    collar = np.array((0.25 * shoulder[0], 0.5 * (heads[bones.neck][1] + shoulder[1]), height))
    shirt, skin = pieces["shirt"], pieces["skin"]
    shirt.shapes.append(capsule(names["clavicle"], collar, shoulder, 0.062 * g, 0.064 * g, depth=0.95))
    cuff = shoulder + look.sleeves * (elbow - shoulder)
    shirt.shapes.append(capsule(names["upperarm"], shoulder, cuff, 0.064 * g, 0.056 * g))
    inside = shoulder + 0.8 * look.sleeves * (elbow - shoulder)
    skin.shapes.append(capsule(names["upperarm"], inside, elbow, 0.045 * g, 0.040 * g))
    skin.shapes.append(capsule(names["lowerarm"], elbow, wrist, 0.042 * g, 0.027 * g))
    _hand(side, bones, heads, tails, pieces)


def _hand(
    side: str, bones: Bones, heads: Mapping[str, Array], tails: Mapping[str, Array], pieces: dict[str, Piece]
) -> None:
    hand = bones.sides[side]["hand"]
    skin, digits = pieces["skin"], pieces["fingers"]
    wrist, elbow = heads[hand], heads[bones.sides[side]["lowerarm"]]
    fingers = bones.fingers.get(side, ())
    along = np.mean([heads[name] for name in fingers], axis=0) - wrist if fingers else wrist - elbow
    along = along / np.linalg.norm(along)
    across = np.array((0.0, -1.0, 0.0))
    across -= (across @ along) * along
    across /= np.linalg.norm(across)
    if fingers:
        palm_end = wrist + 0.085 * along
        skin.shapes.append(capsule(hand, wrist + 0.015 * along, palm_end - 0.02 * along, 0.036, 0.040, width=0.42))
        for name in fingers:
            thick = 0.0115 if "thumb" in name.lower() else 0.0100
            digits.shapes.append(capsule(name, heads[name], tails[name], thick, thick * 0.9, rings=4, segments=10))
        return
    skin.shapes.append(capsule(hand, wrist + 0.02 * along, wrist + 0.07 * along, 0.034, 0.038, width=0.45))
    for i, reach in enumerate((0.165, 0.18, 0.172, 0.15)):
        root = wrist + 0.07 * along + (0.028 - 0.019 * i) * across
        tip = wrist + reach * along + (0.032 - 0.022 * i) * across
        digits.shapes.append(capsule(hand, root, tip, 0.0115, rings=4, segments=10))
    thumb = wrist + 0.03 * along + 0.025 * across
    tip = thumb + 0.055 * along + 0.045 * across
    digits.shapes.append(capsule(hand, thumb, tip, 0.0145, 0.0115, rings=4, segments=10))


def _leg(side: str, bones: Bones, heads: Mapping[str, Array], look: Look, pieces: dict[str, Piece]) -> None:
    names, g = bones.sides[side], look.girth
    hip, knee, ankle, ball = (heads[names[n]] for n in ("thigh", "calf", "foot", "ball"))
    trousers, shoes = pieces["trousers"], pieces["shoes"]
    trousers.shapes.append(capsule(names["thigh"], hip, knee, 0.088 * g, 0.062 * g, depth=1.05))
    trousers.shapes.append(capsule(names["calf"], knee, ankle + 0.05 * (knee - ankle), 0.063 * g, 0.048 * g))
    belly = knee + 0.3 * (ankle - knee) + np.array((0.0, 0.012, 0.0))
    trousers.shapes.append(ellipsoid(names["calf"], belly, (0.058 * g, 0.060 * g, 0.13)))
    forward = (ball - ankle) * np.array((1.0, 1.0, 0.0))
    forward /= np.linalg.norm(forward)
    sole, up = 0.038, np.array((0.0, 0.0, 1.0))
    heel = np.array((ankle[0], ankle[1], sole)) - 0.03 * forward
    front = np.array((ball[0], ball[1], sole * 0.9))
    shoes.shapes.append(capsule(names["foot"], heel, front, sole, sole * 0.9, width=1.1, depth=1.0, depth_axis=up))
    shoes.shapes.append(capsule(names["foot"], ankle + 0.01 * up, heel + 0.02 * up, 0.046, 0.044))
    instep = ankle * np.array((1.0, 1.0, 0.75))
    shoes.shapes.append(capsule(names["foot"], instep, front + 0.005 * up, 0.042, 0.036, width=1.05))
    toe = front + 0.055 * forward - 0.004 * up
    shoes.shapes.append(capsule(names["ball"], front, toe, sole * 0.92, 0.03, width=1.2, depth_axis=up))


def _head(bones: Bones, heads: Mapping[str, Array], look: Look, pieces: dict[str, Piece]) -> None:
    skin, hair, g = pieces["skin"], pieces["hair"], look.head_size
    bone, base, neck = bones.head, heads[bones.head], heads[bones.neck]
    skin.shapes.append(capsule(bones.neck, neck - np.array((0, 0, 0.03)), base + np.array((0, 0, 0.02)), 0.056, 0.052))

    def at(x: float, y: float, z: float) -> Array:
        return base + g * np.array((x, y, z))

    def ball(piece: Piece, centre: Array, *radii: float) -> None:
        piece.shapes.append(ellipsoid(bone, centre, [g * r for r in radii]))

    ball(skin, at(0, -0.005, 0.115), 0.076, 0.094, 0.108)
    ball(skin, at(0, -0.045, 0.050), 0.052, 0.052, 0.058)
    ball(skin, at(0, -0.100, 0.090), 0.014, 0.020, 0.022)
    ball(hair, at(0, 0.020, 0.138), 0.084, 0.094, 0.100)
    ball(hair, at(0, -0.035, 0.188), 0.066, 0.062, 0.042)
    for x in (-1, 1):
        ball(skin, at(0.079 * x, 0.010, 0.095), 0.012, 0.022, 0.032)
        ball(pieces["eye whites"], at(0.032 * x, -0.082, 0.118), 0.016, 0.012, 0.010)
        ball(pieces["features"], at(0.032 * x, -0.091, 0.118), 0.0075, 0.006, 0.0085)
        ball(pieces["features"], at(0.033 * x, -0.089, 0.139), 0.019, 0.009, 0.0045)
    ball(pieces["mouth"], at(0, -0.089, 0.050), 0.024, 0.010, 0.007)


def dressed_body(bones: Bones, heads: Mapping[str, Array], tails: Mapping[str, Array], look: Look) -> list[Piece]:
    """Return the pieces of a clothed person around a rest pose that faces -Y.

    `heads` and `tails` give each bone's ends, (3,) in metres.
    """
    pieces = {
        "skin": Piece("skin", look.skin),
        # Fingers are thinner than the cells in which pieces are merged.
        "fingers": Piece("fingers", look.skin, merged=False),
        "shirt": Piece("shirt", look.shirt),
        "trousers": Piece("trousers", look.trousers),
        "shoes": Piece("shoes", look.shoes),
        "hair": Piece("hair", look.hair),
        "eye whites": Piece("eye whites", (0.85, 0.85, 0.82), merged=False),
        "features": Piece("features", (0.02, 0.015, 0.012), merged=False),
        "mouth": Piece("mouth", (0.35, 0.06, 0.06), merged=False),
    }
    _torso(bones, heads, look, pieces["shirt"], pieces["trousers"])
    for side in "lr":
        _arm(side, bones, heads, tails, look, pieces)
        _leg(side, bones, heads, look, pieces)
    _head(bones, heads, look, pieces)
    return list(pieces.values())
