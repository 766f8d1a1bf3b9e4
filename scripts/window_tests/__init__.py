# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the extension in a real Blender window, by real clicks: see scripts/test_window.py."""
