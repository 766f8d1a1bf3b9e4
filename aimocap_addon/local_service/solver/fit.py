# SPDX-License-Identifier: GPL-3.0-or-later
"""The most probable joint positions over time, given landmarks: one least-squares fit of a whole clip.

Unknown are the positions of the body's points in camera space, in metres. Four kinds of terms pull on
them: every point lies on its image ray, every point keeps its landmark's offset from the hips, bones keep
one length on both sides, and accelerations are small. Lengths make it non-linear, so it is solved by
Gauss-Newton steps; each step is one banded, positive definite system because only neighbouring frames are
coupled. Sources: B. Triggs et al., "Bundle Adjustment - A Modern Synthesis" (2000) for the method,
P. Huber, "Robust Estimation of a Location Parameter" (1964) for the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt

from ...motion.rotations import Array, matrix_from_quaternion, normalize, quaternion_between
from .landmarks import LandmarkTrack

POINTS = {
    "nose": 0,
    "ear_l": 7,
    "ear_r": 8,
    "shoulder_l": 11,
    "shoulder_r": 12,
    "elbow_l": 13,
    "elbow_r": 14,
    "wrist_l": 15,
    "wrist_r": 16,
    "hip_l": 23,
    "hip_r": 24,
    "knee_l": 25,
    "knee_r": 26,
    "ankle_l": 27,
    "ankle_r": 28,
    "heel_l": 29,
    "heel_r": 30,
    "toe_l": 31,
    "toe_r": 32,
}
POINT_NAMES = tuple(POINTS)
_INDEX = {name: i for i, name in enumerate(POINT_NAMES)}

# The focal length as a multiple of the picture's longer side, for cameras that do not tell theirs:
# 45 degrees, between a phone's main lens and a portrait lens; COLMAP assumes the same.
FOCAL_LENGTH = 1.2

# The point or pair of points that each point's landmark offset is measured from.
_ANCHORS = {
    "nose": ("ear_l", "ear_r"),
    "ear": ("shoulder_l", "shoulder_r"),
    "shoulder": ("hip_l", "hip_r"),
    "elbow": ("shoulder",),
    "wrist": ("elbow",),
    "hip": ("hip_l", "hip_r"),
    "knee": ("hip",),
    "ankle": ("knee",),
    "heel": ("ankle",),
    "toe": ("ankle",),
}


def _offset_matrix() -> Array:
    """Return (J, J): each row takes positions to one point's offset from its anchor."""
    matrix = np.eye(len(POINT_NAMES))
    for row, name in enumerate(POINT_NAMES):
        joint, _, side = name.partition("_")
        anchors = [anchor if "_" in anchor else f"{anchor}_{side}" for anchor in _ANCHORS[joint]]
        for anchor in anchors:
            matrix[row, _INDEX[anchor]] -= 1.0 / len(anchors)
    return matrix


_OFFSETS = _offset_matrix()
FOOT_POINTS = ("heel_l", "toe_l", "heel_r", "toe_r")

# Standard deviations in metres unless said.
_RAY = 0.012
_PRIOR_ACROSS = 0.05
_PRIOR_DEPTH = 0.06
_RIGID_BONE = 0.004
_BREADTH_BONE = 0.02
_SOFT_BONE = 0.03
# Errors in depth only ever lengthen the short lines across the body, and too long a line is fitted by turning it
# away from the camera; so they are taken from the shorter lengths seen.
_BREADTH_QUANTILE = 0.25
_ARM = (("shoulder_l", "elbow_l"), ("elbow_l", "wrist_l"))
# Landmarks make arms short, and the picture, with a wrist that slips towards the fingers, long.
_TRUST_IN_PICTURE = 0.3
_FEW_FRAMES = 0.2  # share of the frames across the view below which the picture tells little about a length
DEPTH_SEEN = 0.6  # share of a limb's true depth that landmarks show
_HUBER = 1.345  # standard deviations beyond which a landmark counts as an outlier; 95 % efficient for Gaussians
_ITERATIONS = 12
_CHUNK, _OVERLAP = 600, 60  # frames
_CONTACT_SPEED = 0.03  # m/s of a planted foot point
_TWIST = 0.3  # sine of the angle between the lines of hips and shoulders
_BALANCE = 0.02  # of the centre of mass from the middle of the feet
_CONVERGED = 5e-4  # largest step in metres

