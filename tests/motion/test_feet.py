# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from people import TRUNK_3, perform, person, target, walk
from test_retarget import mapping, shown

from aimocap_addon.motion.contacts import spans
from aimocap_addon.motion.feet import Leg, reach
from aimocap_addon.motion.retarget import Options, solve
from aimocap_addon.motion.rotations import (
    Array,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_multiply,
    quaternion_rotate,
)
from aimocap_addon.motion.skeleton import Motion, Skeleton

RATE = 30.0
BODIES = [
    {"height": 1.3, "knee": 0.52, "hips": 0.11},
    {"height": 0.7, "knee": 0.45, "hips": 0.07},
    {"height": 1.0, "knee": 0.49, "hips": 0.09, "seed": 3},
]


def walked(body: dict, rate: float = RATE, **options: Any) -> tuple[Skeleton, Motion, Skeleton, Motion, dict]:
    """A walk of three seconds: source and its motion, target and its motion, when the feet stand."""
    source, receiver = person(arm_drop=45.0), target(person(trunk=TRUNK_3, **body))
    motion, stands = walk(source, 3.0, rate)
    settings = Options(**options)
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton), settings)
    return source, motion, receiver.skeleton, shown(receiver, solution), stands


def drift(path: Array, on: NDArray[np.bool_]) -> float:
    """Widest a foot at `path` (F, 3) wanders over the ground while it stands."""
    return max(float(np.ptp(path[a:b, :2], axis=0).max()) for a, b in spans(on) if b - a > 2)


def bends(skeleton: Skeleton, motion: Motion, side: str) -> Array:
    """How far the knee is bent (F), degrees, negative if it is bent the wrong way."""
    hip, knee, ankle = (motion.positions[skeleton.index[f"{n}_{side}"]] for n in ("thigh", "calf", "foot"))
    thigh, calf = normalize(knee - hip), normalize(ankle - knee)
    angle = np.degrees(np.arccos(np.clip(np.sum(thigh * calf, axis=-1), -1.0, 1.0)))
    return angle * np.sign(np.cross(thigh, calf)[:, 0])


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("rate", [24.0, 60.0])
def test_planted_feet_stay_where_they_are_and_on_the_floor(body: dict, rate: float) -> None:
    _, _, skeleton, result, stands = walked(body, rate)
    for side in "lr":
        toe = skeleton.index[f"ball_{side}"]
        leg = 0.9 * body["height"]
        assert drift(result.positions[toe], stands[side]) < 0.005 * leg
        height = result.positions[toe, :, 2] - skeleton.rest_positions[toe, 2]
        assert np.abs(height[stands[side]]).mean() < 0.002 * leg
        assert height.min() > -0.01 * leg


def test_feet_slide_without_holding_them() -> None:
    """What the tests above would see if nothing was done."""
    _, _, skeleton, result, stands = walked(BODIES[0], hold_contacts=False)
    assert drift(result.positions[skeleton.index["ball_l"]], stands["l"]) > 0.012


@pytest.mark.parametrize("body", BODIES)
def test_legs_still_move_as_the_performers(body: dict) -> None:
    source, motion, skeleton, result, _ = walked(body)
    for a, b in (("thigh", "calf"), ("calf", "foot")):
        for side in "lr":
            here, there = (
                normalize(m.positions[s.index[f"{b}_{side}"]] - m.positions[s.index[f"{a}_{side}"]])
                for s, m in ((skeleton, result), (source, motion))
            )
            assert np.degrees(np.linalg.norm(here - there, axis=-1)).mean() < 1.5
            ours, theirs = (np.degrees(np.linalg.norm(np.diff(d, axis=0), axis=-1)) for d in (here, there))
            assert (ours - theirs).max() < 1.0


@pytest.mark.parametrize("body", BODIES)
def test_knees_bend_forwards_only(body: dict) -> None:
    source, motion, skeleton, result, _ = walked(body)
    for side in "lr":
        assert bends(skeleton, result, side).min() > 1.5
        assert bends(source, motion, side).min() > 1.5


def test_the_soles_stay_level() -> None:
    _, _, skeleton, result, _ = walked(BODIES[0])
    for side in "lr":
        foot = skeleton.index[f"foot_{side}"]
        away = quaternion_multiply(result.rotations[foot], quaternion_conjugate(skeleton.rest_rotations[foot]))
        assert np.abs(away[:, 0]) == pytest.approx(np.ones(len(away)), abs=1e-6)


def test_in_place_the_ground_moves_under_the_feet() -> None:
    """Planted feet go backwards as fast as the hips would have gone forwards."""
    _, _, skeleton, free, stands = walked(BODIES[0])
    _, _, _, fixed, _ = walked(BODIES[0], root_motion="IN_PLACE")
    hips, toe = skeleton.index["pelvis"], skeleton.index["ball_l"]
    assert np.ptp(fixed.positions[hips, :, :2], axis=0) == pytest.approx((0.0, 0.0), abs=1e-9)
    travel = free.positions[hips] - fixed.positions[hips]
    assert drift(fixed.positions[toe] + travel, stands["l"]) < 0.005


