#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: scrubber_info
short_description: Tell whether the scrubber runs, how its last run ended, and which images wait for it
version_added: "0.2.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Looks at the systemd units of the scrubber and at the database.
  - A scrubber that does not run or that leaves images behind is a result, not a failure.
options:
  mode:
    description: How the scrubber runs on this host, by a timer or as a daemon.
    type: str
    choices: [timer, daemon]
    default: timer
  running_units:
    description: Units that run when the scrubber is well.
    type: list
    elements: str
    default: [glance-scrubber.timer]
  run_unit:
    description: One-shot unit whose last run tells whether images were left behind.
    type: str
    default: glance-scrubber.service
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.pending_images
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look at the scrubber
  glanceops.image_service.scrubber_info:
  register: scrubber
"""

RETURN = r"""
mode:
  description: O(mode).
  returned: success
  type: str
state:
  description: State of the first of O(running_units) that is not active, as systemd names it; C(active) if all are.
  returned: success
  type: str
  sample: active
last_run:
  description: How the last run ended, C(well), C(left images behind), C(failed), C(under way) or C(none yet).
  returned: success
  type: str
backlog:
  description:
    - Images that wait to be scrubbed, C(count), C(bytes), C(oldest) (when the first was deleted, in UTC), C(due)
      (how many of them should be scrubbed by now) and C(due_ids) (up to 20 of them). Empty when they can't be counted.
  returned: success
  type: dict
healthy:
  description: Whether the units run, the last run left nothing behind, and the images can be counted.
  returned: success
  type: bool
health:
  description: What is not well, C(ok) if nothing is.
  returned: success
  type: str
  sample: ok
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import service
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages, ProgramError
from ansible_collections.glanceops.image_service.plugins.module_utils.words import list_of

# From sysexits.h, EX_TEMPFAIL; what the unit ends with when images are left behind.
_LEFT_BEHIND = "75"


def last_run(unit: dict[str, str]) -> str:
    """Return in words how the last run of a one-shot unit ended."""
    if unit["ActiveState"] in ("activating", "deactivating"):
        return "under way"
    if unit["ExecMainStatus"] == _LEFT_BEHIND:
        return "left images behind"
    if unit["ActiveState"] == "failed":
        return "failed"
    return "well" if unit["InvocationID"] else "none yet"


def troubles(states: dict[str, str], run: str, backlog: dict[str, Any], trouble: str) -> list[str]:
    """Return what is not well, each as the end of a sentence; *states* are those of all units that should be active."""
    found = [f"{name} is {state}" for name, state in states.items() if state != "active"]
    if run == "left images behind":
        ids = list_of(backlog.get("due_ids", []), backlog.get("due", 0))
        found.append(f"its last run left images behind{': ' if ids else ''}{ids}")
    if run == "failed":
        found.append("its last run failed")
    return [*found, trouble] if trouble else found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["timer", "daemon"], "default": "timer"},
            "running_units": {"type": "list", "elements": "str", "default": ["glance-scrubber.timer"]},
            "run_unit": {"type": "str", "default": "glance-scrubber.service"},
            **PendingImages.OPTIONS,
        },
        supports_check_mode=True,
    )
    running, run_unit = module.params["running_units"], module.params["run_unit"]
    try:
        units = service.properties_of([*running, run_unit])
    except service.ServiceError as error:
        module.fail_json(msg=f"The scrubber can't be looked at: {error}.")
    states = {
        name: "not deployed" if unit["LoadState"] == "not-found" else unit["ActiveState"]
        for name, unit in units.items()
    }
    if states[run_unit] != "not deployed" and run_unit not in running:
        del states[run_unit]
    backlog, trouble = {}, ""
    try:
        backlog = PendingImages(module.params).ask("show")
    except ProgramError as error:
        trouble = f"the images can't be counted: {error}"
    run = last_run(units[run_unit])
    found = troubles(states, run, backlog, trouble)
    module.exit_json(
        changed=False,
        mode=module.params["mode"],
        state=next((state for state in states.values() if state != "active"), "active"),
        last_run=run,
        backlog=backlog,
        healthy=not found,
        health="; ".join(found) or "ok",
    )


if __name__ == "__main__":
    main()
