# SPDX-License-Identifier: GPL-3.0-or-later
"""Feet and legs of captured motion: what the built-in solver finds in the sample clips, on other bodies.

tests/data/legs holds it; scripts/make_leg_motions.py makes it again. Lengths are in centimetres of a body whose legs
are 90 cm long.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from people import TRUNK_3, perform, person, target
from test_retarget import mapping, shown

from aimocap_addon.motion.body import RestBody
from aimocap_addon.motion.contacts import planted, spans
from aimocap_addon.motion.retarget import solve
from aimocap_addon.motion.rotations import Array, normalize, quaternion_conjugate, quaternion_multiply
from aimocap_addon.motion.skeleton import IDENTITY, Motion, Skeleton

LEGS = Path(__file__).resolve().parent.parent / "data" / "legs"
UP = np.array((0.0, 0.0, 1.0))
BODIES = {
    "taller, long shins": {"height": 1.3, "knee": 0.51, "hips": 0.11},
    "child, short shins": {"height": 0.7, "knee": 0.45, "hips": 0.07},
    "as tall": {"height": 1.0, "knee": 0.49, "hips": 0.09, "seed": 3},
    "short, wide hips, long feet": {"height": 0.6, "knee": 0.49, "hips": 0.14, "feet": 1.6, "toes_out": 20.0},
}


@cache
def captured(name: str) -> tuple[Skeleton, Motion]:
    data = np.load(LEGS / f"{name}.npz")
    skeleton = Skeleton(tuple(data["names"].tolist()), data["parents"], data["rest"])
    channels = {bone: normalize(data["rotations"][:, i].astype(np.float64)) for i, bone in enumerate(data["moving"])}
    path = data["path"].astype(np.float64)
    return skeleton, perform(skeleton, channels, {"pelvis": path}, len(path), float(data["fps"]))


class Legs:
    """Joints and rotations of hips, legs and feet by name."""

    def __init__(self, skeleton: Skeleton, motion: Motion) -> None:
        rest = RestBody.of(skeleton, mapping(skeleton), IDENTITY)
        self.skeleton, self.motion = skeleton, motion
        self.unit = 90.0 / rest.leg_length()

    def at(self, bone: str) -> Array:
        return self.motion.positions[self.skeleton.index[bone]] * self.unit

    def standing(self, bone: str) -> Array:
        return self.skeleton.rest_positions[self.skeleton.index[bone]] * self.unit

    def direction(self, start: str, end: str) -> Array:
        return normalize(self.at(end) - self.at(start))

    def turning(self, bone: str) -> Array:
        """By how much (F-1, degrees) the bone turns from frame to frame."""
        rotations = self.motion.rotations[self.skeleton.index[bone]]
        steps = quaternion_multiply(rotations[1:], quaternion_conjugate(rotations[:-1]))
        return np.degrees(2.0 * np.arctan2(np.linalg.norm(steps[:, 1:], axis=-1), np.abs(steps[:, 0])))

    def contacts(self, side: str) -> np.ndarray:
        return planted(self.at(f"ball_{side}"), UP, 90.0, self.motion.rate)

    def drifts(self, side: str, contacts: np.ndarray) -> list[float]:
        path = self.at(f"ball_{side}")[:, :2]
        return [2.0 * np.linalg.norm(path[a:b] - path[a:b].mean(axis=0), axis=-1).max() for a, b in spans(contacts)]


@pytest.fixture(params=["wave_squat", "walk_turn", "punch_kick"])
def source(request: pytest.FixtureRequest) -> Legs:
    return Legs(*captured(request.param))


@pytest.fixture(params=BODIES)
def both(request: pytest.FixtureRequest, source: Legs) -> tuple[Legs, Legs]:
    skeleton, motion = source.skeleton, source.motion
    receiver = target(person(trunk=TRUNK_3, **BODIES[request.param]))
    solution = solve(skeleton, mapping(skeleton), motion, receiver, mapping(receiver.skeleton))
    return source, Legs(receiver.skeleton, shown(receiver, solution))


def test_nothing_turns_much_faster_than_the_performers(both: tuple[Legs, Legs]) -> None:
    performer, character = both
    for side in "lr":
        for part in ("thigh", "calf", "foot", "ball"):
            faster = character.turning(f"{part}_{side}") - performer.turning(f"{part}_{side}")
            assert faster.max() < 1.0, part


def test_planted_feet_stay_on_their_place_and_on_the_floor(both: tuple[Legs, Legs]) -> None:
    performer, character = both
    drifts, gaps = [], []
    for side in "lr":
        on = performer.contacts(side)
        assert on.sum() > 20
        drifts += character.drifts(side, on)
        height = (character.at(f"ball_{side}") - character.standing(f"ball_{side}"))[:, 2]
        own = performer.at(f"ball_{side}")[:, 2]
        own = np.maximum(own - np.percentile(own[on], 20.0), 0.0)
        gaps.append((height - own)[on])
        assert height.min() > -1.0
    assert np.mean(drifts) < 0.1
    assert max(drifts) < 0.5
    assert np.mean(np.abs(np.concatenate(gaps))) < 0.2


def test_the_legs_hardly_leave_the_performers(both: tuple[Legs, Legs]) -> None:
    performer, character = both
    errors = []
    for side in "lr":
        for a, b in (("thigh", "calf"), ("calf", "foot")):
            here, there = (legs.direction(f"{a}_{side}", f"{b}_{side}") for legs in (character, performer))
            errors.append(np.degrees(np.linalg.norm(here - there, axis=-1)))
        bend = np.cross(
            character.direction(f"thigh_{side}", f"calf_{side}"), character.direction(f"calf_{side}", f"foot_{side}")
        )
        across = character.at("thigh_l") - character.at("thigh_r")
        assert np.sum(bend * normalize(across), axis=-1).min() > np.sin(np.radians(2.0))
    assert np.mean(errors) < 1.5


def test_the_hips_go_as_far_as_the_performers(both: tuple[Legs, Legs]) -> None:
    performer, character = both
    ways = [(legs.at("thigh_l") + legs.at("thigh_r"))[:, :2] / 2.0 for legs in (character, performer)]
    here, there = (np.linalg.norm(np.diff(way, axis=0), axis=-1).sum() for way in ways)
    assert here == pytest.approx(there, rel=0.005)
