#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_restore
short_description: Restore a backup of the image service, and prove it by the hashes of its images
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Puts the database back that M(glanceops.image_service.backup) has dumped, and every file that a store lacks or that
    differs from the hash of its image.
  - Before any change, the dump is held against the hash in the manifest, and the data of every image against the hash
    of its record, in the store or else in the backup. A damaged backup is refused with the ids of the images.
  - No service may use the database or the stores meanwhile. With O(state=verified) all is looked at while they work,
    and what was whole then is not read once more with O(state=restored), unless its file has changed.
  - The present database is backed up first, without images, as C(before-restore-) and the time.
  - PostgreSQL is changed in one transaction. MariaDB knows none over tables. A run that was cut
    off is finished by another one.
  - Files that no image of the backup has are left alone, so nothing that came after it is lost with it.
  - The files of the service's configuration are held by a backup for people to look at, and are not restored.
options:
  name:
    description: Name of the backup.
    type: str
    required: true
  state:
    description:
      - With V(verified), the backup is only looked at, and it is noted in O(directory) which files were whole.
      - With V(restored), it is restored.
    type: str
    choices: [verified, restored]
    default: restored
  images:
    description: Whether to restore the images that the backup holds, not the database alone.
    type: bool
    default: true
  backup_before:
    description:
      - Whether to back up the present database first. It fails if that can't be, since a restore could not be taken
        back.
    type: bool
    default: true
  other_release:
    description: Whether to restore a database whose revision is not that of the installed release.
    type: bool
    default: false
  allow_missing:
    description: Whether to restore though the data of an active image is whole neither in the backup nor in its store.
    type: bool
    default: false
  heads:
    description: Last revision of the database by release, by which a database of another release is told.
    type: dict
    default: {}
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.backup
attributes:
  check_mode:
    support: full
    details:
      - With O(state=restored), the backup is looked at as with O(state=verified).
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - The database is put back every time.
"""

EXAMPLES = r"""
- name: Look whether the backup can be restored, while the service works
  glanceops.image_service.backup_restore:
    name: 20261126T084500Z
    state: verified

- name: Restore it, with all services stopped
  glanceops.image_service.backup_restore:
    name: 20261126T084500Z
  register: restored
"""

RETURN = r"""
before:
  description: Name of the previous database, empty without one.
  returned: O(state=restored), but in check mode
  type: str
count:
  description: Number of images whose data was held against its hash.
  returned: success
  type: int
bytes:
  description: Bytes of these images.
  returned: success
  type: int
put_back:
  description: Number of files that were (with O(state=verified), would be) put back into their stores.
  returned: success
  type: int
missing:
  description: Ids of active images that go without their data, because of O(allow_missing).
  returned: success
  type: list
  elements: str
unknown_files:
  description: Number of files in the stores that the backup knows nothing of.
  returned: O(state=restored), but in check mode
  type: int
msg:
  description: All of it in a sentence.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import backup, restore


def main() -> None:
    """Run the module."""
    flags = {"images": True, "backup_before": True, "other_release": False, "allow_missing": False}
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["verified", "restored"], "default": "restored"},
            **{name: {"type": "bool", "default": default} for name, default in flags.items()},
            "heads": {"type": "dict", "default": {}},
            **backup.OPTIONS,
        },
        supports_check_mode=True,
    )
    verb = restore.verb_of(module.params, module.check_mode)
    with backup.failing(module, f"The backup {module.params['name']} can't be {verb}"):
        module.exit_json(**restore.run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
