#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: status_report
short_description: Put what was found on all hosts into tables and sentences
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Reads the results that the entry points C(status) of the roles have registered on the hosts of the play, of
    M(glanceops.image_service.service_info), M(glanceops.image_service.image_status),
    M(glanceops.image_service.scrubber_info) and M(glanceops.image_service.loadbalancer_info).
  - A host without results, such as one that was not reached, has a line that says so.
options: {}
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
- name: Put together what was found
  glanceops.image_service.status_report:
  run_once: true
  register: report
"""

RETURN = r"""
tables:
  description: A list of lines for each service that the play has hosts of, a heading and one line for each host.
  returned: success
  type: list
  elements: list
faults:
  description:
    - Sentences about what is wrong, by host. A service that a host does not have was not looked at, and has none.
  returned: success
  type: dict
  sample: {api1: ["glance-api on api1 should answer, found: connection refused."], api2: []}
"""
