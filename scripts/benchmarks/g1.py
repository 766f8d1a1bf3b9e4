# SPDX-License-Identifier: GPL-3.0-or-later
"""Human motion to the G1: our solve against mink's differential inverse kinematics on the same targets.

Both get the targets and weights that the solve makes of the sample clips' true motion (pelvis, torso, feet, hands,
elbows, knees), the joint limits and the same pull towards the closed-form angles. mink goes from frame to frame, each
from the result of the one before; the first from the closed form.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# One thread for both: the arrays are small, and processor time is compared.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from aimocap_addon.motion.g1 import solve  # noqa: E402
from aimocap_addon.motion.g1.model import RobotModel, forward_kinematics, g1_model, lowest_sole  # noqa: E402
from aimocap_addon.motion.g1.tracking import LinkTarget, Pose, track  # noqa: E402
from aimocap_addon.motion.mapping import Mapping, detect  # noqa: E402
from aimocap_addon.motion.rotations import (  # noqa: E402
    Array,
    quaternion_conjugate,
    quaternion_multiply,
    rotation_vector_from_quaternion,
)
from aimocap_addon.motion.skeleton import Motion, Skeleton  # noqa: E402
from tests.motion.clip_truth import CLIPS, true_motion  # noqa: E402
from tests.motion.g1_mjcf import mujoco_g1  # noqa: E402

_DT = 1.0 / 30.0


@dataclass(frozen=True)
class Task:
    """One clip's targets and first poses."""

    name: str
    start: Pose
    targets: Sequence[LinkTarget]

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.start.dof)


@dataclass
class Outcome:
    """What one way of solving came to over all clips: processor seconds, squares and errors frame by frame."""

    seconds: float
    costs: Array
    position_mm: Array
    rotation_deg: Array
    worst_mm: float
    over_limit_deg: float


def tasks(rate: float) -> list[Task]:
    """Return the targets of every sample clip at `rate` frames per second."""
    model = g1_model()
    found = []
    for name, skeleton, mapping, motion in _clips():
        wanted = solve.performance(model, skeleton, mapping, solve.resampled(motion, rate))
        start, targets = solve.targets_of(model, wanted, rate)
        found.append(Task(name, start, targets))
    return found


def _clips() -> list[tuple[str, Skeleton, Mapping, Motion]]:
    found = []
    for name in CLIPS:
        skeleton, motion = true_motion(name)
        mapping = detect(skeleton.names, skeleton.parents.tolist())
        assert mapping is not None
        found.append((name, skeleton, mapping, motion))
    return found


def measure(work: Sequence[Task], way: Callable[[Task], Pose]) -> Outcome:
    """Solve all clips one way and compare with the targets."""
    model = g1_model()
    seconds, costs, places, turns, over = 0.0, [], [], [], 0.0
    for task in work:
        began = time.process_time()
        pose = way(task)
        seconds += time.process_time() - began
        positions, rotations = forward_kinematics(model, pose.root_pos, pose.root_rot, pose.dof)
        cost = solve.POSTURE_WEIGHT**2 * ((pose.dof - task.start.dof) ** 2).sum(axis=1)
        for target in task.targets:
            if target.position is not None:
                apart = np.linalg.norm(target.position - positions[:, target.link], axis=1)
                places.append(1000.0 * apart)
                cost = cost + (target.position_weight * apart) ** 2
            if target.rotation is not None:
                turn = quaternion_multiply(target.rotation, quaternion_conjugate(rotations[:, target.link]))
                angle = np.linalg.norm(rotation_vector_from_quaternion(turn), axis=1)
                turns.append(np.degrees(angle))
                cost = cost + (target.rotation_weight * angle) ** 2
        costs.append(cost)
        beyond = np.maximum(model.lower - pose.dof, pose.dof - model.upper)
        over = max(over, float(np.degrees(beyond.max())))
    place, turn = np.concatenate(places), np.concatenate(turns)
    return Outcome(seconds, np.concatenate(costs), place, turn, float(place.max()), over)


