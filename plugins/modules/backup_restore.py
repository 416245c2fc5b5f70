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
  description: Name of the backup of the database of before, empty without one.
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
from ansible_collections.glanceops.image_service.plugins.module_utils import backup, database_dump, restore
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, size_of


def save_present(service: backup.Service, directory: str) -> str:
    """Back up the present database; returns the name of that backup."""
    name = backup.name_of_now(directory, "before-restore-")
    try:
        backup.make(service, backup.Wish(directory, name, images=False))
    except (backup.BackupError, database_dump.DumpError) as error:
        raise backup.BackupError(
            f"the present database should be backed up first, found: {error}; set glance_restore_backup_before to "
            "false if it is not worth it"
        ) from error
    return name


def proven(found: restore.Findings) -> dict[str, object]:
    """Return the images whose data was held against a hash, and what is told of the others."""
    images = {image.id: image for _place, image in [*found.whole, *found.to_put_back]}
    return {
        "count": len(images),
        "bytes": sum(image.size or 0 for image in images.values()),
        "put_back": len(found.to_put_back),
        "missing": sorted({image.id for image, _fault in found.lost}),
    }


def in_words(result: dict, restorer: restore.Restorer) -> str:
    """Return what was looked at as the middle of a sentence."""
    if not restorer.with_images:
        return "the database, no image was looked at"
    unhashed = sum(image.hashed_by is None for image in restorer.images)
    of_those = f" (but of {unhashed} that has none)" if unhashed else ""
    missing = f", without {', '.join(result['missing'])}" if result["missing"] else ""
    images = f"{count_of(result['count'], 'image')}, {size_of(result['bytes'])}"
    return f"{images}, every hash as in the database{of_those}{missing}"


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
    given, name, directory = module.params, module.params["name"], module.params["directory"]
    verb = "restored" if given["state"] == "restored" and not module.check_mode else "verified"
    with backup.failing(module, f"The backup {name} can't be {verb}"):
        service = backup.find_service(given, "")
        # Raises what locked() would hide by making the directory.
        backup.find_backup(directory, name)
        with backup.locked(directory) as work:
            service.engine.work = work
            restorer = restore.Restorer(service, directory, name, given["images"])
            restorer.judge_database(given["heads"], given["other_release"])
            found = restorer.find()
            restorer.judge_images(found, given["allow_missing"])
            result = proven(found)
            if verb == "verified":
                if restorer.with_images and not module.check_mode:
                    restorer.note(found)
                words = f"Backup {name} is sound: {in_words(result, restorer)}; {result['put_back']} to be put back."
                module.exit_json(changed=module.check_mode, msg=words, **result)
            before = save_present(service, directory) if given["backup_before"] else ""
            for place, image in found.to_put_back:
                restorer.put_back(place, image)
            restorer.restore_database(work)
            others = restorer.unknown_files() if restorer.with_images else 0
    words = f"Restored {name}: {in_words(result, restorer)}; {count_of(result['put_back'], 'file')} put back"
    if others:
        words += f", {count_of(others, 'file')} of the stores that it does not know left alone"
    words += f"; the database of before is {before}." if before else "."
    module.exit_json(changed=True, before=before, unknown_files=others, msg=words, **result)


if __name__ == "__main__":
    main()
