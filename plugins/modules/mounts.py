#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: mounts
short_description: Mount what hosts share, or unmount it
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Makes a systemd unit for each of O(mounts) and sees to it that it is mounted. No unit is enabled, since the
    services that need a mount name it, and systemd mounts it for them.
  - The directory that is mounted over is root's and can be written by nobody else, so that nothing gets there while
    nothing is mounted.
  - Nothing is unmounted with O(state=present). Of a mount that is no longer among O(mounts) the unit is removed, so
    that it is over with the next start of the host, at the latest.
options:
  state:
    description:
      - With V(present), O(mounts) are mounted.
      - With V(absent), all that an earlier run has mounted is unmounted and the units are removed. Nothing that is on
        a mount is touched.
    type: str
    choices: [present, absent]
    default: present
  directory:
    description:
      - With O(state=absent), folder that is going to be removed. Fails if anything is still mounted at or below it.
    type: path
  timeout:
    description: Seconds that one mount may take.
    type: int
    default: 120
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.mounts
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Mount the images
  glanceops.image_service.mounts:
    mounts:
      - path: /var/lib/glance/images
        src: nas.example.com:/export/images
"""

RETURN = r"""
changed_paths:
  description: Paths that were (in check mode, would be) mounted or unmounted, or whose unit changed.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/glance/images]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import mounting, mounts


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **mounts.OPTIONS,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "directory": {"type": "path"},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    try:
        changed = mounting.run(module.params, module.check_mode)
    except mounting.MountError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changed), changed_paths=changed)


if __name__ == "__main__":
    main()
