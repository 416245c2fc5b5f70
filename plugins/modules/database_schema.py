#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: database_schema
short_description: Bring Glance's database to the schema of the installed release, and its metadata definitions into it
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
  - With O(own_metadefs), each of these files is loaded that has changed since it was loaded last, or whose namespace is
    not in the database, by C(glance-manage db load_metadefs --merge --overwrite).
  - With O(metadefs), C(glance-manage db load_metadefs) is run when a namespace of that folder is not in the database,
    and the module fails when one is not there after it either. The command itself ends well whether or not it has
    loaded anything.
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
  metadefs:
    description:
      - Folder on the host with metadata definitions, a namespace in each file whose name ends with C(.json). A
        namespace that is in the database already stays as it is there. A file that is not JSON is passed over, as
        Glance does; C(compute-vmware.json) of Ussuri is one.
      - Until a load has ended well, a file C(.loading-metadefs) lies beside O(config_file). Where it is found, a load
        was cut off, and C(--merge) makes up for what a namespace may lack.
      - Needs O(python).
    type: path
    version_added: "0.3.0"
  own_metadefs:
    description:
      - Files on the host with a namespace of metadata definitions each, which is in the database as the file says. It
        may be none that a file of O(metadefs) defines.
      - What was loaded is noted in a file C(.sets/own-metadefs) beside O(config_file).
      - Needs O(python).
    type: list
    elements: path
    default: []
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
    metadefs: /opt/glance/current/etc/glance/metadefs
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
namespaces:
  description: How many namespaces of metadata definitions are in the database.
  returned: success with O(metadefs) or O(own_metadefs), unless the database is yet to be made
  type: int
  sample: 32
"""

import contextlib
import hashlib
import json
import os
import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.program import ProgramError, last_line, run_as
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import mask_text
from ansible_collections.glanceops.image_service.plugins.module_utils.service import reason_in
from ansible_collections.glanceops.image_service.plugins.module_utils.words import list_of

_LOOK_SECONDS = 10
_STEPS = ("expand", "migrate", "contract")
_NEEDED = {0: "nothing", 3: "expand", 4: "migrate", 5: "contract"}
# Words of glance/cmd/manage.py.
_NO_CHECK = "Rolling upgrades are currently supported only for"
_NOTHING_DONE = "Database is up to date"
# Prints what alembic has noted and which namespaces there are; oslo.config takes two dollar signs for one.
_LOOK = """
import configparser, json, sys
import sqlalchemy

config = configparser.RawConfigParser(strict=False)
config.read(sys.argv[1])
wanted = {"revisions": "version_num FROM alembic_version", "namespaces": "namespace FROM metadef_namespaces"}
with sqlalchemy.create_engine(config["database"]["connection"].replace("$$", "$")).connect() as connection:
    found = {name: connection.execute(sqlalchemy.text(f"SELECT {what}")).fetchall() for name, what in wanted.items()}
print(json.dumps({name: [row[0] for row in rows] for name, rows in found.items()}))
"""
_LOADING = ".loading-metadefs"
_LOADED = ".sets/own-metadefs"


def run(module: AnsibleModule, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run C(glance-manage) as the service user."""
    command = [module.params["manage"], f"--config-file={module.params['config_file']}", "db", *arguments]
    try:
        return run_as(module.params["user"], command, module.params["timeout"], stderr=subprocess.STDOUT, umask=0o027)
    except ProgramError as error:
        module.fail_json(msg=f"{error}.")
        raise


def last_lines(done: subprocess.CompletedProcess[str]) -> tuple[str, list[str]]:
    """Return the exception that ended a command, or else the last line that it printed, and its last lines."""
    lines = [mask_text(line.strip()) for line in done.stdout.splitlines() if line.strip()]
    return reason_in(lines) or (lines[-1] if lines else "no output"), lines[-15:]


def fail(module: AnsibleModule, done: subprocess.CompletedProcess[str], verb: str) -> None:
    """End the module with the reason why a command did not end well."""
    reason, output = last_lines(done)
    module.fail_json(
        msg=f"'glance-manage db {verb}' should end well, found exit code {done.returncode}: {reason}", output=output
    )


