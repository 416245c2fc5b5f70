#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: Look which backups of the image service there are, and what another one needs
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Lists what M(glanceops.image_service.backup) has made, recognised by its manifest, and looks for the programs that
    dump the database of this host. Reads no image and asks no database.
options:
  name:
    description:
      - Name of a backup that has to be there, else the module fails with the names
    type: str
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.backup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Look which backups there are
  glanceops.image_service.backup_info:
  register: found

- name: Name them
  ansible.builtin.debug:
    msg: "{{ found.backups | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
backups:
  description:
    - The backups, the oldest first, each with its C(name), C(path), C(time) in UTC, C(release), C(engine) of the
      database, its C(revisions), whether it C(holds_images), how many (C(count)) and their C(bytes).
  returned: success
  type: list
  elements: dict
engine:
  description: Kind of the database that the service of this host has.
  returned: success
  type: str
  choices: [mariadb, postgresql]
missing_packages:
  description: Debian packages without which the database can't be dumped.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import backup


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"name": {"type": "str"}, **backup.OPTIONS},
        supports_check_mode=True,
    )
    directory, name = module.params["directory"], module.params["name"]
    with backup.failing(module, "The backups of the image service can't be looked at"):
        service = backup.find_service(module.params, "")
        found = backup.backups_in(directory)
    if name is not None:
        with backup.failing(module, "Nothing can be restored"):
            backup.find_backup(directory, name)
    module.exit_json(
        changed=False,
        backups=[backup.summary_of(manifest) for manifest in found],
        engine=service.engine.login.engine,
        missing_packages=service.engine.missing(),
    )


if __name__ == "__main__":
    main()