class Mink:
    """mink on the same robot, targets and weights, `steps` at most on each frame."""

    def __init__(self, steps: int, damping: float, lm_damping: float, stop_gain: float) -> None:
        self.mink: Any = importlib.import_module("mink")  # its types are those of a binary
        self.robot = mujoco_g1(g1_model())[0]
        self.steps, self.damping, self.lm_damping, self.stop_gain = steps, damping, lm_damping, stop_gain

    def __call__(self, task: Task) -> Pose:
        """Return the poses of a clip."""
        mink, model = self.mink, g1_model()
        configuration = mink.Configuration(self.robot)
        configuration.update(_qpos(task.start, 0))
        links = [self._task(model, target) for target in task.targets]
        posture = mink.PostureTask(self.robot, cost=[0.0] * 6 + [solve.POSTURE_WEIGHT] * 29)
        limits = [mink.ConfigurationLimit(self.robot, gain=1.0)]
        all_tasks, found = [*links, posture], []
        for frame in range(task.frames):
            for link, target in zip(links, task.targets, strict=True):
                self._aim(link, target, frame)
            posture.set_target(_qpos(task.start, frame))
            error = np.inf
            for _ in range(self.steps):
                velocity = mink.solve_ik(configuration, all_tasks, _DT, "daqp", damping=self.damping, limits=limits)
                configuration.integrate_inplace(velocity, _DT)
                if self.stop_gain > 0.0:
                    now = float(
                        np.sum([np.linalg.norm(each.cost * each.compute_error(configuration)) for each in links])
                    )
                    if error - now < self.stop_gain:
                        break
                    error = now
            found.append(configuration.q.copy())
        qpos = np.stack(found)
        return Pose(qpos[:, :3], qpos[:, 3:7], qpos[:, 7:])

    def _task(self, model: RobotModel, target: LinkTarget) -> Any:
        return self.mink.FrameTask(
            model.link_names[target.link], "body", position_cost=1.0, orientation_cost=1.0, lm_damping=self.lm_damping
        )

    def _aim(self, link: Any, target: LinkTarget, frame: int) -> None:
        position, rotation = np.zeros(3), np.array((1.0, 0.0, 0.0, 0.0))
        place_cost = turn_cost = 0.0
        if target.position is not None:
            position, place_cost = target.position[frame], _at(target.position_weight, frame)
        if target.rotation is not None:
            rotation, turn_cost = target.rotation[frame], _at(target.rotation_weight, frame)
        link.set_position_cost(place_cost)
        link.set_orientation_cost(turn_cost)
        link.set_target(self.mink.SE3.from_rotation_and_translation(self.mink.SO3(rotation), position))


def _at(weight: Array | float, frame: int) -> float:
    return float(weight[frame]) if isinstance(weight, np.ndarray) else float(weight)


def _qpos(pose: Pose, frame: int) -> Array:
    return np.concatenate((pose.root_pos[frame], pose.root_rot[frame], pose.dof[frame]))


def ours(task: Task) -> Pose:
    """Return the poses of a clip by our own tracking."""
    return track(g1_model(), task.targets, task.start, solve.STEPS, solve.POSTURE_WEIGHT)


def main() -> int:
    """Measure and print a table."""
    rows: list[tuple[str, Callable[[Task], Pose]]] = [
        ("ours", ours),
        ("mink, 10 steps at most, as GMR sets it", Mink(10, 0.5, 1.0, 1e-3)),
        ("mink, 10 steps at most, hardly damped", Mink(10, 1e-6, 1e-3, 1e-3)),
        ("mink, 2 steps", Mink(2, 1e-6, 1e-3, 0.0)),
        ("mink, 1 step", Mink(1, 1e-6, 1e-3, 0.0)),
    ]
    for rate in (30.0, 60.0):
        work = tasks(rate)
        frames = sum(task.frames for task in work)
        print(f"\nThree clips at {rate:g} fps, {frames} frames:\n")
        print("| | frames/s | ours is | cost | positions mm mean | 99 % | worst | rotations ° mean | beyond limits ° |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        best = 0.0
        for name, way in rows:
            outcomes = [measure(work, way) for _ in range(3)]
            found = min(outcomes, key=lambda outcome: outcome.seconds)
            rate_found = frames / found.seconds
            best = best or rate_found
            print(
                f"| {name} | {rate_found:.0f} | {best / rate_found:.1f}× | {found.costs.mean():.4f} | "
                f"{found.position_mm.mean():.2f} | {np.percentile(found.position_mm, 99):.1f} | {found.worst_mm:.0f} | "
                f"{found.rotation_deg.mean():.2f} | {max(found.over_limit_deg, 0.0):.2f} |"
            )
    whole()
    return 0


def whole() -> None:
    """Print how fast a clip is solved from the performer's bones to the robot's joint angles, floor and speeds too."""
    model = g1_model()
    print("\nThe whole solve, from the performer's bones at 30 fps:\n")
    print("| clip | frames at 60 fps | frames/s | deepest sole mm |")
    print("| --- | ---: | ---: | ---: |")
    for name, skeleton, mapping, motion in _clips():
        began = time.process_time()
        robot = solve.solve_g1(skeleton, mapping, motion, 60.0)
        seconds = time.process_time() - began
        links = forward_kinematics(model, robot.root_pos, robot.root_rot, robot.dof_pos)
        lowest = 1000.0 * float(lowest_sole(model, *links).min())
        print(f"| {name} | {robot.frames} | {robot.frames / seconds:.0f} | {abs(min(lowest, 0.0)):.2f} |")


if __name__ == "__main__":
    sys.exit(main())
