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

# Frames that are solved together: few enough for their arrays to stay in the processor's cache.
_CHUNK = 256
_DAMPING, _LESS, _MORE = 1e-4, 0.1, 10.0
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

    def part(self, frames: slice) -> Pose:
        """Return the pose of some frames."""
        return Pose(self.root_pos[frames], self.root_rot[frames], self.dof[frames])


@dataclass(frozen=True)
class _Part:
    """The trunk or a limb: its joints (N), and whether it hangs from the waist."""

    joints: NDArray[np.intp]
    on_waist: bool


def track(
    model: RobotModel, targets: Sequence[LinkTarget], start: Pose, iterations: int, posture_weight: float = 0.0
) -> Pose:
    """Return the poses that come nearest to `targets`, from `start` in `iterations` steps.

    Joint angles stay within the limits. `posture_weight` multiplies what a joint angle (radians) is away from that of
    `start`, so that what no target decides stays as it was.
    """
    parts = _parts(model)
    found = []
    for begin in range(0, len(start.dof), _CHUNK):
        frames = slice(begin, min(begin + _CHUNK, len(start.dof)))
        cut = [_cut(target, frames) for target in targets]
        found.append(_solve(model, parts, cut, start.part(frames), iterations, posture_weight))
    return Pose(*(np.concatenate([getattr(each, name) for each in found]) for name in ("root_pos", "root_rot", "dof")))


def _parts(model: RobotModel) -> list[_Part]:
    """Return the trunk, then the limbs."""
    waist = np.array([model.joint_index[name] for name in _WAIST])
    found = [_Part(waist, on_waist=True)]
    for side in ("left", "right"):
        for words, on_waist in ((("hip", "knee", "ankle"), False), (("shoulder", "elbow", "wrist"), True)):
            joints = [
                i for i, name in enumerate(model.joint_names) if name.startswith(tuple(f"{side}_{w}" for w in words))
            ]
            found.append(_Part(np.array(joints), on_waist))
    return found


def _cut(target: LinkTarget, frames: slice) -> LinkTarget:
    def cut(value: Array | float) -> Array | float:
        return value[frames] if isinstance(value, np.ndarray) and value.ndim else value

    return LinkTarget(
        target.link,
        None if target.position is None else target.position[frames],
        None if target.rotation is None else target.rotation[frames],
        cut(target.position_weight),
        cut(target.rotation_weight),
    )


def _part_of(parts: Sequence[_Part], link: int) -> int:
    """Return which part moves a link; the pelvis belongs to the trunk."""
    return next((i for i, part in enumerate(parts) if link - 1 in part.joints), 0)


def _solve(
    model: RobotModel,
    parts: Sequence[_Part],
    targets: Sequence[LinkTarget],
    start: Pose,
    iterations: int,
    posture_weight: float,
) -> Pose:
    frames = len(start.dof)
    groups = [[target for target in targets if _part_of(parts, target.link) == i] for i in range(len(parts))]
    damping = np.full(frames, _DAMPING)
    pose = start
    at = forward_kinematics(model, pose.root_pos, pose.root_rot, pose.dof)
    residuals = [_residual(group, *at) for group in groups]
    cost = _cost(residuals, pose, start, posture_weight)
    for _ in range(iterations):
        tried = _step(model, parts, groups, pose, at, residuals, damping, start, posture_weight)
        there = forward_kinematics(model, tried.root_pos, tried.root_rot, tried.dof)
        new_residuals = [_residual(group, *there) for group in groups]
        new_cost = _cost(new_residuals, tried, start, posture_weight)
        better = new_cost < cost
        if better.all():
            pose, at, residuals, cost = tried, there, new_residuals, new_cost
        else:
            one, two, three = better[:, None], better[:, None, None], better[:, None, None]
            pose = Pose(
                np.where(one, tried.root_pos, pose.root_pos),
                np.where(one, tried.root_rot, pose.root_rot),
                np.where(one, tried.dof, pose.dof),
            )
            at = np.where(two, there[0], at[0]), np.where(three, there[1], at[1])
            residuals = [np.where(one, new, old) for new, old in zip(new_residuals, residuals, strict=True)]
            cost = np.where(better, new_cost, cost)
        damping = np.where(better, damping * _LESS, damping * _MORE)
    return pose


