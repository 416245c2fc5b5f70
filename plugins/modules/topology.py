#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Refuse an inventory that can't be deployed, and tell who is balanced by whom
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Judges groups and variables of the whole inventory on the control machine, without touching a host, and fails with
    one sentence for each fault.
  - Refuses an inventory file that Ansible could not read, a run without a host of the O(groups), and a group whose name
    is a slip of one of this collection. With a O(stage) besides V(hosts), it refuses more.
options:
  groups:
    description: Groups that the playbook is for. The run needs a host of at least one of them.
    type: list
    elements: str
    required: true
  stage:
    description:
      - V(hosts) looks at the groups that every playbook needs.
      - V(variables) looks besides at groups and variables that contradict each other, as far as they are known before
        any fact is; at ports that two services of a host share, and at addresses of documentation.
      - V(facts) looks once more at what facts say, and returns RV(services) and RV(entrance).
    type: str
    choices: [hosts, variables, facts]
    default: hosts
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - An action plugin; it has no part that runs on the host.
"""

EXAMPLES = r"""
- name: Refuse an inventory without a host of the API
  glanceops.image_service.topology:
    groups: [glance_api]
  run_once: true
"""

RETURN = r"""
entrance:
  description: URL at which users reach the API through the load balancers, empty where there are none.
  returned: success, with O(stage=facts)
  type: str
  sample: https://192.0.2.100:9292
services:
  description: What each load balancer serves, by its inventory name, as C(glance_loadbalancer_services) takes it.
  returned: success, with O(stage=facts)
  type: dict
  sample:
    balancer1:
      glance_api:
        {port: 9292, servers: {api1: 192.0.2.11}, server_ports: {api1: 9292}, server_certificates: {api1: ""}}
"""
