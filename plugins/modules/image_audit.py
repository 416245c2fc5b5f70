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
  description: What was not looked at.
  returned: success
  type: list
  elements: str
"""

import contextlib
import inspect
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import image_audit
from ansible_collections.glanceops.image_service.plugins.module_utils.image_files import connection_of, read_options
from ansible_collections.glanceops.image_service.plugins.module_utils.program import PendingImages, ProgramError
from ansible_collections.glanceops.image_service.plugins.module_utils.words import count_of, ended

# All data of a large store may have to be read.
_SECONDS = 86400
_COLUMNS = ("kind", "image", "store", "detail", "action")


def table_of(findings: list[dict[str, Any]]) -> list[str]:
    """Return a line for each finding, and one above them, in columns as wide as they have to be."""
    rows = [_COLUMNS, *(tuple(finding[name] or "-" for name in _COLUMNS) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def config_file(directory: str, names: list[str]) -> str:
    """Return the first configuration that has a login to the database; raises ProgramError if there is none."""
    for name in names:
        path = pathlib.Path(directory, name)
        with contextlib.suppress(FileNotFoundError):
            if connection_of(read_options(path.read_text(encoding="utf-8"))):
                return str(path)
    raise ProgramError(
        f"{directory} should have a configuration with a login to the database, found none: run site.yml, or have the "
        "scrubber on this host"
    )


@contextlib.contextmanager
def program(source: str) -> Iterator[str]:
    """Have the program and what it judges by in a folder that the user of the service can read."""
    folder = tempfile.mkdtemp(prefix="glance-audit-")
    try:
        os.chmod(folder, 0o755)
        for name, text in (("pending_images.py", source), ("image_audit.py", inspect.getsource(image_audit))):
            path = pathlib.Path(folder, name)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)
        yield os.path.join(folder, "pending_images.py")
    finally:
        shutil.rmtree(folder)


def summary(counts: Mapping[str, int], findings: list[Any], mended: list[str], notes: list[str]) -> str:
    """Return what is shown of an audit."""
    seen = f"{count_of(counts['images'], 'image')}, {count_of(counts['locations'], 'location')} with data and "
    seen += count_of(counts["files"], "file")
    seen += f", {counts['hashed']} of them read" if counts["hashed"] else ""
    found = count_of(len(findings), "finding") if findings else "the database and the stores agree"
    done = f"; repaired {len(mended)}" if mended else ""
    return f"{seen}: {found}{done}." + "".join(f" {note[0].upper()}{note[1:]}." for note in notes)


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
    given = module.params
    looks = [f"--stuck-after={given['stuck_after']}", *(["--only-host"] if given["only_host"] else [])]
    audit = ["audit", f"--late={given['late']}", *looks, *(["--checksums"] if given["checksums"] else [])]
    mended: list[str] = []
    try:
        file = config_file(given["config_directory"], given["config_files"])
        with program(given["source"]) as path:
            python = given["python"] if os.path.exists(given["python"]) else "/usr/bin/python3"
            asked = PendingImages({"user": given["user"], "program": path, "python": python}, _SECONDS)
            found = asked.ask(f"--config-file={file}", *audit)
            if given["repair"] and not module.check_mode and any(each["mend"] for each in found["findings"]):
                answer = asked.ask(f"--config-file={file}", "mend", *looks)
                mended = answer["mended"]
                found = asked.ask(f"--config-file={file}", *audit)
                found["notes"] += answer["failed"]
    except (ProgramError, OSError) as error:
        module.fail_json(msg=f"The stores should be compared with the database, found: {ended(str(error))}")
    findings = found["findings"]
    module.exit_json(
        changed=bool(mended),
        findings=findings,
        mended=mended,
        table=table_of(findings) if findings else [],
        counts=found["counts"],
        notes=found["notes"],
        msg=summary(found["counts"], findings, mended, found["notes"]),
    )


if __name__ == "__main__":
    main()
