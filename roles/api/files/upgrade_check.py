"""Run Glance's own upgrade check, with the arguments of glance-status.

The program glance-status of 2026.2 ends with "no such option enabled_backends", since nothing that glance/cmd/status.py
imports there defines the option any more.
"""

from __future__ import annotations

import sys

from glance.cmd import status
from oslo_config import cfg

if __name__ == "__main__":
    cfg.CONF.import_opt("enabled_backends", "glance.common.config")
    sys.exit(status.main())
