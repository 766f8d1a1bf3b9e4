# SPDX-License-Identifier: GPL-3.0-or-later
"""Video in, skeleton motion out: the solver's interface and the built-in solver on MediaPipe."""

import os

# The fit's matrices are small: on a busy machine, OpenBLAS threads that wait for each other make it 15 times slower.
# Counts only where numpy is not loaded yet, as in a worker process that starts with this package.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
