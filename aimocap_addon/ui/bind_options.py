# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a binding as properties: one list for the panel and all operators.

Each property has the name of its field in `BindOptions`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty

from ..scene.bind_options import BindOptions
from .translations import CONTEXT

ROOT_MOTION_ITEMS = (
    ("CAPTURED", "As Captured", "The character travels as the person in the video does"),
    ("IN_PLACE", "In Place", "The character moves on the spot"),
    (
        "ROOT_BONE",
        "Root Bone",
        "The bone at the top of the skeleton travels and turns with the body, as games want it",
    ),
    ("HORIZONTAL", "Horizontal", "The character travels with its hips at one height"),
)
SCALE_MODE_ITEMS = (
    ("LEG", "By Legs", "Steps are as long as the character's legs can take them"),
    ("ONE_TO_ONE", "1:1", "Distances stay as they are in the scene, whatever the character's size"),
)
CONTROLS_ITEMS = (
    ("FK", "FK", "Arms and legs move by the controls that turn each bone"),
    ("IK", "IK", "Hands and feet have controls, elbows and knees a pole; planted feet are easy to keep and to edit"),
)
EXISTING_ITEMS = (
    ("KEEP", "Keep in File", "The character's previous action stays in the file, without a part in the animation"),
    ("PUSH_DOWN", "Push Down to NLA", "The previous action moves to an NLA track; the new motion plays over it"),
    ("LAYER", "Layer on Top", "How far the motion goes from its first frame is added to what the character does"),
)


class BindProperties:
    """What the panel's settings and the operators that bind motion share."""

    root_motion: EnumProperty(
        name="Root Motion", description="How the character travels", items=ROOT_MOTION_ITEMS, default="CAPTURED"
    )
    scale_mode: EnumProperty(
        name="Travel", description="How far the character travels", items=SCALE_MODE_ITEMS, default="LEG"
    )
    ground_offset: FloatProperty(
        name="Ground Offset", description="Raise the character by this much", subtype="DISTANCE", default=0.0
    )
    hold_contacts: BoolProperty(
        name="Lock Feet",
        description="Keep planted feet where they stand and all feet out of the floor; bends the legs a little",
        default=True,
    )
    controls: EnumProperty(
        name="Controls",
        description="Which controls get the motion, on characters that have both kinds: generated Rigify rigs and "
        "Auto-Rig Pro. The rig is switched to them",
        items=CONTROLS_ITEMS,
        default="FK",
        translation_context=CONTEXT,
    )
    mirror: BoolProperty(name="Mirror", description="Change left and right", default=False)
    smoothing: FloatProperty(
        name="Smoothing",
        description="Take jitter out of the motion. A swing of 4 per second keeps 81 % of its size at 0.05 s, one of 2 "
        "per second 98 %; planted feet stay planted. 0: as captured",
        min=0.0,
        soft_max=0.3,
        max=2.0,
        step=1,
        precision=3,
        unit="TIME_ABSOLUTE",
    )
    max_error: FloatProperty(
        name="Key Reduction",
        description="Leave out keys while each bone stays this near to its full motion on every frame, and its place "
        "as near as a leg swings by this angle. 0: a key on every frame",
        min=0.0,
        soft_max=math.radians(5.0),
        max=math.radians(45.0),
        precision=3,
        subtype="ANGLE",
    )
    existing: EnumProperty(
        name="Previous Action",
        description="What becomes of the animation that the character has",
        items=EXISTING_ITEMS,
        default="KEEP",
    )


OPTION_NAMES = tuple(field.name for field in dataclasses.fields(BindOptions))
_BEGIN_GROUP = ("controls", "max_error")  # with space above, by which a person finds an option in the list


def draw_bind_options(layout: bpy.types.UILayout | None, owner: Any, *, has_ik: bool = True) -> None:
    """Draw the options of `owner`, the panel's settings or an operator.

    Without `has_ik`, the choice of controls is greyed: the character has one kind alone.
    """
    assert layout is not None  # while Blender draws there is one
    for name in OPTION_NAMES:
        if name in _BEGIN_GROUP:
            layout.separator(factor=0.5)
        row = layout.row()
        row.active = has_ik or name != "controls"
        row.prop(owner, name)


def bind_options(owner: Any) -> BindOptions:
    """Return the options that `owner` holds."""
    return BindOptions(**{name: getattr(owner, name) for name in OPTION_NAMES})


def set_bind_options(owner: Any, options: BindOptions) -> None:
    """Make `options` those of `owner`."""
    for name in OPTION_NAMES:
        setattr(owner, name, getattr(options, name))


def given_options(owner: bpy.types.Operator, otherwise: BindOptions) -> BindOptions:
    """Return `otherwise` with what the caller of an operator has set."""
    given = {name: getattr(owner, name) for name in OPTION_NAMES if owner.properties.is_property_set(name)}
    return dataclasses.replace(otherwise, **given)


def stored_options(values: Mapping[str, Any]) -> BindOptions:
    """Return the options that a capture's record holds; those of another version of the add-on are left out."""
    return BindOptions(**{name: values[name] for name in OPTION_NAMES if name in values})
