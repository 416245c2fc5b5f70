#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup
short_description: Back up the image service, its database and its file stores in agreement
version_added: "0.3.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Dumps the database with its own program (C(mariadb-dump), C(pg_dump)), and takes the data of
    every image of that dump from the file stores, while the service works. Users notice nothing.
  - The dump and the files agree. The dump is read, and what it names is taken after it; when an image was deleted
    meanwhile, the database is dumped again. When an image has no whole data in its store then, the module fails.
  - A backup is a folder O(name) in O(directory), with C(database.*), C(config/), C(images/STORE/) and
    C(manifest.json), which has the hash of the dump and of each image. It gets its name when it is whole. What a killed
    run has left is removed by the next one. No backup is ever replaced.
  - What other stores than files have, such as S3, is not held, and the result tells how much that is.
options:
  name:
    description:
      - Name of the backup, of letters, digits and C(._-). By default the time in UTC, such as C(20261126T084500Z).
    type: str
    default: ""
  prefix:
    description: What a default O(name) begins with.
    type: str
    default: ""
  images:
    description: Whether to hold the images, not the database and the configuration alone.
    type: bool
    default: true
  links:
    description:
      - Whether an image is held by a hard link where O(directory) and the store are on one file system. It takes no
        time and no space, and outlasts a deletion, but not the disk, nor a change of the very file. Otherwise, and
        where that can't be, it is copied.
    type: bool
    default: true
  verify:
    description: Whether to hold every image against its hash, which reads all of them once.
    type: bool
    default: false
  allow_missing:
    description:
      - Whether to make a backup though an active image has no whole data in its store. The manifest says that it is not
        held.
    type: bool
    default: false
  keep:
    description:
      - Backups of this kind to keep, those with images and those without being two kinds. The oldest beyond that are
        removed after this one was made. V(0) keeps all.
    type: int
    default: 0
extends_documentation_fragment:
  - glanceops.image_service.attributes
  - glanceops.image_service.backup
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each run makes another backup; a O(name) that is there already is refused.
"""

EXAMPLES = r"""
- name: Back up the image service, and keep seven backups
  glanceops.image_service.backup:
    keep: 7

- name: Back up the database alone, before something is changed
  glanceops.image_service.backup:
    prefix: before-2026.2-
    images: false
  register: before
"""

RETURN = r"""
name:
  description: Name of the backup.
  returned: success
  type: str
  sample: 20261126T084500Z
path:
  description: Folder of the backup.
  returned: success
  type: str
  sample: /var/backups/glance/20261126T084500Z
backup:
  description:
    - The C(time) in UTC, C(release), C(engine) of the database, its C(revisions), whether it C(holds_images), how many
      (C(count)) and their C(bytes).
  returned: success, but in check mode
  type: dict
removed:
  description: Names of backups that were removed because of O(keep).
  returned: success, but in check mode
  type: list
  elements: str
msg:
  description: All of it in a sentence.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import backup


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "default": ""},
            "prefix": {"type": "str", "default": ""},
            "images": {"type": "bool", "default": True},
            "links": {"type": "bool", "default": True},
            "verify": {"type": "bool", "default": False},
            "allow_missing": {"type": "bool", "default": False},
            "keep": {"type": "int", "default": 0},
            **backup.OPTIONS,
        },
        supports_check_mode=True,
    )
    with backup.failing(module, "The image service can't be backed up"):
        module.exit_json(**backup.run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