def _residual(targets: Sequence[LinkTarget], positions: Array, rotations: Array) -> Array:
    """Return the weighted errors (F, M) of the targets of one part."""
    frames = len(positions)
    rows = []
    for target in targets:
        if target.position is not None:
            weight = np.broadcast_to(target.position_weight, (frames,))[:, None]
            rows.append(weight * (target.position - positions[:, target.link]))
        if target.rotation is not None:
            weight = np.broadcast_to(target.rotation_weight, (frames,))[:, None]
            apart = quaternion_multiply(target.rotation, quaternion_conjugate(rotations[:, target.link]))
            rows.append(weight * rotation_vector_from_quaternion(apart))
    return np.concatenate(rows, axis=1) if rows else np.empty((frames, 0))


def _cost(residuals: Sequence[Array], pose: Pose, start: Pose, posture_weight: float) -> Array:
    total = sum(np.einsum("fm,fm->f", part, part) for part in residuals)
    return total + posture_weight**2 * ((pose.dof - start.dof) ** 2).sum(axis=1)


def _jacobian(
    targets: Sequence[LinkTarget],
    joints: NDArray[np.intp],
    parents: NDArray[np.intp],
    root: Array | None,
    positions: Array,
    axes: Array,
) -> Array:
    """Return derivatives (F, M, N) of the places and turns of `targets` for turns of `joints` (N).

    With the `root` position (F, 3), the six unknowns of the pelvis come before them. `axes` (F, 29, 3) are those of all
    joints in the world.
    """
    frames, first = len(positions), 0 if root is None else _ROOT
    count = sum(3 * ((target.position is not None) + (target.rotation is not None)) for target in targets)
    found = np.zeros((frames, count, first + len(joints)))
    row = 0
    for target in targets:
        above = _ancestors(parents, target.link)
        moving = np.array([i for i, joint in enumerate(joints) if joint + 1 in above], dtype=np.intp)
        turning = axes[:, joints[moving]]
        if target.position is not None:
            weight = np.broadcast_to(target.position_weight, (frames,))[:, None, None]
            place = positions[:, target.link]
            if root is not None:
                found[:, row : row + 3, :3] = weight * np.eye(3)
                x, y, z = (weight[:, :, 0] * (place - root)).T
                found[:, row + 1, 3], found[:, row + 2, 3] = -z, y
                found[:, row, 4], found[:, row + 2, 4] = z, -x
                found[:, row, 5], found[:, row + 1, 5] = -y, x
            if len(moving):
                swing = weight * cross(turning, place[:, None] - positions[:, joints[moving] + 1])
                found[:, row : row + 3, first + moving] = swing.swapaxes(1, 2)
            row += 3
        if target.rotation is not None:
            weight = np.broadcast_to(target.rotation_weight, (frames,))[:, None, None]
            if root is not None:
                found[:, row : row + 3, 3:_ROOT] = weight * np.eye(3)
            if len(moving):
                found[:, row : row + 3, first + moving] = (weight * turning).swapaxes(1, 2)
            row += 3
    return found


def _ancestors(parents: NDArray[np.intp], link: int) -> set[int]:
    found = set()
    while link > 0:
        found.add(link)
        link = int(parents[link])
    return found


