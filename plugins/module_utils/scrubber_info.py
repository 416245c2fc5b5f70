# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scrubber of a host is: its units, its last run, and the images that wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import service
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages, ProgramError
from ansible_collections.glanceops.image_service.plugins.module_utils.words import list_of

# From sysexits.h, EX_TEMPFAIL; what the unit ends with when images are left behind.
_LEFT_BEHIND = "75"


def run(params: Mapping[str, Any]) -> dict[str, Any]:
    """Do one run of the module with its options *params*; return what it answers. Raises ServiceError."""
    run_unit = params["run_unit"]
    units = service.properties_of([*params["running_units"], run_unit])
    states = states_of(units, params["running_units"], run_unit)
    backlog, trouble = {}, ""
    try:
        backlog = PendingImages(params).ask("show")
    except ProgramError as error:
        trouble = f"the images can't be counted: {error}"
    last = last_run(units[run_unit])
    found = troubles(states, last, backlog, trouble)
    return {
        "changed": False,
        "mode": params["mode"],
        "state": next((state for state in states.values() if state != "active"), "active"),
        "last_run": last,
        "backlog": backlog,
        "healthy": not found,
        "health": "; ".join(found) or "ok",
    }


def states_of(units: service.States, running: list[str], run_unit: str) -> dict[str, str]:
    """Return the state of each unit that should be active: those *running*, and one that runs but is not there."""
    states = {
        name: "not deployed" if unit["LoadState"] == "not-found" else unit["ActiveState"]
        for name, unit in units.items()
    }
    if states[run_unit] != "not deployed" and run_unit not in running:
        del states[run_unit]
    return states


def last_run(unit: Mapping[str, str]) -> str:
    """Return in words how the last run of a one-shot unit ended."""
    if unit["ActiveState"] in ("activating", "deactivating"):
        return "under way"
    if unit["ExecMainStatus"] == _LEFT_BEHIND:
        return "left images behind"
    if unit["ActiveState"] == "failed":
        return "failed"
    return "succeeded" if unit["InvocationID"] else "none yet"


def troubles(states: Mapping[str, str], run: str, backlog: Mapping[str, Any], trouble: str) -> list[str]:
    """Return what is not healthy, each as the end of a sentence; *states* are those of units that should be active."""
    found = [f"{name} is {state}" for name, state in states.items() if state != "active"]
    if run == "left images behind":
        ids = list_of(backlog.get("due_ids", []), backlog.get("due", 0))
        found.append(f"its last run left images behind{': ' if ids else ''}{ids}")
    if run == "failed":
        found.append("its last run failed")
    return [*found, trouble] if trouble else found
