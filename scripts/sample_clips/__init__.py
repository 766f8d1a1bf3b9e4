# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make_sample_clips.py` is made of."""
