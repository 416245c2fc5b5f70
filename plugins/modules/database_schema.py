#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_schema
short_description: Bring Glance's database to the schema of the installed release, when it is not there yet
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Asks C(glance-manage db check) and runs C(glance-manage db sync) only when that says so, hence an honest C(changed).
  - With O(python) and O(head), the revision is first read from the database itself, as C(db check) does, but without
    loading Glance. When it is O(head) or one of O(newer), that is all; when anything else is found, C(glance-manage) is
    asked.
  - Exit codes of C(db check), from Glance's source C(glance/cmd/manage.py), are 0 up to date, 3 expand needed,
    4 migrate needed, 5 contract needed.
  - With O(until), only the first of the three steps are taken, by commands of their own, so that a release before goes
    on working with the database meanwhile.
  - C(db check) refuses PostgreSQL, and so do the commands of the three steps. There C(glance-manage db sync) does all
    of them, whatever O(until), and itself tells whether there was anything to do; in check mode
    C(glance-manage db version) is compared with O(head). A warning says so when steps beyond O(until) were taken.
options:
  manage:
    description: Path of C(glance-manage).
    type: path
    required: true
  config_file:
    description: Configuration file with the C([database]) section.
    type: path
    required: true
  user:
    description: User that the commands run as.
    type: str
    default: glance
  sqlite_file:
    description:
      - Path of the database if it is an SQLite file. In check mode a missing one is a change, and is not made.
    type: path
  head:
    description: Revision that the schema of the release ends with.
    type: str
    default: ""
    version_added: "0.2.0"
  newer:
    description:
      - Revisions that the schemas of newer releases end with. A database that has one of them, since such a release was
        in use or still is beside this one, is left as it is. C(glance-manage) of the release does not know them, and
        would try to take steps that were taken long ago.
    type: list
    elements: str
    default: []
    version_added: "0.3.0"
  python:
    description: Path of an interpreter that has the libraries of the release.
    type: path
    version_added: "0.3.0"
  until:
    description:
      - Last step to take. V(expand) adds what the release needs and takes nothing away that a release before uses,
        V(migrate) brings the records over, V(contract) removes what only a release before used.
    type: str
    choices: [expand, migrate, contract]
    default: contract
    version_added: "0.3.0"
  timeout:
    description: Seconds that a command may take.
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
- name: Bring the database to the schema of the release
  glanceops.image_service.database_schema:
    manage: /opt/glance/current/bin/glance-manage
    config_file: /etc/glance/glance-api.conf
    python: /opt/glance/current/bin/python
    head: 2024_1_contract01
"""

RETURN = r"""
needed:
  description: What C(db check) asked for.
  returned: success
  type: str
  choices: [nothing, expand, migrate, contract, sync, everything]
left:
  description: What C(db check) asks for after this run, V(nothing) when the schema is that of the release.
  returned: success, unless the database is yet to be made
  type: str
  choices: [nothing, expand, migrate, contract, sync]
"""

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError, run_as
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text
from ansible_collections.glanceops.image_service.plugins.module_utils.service import reason_in

_LOOK_SECONDS = 10
_STEPS = ("expand", "migrate", "contract")
_NEEDED = {0: "nothing", 3: "expand", 4: "migrate", 5: "contract"}
# Words of glance/cmd/manage.py.
_NO_CHECK = "Rolling upgrades are currently supported only for"
_NOTHING_DONE = "Database is up to date"
# Prints the revisions that alembic has noted; a URL that oslo.config would fill in does not connect.
_REVISIONS = """
import configparser, sys
import sqlalchemy

config = configparser.RawConfigParser(strict=False)
config.read(sys.argv[1])
with sqlalchemy.create_engine(config["database"]["connection"]).connect() as connection:
    for revision in connection.execute(sqlalchemy.text("SELECT version_num FROM alembic_version")):
        print(revision[0])
"""


def run(module: AnsibleModule, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run C(glance-manage) as the service user."""
    command = [module.params["manage"], f"--config-file={module.params['config_file']}", "db", *arguments]
    try:
        return run_as(module.params["user"], command, module.params["timeout"], stderr=subprocess.STDOUT, umask=0o027)
    except ProgramError as error:
        module.fail_json(msg=f"{error}.")
        raise