# m/s^2; hands and feet are quicker than the trunk
_ACCELERATION = {"wrist": 25.0, "elbow": 15.0, "ankle": 15.0, "heel": 18.0, "toe": 18.0, "knee": 10.0}
_ACCELERATION_TRUNK = 6.0
# Where a first fit is calmer than that, so is the person, and what trembles there is noise.
_CALM_SEC = 0.1
_CALM_SHARE = 1.6
_CALMEST = 1.0  # m/s^2

_USUAL_ACCELERATION = np.array([_ACCELERATION.get(name.split("_")[0], _ACCELERATION_TRUNK) for name in POINT_NAMES])

_RIGID = (
    ("shoulder_l", "elbow_l"),
    ("elbow_l", "wrist_l"),
    ("hip_l", "knee_l"),
    ("knee_l", "ankle_l"),
    ("ankle_l", "heel_l"),
    ("ankle_l", "toe_l"),
    ("heel_l", "toe_l"),
)
_BREADTH = (("hip_l", "hip_r"), ("shoulder_l", "shoulder_r"), ("ear_l", "ear_r"))
_SOFT = (
    ("shoulder_l", "hip_l"),
    ("shoulder_l", "hip_r"),
    ("nose", "ear_l"),
    ("ear_l", "shoulder_l"),
)

# Each point's share of the body's mass: segment masses halved between their ends, the trunk between hips and
# shoulders. Source: D. Winter, "Biomechanics and Motor Control of Human Movement", table of anthropometric data.
_SHARES = {
    "ear": 0.0405,
    "shoulder": 0.1383,
    "elbow": 0.022,
    "wrist": 0.014,
    "hip": 0.1742,
    "knee": 0.0733,
    "ankle": 0.0378,
}
_MASS = np.array([_SHARES.get(name.split("_")[0], 0.0) for name in POINT_NAMES])
_MASS /= _MASS.sum()


@dataclass(frozen=True)
class Observations:
    """What is seen of the body's points, camera space, metres: `rays` (F, J, 2) are x/z and y/z,
    `offsets` (F, J, 3) positions against mid-hip, `weights` (F, J) in 0..1."""

    rays: Array
    offsets: Array
    weights: Array
    rate: float


@dataclass(frozen=True)
class Ground:
    """What is known of the floor: `contacts` gives for each foot point (a name of POINTS) whether it stands,
    (F,) bool; `forward` (3,) is the horizontal direction away from the camera, in camera space."""

    contacts: dict[str, np.ndarray]
    forward: Array

    def part(self, frames: slice) -> Ground:
        return Ground({name: standing[frames] for name, standing in self.contacts.items()}, self.forward)


def observe(track: LandmarkTrack, focal: float = FOCAL_LENGTH) -> Observations:
    """Select the body's points of a track and turn the offsets by each frame's hip ray.

    The landmark model sees a crop centred on the hips as if the camera looked straight at it, so off-axis
    its depth axis is the ray to the hips.
    """
    select = list(POINTS.values())
    rays = track.image[:, select] / focal
    hips = 0.5 * (rays[:, _INDEX["hip_l"]] + rays[:, _INDEX["hip_r"]])
    ray = np.concatenate((hips, np.ones((len(hips), 1))), axis=-1)
    turn = matrix_from_quaternion(quaternion_between(np.array((0.0, 0.0, 1.0)), ray))
    offsets = np.einsum("fab,fjb->fja", turn, track.world[:, select])
    return Observations(rays, offsets, track.visibility[:, select], track.rate)


def smooth(values: Array, rate: float, cutoff: float) -> Array:
    """Return (F, ...) low-passed at `cutoff` hertz without delay (4th order Butterworth, both directions)."""
    if len(values) < 16 or cutoff >= 0.45 * rate:
        return values
    sections = butter(2, cutoff, fs=rate, output="sos")
    return sosfiltfilt(sections, values, axis=0, padlen=min(len(values) - 1, int(3 * rate / cutoff)))


