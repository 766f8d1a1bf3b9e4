# SPDX-License-Identifier: GPL-3.0-or-later
"""Animation maths on numpy arrays, without bpy."""
