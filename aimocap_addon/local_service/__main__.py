# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m aimocap_addon.local_service`."""

import sys

from .cli import main

# Worker processes import this module again under another name.
if __name__ == "__main__":
    sys.exit(main())
