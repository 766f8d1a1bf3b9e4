# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinematic model of the Unitree G1 with 29 joints, and where its links are in a pose.

World and links are right-handed with Z up, X forward and Y to the robot's left, in metres and radians; the floor is
z = 0. The root is the pelvis. Each joint turns its child link about an axis through the child's origin:

    T_child = T_parent * Translation(offset) * Rotation(rest) * Rotation(axis, angle)

The numbers are Unitree's (g1_29dof_rev_1_0), see LICENSE-unitree.txt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..rotations import Array, quaternion_multiply, quaternion_rotate

_TABLE = Path(__file__).with_name("g1_29dof.json")


@dataclass(frozen=True)
class Shape:
    """A simple body of the robot in the frame of its `link`, in metres.

    `kind` is "sphere" (`start` is the centre), "capsule" (`start` to `end`) or "box" (`start` is the centre,
    `half_size` (3)); `radius` is zero for a box.
    """

    link: str
    kind: str
    start: Array
    end: Array
    radius: float
    half_size: Array


@dataclass(frozen=True)
class MeshBox:
    """The bounds (3) of one of Unitree's meshes in the frame of its `link`, in metres; `mesh` is its file's stem."""

    link: str
    mesh: str
    low: Array
    high: Array


@dataclass(frozen=True)
class RobotModel:
    """Links (L = 30) and joints (J = 29) of the robot; joint i turns link i + 1, link 0 is the pelvis.

    `parents` (L) are indices of links, -1 for the pelvis, parents before children. `offsets` (L, 3) are origins in the
    parent's frame, `rest_rotations` (L, 4) quaternions wxyz from child to parent at angle zero. `axes` (J, 3) are unit
    axes in the child's frame. `lower` and `upper` (J) bound the angles in radians, `velocity` (J) their speeds in
    radians per second. `sole_links` (2) are the left and the right foot, `sole_points` (2, 4, 3) the centres of the
    balls of `sole_radius` on which each stands, heel first.
    """

    link_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    parents: NDArray[np.intp]
    offsets: Array
    rest_rotations: Array
    axes: Array
    lower: Array
    upper: Array
    velocity: Array
    sole_links: tuple[int, int]
    sole_points: Array
    sole_radius: float
    shapes: tuple[Shape, ...]
    mesh_boxes: tuple[MeshBox, ...]

    @cached_property
    def link_index(self) -> dict[str, int]:
        """Link name -> index."""
        return {name: i for i, name in enumerate(self.link_names)}

    @cached_property
    def joint_index(self) -> dict[str, int]:
        """Joint name -> index."""
        return {name: i for i, name in enumerate(self.joint_names)}

    @cached_property
    def levels(self) -> tuple[NDArray[np.intp], ...]:
        """The links by how many are above them, the pelvis left out."""
        depth = np.zeros(len(self.parents), dtype=np.intp)
        for link in range(1, len(depth)):
            depth[link] = depth[self.parents[link]] + 1
        return tuple(np.flatnonzero(depth == level) for level in range(1, int(depth.max()) + 1))


@cache
def g1_model() -> RobotModel:
    """Return the model of the Unitree G1."""
    table = json.loads(_TABLE.read_text(encoding="utf-8"))
    joints = table["joints"]
    links = (table["root"], *(joint["child"] for joint in joints))
    index = {name: i for i, name in enumerate(links)}
    soles = table["soles"]
    sides = ("left_ankle_roll_link", "right_ankle_roll_link")

    def column(key: str) -> Array:
        return np.array([joint[key] for joint in joints], dtype=np.float64)

    rest = column("quat_wxyz")
    return RobotModel(
        link_names=links,
        joint_names=tuple(joint["name"] for joint in joints),
        parents=np.array([-1, *(index[joint["parent"]] for joint in joints)], dtype=np.intp),
        offsets=np.concatenate((np.zeros((1, 3)), column("xyz"))),
        rest_rotations=np.concatenate(
            (((1.0, 0.0, 0.0, 0.0),), rest / np.linalg.norm(rest, axis=-1, keepdims=True)),
        ),
        axes=column("axis"),
        lower=column("lower"),
        upper=column("upper"),
        velocity=column("velocity"),
        sole_links=(index[sides[0]], index[sides[1]]),
        sole_points=np.array([soles["points"][side] for side in sides]),
        sole_radius=float(soles["radius"]),
        shapes=tuple(_shape(row) for row in table["shapes"]),
        mesh_boxes=tuple(
            MeshBox(row["link"], row["mesh"], np.array(row["min"]), np.array(row["max"])) for row in table["mesh_boxes"]
        ),
    )


def _shape(row: dict) -> Shape:
    start = np.array(row["start"] if "start" in row else row["center"], dtype=np.float64)
    end = np.array(row["end"], dtype=np.float64) if "end" in row else start
    half_size = np.array(row.get("half_size", (0.0, 0.0, 0.0)), dtype=np.float64)
    return Shape(row["link"], row["type"], start, end, float(row.get("radius", 0.0)), half_size)


def forward_kinematics(model: RobotModel, root_pos: Array, root_rot: Array, dof: Array) -> tuple[Array, Array]:
    """Return positions (F, 30, 3) in metres and rotations (F, 30, 4) wxyz of all links in the world.

    `root_pos` (F, 3) and `root_rot` (F, 4) wxyz are those of the pelvis, `dof` (F, 29) are the joint angles in radians.
    """
    frames = len(dof)
    half = 0.5 * dof.T
    turn = np.empty((len(model.joint_names), frames, 4))
    turn[..., 0] = np.cos(half)
    turn[..., 1:] = np.sin(half)[..., None] * model.axes[:, None]
    local = quaternion_multiply(np.broadcast_to(model.rest_rotations[1:, None], turn.shape), turn)
    # links first while it is worked out: what is added up then lies together in memory
    positions, rotations = np.empty((len(model.parents), frames, 3)), np.empty((len(model.parents), frames, 4))
    positions[0], rotations[0] = root_pos, root_rot
    for level in model.levels:
        above = rotations[model.parents[level]]
        offsets = np.broadcast_to(model.offsets[level, None], (len(level), frames, 3))
        positions[level] = positions[model.parents[level]] + quaternion_rotate(above, offsets)
        rotations[level] = quaternion_multiply(above, local[level - 1])
    return positions.swapaxes(0, 1), rotations.swapaxes(0, 1)


def sole_positions(model: RobotModel, positions: Array, rotations: Array) -> Array:
    """Return the lowest points (F, 2, 4, 3) of the balls of each sole, given all links as forward_kinematics does."""
    feet = list(model.sole_links)
    points = positions[:, feet, None] + quaternion_rotate(rotations[:, feet, None], model.sole_points)
    return points - np.array((0.0, 0.0, model.sole_radius))


def lowest_sole(model: RobotModel, positions: Array, rotations: Array) -> Array:
    """Return the height (F) of the lowest sole point over the floor, given all links as forward_kinematics does."""
    return sole_positions(model, positions, rotations)[..., 2].min(axis=(1, 2))
