# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that limbs on IK controls need beside what each control needs for itself.

Where a limb points follows from its trunk, its goal and its pole together, and where it is almost straight it turns by
many times what they are off. So the limbs are worked out as the rig does it, with the keys that are left, and get keys
back on the frames where they are off.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..motion import control_targets
from ..motion.contacts import spans
from ..motion.control_targets import Places, Space
from ..motion.retarget import Solution, Target
from ..motion.rotations import Array, cross, dot, length, normalize, quaternion_multiply, quaternion_rotate
from .fewer_keys import Kept, as_quaternions


@dataclass(frozen=True)
class IkLimb:
    """A limb by the `bones` that inverse kinematics replaces, three from the trunk on, and its controls.

    `shift` is the one that shifts its joint, None without; all are indices into the names of the controls.
    """

    bones: tuple[int, int, int]
    goal: int
    pole: int
    shift: int | None


@dataclass(frozen=True)
class IkLimbs:
    """The limbs of a rig, with what their controls hang from.

    `target` and its `carriers` (B) are the rig's FK controls, as in `control_targets.places`; `spaces` and `rest` are
    those of the IK controls.
    """

    target: Target
    carriers: Sequence[int]
    spaces: Mapping[int, Space]
    rest: Places
    limbs: tuple[IkLimb, ...]

    def with_keys(
        self,
        kept: Kept,
        bones: Mapping[int, bpy.types.PoseBone],
        channels: Mapping[int, Mapping[str, Array]],
        allowed: float,
    ) -> Kept:
        """Return the rows that become keys so that no bone of a limb points elsewhere by more than `allowed` radians.

        `kept` are those that the controls need for themselves, `bones` and `channels` as for `needed_rows`.
        """
        count = len(next(iter(next(iter(channels.values())).values())))
        keyed = {index: _mask(rows, count) for index, rows in kept.items()}
        own = [[limb.goal, limb.pole, *([] if limb.shift is None else [limb.shift])] for limb in self.limbs]
        below = [self._below(controls, limb) & keyed.keys() for controls, limb in zip(own, self.limbs, strict=True)]
        needed = set().union(*own, *below)
        full = self._directions(_motion(channels, needed, bones, None))
        added = True
        while added:
            shown = self._directions(_motion(channels, needed, bones, keyed))
            added = False
            for i, (controls, carriers) in enumerate(zip(own, below, strict=True)):
                errors = np.maximum(*(_angle(a, b) for a, b in zip(full[i], shown[i], strict=True)))
                for start, stop in spans(errors > allowed):
                    worst = start + int(np.argmax(errors[start:stop]))
                    # what is off although its own controls are not, the trunk takes along
                    for each in [c for c in controls if not keyed[c][worst]] or carriers:
                        added |= not keyed[each][worst]
                        keyed[each][worst] = True
        return {index: np.flatnonzero(mask) for index, mask in keyed.items()}

    def _below(self, controls: Iterable[int], limb: IkLimb) -> set[int]:
        """Return the FK controls that carry or turn the limb or its controls."""
        found: set[int] = set()
        first = len(self.target.skeleton.names)
        new = {limb.bones[0]}.union(*(self._holders(control) for control in controls if control in self.spaces))
        while new:
            found |= new
            above = {int(self.target.skeleton.parents[bone]) for bone in new if bone < first}
            above |= {self.carriers[bone] for bone in new if bone < first}
            above |= {each for bone in new if bone >= first for each in self._holders(bone)}
            new = {bone for bone in above if bone >= 0} - found
        return found

    def _holders(self, control: int) -> set[int]:
        space = self.spaces[control]
        return {space.place, space.turn} - {-1}

    def _directions(self, motion: Solution) -> list[tuple[Array, Array]]:
        """Return the unit directions (F, 3) of upper and lower bone of each limb."""
        moving = control_targets.places(self.target, self.carriers, motion)
        rest, found = self.rest, []
        for limb in self.limbs:
            for control in (limb.goal, limb.pole):
                control_targets.add_place(moving, control, self.spaces[control], motion, rest)
        for limb in self.limbs:
            start, end = moving.heads[limb.bones[0]], self._end(limb, moving)
            heads = [rest.heads[bone] for bone in limb.bones]
            lengths = tuple(float(np.linalg.norm(step)) for step in np.diff(heads, axis=0))
            place = moving.heads[limb.pole]
            joint = control_targets.joint(start, end, place, (lengths[0], lengths[1]))
            if limb.shift is not None:
                at_rest = heads[1], heads[2], rest.heads[limb.pole]
                turn = control_targets.turned_by_plane(at_rest, (joint, end, place))
                axes = quaternion_multiply(turn, rest.rotations[limb.shift])
                joint = joint + quaternion_rotate(axes, motion.locations[limb.shift])
            found.append((normalize(joint - start), normalize(end - joint)))
        return found

    def _end(self, limb: IkLimb, moving: Places) -> Array:
        """Return where (F, 3) the limb's goal has its end."""
        goal, end, rest = limb.goal, limb.bones[2], self.rest
        own = rest.rotations[goal], rest.heads[goal]
        return control_targets.follow(
            moving.rotations[goal], moving.heads[goal], own, (rest.rotations[end], rest.heads[end])
        )[1]


def _motion(
    channels: Mapping[int, Mapping[str, Array]],
    indices: Iterable[int],
    bones: Mapping[int, bpy.types.PoseBone],
    keyed: Mapping[int, NDArray[np.bool_]] | None,
) -> Solution:
    """Return what Blender makes of `channels` with keys on the rows `keyed` (F), on all without."""
    rotations, locations = {}, {}
    for index in indices:
        for name, values in channels[index].items():
            shown = values if keyed is None else _straight(values, keyed[index])
            if name == "location":
                locations[index] = shown
            else:
                rotations[index] = as_quaternions(bones[index].rotation_mode, shown)
    return Solution(rotations, {}, locations)


def _straight(values: Array, keyed: NDArray[np.bool_]) -> Array:
    """Return channels (F, C) that go straight from key to key."""
    rows = np.flatnonzero(keyed)
    frames = np.arange(len(values))
    return np.stack([np.interp(frames, rows, column[rows]) for column in values.T], axis=-1)


def _mask(rows: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[rows] = True
    return mask


def _angle(a: Array, b: Array) -> Array:
    """Return the angle (F) between unit directions (F, 3)."""
    return np.arctan2(length(cross(a, b)), dot(a, b))