def test_the_root_bone_takes_the_travel_and_the_picture_stays() -> None:
    _, _, skeleton, free, _ = walked(BODIES[0])
    _, _, _, rooted, _ = walked(BODIES[0], root_motion="ROOT_BONE")
    assert rooted.positions[1:] == pytest.approx(free.positions[1:], abs=1e-9)
    root = rooted.positions[skeleton.index["root"]]
    assert np.ptp(root[:, 1]) > 1.5
    assert np.ptp(root[:, 2]) == pytest.approx(0.0, abs=1e-9)
    apart = rooted.positions[skeleton.index["pelvis"], :, :2] - root[:, :2]
    assert np.ptp(apart, axis=0).max() < 0.02


def test_horizontal_travel_keeps_one_height() -> None:
    _, _, skeleton, result, _ = walked(BODIES[0], root_motion="HORIZONTAL")
    hips = result.positions[skeleton.index["pelvis"]]
    assert np.ptp(hips[:, 2]) == pytest.approx(0.0, abs=1e-9)
    assert np.ptp(hips[:, 1]) > 1.5


def test_distances_may_be_kept() -> None:
    source, motion, skeleton, result, _ = walked(BODIES[0], path_scale=1.0)
    there, here = (np.ptp(m.positions[s.index["pelvis"], :, 1]) for s, m in ((source, motion), (skeleton, result)))
    assert here == pytest.approx(there, abs=1e-6)


def test_the_ground_offset_raises_all_of_it() -> None:
    _, _, _, low, _ = walked(BODIES[0])
    _, _, _, high, _ = walked(BODIES[0], ground_offset=0.25)
    difference = high.positions[1:] - low.positions[1:]
    assert difference == pytest.approx(np.broadcast_to((0.0, 0.0, 0.25), difference.shape), abs=1e-9)


def test_a_swinging_foot_does_not_go_through_the_floor() -> None:
    """A performer who hangs in the air with one foot swinging lower than the other stands."""
    source, receiver = person(), target(person(height=1.2))
    frames = 60
    sink = np.zeros((frames, 3))
    sink[:, 2] = -0.25 * np.sin(np.linspace(0.0, np.pi, frames))  # straight legs, 25 cm into the ground
    motion = perform(source, {}, {"pelvis": sink}, frames)
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton))
    result = shown(receiver, solution)
    toe = receiver.skeleton.index["ball_r"]
    assert (result.positions[toe, :, 2] - receiver.skeleton.rest_positions[toe, 2]).min() > -0.01


def test_toes_stay_level_while_the_foot_rolls_over_its_ball() -> None:
    source, receiver = person(), target(person(height=1.2, seed=5))
    roll = np.radians(50.0) * np.sin(np.linspace(0.0, np.pi, 60)) ** 2
    turn = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), roll)
    ball, foot = (source.rest_positions[source.index[name]] for name in ("ball_l", "foot_l"))
    channels = {f"foot_{side}": turn for side in "lr"}
    # the ball stays on the ground: the whole body goes where the ankle has to be
    rise = quaternion_rotate(turn, foot - ball) - (foot - ball)
    motion = perform(source, channels, {"pelvis": rise}, 60)
    assert np.ptp(motion.positions[source.index["ball_l"]], axis=0).max() < 1e-6
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton))
    result = shown(receiver, solution)
    toe = receiver.skeleton.index["ball_l"]
    away = quaternion_multiply(result.rotations[toe], quaternion_conjugate(receiver.skeleton.rest_rotations[toe]))
    assert quaternion_rotate(away, np.array((0.0, -1.0, 0.0)))[:, 2].min() > -0.05


@pytest.mark.parametrize("bend", [-4.0, -1.0, 0.0, 0.5, 10.0, 120.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.3), (0.0, 0.1, -0.3), (0.2, -0.2, 0.05), (0.0, 0.0, 0.0)])
def test_a_knee_never_ends_up_straight_or_bent_the_wrong_way(bend: float, shift: tuple) -> None:
    frames = 40
    left, down = np.array((1.0, 0.0, 0.0)), np.array((0.0, 0.0, -0.45))
    angle = np.radians(bend)
    calf = np.array((0.0, 0.43 * np.sin(angle), -0.43 * np.cos(angle)))
    still: list[Array] = [np.zeros((frames, 3)) + p for p in (0.0 * down, down, down + calf, left)]
    moved = np.linspace(0.0, 1.0, frames)[:, None] * np.array(shift, dtype=np.float64)
    thigh, shin, ankle = reach(Leg(*still), still[2] + moved)
    hinge = quaternion_rotate(thigh, still[3])
    bent = np.sum(np.cross(quaternion_rotate(thigh, down), quaternion_rotate(shin, calf)) * hinge, axis=-1)
    assert bent.min() > np.sin(np.radians(min(bend, 0.0) - 0.1)) * 0.45 * 0.43
    reachable = np.linalg.norm(still[2] + moved, axis=-1) < 0.85
    apart = np.linalg.norm(ankle - still[2] - moved, axis=-1)
    assert apart[reachable].max(initial=0.0) < 0.02
    steps = np.linalg.norm(np.diff(ankle, axis=0), axis=-1)
    assert steps.max() < 0.05