def initial_positions(seen: Observations) -> Array:
    """Return (F, J, 3): the landmark offsets placed where they best cover their image rays."""
    weights = seen.weights + 1e-3
    u, w = seen.rays, seen.offsets
    # x + tx = u (z + tz) for every point is linear in the translation t.
    rows = np.zeros((*u.shape[:2], 2, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -u
    right = u * w[..., 2:] - w[..., :2]
    normal = np.einsum("fj,fjki,fjkl->fil", weights, rows, rows)
    target = np.einsum("fj,fjki,fjk->fi", weights, rows, right)
    translation = np.linalg.solve(normal, target[..., None])[..., 0]
    translation[:, 2] = np.maximum(translation[:, 2], 0.3)
    depth = smooth(translation[:, 2:], seen.rate, 2.0)
    translation = np.concatenate((translation[:, :2] * depth / translation[:, 2:], depth), axis=-1)
    return smooth(w, seen.rate, 6.0) + translation[:, None]


def bone_lengths(seen: Observations, positions: Array) -> list[tuple[int, int, float, float]]:
    """Return (point, point, length, standard deviation) of every bone: the median over well-seen frames
    and both sides of the body. `positions` (F, J, 3) tell how far away the body is."""

    def mirror(name: str) -> str:
        return name[:-2] + {"_l": "_r", "_r": "_l"}[name[-2:]] if name[-2:] in ("_l", "_r") else name

    bones = []
    for pairs, deviation, quantile in (
        (_RIGID, _RIGID_BONE, 0.5),
        (_BREADTH, _BREADTH_BONE, _BREADTH_QUANTILE),
        (_SOFT, _SOFT_BONE, 0.5),
    ):
        for first, second in pairs:
            sides = {(first, second), (mirror(first), mirror(second))}
            if (second, first) in sides:
                sides = {(first, second)}
            ends = [(_INDEX[a], _INDEX[b]) for a, b in sorted(sides)]
            lengths = np.concatenate(
                [np.linalg.norm(seen.offsets[:, a] - seen.offsets[:, b], axis=-1) for a, b in ends]
            )
            trust = np.concatenate([np.minimum(seen.weights[:, a], seen.weights[:, b]) for a, b in ends])
            good = trust >= min(0.5, float(np.quantile(trust, 0.5)))
            length = float(np.quantile(lengths[good], quantile))
            if (first, second) in _ARM:
                pictured, share = _pictured_length(seen, positions, ends)
                length += _TRUST_IN_PICTURE * share * (pictured - length)
            bones += [(a, b, length, deviation) for a, b in ends]
    return bones


def _pictured_length(seen: Observations, positions: Array, ends: list[tuple[int, int]]) -> tuple[float, float]:
    """Return a bone's length by the picture, where the bone lies across the view, and how much that tells, 0..1."""
    lengths, trust = [], []
    for a, b in ends:
        depth = 0.5 * (positions[:, a, 2] + positions[:, b, 2])
        across = np.linalg.norm(seen.rays[:, a] - seen.rays[:, b], axis=-1) * depth
        length = np.hypot(across, (seen.offsets[:, a, 2] - seen.offsets[:, b, 2]) / DEPTH_SEEN)
        lengths.append(length)
        trust.append((across / length) ** 6 * np.minimum(seen.weights[:, a], seen.weights[:, b]) ** 2)
    total = float(np.sum(trust))
    return (
        weighted_median(np.concatenate(lengths), np.concatenate(trust)),
        total / (total + _FEW_FRAMES * len(positions)),
    )


def weighted_median(values: Array, weights: Array) -> float:
    """Return the value (N,) with half of the weight (N,) on either side."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


def fit_positions(
    seen: Observations,
    start: Array,
    ground: Ground | None = None,
    accelerations: Array | None = None,
    progress: Callable[[float], None] = lambda _share: None,
) -> Array:
    """Return the fitted positions (F, J, 3), camera space, metres, from `start` of the same shape.

    With `ground`, standing foot points do not move and a body on two feet is balanced above them.
    `accelerations` (F, J) are the standard deviations of accelerations in m/s^2, if they are known.
    Long clips are fitted in overlapping chunks that are faded into each other, so memory does not grow.
    `progress` is called with the share done after each of them, and may raise to stop.
    """
    frames = len(start)
    bones = bone_lengths(seen, start)
    if accelerations is None:
        accelerations = np.tile(_USUAL_ACCELERATION, (frames, 1))
    total = np.zeros_like(start)
    fade = np.zeros(frames)
    for first in range(0, max(frames - _OVERLAP, 1), _CHUNK - _OVERLAP):
        last = min(first + _CHUNK, frames)
        part = slice(first, last)
        chunk = Observations(seen.rays[part], seen.offsets[part], seen.weights[part], seen.rate)
        frame = np.arange(first, last)
        rise = np.ones(len(frame)) if first == 0 else np.minimum(1.0, (frame - first + 1) / _OVERLAP)
        fall = np.ones(len(frame)) if last == frames else np.minimum(1.0, (last - frame) / _OVERLAP)
        weight = np.minimum(rise, fall)
        total[part] += weight[:, None, None] * _fit_chunk(
            chunk, start[part], bones, ground.part(part) if ground else None, accelerations[part]
        )
        fade[part] += weight
        progress(last / frames)
    return total / fade[:, None, None]


def _fit_chunk(
    seen: Observations,
    start: Array,
    bones: list[tuple[int, int, float, float]],
    ground: Ground | None,
    accelerations: Array,
) -> Array:
    positions = start
    smoothness = _acceleration_bands(accelerations, seen.rate)
    steady = _twist_block(bones)
    if ground:
        _add_contacts(smoothness, ground.contacts, len(start), start.shape[1], seen.rate)
        steady = steady + _balance_blocks(ground)
    for _ in range(_ITERATIONS):
        blocks, right = _frame_terms(seen, positions, bones)
        bands = smoothness.copy()
        _add_blocks(bands, blocks + steady)
        solution = solveh_banded(bands, right.reshape(-1), lower=True, overwrite_ab=True, check_finite=False)
        updated = solution.reshape(start.shape)
        step = float(np.abs(updated - positions).max())
        positions = updated
        if step < _CONVERGED:
            break
    return positions


def _huber(deviations: Array) -> Array:
    return 1.0 / np.maximum(1.0, deviations / _HUBER)


def _frame_terms(
    seen: Observations, positions: Array, bones: list[tuple[int, int, float, float]]
) -> tuple[Array, Array]:
    """Return the terms within frames as normal equations: blocks (F, 3J, 3J) and right sides (F, 3J)."""
    frames, count = positions.shape[:2]
    blocks = np.zeros((frames, count, 3, count, 3))
    right = np.zeros((frames, count, 3))
    points = np.arange(count)
    weights = seen.weights**2 + 1e-4

    rows = np.zeros((frames, count, 2, 3))
    rows[..., 0, 0] = rows[..., 1, 1] = 1.0
    rows[..., 2] = -seen.rays
    residual = np.einsum("fjki,fji->fjk", rows, positions)
    ray_weights = weights * _huber(np.linalg.norm(residual, axis=-1) / _RAY) / _RAY**2
    # The advanced indices are split by slices, so their axis comes first: (J, F, 3, 3).
    blocks[:, points, :, points] += np.einsum("fj,fjki,fjkl->jfil", ray_weights, rows, rows)

    deviation = np.array((_PRIOR_ACROSS, _PRIOR_ACROSS, _PRIOR_DEPTH))
    expected = _OFFSETS @ seen.offsets
    errors = (_OFFSETS @ positions - expected) / deviation
    prior_weights = (0.1 + 0.9 * weights) * _huber(np.linalg.norm(errors, axis=-1))
    for axis in range(3):
        pull = _OFFSETS.T * (prior_weights / deviation[axis] ** 2)[:, None, :]
        blocks[:, :, axis, :, axis] += pull @ _OFFSETS
        right[..., axis] += (pull @ expected[..., axis, None])[..., 0]

    for a, b, length, spread in bones:
        direction = normalize(positions[:, a] - positions[:, b])
        w = 1.0 / spread**2
        outer = w * direction[:, :, None] * direction[:, None, :]
        blocks[:, a, :, a] += outer
        blocks[:, b, :, b] += outer
        blocks[:, a, :, b] -= outer
        blocks[:, b, :, a] -= outer
        right[:, a] += w * length * direction
        right[:, b] -= w * length * direction
    return blocks.reshape(frames, 3 * count, 3 * count), right.reshape(frames, 3 * count)


def likely_accelerations(positions: Array, rate: float) -> Array:
    """Return the standard deviations (F, J) of accelerations, in m/s^2, of a motion like `positions` (F, J, 3)."""
    if len(positions) < 3:
        return np.tile(_USUAL_ACCELERATION, (len(positions), 1))
    inner = np.linalg.norm(np.diff(positions, n=2, axis=0), axis=-1) * rate**2
    squares = np.pad(inner, ((1, 1), (0, 0)), mode="edge") ** 2
    near = np.sqrt(gaussian_filter1d(squares, _CALM_SEC * rate, axis=0, mode="nearest"))
    return np.minimum(_CALM_SHARE * near + _CALMEST, _USUAL_ACCELERATION)


def _acceleration_bands(accelerations: Array, rate: float) -> Array:
    """Return the acceleration terms as lower bands (6J + 1, F * 3J) of a symmetric matrix."""
    frames, size = len(accelerations), 3 * len(POINT_NAMES)
    weight = np.repeat((rate**2 / accelerations[1:-1]) ** 2, 3, axis=1)
    bands = np.zeros((2 * size + 1, frames, size))
    if frames > 2:
        for k, row in enumerate((1.0, -2.0, 1.0)):
            bands[0, k : frames - 2 + k] += row * row * weight
        bands[size, : frames - 2] += -2.0 * weight
        bands[size, 1 : frames - 1] += -2.0 * weight
        bands[2 * size, : frames - 2] += weight
    bands[0] += 1e-6
    return bands.reshape(2 * size + 1, frames * size)


def _add_blocks(bands: Array, blocks: Array) -> None:
    frames, size = blocks.shape[:2]
    view = bands.reshape(len(bands), frames, size)
    for offset in range(size):
        view[offset, :, : size - offset] += np.diagonal(blocks, -offset, axis1=1, axis2=2)


def _twist_block(bones: list[tuple[int, int, float, float]]) -> Array:
    """Return the term (3J, 3J) that the lines of hips and shoulders lie equally far in depth.

    The depth of the hips, two points close together, is where the landmarks are weakest: their line is
    turned by up to 25 degrees.
    """
    row = np.zeros((len(POINT_NAMES), 3))
    widths = {(a, b): length for a, b, length, _ in bones}
    for joint, sign in (("hip", 1.0), ("shoulder", -1.0)):
        ends = (_INDEX[f"{joint}_l"], _INDEX[f"{joint}_r"])
        row[ends[0], 2] = sign / widths[ends]
        row[ends[1], 2] = -sign / widths[ends]
    lever = row.reshape(-1)
    return np.outer(lever, lever) / _TWIST**2


def _balance_blocks(ground: Ground) -> Array:
    """Return the balance terms (F, 3J, 3J): in depth, the centre of mass is above the feet.

    Depth alone, since across the view the picture tells better. Counts where both feet stand; a body on one
    foot is often on its way to the other.
    """
    standing = np.stack([ground.contacts[name] for name in FOOT_POINTS], axis=-1).astype(np.float64)
    lever = np.tile(_MASS, (len(standing), 1))
    lever[:, [_INDEX[name] for name in FOOT_POINTS]] -= standing / np.maximum(standing.sum(axis=-1, keepdims=True), 1.0)
    both_feet = standing[:, :2].any(axis=1) & standing[:, 2:].any(axis=1)
    weight = both_feet / _BALANCE**2
    depth = (lever[:, :, None] * ground.forward).reshape(len(lever), -1)
    return weight[:, None, None] * depth[:, :, None] * depth[:, None, :]


def _add_contacts(bands: Array, contacts: dict[str, np.ndarray], frames: int, count: int, rate: float) -> None:
    """Add that planted points do not move between neighbouring frames."""
    size = 3 * count
    view = bands.reshape(len(bands), frames, size)
    for name, planted in contacts.items():
        weight = ((planted[:-1] & planted[1:]) * (rate / _CONTACT_SPEED) ** 2)[:, None]
        columns = slice(3 * _INDEX[name], 3 * _INDEX[name] + 3)
        view[0, :-1, columns] += weight
        view[0, 1:, columns] += weight
        view[size, :-1, columns] -= weight
