# SPDX-License-Identifier: GPL-3.0-or-later
"""Known rig families, one data module each."""

from __future__ import annotations

from . import metahuman, mixamo, rigify_metarig
from .preset import Preset

PRESETS: tuple[Preset, ...] = (metahuman.PRESET, mixamo.PRESET, rigify_metarig.PRESET)

__all__ = ["PRESETS", "Preset"]
