# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender data in and out: video sources, FBX import, armature motion, binding."""
