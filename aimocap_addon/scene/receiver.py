# SPDX-License-Identifier: GPL-3.0-or-later
"""A character as a receiver of motion: a plain skeleton, or a control rig by its FK or its IK controls."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ..motion.mapping import Mapping
from ..motion.retarget import Solution, Target
from .armature_motion import read_target
from .control_rig import Controls, is_control_rig, read_controls, ruled_bones, switches
from .errors import SceneError
from .ik_controls import ControlMotion, has_ik_controls, on_fk_controls, on_ik_controls
from .probing import Property

_NAMED = 4  # in a warning, of a longer list


@dataclass(frozen=True)
class Receiver:
    """An armature with its mapping, read as the `target` of the solver.

    `controls` are those of a control rig; with `use_ik` the limbs go to its IK controls. `warnings` are sentences about
    what may look wrong.
    """

    armature: bpy.types.Object
    mapping: Mapping
    target: Target
    controls: Controls | None
    use_ik: bool
    warnings: tuple[str, ...]

    def keyed(self, solution: Solution, rate: float) -> ControlMotion:
        """Return what is to be keyed for `solution`, the motion of the target's bones at `rate` frames per second.

        Raises SceneError, with the armature as it was, for a rig whose IK controls do not move as one.
        """
        if self.controls is None:
            return ControlMotion(solution, self.target.skeleton.names, {})
        if self.use_ik:
            return on_ik_controls(self.armature, self.mapping, self.controls, solution, rate)
        return on_fk_controls(self.armature, self.mapping, self.controls, solution)

    def other_controls(self) -> str:
        """Return a sentence if the rig is not switched to the controls that get the motion, or nothing."""
        assert self.armature.pose is not None
        wanted = switches(self.armature, self.mapping, "IK" if self.use_ik else "FK")
        if all(Property(self.armature, path).read() == value for path, value in wanted.items()):
            return ""
        kind = "IK" if self.use_ik else "FK"
        return (
            f"“{self.armature.name}” is not switched to its {kind} controls all over: the layer shows only where it is."
        )


def read_receiver(armature: bpy.types.Object, mapping: Mapping, controls: str) -> Receiver:
    """Return the armature as a receiver of motion; `controls` ("FK", "IK") matters for control rigs alone.

    Raises SceneError, with the armature as it was, for a control rig whose controls do not move as one.
    """
    warnings = []
    found = None
    if is_control_rig(armature, mapping):
        try:
            found = read_controls(armature, mapping)
        except SceneError:
            if mapping.controls:
                raise
            warnings.append(
                f"“{armature.name}” has bones between those of the body that constraints move: the motion may look "
                "different there."
            )
    use_ik = found is not None and controls == "IK" and has_ik_controls(armature, mapping)
    if found is not None and controls == "IK" and not use_ik:
        warnings.append(f"“{armature.name}” has no IK controls that are known: its FK controls have the motion.")
    ruled = ruled_bones(armature, mapping.bones.values())
    moved = [name for name in mapping.bones.values() if name in ruled]
    if moved:
        more = f" and {len(moved) - _NAMED} more" if len(moved) > _NAMED else ""
        warnings.append(
            f"Constraints or drivers on {', '.join(moved[:_NAMED])}{more} of “{armature.name}” also move these bones: "
            "mute them if the motion looks different there."
        )
    target = found.target if found is not None else read_target(armature)
    return Receiver(armature, mapping, target, found, use_ik, tuple(warnings))
