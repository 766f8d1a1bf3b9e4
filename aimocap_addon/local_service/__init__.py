# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-hosted AIMoCap service: speaks the same API as the cloud and solves motion on the CPU.

`cli` starts `server`, which joins the HTTP face (`app`, with `uploads` and `submission`) and the `dispatcher`
that hands admitted jobs to worker processes (`runner`). Both meet in the database alone: `jobs` holds the
steps of a job's life, `admission` what is taken, `ledger` and `keys` who pays. No step half happens: status,
ledger and events change in one transaction.
"""

VERSION = "0.1.0"
