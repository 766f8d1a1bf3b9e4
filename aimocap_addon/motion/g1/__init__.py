# SPDX-License-Identifier: GPL-3.0-or-later
"""The Unitree G1 humanoid: its kinematics, its motion files, and human motion turned into its own."""
