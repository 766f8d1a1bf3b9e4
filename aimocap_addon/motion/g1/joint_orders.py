# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order, and with which joints, motion of the G1 is written down, brought to the order of the model.

The common order is MuJoCo's, which goes down each limb before the next; Isaac Lab goes through the tree level by level.
Both have 29 joints and no names in the file: which one it is shows where angles lie beyond the joint limits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..rotations import Array
from .model import RobotModel

# The two robots with 23 joints: Unitree's own, whose waist only yaws and whose wrists only roll; and the one with 29
# of which learned controllers leave the wrists alone.
HARDWARE_23, FIXED_WRISTS_23 = "hardware", "fixed_wrists"
LAYOUTS_23 = (HARDWARE_23, FIXED_WRISTS_23)

# The joints of a Dex3 hand; those of each hand follow its arm.
_HAND = ("thumb_0", "thumb_1", "thumb_2", "middle_0", "middle_1", "index_0", "index_1")
# Mean excess over the limits, in radians, from which an order is in doubt: real motion has below 0.002 in its own
# order and above 0.3 in the other.
_DOUBTFUL = 0.05


def excess(model: RobotModel, dof: Array) -> Array:
    """Return by how much (F, 29) angles (F, 29) are beyond the joint limits, in radians, zero within."""
    return np.maximum(np.maximum(model.lower - dof, dof - model.upper), 0.0)


def by_number(model: RobotModel, dof: Array, layout_23: str | None) -> tuple[Array, list[str]]:
    """Return angles (F, N) without names as (F, 29) in the model's order, and warnings about what was assumed.

    `layout_23` is one of LAYOUTS_23 or None. Raises LookupError when 23 joints come without it, and ValueError with a
    sentence for a number of joints that no G1 has.
    """
    names = model.joint_names
    count = dof.shape[1]
    if count == len(names):
        return _in_likely_order(model, dof)
    if count == 23:
        if layout_23 is None:
            raise LookupError
        return _spread(model, dof, joints_23(model, layout_23)), [
            "The motion has 23 of the 29 joints; the others stay at zero."
        ]
    if count == 27:
        kept = [name for name in names if name not in ("waist_roll_joint", "waist_pitch_joint")]
        return _spread(model, dof, kept), [
            "The motion has 27 joints: it was taken as that of a G1 with a locked waist, which only yaws."
        ]
    if count == 43:
        order = joints_43(model)
        return _spread(model, dof, order), [
            "The motion has 43 joints: it was taken as that of a G1 with Dex3 hands; the fingers were left out."
        ]
    raise ValueError(
        f"The motion has {count} joints per frame, but a G1 has 29 (or 23, 27 or 43): check that it is of this robot."
    )


def by_name(model: RobotModel, dof: Array, names: Sequence[str]) -> tuple[Array, list[str]]:
    """Return angles (F, N) of the joints `names` (N) as (F, 29) in the model's order, and warnings.

    Names may lack the "_joint" at their end. Raises ValueError with a sentence when they are not the robot's.
    """
    full = [name if name.endswith("_joint") else f"{name}_joint" for name in names]
    if len(set(full)) < len(full):
        raise ValueError("The motion names a joint twice: write each joint once.")
    known = set(full) & set(model.joint_names)
    if not known:
        raise ValueError("The motion names no joint of a G1: check that it is of this robot.")
    warnings = []
    hands = {name for name in joints_43(model) if name not in model.joint_index}
    strange = [name for name in full if name not in model.joint_index and name not in hands]
    if strange:
        warnings.append(f"Joints that a G1 does not have were left out: {_listed(strange)}.")
    missing = [name for name in model.joint_names if name not in known]
    if missing:
        warnings.append(f"Joints that the motion does not have stay at zero: {_listed(missing)}.")
    return _spread(model, dof, full), warnings


def joints_23(model: RobotModel, layout: str) -> list[str]:
    """Return the joints of one of LAYOUTS_23 in order; raises ValueError for another layout."""
    endings = {
        HARDWARE_23: ("waist_roll_joint", "waist_pitch_joint", "wrist_pitch_joint", "wrist_yaw_joint"),
        FIXED_WRISTS_23: ("wrist_roll_joint", "wrist_pitch_joint", "wrist_yaw_joint"),
    }
    if layout not in endings:
        raise ValueError(f'A layout of 23 joints is "{HARDWARE_23}" or "{FIXED_WRISTS_23}", not "{layout}".')
    return [name for name in model.joint_names if not name.endswith(endings[layout])]


def joints_43(model: RobotModel) -> list[str]:
    """Return the joints of a G1 with Dex3 hands in order."""
    order = []
    for name in model.joint_names:
        order.append(name)
        if name.endswith("wrist_yaw_joint"):
            order += [f"{name.partition('_')[0]}_hand_{finger}_joint" for finger in _HAND]
    return order


def breadth_first(model: RobotModel) -> list[str]:
    """Return the 29 joints in Isaac Lab's order, level by level."""
    return [model.joint_names[link - 1] for level in model.levels for link in level]


def _in_likely_order(model: RobotModel, dof: Array) -> tuple[Array, list[str]]:
    as_written = float(excess(model, dof).mean())
    if as_written <= _DOUBTFUL:
        return dof, []
    other = _spread(model, dof, breadth_first(model))
    if float(excess(model, other).mean()) < 0.2 * as_written:
        return other, [
            "The joints were taken to be in Isaac Lab's order, as they are far beyond their limits in MuJoCo's."
        ]
    return dof, [
        "The joint angles are far beyond their limits in any known order: check that they are radians and of a G1."
    ]


def _spread(model: RobotModel, dof: Array, names: Sequence[str]) -> Array:
    """Return angles (F, N) of `names` (N) as (F, 29), zero for other joints of the robot."""
    whole = np.zeros((len(dof), len(model.joint_names)))
    for column, name in enumerate(names):
        if name in model.joint_index:
            whole[:, model.joint_index[name]] = dof[:, column]
    return whole


def _listed(names: Sequence[str]) -> str:
    words = [name.removesuffix("_joint").replace("_", " ")[:40] for name in names[:5]]
    shown = [word if word.isprintable() else ascii(word) for word in words]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(shown) + more
