# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture's life, without bpy: its record, states, store on disk, engine and the engine's two drivers."""
