#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_state
short_description: Start, restart or reload a service, wait until it is healthy, and roll back when it is not
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Enables the systemd units of the service O(name) and sees to it that they run and that the service is healthy.
    It is healthy when O(health_url) answers, or, for a service without URL, when O(health_unit) succeeds.
  - A restart that does not succeed brings back the previous configuration (see
    M(glanceops.image_service.config_files)), restarts the service with it, and fails with the reason. If other units of
    O(units) and O(stopped_units) ran before, those are the ones that run again.
  - All of it happens in one call on the host, so a lost connection cannot leave a host half way.
options:
  name:
    description:
      - Name of the service and of its configuration set. Without O(units) it is also the name of the unit, without
        C(.service).
    type: str
    required: true
  state:
    description:
      - With V(started), units that do not run are started, a service that runs must be healthy.
      - With V(restarted), the units are always restarted.
      - With V(reloaded), they are told to read their configuration anew, or started if they do not run.
        Since version 0.3.0.
      - With V(stopped), O(units), O(stopped_units) and O(health_unit) are stopped and disabled, as far as they exist.
    type: str
    choices: [started, restarted, reloaded, stopped]
    default: started
  units:
    description:
      - Full names of the units that have to be enabled and active, C(glance-scrubber.timer) for one.
      - Without any it is the unit O(name) with C(.service).
    type: list
    elements: str
    default: []
    version_added: "0.2.0"
  stopped_units:
    description:
      - Full names of units that must not be enabled, because a timer starts them or because the service ran in another
        way before.
      - With V(started), those that are enabled are disabled and stopped. With V(restarted) and V(stopped), those that
        run are stopped, too, even when their unit file is gone. Units that do not exist are passed over.
    type: list
    elements: str
    default: []
    version_added: "0.2.0"
  kept_units:
    description:
      - Those of O(units) that V(restarted) does not restart if they run, because what changed is not theirs, such as a
        proxy that holds requests while the server behind it is restarted.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  health_url:
    description:
      - URL that answers 200 when the service is healthy. The 503 of a Glance that was taken out of rotation by its
        healthcheck file counts as an answer. Either this or O(health_unit) is needed unless O(state=stopped).
    type: str
  health_unit:
    description:
      - Full name of a unit with C(Type=oneshot) that is run to see whether a service without URL is healthy. All
        O(units) have to run before and after it.
      - Exit code 0 means healthy. Exit code 75 (C(EX_TEMPFAIL) of C(sysexits.h)) says that the service works but left
        work behind, which gives a warning with the last line that the unit wrote. All else means not healthy.
      - With V(started) it is run after something was changed, and if its last run failed. Otherwise its last run
        counts.
      - With V(restarted) a run in progress is waited for first, because it may know the configuration before only.
    type: str
    version_added: "0.2.0"
  drain_file:
    description:
      - File whose presence takes the service out of rotation, C(disable_by_file_path) of oslo.middleware's
        healthcheck.
      - Removed by V(restarted) as soon as the units are started, also when the service is not healthy then, since
        O(health_url) tells that by itself.
    type: path
    version_added: "0.3.0"
  health_timeout:
    description:
      - Seconds to wait for an answer after a start. At once, if the service ends while starting.
      - With O(health_unit), the seconds that its run may take. A run that takes longer is stopped. A run in progress
        is given as long again.
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
      - Idempotent with O(state=started) and O(state=stopped). O(state=restarted) always restarts, O(state=reloaded)
        always reloads.
"""

EXAMPLES = r"""
- name: Restart the image API with its new configuration
  glanceops.image_service.service_state:
    name: glance-api
    state: restarted
    health_url: http://127.0.0.1:9292/healthcheck

- name: Run the scrubber from its timer, not as a daemon, and see that it works
  glanceops.image_service.service_state:
    name: glance-scrubber
    state: restarted
    units: [glance-scrubber.timer]
    stopped_units: [glance-scrubber.service]
    health_unit: glance-scrubber.service
"""

RETURN = r"""
health:
  description:
    - What O(health_url) answered.
    - With O(health_unit), V(succeeded), V(left work behind) with the reason, or about a run that this module did not
      start also V(has not run yet) and V(runs at the moment).
  returned: success, but in check mode
  type: str
  sample: 200 OK
drained:
  description:
    - Whether the service answers but was taken out of rotation by its healthcheck file. Always V(false) with
      O(health_unit).
  returned: success, but in check mode
  type: bool
restored:
  description: Whether the previous configuration was brought back.
  returned: failure
  type: bool
journal:
  description: The last lines that the units of the service wrote, secrets masked.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import service_state


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["started", "restarted", "reloaded", "stopped"], "default": "started"},
            "units": {"type": "list", "elements": "str", "default": []},
            "stopped_units": {"type": "list", "elements": "str", "default": []},
            "kept_units": {"type": "list", "elements": "str", "default": []},
            "health_url": {"type": "str"},
            "health_unit": {"type": "str"},
            "drain_file": {"type": "path"},
            "health_timeout": {"type": "int", "default": 120},
            "stop_timeout": {"type": "int", "default": 660},
            "record_directory": {"type": "path", "default": "/etc/glance/.sets"},
        },
        mutually_exclusive=[("health_url", "health_unit")],
        required_if=[
            ("state", "started", ["health_url", "health_unit"], True),
            ("state", "restarted", ["health_url", "health_unit"], True),
            ("state", "reloaded", ["health_url", "health_unit"], True),
        ],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**service_state.run(module.params, module.check_mode, module.warn))
    except service_state.StateError as error:
        module.fail_json(**error.result)


if __name__ == "__main__":
    main()