def _step(
    model: RobotModel,
    parts: Sequence[_Part],
    groups: Sequence[Sequence[LinkTarget]],
    pose: Pose,
    at: tuple[Array, Array],
    residuals: Sequence[Array],
    damping: Array,
    start: Pose,
    posture_weight: float,
) -> Pose:
    """Return the poses after one damped step."""
    frames = len(pose.dof)
    positions, rotations = at
    axes = quaternion_rotate(rotations[:, 1:], np.broadcast_to(model.axes, (frames, *model.axes.shape)))
    trunk = parts[0]
    core = _ROOT + len(trunk.joints)
    pull = posture_weight**2
    lag = pull * (start.dof - pose.dof)

    jacobian = _jacobian(groups[0], trunk.joints, model.parents, pose.root_pos, positions, axes)
    hessian = np.swapaxes(jacobian, 1, 2) @ jacobian
    gradient = np.einsum("fmn,fm->fn", jacobian, residuals[0])
    gradient[:, _ROOT:] += lag[:, trunk.joints]
    eliminated = []
    own = damping[:, None] + pull
    for part, group, residual in zip(parts[1:], groups[1:], residuals[1:], strict=True):
        if not group:
            eliminated.append(None)
            continue
        joints = trunk.joints if part.on_waist else trunk.joints[:0]
        outer = _jacobian(group, joints, model.parents, pose.root_pos, positions, axes)
        inner = _jacobian(group, part.joints, model.parents, None, positions, axes)
        width, size = outer.shape[2], len(part.joints)
        both = np.concatenate((inner, outer), axis=2)
        products = np.swapaxes(both, 1, 2) @ both
        pulled = np.einsum("fmn,fm->fn", both, residual)
        pulled[:, :size] += lag[:, part.joints]
        # joints at a limit towards which they are pulled sit out
        held = _held(model, pose.dof[:, part.joints], pulled[:, :size], part.joints)
        block = products[:, :size, :size]
        coupling = products[:, :size, size:]
        _release(block, coupling, pulled, held)
        block[:, np.arange(size), np.arange(size)] += own
        right = np.concatenate((coupling, pulled[:, :size, None]), axis=2)
        solved = np.linalg.solve(block, right)
        hessian[:, :width, :width] += products[:, size:, size:] - np.swapaxes(coupling, 1, 2) @ solved[..., :-1]
        gradient[:, :width] += pulled[:, size:] - np.einsum("fnw,fn->fw", coupling, solved[..., -1])
        eliminated.append((part.joints, width, solved))
    held = _held(model, pose.dof[:, trunk.joints], gradient[:, _ROOT:], trunk.joints)
    if held.any():
        blocked = np.concatenate((np.zeros((frames, _ROOT), dtype=bool), held), axis=1)
        hessian = np.where(blocked[:, :, None] | blocked[:, None, :], 0.0, hessian)
        gradient = np.where(blocked, 0.0, gradient)
        hessian[:, np.arange(core), np.arange(core)] += blocked
    hessian[:, np.arange(core), np.arange(core)] += damping[:, None]
    hessian[:, np.arange(_ROOT, core), np.arange(_ROOT, core)] += pull
    move = np.linalg.solve(hessian, gradient[..., None])[..., 0]
    dof = pose.dof.copy()
    dof[:, trunk.joints] += move[:, _ROOT:]
    for each in eliminated:
        if each is not None:
            joints, width, solved = each
            dof[:, joints] += solved[..., -1] - np.einsum("fnw,fw->fn", solved[..., :-1], move[:, :width])
    return Pose(
        pose.root_pos + move[:, :3],
        quaternion_multiply(quaternion_from_rotation_vector(move[:, 3:_ROOT]), pose.root_rot),
        np.clip(dof, model.lower, model.upper),
    )


def _held(model: RobotModel, dof: Array, pulled: Array, joints: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which angles (F, N) are at a limit towards which they are pulled."""
    low, high = model.lower[joints], model.upper[joints]
    return ((dof <= low) & (pulled < 0.0)) | ((dof >= high) & (pulled > 0.0))


def _release(block: Array, coupling: Array, pulled: Array, held: NDArray[np.bool_]) -> None:
    """Take `held` (F, N) unknowns out of a limb's equations, in place: they will not move."""
    frames, joints = np.nonzero(held)
    block[frames, joints, :] = 0.0
    block[frames, :, joints] = 0.0
    block[frames, joints, joints] = 1.0
    coupling[frames, joints, :] = 0.0
    pulled[frames, joints] = 0.0
