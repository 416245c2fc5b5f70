# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of the operator's own for the malware scan of imported images, C(glance_import_scan_signatures)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

FOLDER = "/var/lib/glance-scan"
FORMATS = (
    *("cdb", "crb", "db", "fp", "gdb", "hdb", "hsb", "idb", "ign", "ign2", "imp", "ldb", "mdb", "msb", "ndb", "pdb"),
    *("sfp", "wdb", "yar", "yara"),
)
"""Ends of the names of text files that ClamAV loads (libclamav/readdb.h, CLI_DBEXT); it passes over any other file."""


def name_of(source: str) -> str:
    """Return the name on hosts of a file of the control machine."""
    return os.path.basename(source)


def items(sources: Iterable[str]) -> list[dict[str, Any]]:
    """Return the items of C(config_files) for the files *sources* of the control machine."""
    return [
        {
            "path": f"{FOLDER}/{name_of(source)}",
            "staged_as": f"signatures/{name_of(source)}",
            "src": source,
            "mode": "0644",
        }
        for source in sources
    ]
