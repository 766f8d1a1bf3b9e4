# SPDX-License-Identifier: GPL-3.0-or-later
"""The flows, one module each: PARTS are generator functions, each of which has a Blender of its own."""
