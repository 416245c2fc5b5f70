#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: check_variables
short_description: Refuse wrong variables before anything is changed
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Holds every variable of the host against the argument specs of all roles of this collection, on the control machine,
    without a change on the host, and fails with one sentence for each that is wrong.
  - Looks at what the variables alone tell, too - options that another variable sets, stores that can't work,
    directories that Glance can't write to, values that are not what was written, and those that don't fit to one
    another or to what the host is.
  - A variable that begins with C(glance_) and that no role knows is wrong too, since it is most likely misspelt.
options:
  before:
    description:
      - The result of an earlier run for the host. The variables are looked at again only if some of them were not known
        yet.
    type: dict
    default: {}
    version_added: "0.3.0"
  gather_facts:
    description:
      - Ask the host for the facts that the roles need, if the play has not gathered them. What is wrong without them is
        told before.
    type: bool
    default: false
    version_added: "0.3.0"
  service:
    description:
      - The service that the calling role is for, such as V(glance-api). What can't be right for a service is told on
        the hosts of its group, and in a play with groups of another name for this one.
    type: str
    version_added: "0.3.0"
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
  - An action plugin. With O(gather_facts) it may run M(ansible.builtin.setup) on the host, and nothing else there.
"""

EXAMPLES = r"""
- name: Refuse wrong variables
  glanceops.image_service.check_variables:
"""

RETURN = r"""
waiting:
  description:
    - Variables of which nothing is known yet - those that are made of facts which the host has not been asked for, and
      those that playbooks hand to roles later. V(ansible_facts) if something of the host is to be held against them.
  returned: always
  type: list
  elements: str
  sample: [glance_api_bind_address]
  version_added: "0.3.0"
"""
