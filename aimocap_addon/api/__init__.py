# SPDX-License-Identifier: GPL-3.0-or-later
"""The AIMoCap HTTP API: wire models, client, errors and transfers. No bpy, nothing else of ours."""
