# SPDX-License-Identifier: GPL-3.0-or-later
"""A performer whose every joint is known, seen by a pinhole camera as landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aimocap_addon.local_service.solver.fit import FOCAL_LENGTH, POINTS
from aimocap_addon.local_service.solver.landmarks import LANDMARK_COUNT, LandmarkTrack

RATE = 30.0


def _turn(axis: str, angle: np.ndarray) -> np.ndarray:
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "x": ((one, zero, zero), (zero, c, -s), (zero, s, c)),
        "y": ((c, zero, s), (zero, one, zero), (-s, zero, c)),
        "z": ((c, -s, zero), (s, c, zero), (zero, zero, one)),
    }[axis]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


@dataclass(frozen=True)
class Performance:
    """Joint positions (F, 3) by name in metres: Z up, floor at 0, facing -Y, the left side at +X."""

    joints: dict[str, np.ndarray]
    planted: dict[str, np.ndarray]  # (F,) bool, the foot stands

    def array(self) -> np.ndarray:
        return np.stack([self.joints[name] for name in POINTS], axis=1)


def perform(
    *,
    heading: np.ndarray,
    path: np.ndarray,
    hip_flexion: dict[str, np.ndarray],
    knee_flexion: dict[str, np.ndarray],
    arm_raise: dict[str, np.ndarray],
    elbow_flexion: dict[str, np.ndarray],
) -> Performance:
    """Pose a person of 1.68 m: angles in radians (F,), `path` (F, 2) of the hips over the floor in metres.

    The hips' height follows from the lower foot standing on the floor.
    """
    turn = _turn("z", heading)
    frames = len(heading)
    planted = {}
    local: dict[str, np.ndarray] = {}

    def fixed(x: float, y: float, z: float) -> np.ndarray:
        return np.tile(np.array((x, y, z)), (frames, 1))

    for side, sign in (("l", 1.0), ("r", -1.0)):
        hip = fixed(sign * 0.09, 0.0, 0.0)
        thigh = _turn("x", -hip_flexion[side])
        shin = thigh @ _turn("x", knee_flexion[side])
        knee = hip + thigh @ np.array((0.0, 0.0, -0.40))
        ankle = knee + shin @ np.array((0.0, 0.0, -0.40))
        local |= {
            f"hip_{side}": hip,
            f"knee_{side}": knee,
            f"ankle_{side}": ankle,
            f"heel_{side}": ankle + np.array((0.0, 0.04, -0.055)),
            f"toe_{side}": ankle + np.array((sign * 0.01, -0.18, -0.06)),
        }
        shoulder = fixed(sign * 0.17, 0.0, 0.49)
        upper = _turn("y", -sign * arm_raise[side])
        elbow = shoulder + upper @ np.array((0.0, 0.0, -0.27))
        local[f"shoulder_{side}"], local[f"elbow_{side}"] = shoulder, elbow
        local[f"wrist_{side}"] = elbow + upper @ _turn("x", -elbow_flexion[side]) @ np.array((0.0, 0.0, -0.25))
        local[f"ear_{side}"] = fixed(sign * 0.075, 0.0, 0.70)
    local["nose"] = fixed(0.0, -0.11, 0.68)
    height = -np.minimum(local["ankle_l"][:, 2], local["ankle_r"][:, 2]) + 0.075
    for side in ("l", "r"):
        planted[side] = local[f"ankle_{side}"][:, 2] + height < 0.078
    root = np.concatenate((path, height[:, None]), axis=-1)
    joints = {name: (turn @ p[..., None])[..., 0] + root for name, p in local.items()}
    return Performance(joints, planted)


def squats_with_waves(frames: int = 90) -> Performance:
    """Two squats in place, hands waving."""
    t = np.arange(frames) / RATE
    depth = 0.5 * (1 - np.cos(2 * np.pi * t / 1.5))
    still = np.zeros(frames)

    def both(values: np.ndarray) -> dict[str, np.ndarray]:
        return {"l": values, "r": values}

    return perform(
        heading=still,
        path=np.stack((still, still), axis=-1),
        hip_flexion=both(0.9 * depth + 0.05),
        knee_flexion=both(1.6 * depth + 0.08),
        arm_raise={"l": 0.3 + 1.2 * depth, "r": 0.3 + 0.6 * depth},
        elbow_flexion={"l": 0.4 + 0.6 * np.sin(4 * t) ** 2, "r": 1.2 - 0.8 * depth},
    )


def march_on_a_curve(frames: int = 90) -> Performance:
    """Marching forward while turning, arms swinging."""
    t = np.arange(frames) / RATE
    phase = 2 * np.pi * t / 1.2
    lift = {"l": np.maximum(0.0, np.sin(phase)), "r": np.maximum(0.0, -np.sin(phase))}
    heading = 0.4 * t
    direction = np.stack((np.sin(heading), -np.cos(heading)), axis=-1)
    path = np.cumsum(direction * 0.5 / RATE, axis=0)
    path -= path[0]
    return perform(
        heading=heading,
        path=path,
        hip_flexion={side: 0.03 + 0.9 * value for side, value in lift.items()},
        knee_flexion={side: 0.06 + 1.3 * value for side, value in lift.items()},
        arm_raise={"l": 0.2 + 0.1 * np.sin(phase), "r": 0.2 - 0.1 * np.sin(phase)},
        elbow_flexion={"l": 0.5 + 0.4 * np.sin(phase), "r": 0.5 - 0.4 * np.sin(phase)},
    )


def landmarks_of(
    performance: Performance,
    *,
    noise_m: float = 0.0,
    noise_px: float = 0.0,
    pitch_deg: float = 8.0,
    distance: float = 3.5,
    seed: int = 7,
) -> LandmarkTrack:
    """Return what a 640-pixel camera at 1.2 m height, tilted down by `pitch_deg`, sees of a performance."""
    points = performance.array()
    random = np.random.default_rng(seed)
    relative = points - np.array((0.0, -distance, 1.2))
    pitch = np.radians(pitch_deg)
    c, s = np.cos(pitch), np.sin(pitch)
    x, y, z = np.moveaxis(relative, -1, 0)
    camera = np.stack((x, -(z * c + y * s), y * c - z * s), axis=-1)
    frames = len(points)
    world = np.zeros((frames, LANDMARK_COUNT, 3))
    image = np.zeros((frames, LANDMARK_COUNT, 2))
    names = list(POINTS)
    hips = 0.5 * (camera[:, names.index("hip_l")] + camera[:, names.index("hip_r")])
    select = list(POINTS.values())
    world[:, select] = camera - hips[:, None] + noise_m * random.standard_normal(camera.shape)
    image[:, select] = FOCAL_LENGTH * camera[..., :2] / camera[..., 2:]
    image[:, select] += noise_px / 640.0 * random.standard_normal((*camera.shape[:2], 2))
    visibility = np.ones((frames, LANDMARK_COUNT))
    return LandmarkTrack(0.0, RATE, world, image, visibility, 0)
