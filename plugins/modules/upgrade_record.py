#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_record
short_description: Note on a host which release it leaves, so that it can go back to it
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Before a host is brought to another release, O(release), notes which one it runs, and which backup was made for it.
    The note survives runs that are cut off, since an upgrade that goes on finds the host on one of the two releases
    that are noted.
  - A host that runs O(release) already, or none, gets no note. Without O(release), only tells what is noted.
options:
  release:
    description: Release that the host is about to be brought to.
    type: str
  backup:
    description: Name of the backup that was made before.
    type: str
  path:
    description: File that holds the note.
    type: path
    default: /opt/glance/upgrade.json
  link:
    description: Link to the release in use.
    type: path
    default: /opt/glance/current
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
- name: Note the release to go back to
  glanceops.image_service.upgrade_record:
    release: "2026.2"

- name: Look which release that is
  glanceops.image_service.upgrade_record:
  register: upgrade
"""

RETURN = r"""
running:
  description: Release that the host runs, empty if none.
  returned: success
  type: str
  sample: "2025.1"
back_to:
  description:
    - Release that the host goes back to. Empty if it runs neither of the two that are noted, since then it has come to
      the one that it runs in another way.
  returned: success
  type: str
  sample: "2025.1"
record:
  description: What is noted, empty if nothing is.
  returned: success
  type: dict
  contains:
    from:
      description: Release that the host ran before the last upgrade.
      type: str
      sample: "2025.1"
    to:
      description: Release that this upgrade brings it to.
      type: str
      sample: "2026.2"
    backup:
      description: Name of the backup that was made before, empty if none was.
      type: str
      sample: before-2026.2-20261126T084500Z
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import upgrade_record


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "release": {"type": "str"},
            "backup": {"type": "str"},
            "path": {"type": "path", "default": "/opt/glance/upgrade.json"},
            "link": {"type": "path", "default": "/opt/glance/current"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**upgrade_record.run(module.params, module.check_mode))
    except upgrade_record.RecordError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
