#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: image_audit
short_description: Compare the stores of the image service with its database
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Finds records without data, data of a wrong size, files without a record, images that wait for an upload that nobody
    works on, deletions that were cut off, and deleted data that no scrubber would remove.
  - Works while users go on. What an upload or a deletion under way may explain is looked at again for 20 seconds.
  - A finding is a result, not a failure.
options:
  source:
    description: The program that asks the database and the stores, of the role C(glanceops.image_service.scrubber).
    type: str
    required: true
  python:
    description: Interpreter that has the libraries of a release in a virtual environment; without it, that of the host.
    type: path
    default: /opt/glance/current/bin/python
  user:
    description: User that the program runs as.
    type: str
    default: glance
  config_directory:
    description: Folder of the services' configuration.
    type: path
    default: /etc/glance
  config_files:
    description: Files in O(config_directory); the first that has a login to the database is used.
    type: list
    elements: str
    default: [glance-scrubber.conf, glance-api.conf]
  only_host:
    description: Whether no other host can be at work on an upload or an import.
    type: bool
    default: false
  stuck_after:
    description: Seconds without a sign of life after which an upload, an import or a file is taken for dead.
    type: int
    default: 86400
  late:
    description: Seconds that a deleted image may wait for the scrubber beyond its time.
    type: int
    default: 600
  checksums:
    description: Whether to read all data and compare its hash with the record.
    type: bool
    default: false
  repair:
    description: Whether to put right what can be without a loss.
    type: bool
    default: false
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
- name: Compare the stores with the database
  glanceops.image_service.image_audit:
    source: "{{ lookup('ansible.builtin.file', 'pending_images.py') }}"
  register: audit
"""

RETURN = r"""
findings:
  description:
    - What the database and the stores disagree in, each with C(kind), C(image), C(store), C(detail), C(action) (what to
      do), C(mend) (how it can be repaired, empty if a person has to decide), C(locations) and C(files).
  returned: success
  type: list
  elements: dict
mended:
  description: What was put right, a sentence each.
  returned: success
  type: list
  elements: str
table:
  description: The findings as lines, one each.
  returned: success
  type: list
  elements: str
counts:
  description: Number of C(images), C(locations) with data, C(files), and of locations whose data was C(hashed).
  returned: success
  type: dict
notes:
  description: What was not looked at, and images in Ceph that compute hosts can't clone.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import store_audit


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            "python": {"type": "path", "default": "/opt/glance/current/bin/python"},
            "user": {"type": "str", "default": "glance"},
            "config_directory": {"type": "path", "default": "/etc/glance"},
            "config_files": {
                "type": "list",
                "elements": "str",
                "default": ["glance-scrubber.conf", "glance-api.conf"],
            },
            "only_host": {"type": "bool", "default": False},
            "stuck_after": {"type": "int", "default": 86400},
            "late": {"type": "int", "default": 600},
            "checksums": {"type": "bool", "default": False},
            "repair": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**store_audit.run(module.params, module.check_mode))
    except store_audit.AuditError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
