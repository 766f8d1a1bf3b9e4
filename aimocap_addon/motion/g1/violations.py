# SPDX-License-Identifier: GPL-3.0-or-later
"""Where motion asks more of the robot than it can do: beyond joint limits, too fast, through the floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..rotations import Array
from .joint_orders import excess
from .model import RobotModel, forward_kinematics, lowest_sole

if TYPE_CHECKING:
    from .robot_motion import RobotMotion

# What rounding in a file leaves: radians, radians per second, metres.
_ANGLE_SLACK, _SPEED_SLACK, _FLOOR_SLACK = 1e-5, 1e-2, 1e-3


@dataclass(frozen=True)
class Excess:
    """The worst of one kind: which joint (or "soles"), by how much over what is allowed, where, and how often.

    `amount` is in radians, radians per second or metres. `frame` is the index of the worst frame, `frames` how many
    frames are beyond.
    """

    name: str
    amount: float
    frame: int
    frames: int


@dataclass(frozen=True)
class Violations:
    """What a motion asks too much: per joint, worst first, its excess over limits and speed; `floor` the soles'."""

    limits: tuple[Excess, ...]
    velocities: tuple[Excess, ...]
    floor: Excess | None

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return bool(self.limits or self.velocities or self.floor)

    def sentences(self) -> list[str]:
        """Return one sentence for each kind that occurs; frames are counted from 0."""
        found = []
        if self.limits:
            worst = self.limits[0]
            found.append(
                f"{_joints(self.limits)} beyond the limits, most of all {_words(worst.name)} by "
                f"{np.degrees(worst.amount):.1f}° at frame {worst.frame}."
            )
        if self.velocities:
            worst = self.velocities[0]
            found.append(
                f"{_joints(self.velocities)} faster than the motors allow, most of all {_words(worst.name)} by "
                f"{np.degrees(worst.amount):.0f}°/s at frame {worst.frame}."
            )
        if self.floor:
            found.append(
                f"The feet are under the floor in {self.floor.frames} frames, deepest by "
                f"{1000.0 * self.floor.amount:.0f} mm at frame {self.floor.frame}."
            )
        return found


def violations(motion: RobotMotion, model: RobotModel) -> Violations:
    """Return what `motion` asks more than the robot can do.

    Speeds are from frame to frame.
    """
    beyond = excess(model, motion.dof_pos)
    speed = np.abs(np.diff(motion.dof_pos, axis=0)) * motion.fps - model.velocity
    positions, rotations = forward_kinematics(model, motion.root_pos, motion.root_rot, motion.dof_pos)
    depth = -lowest_sole(model, positions, rotations)
    return Violations(
        _worst(model.joint_names, beyond, _ANGLE_SLACK),
        _worst(model.joint_names, speed, _SPEED_SLACK),
        next(iter(_worst(("soles",), depth[:, None], _FLOOR_SLACK)), None),
    )


def _worst(names: tuple[str, ...], amounts: Array, slack: float) -> tuple[Excess, ...]:
    """Return the worst of each column of `amounts` (F, N) that is over `slack` anywhere, the largest first."""
    if not len(amounts):
        return ()
    frames = amounts.argmax(axis=0)
    found = [
        Excess(name, float(amounts[frame, i]), int(frame), int((amounts[:, i] > slack).sum()))
        for i, (name, frame) in enumerate(zip(names, frames, strict=True))
        if amounts[frame, i] > slack
    ]
    return tuple(sorted(found, key=lambda each: -each.amount))


def _joints(found: tuple[Excess, ...]) -> str:
    return "1 joint goes" if len(found) == 1 else f"{len(found)} joints go"


def _words(joint: str) -> str:
    return "the " + joint.removesuffix("_joint").replace("_", " ")
