#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_purge
short_description: Delete the records of what was deleted in Glance long ago
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Glance only marks what is deleted. This runs C(glance-manage db purge), which deletes the marked records of
    properties, tags, locations, members and tasks that are older than O(age_days), and looks whether they are gone.
  - Nothing is purged while an image that was deleted before that waits for the scrubber. Its data could neither be
    found nor be restored without them.
  - Records of locations that were taken from an image while C(delayed_delete) was on are kept for as long as their
    data is there.
options:
  age_days:
    description: Days since the deletion, 1 or more.
    type: int
    required: true
  images_age_days:
    description:
      - Days since the deletion of an image after which its own record goes, too, with
        C(glance-manage db purge_images_table). When V(0), it is kept, so that nobody can make another image with its id
        (OSSN-0075).
      - Must be longer than O(age_days), or the database refuses.
    type: int
    default: 0
  program:
    description: Text of the program that does it, C(purge_records.py) of the role C(glanceops.image_service.api).
    type: str
    required: true
  python:
    description: Path of the interpreter that has Glance, with C(glance-manage) beside it.
    type: path
    default: /opt/glance/current/bin/python3
  config_file:
    description: Configuration file with the C([database]) section.
    type: path
    default: /etc/glance/glance-api.conf
  user:
    description: User that it runs as.
    type: str
    default: glance
  timeout:
    description: Seconds that it may take.
    type: int
    default: 3600
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
- name: Purge the records of what was deleted more than 90 days ago
  glanceops.image_service.database_purge:
    program: "{{ lookup('ansible.builtin.file', 'purge_records.py') }}"
    age_days: 90
"""

RETURN = r"""
rows:
  description: How many records of each table went, or would go in check mode.
  returned: success
  type: dict
  sample: {"image_locations": 12, "image_members": 0, "image_properties": 31, "image_tags": 0, "tasks": 2}
msg:
  description: The same in words.
  returned: success
  type: str
  sample: Purged 12 records of image_locations, 31 of image_properties, 2 of tasks.
output:
  description: What was printed last, secrets masked.
  returned: failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import database_purge


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "age_days": {"type": "int", "required": True},
            "images_age_days": {"type": "int", "default": 0},
            "program": {"type": "str", "required": True},
            "python": {"type": "path", "default": "/opt/glance/current/bin/python3"},
            "config_file": {"type": "path", "default": "/etc/glance/glance-api.conf"},
            "user": {"type": "str", "default": "glance"},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**database_purge.run(module.params, module.check_mode))
    except database_purge.PurgeError as error:
        module.fail_json(**error.result)


if __name__ == "__main__":
    main()
