# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-hosted AIMoCap service: speaks the same API as the cloud and solves motion on the CPU.

cli -> server -> app -> admission, jobs -> ledger, keys -> database: each module imports to its right alone.
One process serves HTTP; its dispatcher thread hands admitted jobs to worker processes (`runner`).
"""

VERSION = "0.1.0"
