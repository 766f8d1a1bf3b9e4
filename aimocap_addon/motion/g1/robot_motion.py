# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of the G1 and the file it comes in, `robot_motion_json`: read, checked and written.

The file is an object with `version`, `robotType` ("unitree_g1"), `fps`, `frameCount`, `root_pos` (F, 3) in metres,
`root_rot_xyzw` (F, 4) and `dof_pos` (F, N) in radians; Z is up and the floor is z = 0. Order and number of the joints
are stated nowhere, see `joint_orders`; a list of N names in `joint_names` (or `dof_names`) is believed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from ..rotations import Array, quaternion_rotate
from .joint_orders import FIXED_WRISTS_23, HARDWARE_23, by_name, by_number
from .model import RobotModel, g1_model
from .violations import Violations, violations

__all__ = [
    "FIXED_WRISTS_23",
    "HARDWARE_23",
    "JointLayoutError",
    "RobotMotion",
    "RobotMotionError",
    "Violations",
    "clamped",
    "read_robot_motion",
    "robot_motion_csv",
    "robot_motion_json",
    "violations",
]

ROBOT_TYPE = "unitree_g1"
VERSION = 1
_MAX_BYTES = 512 * 2**20
_MAX_FPS = 1000.0
_MAX_JOINTS = 200
# How far a quaternion's length may be from one: what rounding to three digits leaves.
_UNIT = 2e-3
_DIGITS = 8


class RobotMotionError(ValueError):
    """The file is no motion of a G1; the message is one sentence for the person who opened it."""


class JointLayoutError(RobotMotionError):
    """The file has 23 joints, and two robots have that many: the person has to say which."""


@dataclass(frozen=True)
class RobotMotion:
    """Motion of the G1: `fps` frames per second, F frames.

    `root_pos` (F, 3) in metres and `root_rot` (F, 4) unit quaternions wxyz are the pelvis in the world, `dof_pos`
    (F, 29) the joint angles in radians in the model's order.
    """

    fps: float
    root_pos: Array
    root_rot: Array
    dof_pos: Array

    @property
    def frames(self) -> int:
        """The number of frames."""
        return len(self.dof_pos)


def read_robot_motion(data: str | bytes, layout_23: str | None = None) -> tuple[RobotMotion, list[str]]:
    """Return the motion in `data`, the text of a file, and warnings, each a sentence.

    `layout_23`, HARDWARE_23 or FIXED_WRISTS_23, says which robot a file with 23 joints is of. Raises JointLayoutError
    if that is needed but not given, and RobotMotionError for everything else that is wrong.
    """
    document = _document(data)
    model = g1_model()
    warnings = _header_warnings(document)
    fps = _number(document, "fps")
    if not 0.0 < fps <= _MAX_FPS:
        raise RobotMotionError(f"The motion's fps is {fps:g}, but has to be above 0 and at most {_MAX_FPS:g}.")
    root_pos = _table(document, "root_pos", 3)
    root_xyzw = _table(document, "root_rot_xyzw", 4)
    dof = _table(document, "dof_pos", None)
    _check_counts(document, root_pos, root_xyzw, dof)
    root_rot = _unit_wxyz(root_xyzw)
    names = _joint_names(document, dof.shape[1])
    try:
        angles, assumed = by_name(model, dof, names) if names else by_number(model, dof, layout_23)
    except LookupError as error:
        raise JointLayoutError(
            "The motion has 23 joints, which two robots have: choose between Unitree's G1 with 23 motors and the one "
            "with 29 whose wrists are fixed."
        ) from error
    except ValueError as error:
        raise RobotMotionError(str(error)) from error
    motion = RobotMotion(fps, root_pos, root_rot, angles)
    return motion, warnings + assumed + _motion_warnings(motion, model)


