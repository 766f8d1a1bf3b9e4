# SPDX-License-Identifier: GPL-3.0-or-later
"""The form of the data that describes how one family of rigs names its bones."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Switch:
    """A custom property with which a control rig lets one kind of its controls rule.

    `fk` and `ik` are its values for either kind, None where it may stay as it is. Only the property of bones whose
    names begin with one of `bones` is meant.
    """

    name: str
    fk: float | None
    ik: float | None
    bones: tuple[str, ...] = ("",)


@dataclass(frozen=True, eq=False)
class Preset:
    """Bone names of one rig family, without name space.

    `{side}` in a name stands for one of `sides` (left, right), `{initial}` for its first letter; "a|b" means a or,
    where there is no a, b. Case and the separators between words (space, dot, hyphen, underscore) do not matter.
    `fingers` holds the phalanges from the knuckle outwards; `metacarpals` the bone between wrist and knuckle; `twists`
    helper bones that share a limb's roll.
    A chain lists as many bones as the largest rig of the family has; rigs may have fewer.

    `marks` are parts of names that tell the family from one with the same names for the body. In a family of
    `controls` the names are those of an animator's controls, which hang from each other through helper bones and
    constraints; `travel` is then the control that carries the hips through space, where it is not the hips' own.
    `ik` names the controls of inverse kinematics by the part that they hold: `hand`, `foot` and `toe` themselves, and
    at `lower_arm` and `calf` the pole towards which elbow and knee point. `bends` names, by the same parts, controls
    that shift elbow and knee without the bones above. `switches` choose between the two kinds.
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
    marks: tuple[str, ...] = ()
    controls: bool = False
    travel: str = ""
    ik: dict[str, str] = field(default_factory=dict)
    bends: dict[str, str] = field(default_factory=dict)
    switches: tuple[Switch, ...] = ()


def numbered(pattern: str, thumb: str = "thumb", others: str = "index middle ring pinky") -> dict[str, tuple[str, ...]]:
    """Return the fingers of a preset whose phalanges are numbered 1 to 3.

    `{finger}` in `pattern` stands for the family's word for the finger, `{n}` for the number; `{side}` is left as it
    is. `others` are the words for the four fingers beside the thumb, from the index on.
    """
    words = (thumb, *others.split())
    return {
        finger: tuple(pattern.replace("{finger}", word).replace("{n}", str(n)) for n in (1, 2, 3))
        for finger, word in zip(("thumb", "index", "middle", "ring", "pinky"), words, strict=True)
    }
