#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Refuse an inventory that can't be deployed, and tell each host what it has to know of the others
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
      - V(hosts) looks at the groups that every playbook needs, before any fact is known. Without a stage it is the same
        with the facts that are known by then, for what was registered on hosts meanwhile.
      - V(variables) looks besides at groups and variables that contradict each other, as far as they are known before
        any fact is; at ports that two services of a host share, at addresses of documentation, and at
        C(glance_api_serial).
      - V(rolling) looks besides at C(glance_api_serial) alone, for playbooks that restart hosts batch after batch.
      - V(facts) looks once more at what facts say, and returns RV(entrance).
      - V(looked) comes after M(glanceops.image_service.service_pending) has looked at the hosts. It returns
        RV(pending).
      - V(end) comes last in a run. Hosts that have not failed count as deployed, if the run's tags did not leave their
        services out.
      - V(rotated) comes after a run with new secrets. It refuses users that Keystone should not have any more while a
        host may log in as one, and returns RV(told).
    type: str
    choices: [hosts, rolling, variables, facts, looked, end, rotated]
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
api_serial:
  description: Hosts of the API that are changed at a time, a number or a percentage, as Ansible's C(serial) takes it.
  returned: success, but for O(stage=looked)
  type: raw
  sample: 30%
entrance:
  description: URL at which users reach the API through the load balancers, empty where there are none.
  returned: success, with O(stage=facts)
  type: str
  sample: https://192.0.2.100:9292
hosts:
  description:
    - What each host of the image service has to know of the others, by its inventory name. Most entries are variables
      of the roles, such as C(glance_deployment_hosts) or C(glance_loadbalancer_services).
    - Addresses of load balancers and what they serve are there with O(stage=facts) alone.
    - During an upgrade or a rollback, C(upgrade) holds how far it is.
  returned: success
  type: dict
  sample:
    api1:
      glance_api_balancers: [balancer1]
      glance_deployment_hosts: [api1, api2]
members:
  description: Hosts of each group of this collection.
  returned: success
  type: dict
  sample: {glance_api: [api1, api2], glance_database: []}
pending:
  description: What is to be done on hosts of the play.
  returned: success, with O(stage=looked), and nothing else then
  type: list
  elements: str
told:
  description: What old secrets do not open any more, and what is left to do, in sentences.
  returned: success, with O(stage=rotated), and nothing else then
  type: list
  elements: str
left_out:
  description:
    - Hosts of the API, the registry and the scrubber that the run is limited away from, where hosts are no deployments
      of their own.
  returned: success
  type: list
  elements: str
asked_besides:
  description: Hosts that the run is limited away from, and whose addresses its hosts have to know.
  returned: success
  type: list
  elements: str
"""
