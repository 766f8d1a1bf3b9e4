# SPDX-License-Identifier: GPL-3.0-or-later
"""Known rig families, one data module each."""

from __future__ import annotations

from . import (
    auto_rig_pro,
    biped,
    bvh,
    character_creator,
    daz,
    humanik,
    makehuman,
    metahuman,
    mixamo,
    rigify_generated,
    rigify_metarig,
    smplx,
    vrm,
)
from .preset import Preset, Switch

# Of two families that fit equally well, the earlier one is taken.
PRESETS: tuple[Preset, ...] = (
    metahuman.PRESET,
    mixamo.PRESET,
    rigify_metarig.PRESET,
    rigify_generated.PRESET,
    *vrm.PRESETS,
    *auto_rig_pro.PRESETS,
    character_creator.PRESET,
    *daz.PRESETS,
    *smplx.PRESETS,
    humanik.PRESET,
    *bvh.PRESETS,
    makehuman.PRESET,
    biped.PRESET,
)

__all__ = ["PRESETS", "Preset", "Switch"]
