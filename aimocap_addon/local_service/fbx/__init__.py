# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing solved motion as FBX, with Blender as the writer."""
