# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a service is installed, whether it runs and answers, and the room that it has."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import service, space
from ansible_collections.glanceops.image_service.plugins.module_utils.releases import installed_release


def run(params: Mapping[str, Any]) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises ServiceError."""
    unit, jobs = f"{params['name']}.service", params["jobs"]
    states = service.properties_of([unit, *jobs])
    state = states[unit]
    found = state["LoadState"] != "not-found"
    seen = service.health(params["health_url"])
    # A path with a hyphen before it need not be there (man 5 systemd.exec, ReadWritePaths).
    written = [path.lstrip("-") for path in state.get("ReadWritePaths", "").split()]
    spaces = space.look([*written, *params["directories"]])
    return {
        "changed": False,
        "address": urllib.parse.urljoin(params["health_url"], "/").rstrip("/"),
        "release": installed_release(params["link"]) or ("package" if found else "none"),
        "state": state["ActiveState"] if found else "not-found",
        "healthy": seen.answers and not seen.drained,
        "health": "taken out of rotation" if seen.drained else seen.found,
        "failed_jobs": failed(jobs, states),
        "space_warnings": space.warnings(spaces, params["free_space_percent"]),
        "full_directories": [each.directory for each in spaces if each.full],
    }


def failed(jobs: Iterable[str], states: service.States) -> dict[str, str]:
    """Return the last words of those *jobs* whose last run failed, or systemd's word for it."""
    return {
        job: service.last_words(job, states[job]) or states[job]["Result"]
        for job in jobs
        # systemd remembers the failure of one that was removed.
        if states[job]["ActiveState"] == "failed" and states[job]["LoadState"] != "not-found"
    }
