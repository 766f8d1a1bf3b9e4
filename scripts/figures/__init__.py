# SPDX-License-Identifier: GPL-3.0-or-later
"""Simple skinned people for armatures: rounded shapes around the bones, coloured, merged and bound."""
