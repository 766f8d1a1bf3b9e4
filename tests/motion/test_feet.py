# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from people import TRUNK_3, perform, person, target, walk
from test_retarget import mapping, shown

from aimocap_addon.motion.contacts import planted, spans
from aimocap_addon.motion.legs import Leg, reach, reached
from aimocap_addon.motion.retarget import Options, solve
from aimocap_addon.motion.rotations import (
    Array,
    normalize,
    quaternion_conjugate,
    quaternion_from_axis_angle,
    quaternion_from_rotation_vector,
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
    _, _, skeleton, free, stands = walked(BODIES[0], hold_contacts=False)
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
    assert here == pytest.approx(there, rel=0.005)


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


def rolling(angle: Array, lift: Array, toes_out: float = 0.0) -> tuple[Motion, Motion, Skeleton]:
    """A performer with stiff toes who rolls both feet forwards by `angle` (F) over the balls, `lift` (F) above ground.

    Returns its motion, and the motion and the skeleton of a larger character with feet turned out by `toes_out`.
    """
    source, receiver = person(), target(person(height=1.2, seed=5, toes_out=toes_out))
    frames = len(angle)
    turn = quaternion_from_axis_angle(np.array((1.0, 0.0, 0.0)), angle)
    ball, foot = (source.rest_positions[source.index[name]] for name in ("ball_l", "foot_l"))
    rise = quaternion_rotate(turn, foot - ball) - (foot - ball) + lift[:, None] * np.array((0.0, 0.0, 1.0))
    motion = perform(source, {f"foot_{side}": turn for side in "lr"}, {"pelvis": rise}, frames)
    solution = solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton))
    return motion, shown(receiver, solution), receiver.skeleton


@pytest.mark.parametrize("toes_out", [0.0, 35.0])
def test_toes_stay_level_while_the_foot_rolls_over_its_ball(toes_out: float) -> None:
    angle = np.radians(50.0) * np.sin(np.linspace(0.0, np.pi, 60)) ** 2
    motion, result, skeleton = rolling(angle, np.zeros(60), toes_out)
    assert np.ptp(motion.positions[person().index["ball_l"]], axis=0).max() < 1e-6
    toe = skeleton.index["ball_l"]
    away = quaternion_multiply(result.rotations[toe], quaternion_conjugate(skeleton.rest_rotations[toe]))
    ahead = skeleton.rest_positions[toe] - skeleton.rest_positions[skeleton.index["foot_l"]]
    ahead = quaternion_rotate(away, normalize(ahead * (1.0, 1.0, 0.0)))
    assert ahead[:, 2].min() > -0.05
    assert ahead[:, 1].max() < -0.98  # where the performer's point


def turning(rotations: Array) -> Array:
    """By how much (F-1, degrees) rotations (F, 4) turn from frame to frame."""
    steps = quaternion_multiply(rotations[1:], quaternion_conjugate(rotations[:-1]))
    return np.degrees(2.0 * np.arctan2(np.linalg.norm(steps[:, 1:], axis=-1), np.abs(steps[:, 0])))


def test_toes_that_bend_on_the_floor_do_not_snap_when_the_foot_leaves_it() -> None:
    """A kick: the foot rolls over its ball within a quarter of a second and is off the floor at once."""
    t = np.arange(90)
    angle = np.radians(55.0) * np.clip((t - 40) / 8.0, 0.0, 1.0) * np.clip((80 - t) / 25.0, 0.0, 1.0)
    lift = np.where(t > 46, 0.03 * np.clip(t - 46, 0, 10), 0.0) * np.clip((85 - t) / 10.0, 0.0, 1.0)
    motion, result, skeleton = rolling(angle, lift)
    toe = skeleton.index["ball_l"]
    rest = quaternion_conjugate(skeleton.rest_rotations[toe])
    down = -quaternion_rotate(quaternion_multiply(result.rotations[toe], rest), np.array((0.0, -1.0, 0.0)))[:, 2]
    height = result.positions[toe, :, 2] - skeleton.rest_positions[toe, 2]
    assert np.degrees(np.arcsin(down.max())) > 10.0  # in the air they hang again
    assert (height - 0.08 * down).min() > -0.012  # no tip of an 8 cm toe is in the floor
    own = motion.rotations[person().index["ball_l"]]
    assert (turning(result.rotations[toe]) - turning(own)).max() < 1.0


