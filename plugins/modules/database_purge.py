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

import json

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError, run_as
from ansible_collections.glanceops.image_service.plugins.module_utils.reasons import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text

_NAME = "purge_records: "


def summary(rows: dict[str, int], check_mode: bool) -> str:
    """Return what is shown of a run."""
    went = [f"{number} of {table}" for table, number in sorted(rows.items()) if number]
    if not went:
        return "No record was old enough."
    went[0] = went[0].replace(" ", " records " if not went[0].startswith("1 ") else " record ", 1)
    return f"{'Would purge' if check_mode else 'Purged'} {', '.join(went)}."


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
    given = module.params
    ages = [f"--age={given['age_days']}", f"--images-age={given['images_age_days']}"]
    verb = "check" if module.check_mode else "purge"
    command = [given["python"], "-c", given["program"], f"--config-file={given['config_file']}", *ages, verb]
    if given["age_days"] < 1:
        module.fail_json(msg=f"age_days should be 1 or more, found {given['age_days']}.")
    try:
        done = run_as(given["user"], command, given["timeout"], umask=0o027)
    except ProgramError as error:
        module.fail_json(msg=f"{str(error).replace(given['program'], 'purge_records.py')}.")
        raise
    if done.returncode != 0:
        lines = [mask_text(line) for line in done.stderr.splitlines() if line.strip()]
        own = lines[-1].removeprefix(_NAME).rstrip(".") if lines else f"exit code {done.returncode}"
        cause = reason_in([line for line in lines if not line.startswith(_NAME)])
        module.fail_json(
            msg=f"The records of what was deleted should be purged, found: {own}{f' ({cause})' if cause else ''}.",
            output=lines[-15:],
        )
    rows = json.loads(done.stdout)
    module.exit_json(changed=any(rows.values()), rows=rows, msg=summary(rows, module.check_mode))


if __name__ == "__main__":
    main()