def robot_motion_json(motion: RobotMotion) -> str:
    """Return `motion` as the text of a robot_motion_json file, numbers with eight digits after the point."""
    fps = float(motion.fps)
    document = {
        "version": VERSION,
        "robotType": ROBOT_TYPE,
        "fps": int(fps) if fps.is_integer() else fps,
        "frameCount": motion.frames,
        "root_pos": _rounded(motion.root_pos),
        "root_rot_xyzw": _rounded(motion.root_rot[:, [1, 2, 3, 0]]),
        "dof_pos": _rounded(motion.dof_pos),
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def robot_motion_csv(motion: RobotMotion) -> str:
    """Return `motion` as lines of 36 numbers: position, quaternion xyzw and 29 joint angles, without a header.

    Such a file does not say its frame rate.
    """
    rows = np.concatenate((motion.root_pos, motion.root_rot[:, [1, 2, 3, 0]], motion.dof_pos), axis=1)
    return "".join(",".join(map(repr, row)) + "\n" for row in _rounded(rows))


def clamped(motion: RobotMotion, model: RobotModel) -> RobotMotion:
    """Return `motion` with every joint angle within its limits."""
    return replace(motion, dof_pos=np.clip(motion.dof_pos, model.lower, model.upper))


def _rounded(values: Array) -> list[list[float]]:
    return (np.round(values, _DIGITS) + 0.0).tolist()  # adding zero makes -0.0 plain


def _document(data: str | bytes) -> dict[str, Any]:
    if len(data) > _MAX_BYTES:
        raise RobotMotionError(f"The file is larger than {_MAX_BYTES // 2**20} MiB: split the motion.")
    try:
        text = data.decode("utf-8-sig") if isinstance(data, bytes) else data.removeprefix("\ufeff")
        # numbers become floats at once: Python's integers have no bounds
        document = json.loads(text, parse_int=float, parse_constant=_no_number)
    except RobotMotionError:
        raise
    except UnicodeDecodeError as error:
        raise RobotMotionError("The file is not text in UTF-8: choose a robot motion JSON file.") from error
    except RecursionError as error:
        raise RobotMotionError("The file is nested too deeply to be a robot motion JSON file.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise RobotMotionError(f"The file is not complete JSON (at {where}): download or export it again.") from error
    if not isinstance(document, dict):
        raise RobotMotionError("The file holds no robot motion: it has to be a JSON object with root_pos and dof_pos.")
    return document


def _no_number(name: str) -> float:
    raise RobotMotionError(f"The file has a number that is none ({name}): export the motion again.")


def _header_warnings(document: dict[str, Any]) -> list[str]:
    """Return warnings about the kind of the file; raises RobotMotionError for another robot's."""
    warnings = []
    robot = document.get("robotType")
    if robot is None:
        warnings.append("The file does not say which robot it is of; it was taken to be a Unitree G1.")
    elif robot != ROBOT_TYPE:
        raise RobotMotionError(f'The motion is of the robot "{_shown(robot)}", not of a Unitree G1 ("{ROBOT_TYPE}").')
    version = document.get("version")
    if version is None:
        warnings.append(f"The file does not say its version; it was taken to be {VERSION}.")
    elif isinstance(version, bool) or not isinstance(version, float) or not version.is_integer() or version < 1:
        raise RobotMotionError(f'The version of the file is "{_shown(version)}", but has to be a whole number from 1.')
    elif version != VERSION:
        warnings.append(f"The file has version {version:.0f}, but only {VERSION} is known: check the motion well.")
    return warnings


def _number(document: dict[str, Any], key: str) -> float:
    if key not in document:
        raise RobotMotionError(f'The file has no "{key}": it is no complete robot motion.')
    value = document[key]
    if isinstance(value, bool) or not isinstance(value, float) or not math.isfinite(value):
        raise RobotMotionError(f'"{key}" in the file is "{_shown(value)}", but has to be a number.')
    return value


def _table(document: dict[str, Any], key: str, width: int | None) -> Array:
    """Return the numbers (F, N) of one list of lists; N is `width` if that is given."""
    rows = document.get(key)
    if not isinstance(rows, list):
        found = "is not a list" if key in document else "is missing"
        raise RobotMotionError(f'"{key}" {found} in the file: it has to hold a list of numbers for each frame.')
    if not rows:
        raise RobotMotionError(f'"{key}" in the file holds no frames.')
    if width is None:
        width = len(rows[0]) if isinstance(rows[0], list) else 0
        if not 0 < width <= _MAX_JOINTS:
            raise RobotMotionError(f'"{key}" in the file holds no list of joint angles for frame 0.')
    for frame, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            found = f"{len(row)} numbers" if isinstance(row, list) else "no list"
            raise RobotMotionError(f'"{key}" holds {found} for frame {frame}, but has to hold {width} for every frame.')
    if set(map(type, chain.from_iterable(rows))) != {float}:
        frame = next(i for i, row in enumerate(rows) if any(type(value) is not float for value in row))
        raise RobotMotionError(f'"{key}" holds something other than numbers for frame {frame}.')
    table = np.array(rows, dtype=np.float64)
    # squares and differences must stay finite too, and no robot is a million metres away
    wrong = ~(np.abs(table) < 1e6).all(axis=1)
    if wrong.any():
        raise RobotMotionError(f'"{key}" holds a number that is out of all bounds for frame {int(wrong.argmax())}.')
    return table


def _check_counts(document: dict[str, Any], root_pos: Array, root_rot: Array, dof: Array) -> None:
    counts: dict[str, float] = {"root_pos": len(root_pos), "root_rot_xyzw": len(root_rot), "dof_pos": len(dof)}
    if "frameCount" in document:
        counts["frameCount"] = _number(document, "frameCount")
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{key} {count:g}" for key, count in counts.items())
        raise RobotMotionError(f"The numbers of frames in the file differ ({listed}): it is cut off or damaged.")


def _unit_wxyz(xyzw: Array) -> Array:
    length = np.linalg.norm(xyzw, axis=1)
    wrong = np.abs(length - 1.0) > _UNIT
    if wrong.any():
        frame = int(wrong.argmax())
        raise RobotMotionError(
            f'"root_rot_xyzw" is no rotation for frame {frame}: the length of a quaternion has to be 1, '
            f"but is {length[frame]:.3g}."
        )
    return xyzw[:, [3, 0, 1, 2]] / length[:, None]


def _joint_names(document: dict[str, Any], count: int) -> Sequence[str]:
    """Return the names of the joints if the file has them, else none."""
    for key in ("joint_names", "dof_names"):
        names = document.get(key)
        if names is None:
            continue
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise RobotMotionError(f'"{key}" in the file has to be a list of names.')
        if len(names) != count:
            raise RobotMotionError(f'"{key}" names {len(names)} joints, but "dof_pos" has {count} for every frame.')
        return names
    return ()


def _motion_warnings(motion: RobotMotion, model: RobotModel) -> list[str]:
    warnings = violations(motion, model).sentences()
    up = quaternion_rotate(motion.root_rot, np.array((0.0, 0.0, 1.0)))[:, 2].mean()
    # what x, y, z, w would be if the file had w first
    other = motion.root_rot[:, [1, 2, 3, 0]]
    if up < 0.7 and quaternion_rotate(other, np.array((0.0, 0.0, 1.0)))[:, 2].mean() > 0.9:
        warnings.append(
            "The robot would stand upright if its root rotations were w, x, y, z; they were read as x, y, z, w."
        )
    return warnings


def _shown(value: object) -> str:
    """Return a value of the file as a few characters that can be printed."""
    if isinstance(value, list | dict):
        return "[...]" if isinstance(value, list) else "{...}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    text = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return text if len(text) <= 40 else f"{text[:40]}..."
