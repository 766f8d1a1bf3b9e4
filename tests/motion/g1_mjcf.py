# SPDX-License-Identifier: GPL-3.0-or-later
"""The robot's model as MuJoCo knows models, without meshes, for comparison with MuJoCo's own kinematics."""

from __future__ import annotations

import importlib
from typing import Any

from aimocap_addon.motion.g1.model import RobotModel

mujoco: Any = importlib.import_module("mujoco")  # a binary, of which type checkers see nothing

# Without it MuJoCo has no mass to work with; kinematics does not depend on it.
_INERTIAL = '<inertial pos="0 0 0" mass="1" diaginertia="0.01 0.01 0.01"/>'


def mujoco_g1(model: RobotModel) -> tuple[Any, Any]:
    """Return MuJoCo's model and data of the robot; its qpos is root position, rotation wxyz and the 29 angles."""
    robot = mujoco.MjModel.from_xml_string(mjcf(model))
    return robot, mujoco.MjData(robot)


def mjcf(model: RobotModel) -> str:
    """Return MJCF whose bodies, in depth-first order, are the model's links."""
    rows: list[str] = ["<mujoco><compiler angle='radian'/><worldbody>"]
    open_links: list[int] = []
    for link, name in enumerate(model.link_names):
        while open_links and open_links[-1] != model.parents[link]:
            rows.append("</body>")
            open_links.pop()
        open_links.append(link)
        place = f'pos="{_text(model.offsets[link])}" quat="{_text(model.rest_rotations[link])}"'
        rows.append(f'<body name="{name}" {place}>{_INERTIAL}')
        if link:
            joint = link - 1
            limits = f"{float(model.lower[joint])!r} {float(model.upper[joint])!r}"
            axis = f'axis="{_text(model.axes[joint])}"'
            rows.append(f'<joint name="{model.joint_names[joint]}" {axis} limited="true" range="{limits}"/>')
        else:
            rows.append("<freejoint/>")
        if link in model.sole_links:
            for point in model.sole_points[model.sole_links.index(link)]:
                rows.append(f'<geom type="sphere" size="{model.sole_radius}" pos="{_text(point)}"/>')
    rows += ["</body>"] * len(open_links)
    return "".join([*rows, "</worldbody></mujoco>"])


def _text(values: object) -> str:
    return " ".join(repr(float(value)) for value in values)  # type: ignore[attr-defined]
