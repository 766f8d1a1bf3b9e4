# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way arms point in depth.

A bone's length and its length in the picture tell how much of it points at the camera or away from it, but not which
of the two; the landmarks' own depth is too small by half, and of an upper arm often on the wrong side. So both sides
are weighed for each bone and frame: by the landmarks, by what shoulders can do, and by how steadily the arm then
moves. The cheapest way through all frames is found by dynamic programming.

Sources: C. Taylor, "Reconstruction of Articulated Objects from Point Correspondences in a Single Uncalibrated Image"
(2000) for the two sides, A. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding
algorithm" (1967) for the way through the frames.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...motion.rotations import Array, cross, normalize
from .fit import POINT_NAMES, Observations, bone_lengths, smooth

_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}
# The four ways an arm can point: sides of the upper arm and of the forearm, -1 towards the camera.
_WAYS = np.array(((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)))

# Of upper arm and forearm, all as shares of the bone's length: what landmarks show of the true depth, the standard
# deviation of what they say, and the least depth taken (within it, the side means nothing).
_SHOWN = np.array((0.5, 0.7))
_SAID = np.array((0.6, 0.3))
_LEAST_DEPTH = 0.1
_OUTLIER = 8.0  # squared deviations, beyond which a landmark's word costs no more
# How far behind the chest elbows and wrists go freely, as a share of the arm up to there, and the deviation beyond.
_BEHIND, _BEHIND_DEVIATION = 0.3, 0.15
_SPEED = 3.0  # m/s of elbows and wrists
# Standard deviation of the depth that a bone's length asks for, at 45 degrees, against that of the landmarks' depth.
_LENGTH_DEVIATION = 0.65
_CUTOFF = 6.0  # hertz


def place_arms(seen: Observations, positions: Array) -> tuple[Observations, Array]:
    """Return the observations with each arm on its likely side in depth, and `positions` (F, J, 3) likewise.

    `positions` are a first fit, which knows the trunk.
    """
    lengths = {(a, b): length for a, b, length, _ in bone_lengths(seen, positions)}
    offsets, placed = seen.offsets.copy(), positions.copy()
    shoulders, hips = (
        0.5 * (positions[:, _INDEX[f"{joint}_l"]] + positions[:, _INDEX[f"{joint}_r"]]) for joint in ("shoulder", "hip")
    )
    left = positions[:, _INDEX["shoulder_l"]] - positions[:, _INDEX["shoulder_r"]]
    ahead = normalize(cross(left, shoulders - hips))
    for side in "lr":
        shoulder, elbow, wrist = (_INDEX[f"{joint}_{side}"] for joint in ("shoulder", "elbow", "wrist"))
        size = np.array((lengths[shoulder, elbow], lengths[elbow, wrist]))
        rays = smooth(seen.rays[:, [shoulder, elbow, wrist]], seen.rate, _CUTOFF)
        across = np.diff(rays, axis=1) * positions[:, shoulder, 2, None, None]
        said = np.diff(offsets[:, [shoulder, elbow, wrist], 2], axis=1)
        depth = np.sqrt(np.maximum(size**2 - np.sum(across**2, axis=-1), (_LEAST_DEPTH * size) ** 2))
        trust = seen.weights[:, elbow] * seen.weights[:, wrist]
        cost, ends = _weigh(across, depth, said, size, ahead, trust)
        sides = _WAYS[_cheapest_way(cost, ends, _SPEED / seen.rate)]
        # A bone that lies across the view hardly changes its length there as it turns: that tells little of its depth.
        flat = np.sum(across**2, axis=-1)
        share = depth**2 / (depth**2 + _LENGTH_DEVIATION**2 * flat)
        wanted = said + share * (sides * depth - said)
        offsets[:, [elbow, wrist], 2] = offsets[:, shoulder, 2, None] + np.cumsum(wanted, axis=1)
        bones = np.diff(positions[:, [shoulder, elbow, wrist]], axis=1)
        bones[..., 2] = sides * np.abs(bones[..., 2])
        placed[:, [elbow, wrist]] = placed[:, shoulder, None] + np.cumsum(bones, axis=1)
    return replace(seen, offsets=offsets), placed


def _weigh(across: Array, depth: Array, said: Array, size: Array, ahead: Array, trust: Array) -> tuple[Array, Array]:
    """Return the cost (F, 4) of each way on its own, and where elbow and wrist then are from the shoulder (F, 4, 2, 3).

    Of both bones: `across` (F, 2, 2) the view, `depth` (F, 2) without its sign, `said` (F, 2) by the landmarks with
    `trust` (F,), and `size` (2,), in metres. `ahead` (F, 3) is where the chest points.
    """
    depths = _WAYS * depth[:, None]
    deviations = (depths - (said / _SHOWN)[:, None]) / (_SAID * size)
    cost = trust[:, None] * np.minimum(deviations**2, _OUTLIER).sum(axis=-1)
    bones = np.concatenate((np.repeat(across[:, None], len(_WAYS), axis=1), depths[..., None]), axis=-1)
    ends = np.cumsum(bones, axis=2)
    behind = -np.einsum("fwbc,fc->fwb", ends, ahead) / np.cumsum(size)
    cost += np.sum((np.maximum(behind - _BEHIND, 0.0) / _BEHIND_DEVIATION) ** 2, axis=-1)
    return cost, ends


def _cheapest_way(cost: Array, ends: Array, step: float) -> np.ndarray:
    """Return the way (F,) of each frame that makes costs (F, W) and moves of `ends` (F, W, 2, 3) least in sum.

    `step` is the standard deviation of a move from frame to frame, in metres.
    """
    frames, ways = cost.shape
    total, before = cost[0], np.zeros((frames, ways), np.intp)
    for frame in range(1, frames):
        moves = np.sum((ends[frame] - ends[frame - 1][:, None]) ** 2, axis=(-2, -1)) / step**2
        reached = total[:, None] + moves
        before[frame] = reached.argmin(axis=0)
        total = reached.min(axis=0) + cost[frame]
    way = np.empty(frames, np.intp)
    way[-1] = total.argmin()
    for frame in range(frames - 1, 0, -1):
        way[frame - 1] = before[frame, way[frame]]
    return way
