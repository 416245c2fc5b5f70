"""Run Glance's own upgrade check, with the arguments of glance-status.

The program glance-status of 2026.2 ends with "no such option enabled_backends", since nothing that glance/cmd/status.py
imports there defines the option any more.
"""

from __future__ import annotations

import sys

import glance.common.config  # noqa: F401 for the options that it defines
from glance.cmd import status

if __name__ == "__main__":
    sys.exit(status.main())
