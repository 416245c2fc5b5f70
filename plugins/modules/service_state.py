#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_state
short_description: Start or restart a service, wait until it answers, and go back when it does not
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Enables the systemd unit O(name) and sees to it that it runs and that O(health_url) answers.
  - A restart that does not end in an answer brings back the configuration set before (see
    M(glanceops.image_service.config_files)), restarts the service with it, and fails with the reason.
  - All of it happens in one call on the host, so a lost connection cannot leave a host half way.
options:
  name:
    description: Name of the unit without C(.service); also the name of the configuration set.
    type: str
    required: true
  state:
    description:
      - With V(started), a unit that does not run is started, one that runs must answer.
      - With V(restarted), the unit is always restarted.
      - With V(stopped), it is stopped and disabled, if there is such a unit.
    type: str
    choices: [started, restarted, stopped]
    default: started
  health_url:
    description:
      - URL that answers 200 when the service is well. The 503 of a Glance that was taken out of rotation by its
        healthcheck file counts as an answer. Needed unless O(state=stopped).
    type: str
  health_timeout:
    description: Seconds to wait for an answer after a start. At once, if the service ends while starting.
    type: int
    default: 120
  stop_timeout:
    description: Seconds that stopping may take, so that requests in flight can end.
    type: int
    default: 660
  record_directory:
    description: Folder of the records of configuration sets.
    type: path
    default: /etc/glance/.sets
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - Idempotent with O(state=started); O(state=restarted) always restarts.
"""

EXAMPLES = r"""
- name: Restart the image API with its new configuration
  glanceops.image_service.service_state:
    name: glance-api
    state: restarted
    health_url: http://127.0.0.1:9292/healthcheck
"""

RETURN = r"""
health:
  description: What O(health_url) answered.
  returned: success, but in check mode
  type: str
  sample: 200 OK
drained:
  description: Whether the service answers but was taken out of rotation by its healthcheck file.
  returned: success, but in check mode
  type: bool
restored:
  description: Whether the configuration set before was brought back.
  returned: failure
  type: bool
journal:
  description: The last lines that the service wrote, secrets masked.
  returned: failure
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import config_set, service

_JOURNAL_LINES = 15


def started(module: AnsibleModule) -> bool:
    """Enable and start the unit as far as needed; returns whether something changed."""
    unit = f"{module.params['name']}.service"
    state = service.properties(unit)
    if module.check_mode:
        return state["ActiveState"] != "active" or state["UnitFileState"] != "enabled"
    if state["NeedDaemonReload"] == "yes":
        service.systemctl("daemon-reload")
    if state["ActiveState"] == "active" and state["UnitFileState"] == "enabled":
        return False
    service.systemctl("enable", "--now", unit, timeout=module.params["health_timeout"])
    return True


def stopped(module: AnsibleModule) -> bool:
    """Stop and disable the unit as far as needed; returns whether something changed."""
    unit = f"{module.params['name']}.service"
    state = service.properties(unit)
    needed = state["LoadState"] != "not-found" and (
        state["ActiveState"] not in ("inactive", "failed") or state["UnitFileState"] == "enabled"
    )
    if needed and not module.check_mode:
        service.systemctl("disable", "--now", unit, timeout=module.params["stop_timeout"])
    return needed


def restart(module: AnsibleModule) -> None:
    """Load the unit file anew and restart the unit."""
    unit = f"{module.params['name']}.service"
    service.systemctl("daemon-reload")
    if service.properties(unit)["ActiveState"] != "inactive":
        # Also forgets the starts that count towards systemd's limit on them.
        service.systemctl("reset-failed", unit)
    service.systemctl("enable", unit)
    service.systemctl("restart", unit, timeout=module.params["stop_timeout"] + module.params["health_timeout"])


def go_back(module: AnsibleModule, record_path: str) -> tuple[bool, str]:
    """Bring the set before back and run the service with it; returns (brought back, sentence about it)."""
    try:
        if not config_set.restore(record_path):
            return False, "There is no configuration of before to go back to"
    except config_set.ConfigSetError as error:
        return False, f"The configuration of before could not be brought back: {error}"
    try:
        restart(module)
        service.wait_until_healthy(
            f"{module.params['name']}.service", module.params["health_url"], module.params["health_timeout"]
        )
        config_set.confirm(record_path)
    except service.ServiceError as error:
        return True, f"The configuration of before is back, but the service does not answer with it either: {error}"
    except config_set.ConfigSetError as error:
        return (
            True,
            f"The configuration of before is back and the service answers, but that could not be noted: {error}",
        )
    return True, "The configuration of before is back and the service answers with it"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
            "health_url": {"type": "str"},
            "health_timeout": {"type": "int", "default": 120},
            "stop_timeout": {"type": "int", "default": 660},
            "record_directory": {"type": "path", "default": "/etc/glance/.sets"},
        },
        required_if=[("state", "started", ["health_url"]), ("state", "restarted", ["health_url"])],
        supports_check_mode=True,
    )
    name, unit = module.params["name"], f"{module.params['name']}.service"
    record_path = os.path.join(module.params["record_directory"], f"{name}.json")
    restarting = module.params["state"] == "restarted"
    if restarting and module.check_mode:
        module.exit_json(changed=True)
    if module.params["state"] == "stopped":
        try:
            module.exit_json(changed=stopped(module))
        except service.ServiceError as error:
            module.fail_json(msg=f"{name} should be stopped: {error}.")
    cursor = service.journal_cursor()
    try:
        changed = restarting or started(module)
        if module.check_mode:
            module.exit_json(changed=changed)
        if restarting:
            restart(module)
        seen = service.wait_until_healthy(unit, module.params["health_url"], module.params["health_timeout"])
    except service.ServiceError as error:
        lines = service.journal(unit, cursor)
        reason = service.reason_in(lines) or str(error)
        restored, outcome = (
            go_back(module, record_path) if restarting else (False, f"See 'journalctl -u {name}' on this host")
        )
        verb = "restart with its new configuration" if restarting else "run"
        module.fail_json(
            msg=f"{name} should {verb} and answer, found: {reason.rstrip('.')}. {outcome}.",
            restored=restored,
            journal=lines[-_JOURNAL_LINES:],
        )
    try:
        # A process that ran before knows nothing of files that came since.
        if changed:
            config_set.confirm(record_path)
    except config_set.ConfigSetError as error:
        module.fail_json(
            msg=f"{name} runs and answers, but that could not be noted: {error}.", restored=False, journal=[]
        )
    module.exit_json(changed=changed, health=seen.found, drained=seen.drained)


if __name__ == "__main__":
    main()