def fail(module: AnsibleModule, done: subprocess.CompletedProcess[str], verb: str) -> None:
    """End the module with the exception that ended the command, or else with the last line that it printed."""
    lines = [mask_text(line.strip()) for line in done.stdout.splitlines() if line.strip()]
    reason = reason_in(lines) or (lines[-1] if lines else "no output")
    module.fail_json(
        msg=f"'glance-manage db {verb}' should end well, found exit code {done.returncode}: {reason}",
        output=lines[-15:],
    )


def has_head(module: AnsibleModule) -> bool:
    """Whether the database itself says that it has the last revision of the release, or of a newer one."""
    python, head = module.params["python"], module.params["head"]
    if not (python and head and os.path.exists(python)):
        return False
    try:
        done = run_as(
            module.params["user"], [python, "-c", _REVISIONS, module.params["config_file"]], _LOOK_SECONDS, umask=0o027
        )
    except ProgramError:
        return False
    return done.returncode == 0 and not {head, *module.params["newer"]}.isdisjoint(done.stdout.split())


def succeed(module: AnsibleModule, verb: str) -> str:
    """Run a command that must end well; returns what it printed."""
    done = run(module, verb)
    if done.returncode != 0:
        fail(module, done, verb)
    return done.stdout


def ask(module: AnsibleModule) -> str | None:
    """Return the step that C(db check) asks for, "nothing", or None where it refuses to tell."""
    done = run(module, "check")
    if done.returncode == 1 and _NO_CHECK in done.stdout:
        return None
    if done.returncode not in _NEEDED:
        fail(module, done, "check")
    return _NEEDED[done.returncode]


def step(module: AnsibleModule, needed: str) -> str:
    """Take the steps from the one that is needed to the last that is wanted; returns the one that is needed then."""
    last = _STEPS.index(module.params["until"])
    while needed != "nothing" and _STEPS.index(needed) <= last:
        succeed(module, needed)
        before, needed = needed, ask(module) or "nothing"
        if needed == before:
            module.fail_json(
                msg=f"'glance-manage db {needed}' should do what 'db check' asks for, found: it asks again."
            )
    return needed


def sync_unchecked(module: AnsibleModule) -> str:
    """Do what is needed where C(db check) can't tell; returns what was needed."""
    if not module.check_mode:
        needed = "nothing" if _NOTHING_DONE in succeed(module, "sync") else "sync"
        if needed != "nothing" and module.params["until"] != "contract":
            module.warn(
                f"The database should have been taken as far as '{module.params['until']}', found that glance-manage "
                "knows no separate steps for this kind of database: all of them were taken, also those that remove "
                "what only the release before used."
            )
        return needed
    return "nothing" if module.params["head"] in succeed(module, "version").split() else "sync"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "manage": {"type": "path", "required": True},
            "config_file": {"type": "path", "required": True},
            "user": {"type": "str", "default": "glance"},
            "sqlite_file": {"type": "path"},
            "head": {"type": "str", "default": ""},
            "newer": {"type": "list", "elements": "str", "default": []},
            "python": {"type": "path"},
            "until": {"type": "str", "choices": list(_STEPS), "default": "contract"},
            "timeout": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    missing = [
        path
        for path in (module.params["manage"], module.params["config_file"], module.params["sqlite_file"])
        if path and not os.path.exists(path)
    ]
    if module.check_mode and missing:
        module.exit_json(changed=True, needed="everything")
    if has_head(module):
        module.exit_json(changed=False, needed="nothing", left="nothing")
    needed = ask(module)
    if needed is None:
        needed = sync_unchecked(module)
        module.exit_json(changed=needed != "nothing", needed=needed, left="nothing")
    pending = needed != "nothing" and _STEPS.index(needed) <= _STEPS.index(module.params["until"])
    if module.check_mode or not pending:
        module.exit_json(changed=pending, needed=needed, left=needed)
    if module.params["until"] == "contract":
        succeed(module, "sync")
        module.exit_json(changed=True, needed=needed, left="nothing")
    module.exit_json(changed=True, needed=needed, left=step(module, needed))


if __name__ == "__main__":
    main()
