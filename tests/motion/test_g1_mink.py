# SPDX-License-Identifier: GPL-3.0-or-later
"""Our inverse kinematics against mink's, on the targets of the benchmark."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aimocap_addon.motion.g1.tracking import LinkTarget, Pose
from scripts.benchmarks import g1

FRAMES = 40


def first_frames(task: g1.Task) -> g1.Task:
    def cut(value: Any) -> Any:
        return value[:FRAMES] if isinstance(value, np.ndarray) else value

    targets = [
        LinkTarget(
            target.link,
            cut(target.position),
            cut(target.rotation),
            cut(target.position_weight),
            cut(target.rotation_weight),
        )
        for target in task.targets
    ]
    start = Pose(task.start.root_pos[:FRAMES], task.start.root_rot[:FRAMES], task.start.dof[:FRAMES])
    return replace(task, start=start, targets=targets)


@pytest.mark.parametrize("clip", [0, 1, 2])
def test_no_frame_is_further_from_its_targets_than_mink_gets_it(clip: int) -> None:
    work = [first_frames(g1.tasks(30.0)[clip])]
    ours, mink = g1.measure(work, g1.ours), g1.measure(work, g1.Mink(10, 1e-6, 1e-3, 1e-3))
    assert ours.costs.mean() < 1.01 * mink.costs.mean() + 1e-6
    assert (ours.costs < 1.1 * mink.costs + 1e-5).all()
    assert ours.over_limit_deg <= 0.0
    assert mink.position_mm.mean() < 20.0  # it did solve them
