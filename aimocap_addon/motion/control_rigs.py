# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the control rigs of a family, beside the controls that play the parts of the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .presets import PRESETS, Preset
from .roles import SIDES

# Limbs that inverse kinematics solves: the roles of what its controls replace, and of what those hold.
LIMBS = {
    "hand": ("upper_arm", "lower_arm", "hand"),
    "foot": ("thigh", "calf", "foot"),
}


def control_preset(family: str) -> Preset | None:
    """Return what is known about the control rigs of a family, or None."""
    return next((preset for preset in PRESETS if preset.controls and preset.family == family), None)


def ik_controls(preset: Preset, names: Iterable[str]) -> dict[str, str]:
    """Return the controls of inverse kinematics among the bones `names`, by the role that they hold.

    A pole has the role of the bone at whose head the limb bends: `left_lower_arm`, `left_calf`. Empty if the hands and
    feet of the rig do not all have a control and a pole.
    """
    found = _spelt(preset, preset.ik, names)
    needed = (f"{side}_{part}" for side in SIDES for _, *parts in LIMBS.values() for part in parts)
    return found if all(role in found for role in needed) else {}


def bend_controls(preset: Preset, names: Iterable[str]) -> dict[str, str]:
    """Return the controls among the bones `names` that shift elbows and knees, by the role of the bone below."""
    return _spelt(preset, preset.bends, names)


def _spelt(preset: Preset, patterns: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return those of the bones `names` that have names of both sides after `patterns`, by role."""
    spelt = {name.casefold(): name for name in names}
    wanted = {
        f"{side}_{part}": pattern.format(side=text).casefold()
        for side, text in zip(SIDES, preset.sides, strict=True)
        for part, pattern in patterns.items()
    }
    return {role: spelt[name] for role, name in wanted.items() if name in spelt}