def look(module: AnsibleModule, seconds: int) -> dict[str, list[str]]:
    """Ask the database itself for C(revisions) and C(namespaces); raises ProgramError with the reason if it can't."""
    python = module.params["python"]
    done = run_as(module.params["user"], [python, "-c", _LOOK, module.params["config_file"]], seconds, umask=0o027)
    if done.returncode != 0:
        reason = reason_in(done.stderr.splitlines()) or last_line(done.stderr)
        raise ProgramError(mask_text(reason) or f"exit code {done.returncode}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise ProgramError(last_line(done.stdout) or "no output") from error


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


def bring(module: AnsibleModule) -> dict[str, Any]:
    """Take the steps that glance-manage asks for; returns what the module does."""
    needed = ask(module)
    if needed is None:
        needed = sync_unchecked(module)
        return {"changed": needed != "nothing", "needed": needed, "left": "nothing"}
    pending = needed != "nothing" and _STEPS.index(needed) <= _STEPS.index(module.params["until"])
    if module.check_mode or not pending:
        return {"changed": pending, "needed": needed, "left": needed}
    if module.params["until"] == "contract":
        succeed(module, "sync")
        return {"changed": True, "needed": needed, "left": "nothing"}
    return {"changed": True, "needed": needed, "left": step(module, needed)}


def shipped(directory: str) -> set[str]:
    """Return the namespaces of the files in a folder, without those of files that Glance passes over."""
    found = set()
    for name in os.listdir(directory):
        if name.endswith(".json"):
            # No JSON, or none that is a namespace.
            passed_over = contextlib.suppress(ValueError, LookupError, TypeError)
            with passed_over, open(os.path.join(directory, name), encoding="utf-8") as handle:
                found.add(json.load(handle)["namespace"])
    return found


def look_again(module: AnsibleModule) -> set[str]:
    """Return the namespaces in the database; ends the module when that can't be."""
    try:
        return set(look(module, module.params["timeout"])["namespaces"])
    except ProgramError as error:
        module.fail_json(msg=f"The database should tell which metadata definitions it has, found: {error}.")
        raise


def load(module: AnsibleModule, wanted: set[str], note: str) -> set[str]:
    """Load what is missing; returns the namespaces in the database."""
    directory = module.params["metadefs"]
    merge = ["--merge"] if os.path.exists(note) else []
    with open(note, "w", encoding="utf-8") as handle:
        handle.write("Managed by Ansible: metadata definitions are being loaded, or that was cut off.\n")
    done = run(module, "load_metadefs", f"--path={directory}", *merge)
    if done.returncode != 0:
        fail(module, done, "load_metadefs")
    there = look_again(module)
    if missing := sorted(wanted - there):
        reason, output = last_lines(done)
        module.fail_json(
            msg=f"'glance-manage db load_metadefs' should load the {len(wanted)} namespaces of {directory}, found "
            f"{len(wanted & there)} of them then, without {list_of(missing[:5], len(missing))}: {reason}",
            output=output,
        )
    os.unlink(note)
    return there


def bring_metadefs(module: AnsibleModule, there: set[str] | None) -> dict[str, Any]:
    """Have all namespaces of the folder in the database; *there* are those that were found, None if nobody looked."""
    directory = module.params["metadefs"]
    note = os.path.join(os.path.dirname(module.params["config_file"]), _LOADING)
    try:
        wanted = shipped(directory)
        if not wanted:
            module.fail_json(msg=f"{directory} should hold files with metadata definitions, found none.")
        there = look_again(module) if there is None else there
        pending = not wanted <= there or os.path.exists(note)
        if pending and not module.check_mode:
            there = load(module, wanted, note)
    except OSError as error:
        module.fail_json(msg=f"The files of {directory} should be loaded, found {error.filename}: {error.strerror}.")
        raise
    return {"changed": pending, "namespaces": len(there)}


def defined(module: AnsibleModule) -> dict[str, tuple[str, str]]:
    """Return path and SHA-256 of the operator's own definitions by their namespaces; those not there are left out."""
    found: dict[str, tuple[str, str]] = {}
    for path in module.params["own_metadefs"]:
        try:
            with open(path, "rb") as handle:
                content = handle.read()
            found[json.loads(content)["namespace"]] = (path, hashlib.sha256(content).hexdigest())
        except FileNotFoundError:
            # The task that makes it only said so.
            if not module.check_mode:
                raise
        except (ValueError, LookupError, TypeError):
            module.fail_json(
                msg=f"{path} should define a namespace of metadata definitions as JSON, found something else."
            )
    return found


def load_own(module: AnsibleModule, pending: dict[str, tuple[str, str]]) -> set[str]:
    """Load the *pending* definitions of the operator's own; returns the namespaces in the database."""
    for path, _digest in pending.values():
        done = run(module, "load_metadefs", f"--path={path}", "--merge", "--overwrite")
        if done.returncode != 0:
            fail(module, done, f"load_metadefs --path={path}")
    there = look_again(module)
    if missing := sorted(pending.keys() - there):
        module.fail_json(
            msg=f"'glance-manage db load_metadefs' should load {list_of(missing[:5], len(missing))}, found "
            "them missing: see whether the service can read the file, and whether Glance can read what is in it"
        )
    return there


def bring_own_metadefs(module: AnsibleModule, there: set[str] | None) -> dict[str, Any]:
    """Have the operator's own definitions in the database as their files say; *there* as for the release's."""
    note = os.path.join(os.path.dirname(module.params["config_file"]), _LOADED)
    try:
        own = defined(module)
        taken = shipped(module.params["metadefs"]) & own.keys() if module.params["metadefs"] else set()
        for namespace in sorted(taken):
            module.fail_json(
                msg=f"{own[namespace][0]} should define a namespace of its own, found {namespace}, which the release "
                "ships: choose another name, or set glance_metadefs to false"
            )
        there = look_again(module) if there is None else there
        loaded: dict[str, str] = {}
        with contextlib.suppress(FileNotFoundError, ValueError), open(note, encoding="utf-8") as handle:
            loaded = dict(json.load(handle))
        digests = {namespace: digest for namespace, (_path, digest) in own.items()}
        pending = {name: own[name] for name in own if name not in there or loaded.get(name) != digests[name]}
        absent = len(own) < len(module.params["own_metadefs"])
        if pending and not module.check_mode:
            there = load_own(module, pending)
        if digests != loaded and not module.check_mode:
            os.makedirs(os.path.dirname(note), mode=0o700, exist_ok=True)
            with open(note, "w", encoding="utf-8") as handle:
                json.dump(digests, handle)
    except OSError as error:
        module.fail_json(msg=f"Own metadata definitions should be loaded, found {error.filename}: {error.strerror}.")
        raise
    return {"changed": bool(pending) or absent, "namespaces": len(there)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "manage": {"type": "path", "required": True},
            "config_file": {"type": "path", "required": True},
            "user": {"type": "str", "default": "glance"},
            "head": {"type": "str", "default": ""},
            "newer": {"type": "list", "elements": "str", "default": []},
            "python": {"type": "path"},
            "until": {"type": "str", "choices": list(_STEPS), "default": "contract"},
            "metadefs": {"type": "path"},
            "own_metadefs": {"type": "list", "elements": "path", "default": []},
            "timeout": {"type": "int", "default": 3600},
        },
        required_by={"metadefs": ["python"]},
        supports_check_mode=True,
    )
    missing = [path for path in (module.params["manage"], module.params["config_file"]) if not os.path.exists(path)]
    if module.check_mode and missing:
        module.exit_json(changed=True, needed="everything")
    metadefs, own = module.params["metadefs"], module.params["own_metadefs"]
    if own and not module.params["python"]:
        module.fail_json(msg="own_metadefs should come with python, found it without.")
    found: dict[str, list[str]] = {}
    if module.params["python"] and (module.params["head"] or module.params["metadefs"] or own):
        with contextlib.suppress(ProgramError):
            found = look(module, _LOOK_SECONDS)
    at_head = not {module.params["head"], *module.params["newer"]}.isdisjoint(found.get("revisions", []))
    schema = {"changed": False, "needed": "nothing", "left": "nothing"} if at_head else bring(module)
    # What is yet to be made can't be asked, and a release that check mode did not install ships nothing.
    unknown = module.check_mode and (schema["changed"] or not os.path.isdir(metadefs or "/"))
    there = set(found["namespaces"]) if found else None
    for wanted, bring_them in ((metadefs, bring_metadefs), (own, bring_own_metadefs)):
        if wanted and not unknown:
            definitions = bring_them(module, there)
            schema = {**schema, **definitions, "changed": schema["changed"] or definitions["changed"]}
            # Loading them may have changed what is there.
            there = None if definitions["changed"] else there
    module.exit_json(**schema)


if __name__ == "__main__":
    main()
