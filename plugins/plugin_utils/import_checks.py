# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of imported images, C(glance_import_checks), as the API takes them, and their programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

FOLDER = "/etc/glance/import-checks"
LIST = "checks.json"
# As the argument spec of the role has them.
DEFAULTS: Mapping[str, Any] = {
    "argv": [],
    "timeout": 300,
    "refused_codes": [1],
    "on_error": "refuse",
    "exempt_roles": [],
}


def complete(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the checks of *entries* with all that import_checks.py and run_import_check.py ask for."""
    found = []
    for entry in entries:
        check = {**DEFAULTS, **entry}
        program = [f"{FOLDER}/{entry['name']}"] if check.pop("src", None) else []
        # A text is what -e name=value makes of a number.
        numbers = {"timeout": int(check["timeout"]), "refused_codes": [int(code) for code in check["refused_codes"]]}
        found.append({**check, **numbers, "argv": [*program, *check["argv"]]})
    return found


def programs(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the items of C(config_files) for the programs that come from the control machine."""
    return [
        {
            "path": f"{FOLDER}/{entry['name']}",
            "staged_as": f"import-checks/{entry['name']}",
            "src": entry["src"],
            # The probe of the list looks at them as the service, in the folder that it is staged in by its group.
            "group": "glance",
            "mode": "0755",
        }
        for entry in entries
        if entry.get("src")
    ]
