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
    """Joint positions (F, 3) by name in metres: Z up, floor at 0, facing -Y, the left side at +X.

    `planted` (F,) bool tells for each side whether that foot stands.
    """

    joints: dict[str, np.ndarray]
    planted: dict[str, np.ndarray]

    def array(self) -> np.ndarray:
        return np.stack([self.joints[name] for name in POINTS], axis=1)


def perform(
    *,
    path: np.ndarray,
    hop: np.ndarray,
    hip_flexion: dict[str, np.ndarray],
    knee_flexion: dict[str, np.ndarray],
    arm_raise: dict[str, np.ndarray],
    elbow_flexion: dict[str, np.ndarray],
) -> Performance:
    """Pose a person of 1.68 m: angles in radians (F,), `path` (F, 2) of the middle of the feet over the floor
    and `hop` (F,) of the lower foot above it, in metres."""
    frames = len(hop)
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
    ankles = np.stack((local["ankle_l"], local["ankle_r"]))
    height = hop + 0.075 - ankles[..., 2].min(axis=0)
    lifted = ankles[..., 2] + height > 0.078
    # A raised foot does not carry: the person stays above the other one.
    standing = np.where(ankles[..., 2] - ankles[..., 2].min(axis=0) < 0.003, 1.0, 0.0)
    anchor = (ankles[..., 1] * standing).sum(axis=0) / standing.sum(axis=0)
    root = np.stack((path[:, 0], path[:, 1] - anchor, height), axis=-1)
    joints = {name: position + root for name, position in local.items()}
    return Performance(joints, {"l": ~lifted[0], "r": ~lifted[1]})


def _both(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"l": values, "r": values}


def squats_with_waves(frames: int = 90) -> Performance:
    """A squat every 1.5 seconds in place, hands waving."""
    t = np.arange(frames) / RATE
    depth = 0.5 * (1 - np.cos(2 * np.pi * t / 1.5))
    return perform(
        path=np.zeros((frames, 2)),
        hop=np.zeros(frames),
        hip_flexion=_both(0.9 * depth + 0.05),
        knee_flexion=_both(1.6 * depth + 0.08),
        arm_raise={"l": 0.3 + 1.2 * depth, "r": 0.3 + 0.6 * depth},
        elbow_flexion={"l": 0.4 + 0.6 * np.sin(4 * t) ** 2, "r": 1.2 - 0.8 * depth},
    )


def march_in_place(frames: int = 90) -> Performance:
    """Knees lifted in turn, arms swinging."""
    phase = 2 * np.pi * np.arange(frames) / RATE / 1.2
    lift = {"l": np.maximum(0.0, np.sin(phase)), "r": np.maximum(0.0, -np.sin(phase))}
    return perform(
        path=np.zeros((frames, 2)),
        hop=np.zeros(frames),
        hip_flexion={side: 0.03 + 0.9 * value for side, value in lift.items()},
        knee_flexion={side: 0.06 + 1.3 * value for side, value in lift.items()},
        arm_raise={"l": 0.2 + 0.1 * np.sin(phase), "r": 0.2 - 0.1 * np.sin(phase)},
        elbow_flexion={"l": 0.5 + 0.4 * np.sin(phase), "r": 0.5 - 0.4 * np.sin(phase)},
    )


JUMP_HEIGHT, JUMP_ASIDE = 0.30, 0.80


def jump_aside(frames: int = 90) -> Performance:
    """Crouch, one jump of JUMP_HEIGHT to the person's left by JUMP_ASIDE metres, and stand again."""
    t = np.arange(frames) / RATE
    flight = 2 * np.sqrt(2 * JUMP_HEIGHT / 9.81)
    share = np.clip((t - 1.2) / flight, 0.0, 1.0)
    crouch = np.exp(-(((t - 0.85) / 0.25) ** 2)) + np.exp(-(((t - 1.2 - flight - 0.25) / 0.2) ** 2))
    return perform(
        path=np.stack((JUMP_ASIDE * share, np.zeros(frames)), axis=-1),
        hop=4 * JUMP_HEIGHT * share * (1 - share),
        hip_flexion=_both(0.6 * crouch + 0.05),
        knee_flexion=_both(1.1 * crouch + 0.08),
        arm_raise=_both(0.3 + 0.4 * share),
        elbow_flexion=_both(0.5 + 0.2 * crouch),
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