def noisy_walk(source: Skeleton, seed: int, rate: float) -> Motion:
    """A walk as a shaky capture has it: every joint of the legs jitters, so that contacts begin and end raggedly."""
    random = np.random.default_rng(seed)
    clean, _ = walk(source, 4.0, rate)
    frames = clean.rotations.shape[1]
    rotations = {}
    for bone, name in enumerate(source.names):
        parent = int(source.parents[bone])
        above = clean.rotations[parent] if parent >= 0 else np.array((1.0, 0.0, 0.0, 0.0))
        local = quaternion_multiply(quaternion_conjugate(above), clean.rotations[bone])
        if name.startswith(("thigh", "calf", "foot")):
            jitter = quaternion_from_rotation_vector(np.radians(0.3) * random.normal(size=(frames, 3)))
            local = quaternion_multiply(local, jitter)
        rotations[name] = local
    path = clean.positions[source.index["pelvis"]] - source.rest_positions[source.index["pelvis"]]
    return perform(source, rotations, {"pelvis": path + random.normal(size=(frames, 3)) * 0.001}, frames, rate)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("body", BODIES[:2])
def test_ragged_contacts_make_no_limb_whip(body: dict, seed: int) -> None:
    source, receiver = person(), target(person(trunk=TRUNK_3, **body))
    motion = noisy_walk(source, seed, RATE)
    result = shown(receiver, solve(source, mapping(source), motion, receiver, mapping(receiver.skeleton)))
    skeleton = receiver.skeleton
    for side in "lr":
        toe = source.index[f"ball_{side}"]
        on = planted(motion.positions[toe], np.array((0.0, 0.0, 1.0)), 0.82, RATE)
        contacts = spans(on)
        assert len(contacts) > 3
        wander = [
            float(np.ptp(result.positions[skeleton.index[f"ball_{side}"], a:b, :2], axis=0).max()) for a, b in contacts
        ]
        own = [float(np.ptp(motion.positions[toe, a:b, :2], axis=0).max()) for a, b in contacts]
        assert np.mean(wander) < 0.5 * np.mean(own) * body["height"]
        assert bends(skeleton, result, side).min() > 1.5
        for part in ("thigh", "calf", "foot", "ball"):
            ours = turning(result.rotations[skeleton.index[f"{part}_{side}"]])
            theirs = turning(motion.rotations[source.index[f"{part}_{side}"]])
            assert (ours - theirs).max() < 1.1


@pytest.mark.parametrize("bend", [-4.0, -1.0, 0.0, 0.5, 10.0, 120.0])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.3), (0.0, 0.1, -0.3), (0.2, -0.2, 0.05), (0.0, 0.0, 0.0)])
def test_a_knee_never_ends_up_straight_or_bent_the_wrong_way(bend: float, shift: tuple) -> None:
    frames = 40
    left, down = np.array((1.0, 0.0, 0.0)), np.array((0.0, 0.0, -0.45))
    angle = np.radians(bend)
    calf = np.array((0.0, 0.43 * np.sin(angle), -0.43 * np.cos(angle)))
    still: list[Array] = [np.zeros((frames, 3)) + p for p in (0.0 * down, down, down + calf, left)]
    moved = np.linspace(0.0, 1.0, frames)[:, None] * np.array(shift, dtype=np.float64)
    leg = Leg(*still)
    thigh, shin = reach(leg, still[2] + moved).turns()
    ankle = quaternion_rotate(thigh, down) + quaternion_rotate(shin, calf)
    assert np.allclose(reached(leg, still[2] + moved), ankle)
    hinge = quaternion_rotate(thigh, still[3])
    bent = np.sum(np.cross(quaternion_rotate(thigh, down), quaternion_rotate(shin, calf)) * hinge, axis=-1)
    assert bent.min() > np.sin(np.radians(min(bend, 0.0) - 0.1)) * 0.45 * 0.43
    reachable = np.linalg.norm(still[2] + moved, axis=-1) < 0.85
    apart = np.linalg.norm(ankle - still[2] - moved, axis=-1)
    assert apart[reachable].max(initial=0.0) < 0.02
    steps = np.linalg.norm(np.diff(ankle, axis=0), axis=-1)
    assert steps.max() < 0.05
