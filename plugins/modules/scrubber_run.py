#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: scrubber_run
short_description: Scrub the images that are due now, or wait for the end of a run
version_added: "0.2.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Runs the scrubber of this host once and fails, with their ids, when images that are due are not removed.
  - Or waits until no run is under way any more that began earlier.
  - Glance's daemon does not tell when a run is over, so with O(mode=daemon) it is restarted, which begins a run, and
    what is left when none goes for 60 seconds is taken to be left behind.
options:
  mode:
    description: How the scrubber runs on this host, by a timer or as a daemon.
    type: str
    choices: [timer, daemon]
    default: timer
  state:
    description:
      - With V(scrubbed), the images that are due now are removed.
      - With V(settled), no run is under way that began before.
    type: str
    choices: [scrubbed, settled]
    default: scrubbed
  timeout:
    description: Seconds to wait for the end of a run.
    type: int
    default: 1800
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
- name: Remove the data of deleted images now
  glanceops.image_service.scrubber_run:
"""

RETURN = r"""
removed:
  description: Number of images that were due and are gone; in check mode, of those that are due.
  returned: O(state=scrubbed)
  type: int
waiting:
  description: Number of images that wait for their time.
  returned: O(state=scrubbed)
  type: int
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import service
from ansible_collections.glanceops.image_service.plugins.module_utils.program import (
    PendingImages,
    ProgramError,
    last_line,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, ended, size_of

_UNIT = "glance-scrubber.service"
_POLL_SECONDS = 0.2
# Beyond the time that the program is told to wait, so that it can say what it waited for.
_GRACE_SECONDS = 60
# A daemon that removes nothing for so long, in seconds, is taken to have done what it can.
_IDLE_SECONDS = 60


def settle(mode: str, timeout: float) -> None:
    """Wait until the run that is under way now is over; raises ServiceError after *timeout* seconds."""
    state = service.properties(_UNIT)
    under_way = ("activating", "deactivating")
    if mode == "daemon":
        if state["ActiveState"] in ("active", "activating"):
            service.systemctl("restart", _UNIT, timeout=timeout)
            return
        under_way = ("deactivating",)
    first, deadline = state["InvocationID"], time.monotonic() + timeout
    while state["ActiveState"] in under_way and state["InvocationID"] == first:
        if time.monotonic() > deadline:
            raise service.ServiceError(f"the run that is under way did not end within {timeout:.0f} s")
        time.sleep(_POLL_SECONDS)
        state = service.properties(_UNIT)


def scrub_by_daemon(pending: PendingImages, timeout: float) -> None:
    """Begin a run of the daemon and wait until nothing is due; raises ProgramError with the reason otherwise."""
    state = service.properties(_UNIT)["ActiveState"]
    if state not in ("active", "activating"):
        raise ProgramError(f"{_UNIT} is {state}: run site.yml")
    settle("daemon", timeout)
    done = pending.run("check", f"--wait={min(timeout, _IDLE_SECONDS):.0f}")
    if done.returncode != 0:
        raise ProgramError(last_line(done.stderr))


def scrub_by_unit(timeout: float) -> None:
    """Start a run and wait for its end; raises ProgramError with the reason if images are left behind."""
    settle("timer", timeout)
    cursor = service.journal_cursor()
    try:
        service.systemctl("start", _UNIT, timeout=timeout)
    except service.ServiceError as error:
        lines = service.journal(_UNIT, cursor=cursor)
        own = [line for line in lines if line.startswith("pending_images: ")]
        raise ProgramError(last_line("\n".join(own)) or reason_in(lines) or str(error)) from error


def summary(before: dict[str, Any], after: dict[str, Any], check_mode: bool) -> str:
    """Return what is shown of a run."""
    due = count_of(before["due"], "image")
    if check_mode and before["due"]:
        return f"{due} would be scrubbed."
    done = f"Scrubbed {due}" if before["due"] else "No image was due"
    waiting, size = count_of(after["count"], "image"), size_of(after["bytes"])
    return f"{done}; {f'{waiting} with {size} can still be restored' if after['count'] else 'none waits'}."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "mode": {"type": "str", "choices": ["timer", "daemon"], "default": "timer"},
            "state": {"type": "str", "choices": ["scrubbed", "settled"], "default": "scrubbed"},
            "timeout": {"type": "int", "default": 1800},
            **PendingImages.OPTIONS,
        },
        supports_check_mode=True,
    )
    mode, timeout = module.params["mode"], module.params["timeout"]
    pending = PendingImages(module.params, timeout + _GRACE_SECONDS)
    settling = module.params["state"] == "settled"
    try:
        if settling and not module.check_mode:
            settle(mode, timeout)
        if settling:
            module.exit_json(changed=False)
        before = pending.ask("show")
        if before["due"] and not module.check_mode:
            scrub_by_daemon(pending, timeout) if mode == "daemon" else scrub_by_unit(timeout)
        after = pending.ask("show") if before["due"] else before
    except (ProgramError, service.ServiceError) as error:
        wanted = (
            "No run of the scrubber should be under way" if settling else "The images that are due should be scrubbed"
        )
        text = str(error)
        module.fail_json(msg=f"{wanted}, found: {ended(text)}")
    module.exit_json(
        changed=before["due"] > 0,
        removed=before["due"],
        waiting=after["count"],
        msg=summary(before, after, module.check_mode),
    )


if __name__ == "__main__":
    main()
