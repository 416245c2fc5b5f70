#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: service_pending
short_description: Look whether a run has anything to do for the services of a host
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Looks in one run at what M(glanceops.image_service.host_check), M(glanceops.image_service.release_venv),
    M(glanceops.image_service.config_files), M(glanceops.image_service.database_schema) and
    M(glanceops.image_service.service_state) look at one after the other. Changes nothing.
  - What is wrong is a reason to go on, not a failure, since the tasks that follow tell it whole. The first reason
    counts; what would be found after it is not looked for.
options:
  name:
    description:
      - Name of the set of files, usually that of the service. With it, nothing is asked of the host yet. A task without
        a name, and with this one's result as O(before), looks at all services at once.
      - Files may hold secrets, so a task with a name needs C(no_log).
    type: str
  before:
    description: Result of an earlier task with this module, to which this one is added.
    type: dict
  services:
    description: The options of each service, as the action plugin has collected them.
    type: list
    elements: dict
    default: []
  kept:
    description:
      - Whether the host adds the services of the state that it keeps, if that was computed from the same variables,
        facts, topology and collection. Without it, and without O(name), a state in which nothing is to be done is kept.
      - Kept are no texts of files but their SHA-256, in C(/run), so that it is gone when the host starts. Services with
        O(accounts) are not kept.
    type: bool
    default: false
  inputs:
    description: Digest of what the desired state is computed from, as the action plugin makes it.
    type: str
    default: ""
  wanted:
    description: Whether the service should be there. Without it, nothing is added to O(before).
    type: bool
    default: true
  always:
    description: Why the service has to be looked at in another way. With it, nothing is asked of the host.
    type: str
    default: ""
  host:
    description: Options of M(glanceops.image_service.host_check). Without it, the host is not looked at.
    type: dict
  unwanted:
    description: Names of sets of files that should not be on the host.
    type: list
    elements: str
    default: []
  venv:
    description:
      - Options of M(glanceops.image_service.release_venv). Without it, the release is not looked at.
      - C(@venv@) in texts and targets of O(files) stands for the virtual environment.
    type: dict
  files:
    description: Files of M(glanceops.image_service.config_files). Those of the kind V(staged) are left out.
    type: list
    elements: dict
    default: []
  record_directory:
    description: Folder of the record that holds the set before; an empty text where the files have none.
    type: str
    default: /etc/glance/.sets
  accounts:
    description:
      - Who logs in to a database server of this host, with C(engine) (V(mariadb) or V(postgresql)), C(user),
        C(clients) (the network that it logs in from), C(password), C(database) and C(retired_users), which should not
        be there any more. For PostgreSQL also C(rules), the path of C(pg_hba.conf), and C(rule), the line in it that
        lets the user in.
      - Without it, no database server is asked.
    type: dict
  schema:
    description: Options of M(glanceops.image_service.database_schema). Without it, the database is not looked at.
    type: dict
  units:
    description: Units that have to run and to be enabled. Needed with O(name).
    type: list
    elements: str
  stopped_units:
    description: Units that must not be enabled.
    type: list
    elements: str
    default: []
  health_url:
    description: URL that answers 200 when the service is healthy.
    type: str
    default: ""
  health_unit:
    description: One-shot unit whose last run has to have succeeded.
    type: str
    default: ""
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Compute the desired state of HAProxy
  glanceops.image_service.service_pending:
    name: haproxy
    files:
      - path: /etc/haproxy/haproxy.cfg
        template: haproxy.cfg.j2
    units: [haproxy.service]
  register: pending
  no_log: true

- name: Compare the host with it
  glanceops.image_service.service_pending:
    before: "{{ pending }}"
  register: pending
"""

RETURN = r"""
pending:
  description: What is to be done, in short sentences; empty if nothing is.
  returned: success
  type: list
  elements: str
  sample: ["/etc/glance/glance-api.conf should change"]
looked:
  description: The O(name) of this task and of those before.
  returned: success
  type: list
  elements: str
  sample: [glance-database, glance-api]
unknown:
  description: Whether the host keeps no state that was computed from the same.
  returned: when O(kept)
  type: bool
"""

from ansible_collections.glanceops.image_service.plugins.module_utils import config_items, pending


def main() -> None:
    """Run the module."""
    module = config_items.Module(
        argument_spec={
            **{name: {**option, "required": False} for name, option in pending.OPTIONS.items()},
            "before": {"type": "dict"},
            "wanted": {"type": "bool", "default": True},
            "always": {"type": "str", "default": ""},
            "services": {"type": "list", "elements": "dict", "default": []},
            # Of passwords, too.
            "inputs": {"type": "str", "default": "", "no_log": True},
            "kept": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        found = pending.of_services(
            *(module.params[name] for name in ("services", "inputs", "kept")), check_mode=module.check_mode
        )
    finally:
        # Texts of files and a password, which -vvv would show.
        module.params.update(services=[])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
