#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: run_lock
short_description: Let one run at a time change a host
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Takes a lock on the host for as long as C(ansible-playbook) runs, or fails with who has it and since when.
  - A small program holds the lock on the host, over a session of its own on the connection that Ansible has. It ends
    with the run, also when that is killed, and within 90 seconds when the control machine or the network fails.
  - A lock that this run has already is taken as well.
options: {}
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode no lock is taken or looked at.
  diff_mode:
    support: none
  idempotent:
    support: full
notes:
  - An action plugin. It works with the connections C(ssh) and C(local); with others it does nothing.
"""

EXAMPLES = r"""
- name: Let no other run change the host
  glanceops.image_service.run_lock:
"""

RETURN = r"""
"""
