# SPDX-License-Identifier: GPL-3.0-or-later
"""The fit and the skeleton's motion on landmarks of which the truth is known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measure import aligned_error_mm, flexion_deg, flexion_error_deg, joints_of, slide_cm_per_s, stack
from synthetic import (
    JUMP_ASIDE,
    JUMP_HEIGHT,
    RATE,
    Performance,
    jump_aside,
    landmarks_of,
    march_in_place,
    squats_with_waves,
)

from aimocap_addon.local_service.solver.fit import POINTS
from aimocap_addon.local_service.solver.interface import SolvedMotion, SolveRequest
from aimocap_addon.local_service.solver.landmarks import LandmarkTrack
from aimocap_addon.local_service.solver.run import solve_track


def solve(track: LandmarkTrack, fps: int = 30, mocap_type: str = "full_body", end: float | None = None) -> SolvedMotion:
    end = track.start + len(track.world) / track.rate if end is None else end
    return solve_track(track, SolveRequest(Path("unused.mp4"), track.start, end, fps, mocap_type))


def height_over_leg(motion: SolvedMotion, truth: Performance) -> float:
    """Return how much larger the skeleton is than the person, by leg length."""

    def leg(joints: dict[str, np.ndarray]) -> float:
        hip, knee, ankle = joints["hip_l"], joints["knee_l"], joints["ankle_l"]
        return float(np.median(np.linalg.norm(hip - knee, axis=-1) + np.linalg.norm(knee - ankle, axis=-1)))

    return leg(joints_of(motion)) / leg(truth.joints)


@pytest.mark.parametrize("perform", [squats_with_waves, march_in_place, jump_aside])
@pytest.mark.parametrize(("noise_m", "noise_px", "limit_mm", "limit_deg"), [(0.0, 0.0, 25, 9), (0.03, 3.0, 35, 10)])
def test_known_joints_are_recovered(
    perform: Callable[[], Performance], noise_m: float, noise_px: float, limit_mm: float, limit_deg: float
) -> None:
    truth = perform()
    found = joints_of(solve(landmarks_of(truth, noise_m=noise_m, noise_px=noise_px)))
    assert aligned_error_mm(found, truth.joints) < limit_mm
    for joint in ("knee", "elbow"):
        assert flexion_error_deg(found, truth.joints, joint) < limit_deg


@pytest.mark.parametrize(("noise_m", "noise_px", "limit_mm"), [(0.0, 0.0, 15), (0.03, 3.0, 20)])
def test_known_joints_are_recovered_well_on_average(noise_m: float, noise_px: float, limit_mm: float) -> None:
    """The skeleton has other proportions than the performer; these errors are among the figures."""
    errors = []
    for truth in (squats_with_waves(), march_in_place(), jump_aside()):
        found = joints_of(solve(landmarks_of(truth, noise_m=noise_m, noise_px=noise_px)))
        errors.append(aligned_error_mm(found, truth.joints))
    assert np.mean(errors) <= limit_mm


def test_arms_held_out_to_the_camera_keep_their_length() -> None:
    """Also where landmarks show half the depth of forearms, and upper arms a little behind the shoulders."""
    truth = squats_with_waves()
    lift = 0.7 * np.pi / 2 * (1 - np.cos(2 * np.pi * np.arange(90) / 90)) / 1.4
    direction = np.stack((np.zeros(90), -np.sin(lift), -np.cos(lift)), axis=-1)
    for side in "lr":
        truth.joints[f"elbow_{side}"] = truth.joints[f"shoulder_{side}"] + 0.27 * direction
        truth.joints[f"wrist_{side}"] = truth.joints[f"elbow_{side}"] + 0.25 * direction
    seen = landmarks_of(truth)
    world = seen.world.copy()
    for side in "lr":
        shoulder, elbow, wrist = (POINTS[f"{joint}_{side}"] for joint in ("shoulder", "elbow", "wrist"))
        upper = seen.world[:, elbow, 2] - seen.world[:, shoulder, 2]
        fore = seen.world[:, wrist, 2] - seen.world[:, elbow, 2]
        world[:, elbow, 2] = world[:, shoulder, 2] - 0.15 * upper
        world[:, wrist, 2] = world[:, elbow, 2] + 0.5 * fore
    found = joints_of(solve(replace(seen, world=world)))
    out = slice(35, 55)
    for side in "lr":
        reach = found[f"shoulder_{side}"][out, 1] - found[f"wrist_{side}"][out, 1]
        assert reach.min() > 0.42
    assert flexion_error_deg(found, truth.joints, "elbow") < 15


@pytest.mark.parametrize("perform", [squats_with_waves, march_in_place])
def test_in_place_stays_in_place(perform: Callable[[], Performance]) -> None:
    truth = perform()
    motion = solve(landmarks_of(truth, noise_m=0.03, noise_px=3.0))
    assert slide_cm_per_s(motion, truth.planted) < 6.0
    joints = joints_of(motion)
    for side in "lr":
        stood = joints[f"ball_{side}"][truth.planted[side]]
        assert np.ptp(stood, axis=0).max() < 0.08
        assert abs(np.median(stood[:, 2]) - 0.022) < 0.01
    assert np.allclose(joints["pelvis"][0, :2], 0.0, atol=1e-6)


def test_jump_rises_and_travels() -> None:
    truth = jump_aside()
    motion = solve(landmarks_of(truth, noise_m=0.03, noise_px=3.0))
    joints = joints_of(motion)
    scale = height_over_leg(motion, truth)
    travelled = joints["pelvis"][-5:].mean(axis=0) - joints["pelvis"][:5].mean(axis=0)
    assert travelled[0] == pytest.approx(JUMP_ASIDE * scale, rel=0.1)
    assert abs(travelled[1]) < 0.12
    assert abs(travelled[2]) < 0.02
    lower_ball = np.minimum(joints["ball_l"][:, 2], joints["ball_r"][:, 2])
    assert lower_ball.max() - lower_ball[0] == pytest.approx(JUMP_HEIGHT * scale, abs=0.06)


def test_nothing_sinks_into_the_floor() -> None:
    for truth in (squats_with_waves(), march_in_place(), jump_aside()):
        joints = joints_of(solve(landmarks_of(truth, noise_m=0.03, noise_px=3.0)))
        for side in "lr":
            assert joints[f"ball_{side}"][:, 2].min() > 0.0


def test_upper_body_keeps_legs_and_root_at_rest() -> None:
    truth = squats_with_waves()
    motion = solve(landmarks_of(truth), mocap_type="upper_body")
    assert not motion.locations.any()
    still = [
        i for i, name in enumerate(motion.names) if name.startswith(("root", "pelvis", "thigh", "calf", "foot", "ball"))
    ]
    assert np.allclose(motion.rotations[:, still], (1.0, 0.0, 0.0, 0.0))
    found = joints_of(motion)
    for side in "lr":
        correlation = np.corrcoef(flexion_deg(found, "elbow", side), flexion_deg(truth.joints, "elbow", side))
        assert correlation[0, 1] > 0.95


@pytest.mark.parametrize("fps", [24, 30, 60, 120])
def test_every_rate_shows_the_same_motion_in_time(fps: int) -> None:
    track = landmarks_of(squats_with_waves(91))
    # Up to the last landmarks; behind them a finer rate holds the last picture, as the video does.
    motion, reference = solve(track, fps, end=3.0), solve(track, 30, end=3.0)
    assert motion.fps == fps
    assert len(motion.rotations) == len(motion.locations) == 3 * fps
    every_half_second, reference_half = stack(joints_of(motion))[:: fps // 2], stack(joints_of(reference))[::15]
    assert np.abs(every_half_second - reference_half).max() < 1e-6
    steps = np.linalg.norm(np.diff(motion.rotations, axis=0), axis=(1, 2))
    assert steps.min() > 0.0  # no frame repeats the one before


def test_window_starts_exactly_at_its_start() -> None:
    track = landmarks_of(squats_with_waves(91))
    whole = solve(track, 60)
    request = SolveRequest(Path("unused.mp4"), 0.5, 2.0, 60, "full_body")
    part = solve_track(track, request)
    assert len(part.rotations) == 90
    assert np.allclose(part.rotations, whole.rotations[30:120], atol=1e-9)


def test_same_landmarks_same_motion() -> None:
    track = landmarks_of(march_in_place(), noise_m=0.03, noise_px=3.0)
    first, second = solve(track), solve(track)
    assert np.array_equal(first.rotations, second.rotations)
    assert np.array_equal(first.locations, second.locations)


def test_long_clip_has_no_seams() -> None:
    truth = squats_with_waves(1300)  # more than two chunks of the fit
    found = joints_of(solve(landmarks_of(truth, noise_m=0.02, noise_px=2.0)))
    assert aligned_error_mm(found, truth.joints) < 30
    step = np.linalg.norm(np.diff(stack(found), axis=0), axis=-1).max(axis=1)
    assert step[500:1200].max() < 1.5 * step[:500].max()


def test_vanished_person_is_bridged() -> None:
    truth = squats_with_waves()
    seen = landmarks_of(truth)
    blind = slice(40, 48)
    visibility, world, image = seen.visibility.copy(), seen.world.copy(), seen.image.copy()
    visibility[blind] = 0.0
    share = np.linspace(0.0, 1.0, 10)[1:-1, None, None]
    for values in (world, image):
        values[blind] = (1 - share) * values[39] + share * values[48]
    track = replace(seen, world=world, image=image, visibility=visibility, frames_without_person=8)
    motion = solve(track)
    assert motion.frames_without_person == 8
    assert flexion_error_deg(joints_of(motion), truth.joints, "knee") < 8
    assert RATE * np.abs(np.diff(motion.rotations, axis=0)).max() < 12  # no jump into or out of the gap
