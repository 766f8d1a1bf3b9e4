# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen about a binding; apart from it, so that the interface knows without loading what does it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BindOptions:
    """What a person may choose about a binding.

    `root_motion`: "CAPTURED" lets the hips travel, "IN_PLACE" keeps them over their place, "ROOT_BONE" leaves travel
    and turning over the ground to the bone at the top of the skeleton, "HORIZONTAL" keeps them at one height.
    `scale_mode`: "LEG" makes steps as long as the target's legs can take them, "ONE_TO_ONE" keeps distances in the
    scene. `ground_offset`, in scene units, raises the character. `hold_contacts` keeps planted feet where they stand.
    `controls` says which controls of a control rig move its limbs, "FK" or "IK"; the rig's switches are set for that by
    the action.

    `mirror` changes left and right. `smoothing`, in seconds, evens the motion out before planted feet are held, see
    `motion.smoothing`. `max_error`, in radians, lets frames go without a key where each bone, turned straight from key
    to key, stays that near to its full motion, and its place as near as a leg swings by that angle; 0 keys all frames.
    Limbs on IK controls point within it, whatever trunk, goal and pole leave out.

    `existing`: "KEEP" leaves the character's previous action in the file, "PUSH_DOWN" moves it to an NLA track below
    the new one, "LAYER" adds how far the motion goes from its own first frame to what the character does, as an NLA
    strip on top; the switches of a control rig are then left as they are.
    """

    root_motion: str = "CAPTURED"
    scale_mode: str = "LEG"
    ground_offset: float = 0.0
    hold_contacts: bool = True
    controls: str = "FK"
    mirror: bool = False
    smoothing: float = 0.0
    max_error: float = 0.0
    existing: str = "KEEP"
