# SPDX-License-Identifier: GPL-3.0-or-later
"""Inverse kinematics of the whole G1, all frames at once: links to where they should be, joints within their limits.

Each frame minimises the weighted squares of what links lack to their targets, by damped Gauss-Newton steps
(Levenberg-Marquardt) with analytic derivatives; a frame whose error grows takes the step back and is damped more.
Joints that a step would take beyond a limit stop there. The unknowns are the pelvis (position and turn), the waist, and
four limbs. A limb moves nothing but itself, so its unknowns are eliminated first (Schur complement) and only small
systems are left: of 6 for a leg, of 7 for an arm, of 9 for the trunk.

Source of the damping: D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11
(1963). The derivative of a link's place for a turn about an axis a through o is a x (p - o), that of its rotation a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..rotations import (
    Array,
    cross,
    quaternion_conjugate,
    quaternion_from_rotation_vector,
    quaternion_multiply,
    quaternion_rotate,
    rotation_vector_from_quaternion,
)
from .model import RobotModel, forward_kinematics

# Frames that are solved together: many for few calls, few enough for their arrays to stay in the processor's cache.
_CHUNK = 512
_DAMPING, _LESS, _MORE = 1e-4, 0.1, 10.0
# A frame is not at its end while the next step is likely to take more than this part off its error, or, when steps only
# make it worse, while it is damped less than this.
_MUCH, _STUCK, _ROUNDS = 0.02, 1.0, 6
# The trunk's unknowns: where the pelvis is, how it is turned, the three joints of the waist.
_ROOT = 6
_WAIST = ("waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint")


@dataclass(frozen=True)
class LinkTarget:
    """Where a link should be: `position` (F, 3) in metres of its origin, `rotation` (F, 4) wxyz, in the world.

    The weights, numbers or (F), multiply the error in metres and in radians before it is squared.
    """

    link: int
    position: Array | None = None
    rotation: Array | None = None
    position_weight: Array | float = 1.0
    rotation_weight: Array | float = 1.0


@dataclass(frozen=True)
class Pose:
    """A pose of the robot for each frame: root_pos (F, 3), root_rot (F, 4) wxyz, dof (F, 29)."""

    root_pos: Array
    root_rot: Array
    dof: Array

    def part(self, frames: NDArray[np.intp]) -> Pose:
        """Return the pose of some frames."""
        return Pose(self.root_pos[frames], self.root_rot[frames], self.dof[frames])


@dataclass(frozen=True)
class _Row:
    """One target of a part: `moving` are those of the part's own joints that move its link, `by_waist` of the waist's.

    Weights are (F, 1) or (1, 1), zero rows are left out: a position or a rotation of None.
    """

    link: int
    position: Array | None
    rotation: Array | None
    position_weight: Array
    rotation_weight: Array
    moving: NDArray[np.intp]
    by_waist: NDArray[np.intp]


@dataclass(frozen=True)
class _Part:
    """The trunk or a limb: its own joints (N), whether it hangs from the waist, and its targets."""

    joints: NDArray[np.intp]
    on_waist: bool
    rows: tuple[_Row, ...]

    @property
    def height(self) -> int:
        """The number of rows of its least squares."""
        return sum(3 * ((row.position is not None) + (row.rotation is not None)) for row in self.rows)


def track(
    model: RobotModel, targets: Sequence[LinkTarget], start: Pose, steps: int, posture_weight: float = 0.0
) -> Pose:
    """Return the poses that come nearest to `targets`, from `start` in so many `steps`.

    Frames that are not at their end by then get as many again, a few times over. Joint angles stay within the limits.
    `posture_weight` multiplies what a joint angle (radians) is away from that of `start`, so that what no target
    decides stays as it was.
    """
    found = Pose(start.root_pos.copy(), start.root_rot.copy(), start.dof.copy())
    left, damping = np.arange(len(start.dof)), np.full(len(start.dof), _DAMPING)
    for _ in range(_ROUNDS):
        under_way = []
        for begin in range(0, len(left), _CHUNK):
            frames = left[begin : begin + _CHUNK]
            state = found.part(frames), damping[frames], start.dof[frames]
            pose, damping[frames], on_way = _solve(model, _parts(model, targets, frames), *state, steps, posture_weight)
            found.root_pos[frames], found.root_rot[frames], found.dof[frames] = pose.root_pos, pose.root_rot, pose.dof
            under_way.append(frames[on_way])
        left = np.concatenate(under_way)
        if not len(left):
            break
    return found


def _parts(model: RobotModel, targets: Sequence[LinkTarget], frames: NDArray[np.intp]) -> list[_Part]:
    """Return the trunk, then the limbs, with their targets on these frames."""
    waist = np.array([model.joint_index[name] for name in _WAIST])
    joints = [(waist, True)]
    for side in ("left", "right"):
        for words, on_waist in ((("hip", "knee", "ankle"), False), (("shoulder", "elbow", "wrist"), True)):
            starts = tuple(f"{side}_{word}" for word in words)
            own = [i for i, name in enumerate(model.joint_names) if name.startswith(starts)]
            joints.append((np.array(own), on_waist))
    rows: list[list[_Row]] = [[] for _ in joints]
    for target in targets:
        above = _ancestors(model.parents, target.link)
        by_waist = np.array([i for i, joint in enumerate(waist) if joint + 1 in above], dtype=np.intp)
        part = next((i for i, (own, _) in enumerate(joints) if target.link - 1 in own), 0)
        own = [i for i, joint in enumerate(joints[part][0]) if joint + 1 in above]
        rows[part].append(
            _Row(
                target.link,
                None if target.position is None else target.position[frames],
                None if target.rotation is None else target.rotation[frames],
                _weight(target.position_weight, frames),
                _weight(target.rotation_weight, frames),
                np.array(own if part else [], dtype=np.intp),
                by_waist,
            )
        )
    return [_Part(own, on_waist, tuple(row)) for (own, on_waist), row in zip(joints, rows, strict=True)]


def _weight(weight: Array | float, frames: NDArray[np.intp]) -> Array:
    """Return the weights of some frames as (F, 1), or a single one as (1, 1)."""
    return weight[frames, None] if isinstance(weight, np.ndarray) else np.full((1, 1), weight)


def _ancestors(parents: NDArray[np.intp], link: int) -> set[int]:
    """Return a link and all above it but the pelvis."""
    found = set()
    while link > 0:
        found.add(link)
        link = int(parents[link])
    return found


def _solve(
    model: RobotModel,
    parts: Sequence[_Part],
    pose: Pose,
    damping: Array,
    posture: Array,
    steps: int,
    posture_weight: float,
) -> tuple[Pose, Array, NDArray[np.bool_]]:
    """Return the poses after `steps` from `pose`, their damping (F), and which frames (F) are not at the end yet."""
    at = forward_kinematics(model, pose.root_pos, pose.root_rot, pose.dof)
    residuals = [_residual(part, *at) for part in parts]
    cost = _cost(residuals, pose, posture, posture_weight)
    gained = last = np.zeros(len(cost))
    better = np.zeros(len(cost), dtype=bool)
    for _ in range(steps):
        tried = _step(model, parts, pose, at, residuals, damping, posture, posture_weight)
        there = forward_kinematics(model, tried.root_pos, tried.root_rot, tried.dof)
        new_residuals = [_residual(part, *there) for part in parts]
        new_cost = _cost(new_residuals, tried, posture, posture_weight)
        better = new_cost < cost
        gained, last = np.where(better, cost - new_cost, 0.0), gained
        if better.all():
            pose, at, residuals, cost = tried, there, new_residuals, new_cost
        else:
            one, each = better[:, None], better[:, None, None]
            pose = Pose(
                np.where(one, tried.root_pos, pose.root_pos),
                np.where(one, tried.root_rot, pose.root_rot),
                np.where(one, tried.dof, pose.dof),
            )
            at = np.where(each, there[0], at[0]), np.where(each, there[1], at[1])
            residuals = [np.where(one, new, old) for new, old in zip(new_residuals, residuals, strict=True)]
            cost = np.where(better, new_cost, cost)
        damping = np.where(better, damping * _LESS, damping * _MORE)
    # near the end each step gains as much less than the one before as that did
    next_gain = gained * np.minimum(gained / np.maximum(last, 1e-12), 1.0)
    return pose, damping, np.where(better, next_gain > _MUCH * cost, damping < _STUCK)


def _residual(part: _Part, positions: Array, rotations: Array) -> Array:
    """Return the weighted errors (F, M) of the targets of one part."""
    found = np.empty((len(positions), part.height))
    at = 0
    for row in part.rows:
        if row.position is not None:
            found[:, at : at + 3] = row.position_weight * (row.position - positions[:, row.link])
            at += 3
        if row.rotation is not None:
            apart = quaternion_multiply(row.rotation, quaternion_conjugate(rotations[:, row.link]))
            found[:, at : at + 3] = row.rotation_weight * rotation_vector_from_quaternion(apart)
            at += 3
    return found


def _cost(residuals: Sequence[Array], pose: Pose, posture: Array, posture_weight: float) -> Array:
    total = sum(np.einsum("fm,fm->f", part, part) for part in residuals)
    return total + posture_weight**2 * ((pose.dof - posture) ** 2).sum(axis=1)


def _jacobian(part: _Part, waist: NDArray[np.intp], root: Array, positions: Array, axes: Array) -> Array:
    """Return derivatives (F, M, N + 6 + W) of what `part` should reach.

    Columns are its own joints (N, none for the trunk), the pelvis' way and turn, and the waist if the part hangs from
    it (W is 3 or 0). `axes` (F, 29, 3) are those of all joints in the world, `root` (F, 3) is where the pelvis is.
    """
    trunk = part.joints is waist
    own = 0 if trunk else len(part.joints)
    found = np.zeros((len(positions), part.height, own + _ROOT + (len(waist) if part.on_waist else 0)))
    at = 0
    for row in part.rows:
        joints = np.concatenate((part.joints[row.moving], waist[row.by_waist]))
        columns = np.concatenate((row.moving, own + _ROOT + row.by_waist))
        turning = axes[:, joints]
        if row.position is not None:
            place, weight = positions[:, row.link], row.position_weight
            found[:, at, own] = found[:, at + 1, own + 1] = found[:, at + 2, own + 2] = weight[:, 0]
            x, y, z = (weight * (place - root)).T
            found[:, at + 1, own + 3], found[:, at + 2, own + 3] = -z, y
            found[:, at, own + 4], found[:, at + 2, own + 4] = z, -x
            found[:, at, own + 5], found[:, at + 1, own + 5] = -y, x
            swing = cross(turning, weight[:, None] * (place[:, None] - positions[:, joints + 1]))
            found[:, at : at + 3, columns] = swing.swapaxes(1, 2)
            at += 3
        if row.rotation is not None:
            weight = row.rotation_weight
            found[:, at, own + 3] = found[:, at + 1, own + 4] = found[:, at + 2, own + 5] = weight[:, 0]
            found[:, at : at + 3, columns] = (weight[:, None] * turning).swapaxes(1, 2)
            at += 3
    return found


def _step(
    model: RobotModel,
    parts: Sequence[_Part],
    pose: Pose,
    at: tuple[Array, Array],
    residuals: Sequence[Array],
    damping: Array,
    posture: Array,
    posture_weight: float,
) -> Pose:
    """Return the poses after one damped step."""
    positions, rotations = at
    axes = quaternion_rotate(rotations[:, 1:], model.axes[None])
    waist = parts[0].joints
    core = _ROOT + len(waist)
    pull = posture_weight**2
    lag = pull * (posture - pose.dof)

    jacobian = _jacobian(parts[0], waist, pose.root_pos, positions, axes)
    hessian = jacobian.swapaxes(1, 2) @ jacobian
    gradient = np.einsum("fmn,fm->fn", jacobian, residuals[0])
    gradient[:, _ROOT:] += lag[:, waist]
    limbs = []
    for part, residual in zip(parts[1:], residuals[1:], strict=True):
        jacobian = _jacobian(part, waist, pose.root_pos, positions, axes)
        products = jacobian.swapaxes(1, 2) @ jacobian
        pulled = np.einsum("fmn,fm->fn", jacobian, residual)
        size, width = len(part.joints), jacobian.shape[2] - len(part.joints)
        pulled[:, :size] += lag[:, part.joints]
        products[:, np.arange(size), np.arange(size)] += (damping + pull)[:, None]
        _hold(products, pulled, model, pose.dof, part.joints, 0)
        coupling = products[:, :size, size:]
        right = np.concatenate((coupling, pulled[:, :size, None]), axis=2)
        solved = np.linalg.solve(products[:, :size, :size], right)
        change = coupling.swapaxes(1, 2) @ solved
        hessian[:, :width, :width] += products[:, size:, size:] - change[..., :-1]
        gradient[:, :width] += pulled[:, size:] - change[..., -1]
        limbs.append((part.joints, solved))
    diagonal = np.arange(core)
    hessian[:, diagonal, diagonal] += damping[:, None] + np.where(diagonal < _ROOT, 0.0, pull)
    _hold(hessian, gradient, model, pose.dof, waist, _ROOT)
    move = np.linalg.solve(hessian, gradient[..., None])
    dof = pose.dof.copy()
    dof[:, waist] += move[:, _ROOT:, 0]
    for joints, solved in limbs:
        width = solved.shape[2] - 1
        dof[:, joints] += solved[..., -1] - (solved[..., :-1] @ move[:, :width])[..., 0]
    return Pose(
        pose.root_pos + move[:, :3, 0],
        quaternion_multiply(quaternion_from_rotation_vector(move[:, 3:_ROOT, 0]), pose.root_rot),
        np.clip(dof, model.lower, model.upper),
    )


def _hold(hessian: Array, gradient: Array, model: RobotModel, dof: Array, joints: NDArray[np.intp], first: int) -> None:
    """Take joints that are pulled beyond a limit they are at out of the equations, in place: they will not move.

    `joints` are the unknowns of `hessian` (F, N, N) and `gradient` (F, N) from `first` on.
    """
    angle, pulled = dof[:, joints], gradient[:, first : first + len(joints)]
    low, high = model.lower[joints], model.upper[joints]
    frames, held = np.nonzero(((angle <= low) & (pulled < 0.0)) | ((angle >= high) & (pulled > 0.0)))
    held = held + first
    hessian[frames, held, :] = 0.0
    hessian[frames, :, held] = 0.0
    hessian[frames, held, held] = 1.0
    gradient[frames, held] = 0.0
