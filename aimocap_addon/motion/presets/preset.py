# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the data that describes how one family of rigs names its bones."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """Bone names of one rig family, without name space.

    `{side}` in a name stands for one of `sides` (left, right). `fingers` holds the phalanges from the knuckle
    outwards; `metacarpals` the bone between wrist and knuckle; `twists` helper bones that share a limb's roll.
    A chain lists as many bones as the largest rig of the family has; rigs may have fewer.
    """

    family: str
    sides: tuple[str, str]
    hips: str
    head: str
    spine: tuple[str, ...]
    neck: tuple[str, ...]
    limbs: dict[str, str]
    fingers: dict[str, tuple[str, ...]]
    metacarpals: dict[str, str] = field(default_factory=dict)
    twists: dict[str, tuple[str, ...]] = field(default_factory=dict)
