#!/usr/bin/python
# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Put all configuration of a service in place at once, or none of it
version_added: "0.1.0"
author:
  - glanceops contributors (@glanceops)
description:
  - Takes every file, link and directory of one service as one set and compares it with the host.
  - When something differs, the set is staged in a folder beside the live files, the O(validators) are run over the
    staged set, and only when all of them agree everything is swapped in, all or none.
  - The set before is kept, readable by root alone, until the service has answered with the new one. The module
    M(glanceops.image_service.service_state) brings it back when the service does not.
  - Reports a change too when an earlier run put this set in place but ended before the service was restarted, so that
    a notified handler is never lost.
  - Several sets of the same O(record_directory) may have a file in common. It goes with the last of them, and a set
    whose file another one has changed reports that its service has yet to be restarted.
  - Values of options that carry secrets are masked in the diff.
options:
  name:
    description: Name of the set, usually that of the service.
    type: str
    required: true
  state:
    description:
      - With V(present), the set is made so.
      - With V(previous), the set before is brought back if the present one was never confirmed by the service.
      - With V(absent), the files and links of the set are removed, and what was kept of the set before.
        Directories stay, but for those that O(items[].adopt) has made.
    type: str
    choices: [present, previous, absent]
    default: present
  items:
    description: The files, links and directories of the set. Needed with O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path on the host; with O(items[].kind=staged), a bare file name.
        type: str
        required: true
      kind:
        description:
          - What is to be at the path. A V(staged) item is a file that only the validators see.
          - A V(directory) may be root's own link to a directory; any other link is refused.
        type: str
        choices: [file, link, directory, staged]
        default: file
      template:
        description:
          - Template on the control machine that makes the file's text.
            Looked up like a template of the role. Used by the action plugin, never sent to the host.
          - It has the variable C(writable), the paths of O(items[].directories) of the set.
        type: str
      overrides:
        description:
          - Options by section, laid over what the template makes, which is a file of sections and options then, one
            dict over the other. A value of null takes the option away, a list repeats it. A value with a line break is
            refused.
          - In a path that ends with C(.conf), options get their names of today, and texts are written so that
            oslo.config reads them as they are.
          - In a unit, options of which systemd takes a list are added to those that are there.
          - Without it, even an empty list, the text stays as the template makes it. Used by the action plugin.
        type: list
        elements: dict
        version_added: "0.3.0"
      directories:
        description:
          - Makes the directories that the file says the service writes to a part of the set, with mode 0750. Used by
            the action plugin.
        type: dict
        version_added: "0.3.0"
        suboptions:
          owner:
            description: User and group that they belong to.
            type: str
            required: true
          stores:
            description: Sections that are stores, whether or not the file has them.
            type: list
            elements: str
            required: true
      content:
        description:
          - Text of the file. The action plugin fills it in when O(items[].template) or O(items[].src) is given.
        type: str
      src:
        description:
          - File on the control machine that has the text, in UTF-8; one that a vault encrypts is decrypted. A relative
            path is looked for below the folder of the playbook, then below that of the inventory that has the host,
            each time in C(files) first. Used by the action plugin, never sent to the host.
        type: str
        version_added: "0.3.0"
      secret:
        description: Whether nothing of the text may show, in the diff or in what a validator says.
        type: bool
        default: false
        version_added: "0.3.0"
      adopt:
        description:
          - With V(true), a directory that is there already stays as it is, whatever its owner and mode. One that is
            made goes when it is empty and no set of the same O(record_directory) has it any more.
        type: bool
        default: false
        version_added: "0.3.0"
      staged_as:
        description: Path of the staged file in the folder with the staged files, in place of its bare name.
        type: str
        version_added: "0.3.0"
      target:
        description: What a link points to.
        type: str
      owner:
        description: Owner of the file or directory.
        type: str
        default: root
      group:
        description: Group of the file or directory.
        type: str
        default: root
      mode:
        description: Permission bits as a string of octal digits.
        type: str
        default: "0644"
  validators:
    description:
      - Commands that must end with exit code 0 before a changed set is swapped in.
        Each may take 120 seconds at most.
      - In an argument, in a value of the environment and in the text of O(items[].kind=staged) items, C(@staged@)
        stands for the folder with the staged files, which lie there side by side under their bare names, if not under
        O(items[].staged_as). The group of the folder can write to C(@staged@/tmp).
      - Where a file of the set names another one by its path, its staged text names the staged one.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the check is about, for the error message.
        type: str
        required: true
      argv:
        description: Program and arguments. In check mode a program that is not there yet is passed over.
        type: list
        elements: str
        required: true
      needs:
        description: What else has to be there for the program. Without it, it is passed over in check mode.
        type: list
        elements: path
        default: []
        version_added: "0.3.0"
      environment:
        description: Environment of the program, beside C(PATH) and C(LANG).
        type: dict
        default: {}
      user:
        description:
          - User that the program runs as. In check mode only those of V(root) are run, since the staged files
            are then in a folder that nobody else can enter.
        type: str
        default: root
      sandbox:
        description:
          - Name of a unit of the set, such as C(glance-api.service). The program is run as its service would be, by the
            user of the unit and with what the unit may read and write; O(validators[].user) does not count then.
          - Not run in check mode.
        type: str
        default: ""
        version_added: "0.3.0"
      reason:
        description:
          - Regular expression; the lines of the output in which it is found are the reason that the error gives, or of
            each line the group that matched, in place of the last line of the output.
        type: str
        default: ""
  record_directory:
    description: Folder of the record that holds the set before.
    type: path
    default: /etc/glance/.sets
extends_documentation_fragment:
  - glanceops.image_service.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Secrets are masked; one that changed is marked as changed.
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Write the configuration of the image API
  glanceops.image_service.config_files:
    name: glance-api
    items:
      - path: /etc/glance
        kind: directory
        group: glance
        mode: "0750"
      - path: /etc/glance/glance-api.conf
        template: glance-api.conf.j2
        overrides:
          - DEFAULT:
              debug: true
        group: glance
        mode: "0640"
    validators:
      - name: options of glance-api.conf
        argv:
          - /opt/glance/current/bin/oslo-config-validator
          - --input-file=@staged@/glance-api.conf
          - --namespace=glance.api
  notify: Restart glance-api
"""

RETURN = r"""
changed_paths:
  description: Paths that were (in check mode, would be) made, changed or removed.
  returned: always
  type: list
  elements: str
  sample: [/etc/glance/glance-api.conf]
deployed:
  description: Whether the set was there before, in whatever form.
  returned: O(state=present)
  type: bool
  version_added: "0.3.0"
unconfirmed_before:
  description: Whether the service had never answered with the set that was there before.
  returned: O(state=present)
  type: bool
  version_added: "0.3.0"
restart_pending:
  description:
    - Whether the files were right already, but the service has not answered with them yet. Another set may have changed
      a file of this one, too.
  returned: O(state=present)
  type: bool
"""

import contextlib
import fcntl
import glob
import grp
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils import config_items, config_set, sandbox
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program
from ansible_collections.glanceops.image_service.plugins.module_utils.secrets import (
    mask_pair,
    mask_text,
    mask_whole,
    mask_words,
)
from ansible_collections.glanceops.image_service.plugins.module_utils.words import ended

_VALIDATOR_SECONDS = 120


def _staged_place(given: dict[str, Any]) -> str:
    """Return the path of an item in the folder with the staged files."""
    return given["staged_as"] or os.path.basename(given["path"])


def _make_staged_folders(folder: str, name: str, gid: int) -> None:
    """Make the folders of the staged file *name* below *folder*, which the group can enter."""
    parts = name.split("/")[:-1]
    for number in range(len(parts)):
        path = os.path.join(folder, *parts[: number + 1])
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
            os.chown(path, -1, gid)
            os.chmod(path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP)


def _stage(module: AnsibleModule, folder: str) -> None:
    """Write every file of the set into *folder*, with the owner and mode that it will have.

    What names another file of the set by its path names the staged one there.
    """
    live = {
        given["path"]: os.path.join(folder, _staged_place(given))
        for given in module.params["items"]
        if given["kind"] == "file"
    }
    # No part of another name, such as that of an older copy, which may be no file of the set.
    names = re.compile("(?:" + "|".join(map(re.escape, sorted(live, key=len, reverse=True))) + r")(?![\w@+-]|[./]\w)")
    for given in module.params["items"]:
        if given["kind"] not in ("file", "staged"):
            continue
        name = _staged_place(given)
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            raise config_set.ConfigSetError(f"two files of the set are named {name}")
        gid = -1 if module.check_mode else config_items.id_of(grp.getgrnam, given["group"], module.check_mode)
        _make_staged_folders(folder, name, gid)
        with open(path, "x", encoding="utf-8") as handle:
            os.fchown(handle.fileno(), -1, gid)
            os.fchmod(handle.fileno(), int(given["mode"], 8) & 0o640)
            text = given["content"].replace("@staged@", folder) if given["kind"] == "staged" else given["content"]
            handle.write(names.sub(lambda match: live[match[0]], text) if live else text)


def _reason(validator: dict[str, Any], output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if validator["reason"]:
        found = [match for match in (re.search(validator["reason"], line) for line in lines) if match]
        named = [next((group for group in match.groups() if group), match[0]) for match in found]
        lines = ["; ".join(dict.fromkeys(named))] if named else lines
    return mask_text(lines[-1] if lines else "it printed nothing")


def _run_validator(validator: dict[str, Any], staged: str, check_mode: bool, secret: str) -> None:
    def fill(text: Any) -> str:
        return str(text).replace("@staged@", staged)

    def refused(why: str) -> config_set.ConfigSetError:
        return config_set.ConfigSetError(f"{validator['name']}: {why}")

    alone = validator["user"] != "root" or validator["sandbox"]
    if check_mode and (alone or not all(map(os.path.exists, [validator["argv"][0], *validator["needs"]]))):
        return
    argv = [fill(argument) for argument in validator["argv"]]
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        **{name: fill(value) for name, value in validator["environment"].items()},
    }
    try:
        if validator["sandbox"]:
            with open(os.path.join(staged, validator["sandbox"]), encoding="utf-8") as handle:
                unit = handle.read()
            done = sandbox.run(
                argv,
                unit,
                validator["sandbox"].removesuffix(".service"),
                f"{staged}/tmp",
                environment,
                _VALIDATOR_SECONDS,
            )
        else:
            account = pwd.getpwnam(validator["user"])
            done = run_program(
                argv,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd="/",
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_VALIDATOR_SECONDS,
            )
    except OSError as error:
        raise refused(f"{validator['argv'][0]} can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise refused(f"no verdict within {_VALIDATOR_SECONDS} s") from error
    if done.returncode != 0:
        raise refused(mask_words(_reason(validator, done.stdout).replace(f"{staged}/", ""), secret))


def _lock(path: str, how: int = fcntl.LOCK_EX) -> int:
    """Return a descriptor that holds a lock on the folder *path*; BlockingIOError with LOCK_NB when another does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def _remove_abandoned(folder: str, name: str) -> None:
    """Remove what killed runs have staged in *folder*: nobody holds it."""
    for path in glob.glob(f"{glob.escape(os.path.join(folder, f'.staged-{name}'))}*"):
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            descriptor = _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


@contextlib.contextmanager
def _staging(folder: str, name: str) -> Iterator[str]:
    """Make a folder in *folder* for this run alone, and remove it in the end."""
    whole = _lock(folder)
    try:
        _remove_abandoned(folder, name)
        staged = tempfile.mkdtemp(prefix=f".staged-{name}-", dir=folder)
        held = _lock(staged)
    finally:
        os.close(whole)
    try:
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        os.close(held)


def validate(module: AnsibleModule) -> None:
    """Stage the set and run the validators over it; raises ConfigSetError with the first refusal."""
    beside = os.path.dirname(module.params["record_directory"])
    folder = module.tmpdir if module.check_mode else beside
    try:
        with _staging(folder, module.params["name"]) as staged:
            if not module.check_mode:
                # Closed to all but root and the group that owns the folder beside, which is the service's.
                group = os.stat(beside).st_gid
                os.chown(staged, 0, group)
                os.chmod(staged, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP)
                os.mkdir(f"{staged}/tmp")
                os.chown(f"{staged}/tmp", 0, group)
                os.chmod(f"{staged}/tmp", stat.S_IRWXU | stat.S_IRWXG)
            _stage(module, staged)
            secret = "\n".join(given["content"] for given in module.params["items"] if given["secret"])
            for validator in module.params["validators"]:
                _run_validator(validator, staged, module.check_mode, secret)
    except OSError as error:
        # A file that is full or can't be written to has no name in its error.
        raise config_set.ConfigSetError(f"no file can be written in {folder}: {error.strerror}") from error


def validate_with_directories(
    module: AnsibleModule, found: list[dict[str, Any]], changed: list[dict[str, Any]]
) -> None:
    """Validate with the directories of the set in place, since programs look into them; undone on a refusal."""
    directories = [] if module.check_mode else [item for item in changed if item["kind"] == "directory"]
    try:
        config_set.put(directories)
        validate(module)
    except config_set.ConfigSetError:
        if directories:
            config_set.undo(found, changed)
        raise


def present(module: AnsibleModule, record_path: str) -> dict[str, Any]:
    """Make the set so; returns the result of the module."""
    record = config_set.load_record(record_path)
    wanted = config_items.wanted(module.params["items"], module.check_mode)
    shared = config_set.others(record_path)
    found, changed = config_set.compare(wanted, record, shared)
    unconfirmed = record["state"] != config_set.RUNNING
    unread = config_set.changed_by_others(wanted, changed, record)
    left = config_set.left_to_others(wanted, record, shared)
    pending = not changed and (unconfirmed or bool(unread) or bool(left))
    if changed or unread:
        validate_with_directories(module, found, changed)
    if (changed or pending) and not module.check_mode:
        config_set.swap(wanted, (found, changed), record_path)
    elif not module.check_mode:
        config_set.note_secrets(wanted, record_path)
    secret = {item["path"] for item in wanted if item.get("secret")} | set(record["secret"])
    diff = []
    for old, new in zip(found, changed):
        mask = mask_whole if new["path"] in secret else mask_pair
        before, after = mask(config_set.text_of(old), config_set.text_of(new))
        header = new["path"]
        if before == after:
            header += " (owner or mode)"
        diff.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return {
        "changed": bool(changed or pending),
        "changed_paths": [item["path"] for item in changed],
        "deployed": record["state"] is not None,
        "restart_pending": pending,
        "unconfirmed_before": unconfirmed,
        "diff": diff,
    }


def previous(module: AnsibleModule, record_path: str) -> dict[str, Any]:
    """Bring the set before back; returns the result of the module."""
    record = config_set.load_record(record_path)
    possible = record["state"] not in (None, config_set.RUNNING) and bool(record["previous"])
    if possible and not module.check_mode:
        config_set.restore(record_path)
    return {"changed": possible, "changed_paths": [i["path"] for i in record["previous"] or []] if possible else []}


def absent(module: AnsibleModule, record_path: str) -> dict[str, Any]:
    """Remove the set; returns the result of the module."""
    record = config_set.load_record(record_path)
    paths = [path for path in record["paths"] if os.path.lexists(path)]
    if not module.check_mode:
        config_set.forget(record_path)
    return {"changed": record["state"] is not None, "changed_paths": paths}


def main() -> None:
    """Run the module."""
    module = config_items.Module(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "previous", "absent"], "default": "present"},
            "items": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "required_if": config_items.REQUIRED,
                "options": config_items.OPTIONS,
            },
            "validators": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "argv": {"type": "list", "elements": "str", "required": True},
                    "needs": {"type": "list", "elements": "path", "default": []},
                    "environment": {"type": "dict", "default": {}},
                    "user": {"type": "str", "default": "root"},
                    "sandbox": {"type": "str", "default": ""},
                    "reason": {"type": "str", "default": ""},
                },
            },
            "record_directory": {"type": "path", "default": "/etc/glance/.sets"},
        },
        supports_check_mode=True,
    )
    record_path = os.path.join(module.params["record_directory"], f"{module.params['name']}.json")
    verb = {"present": present, "previous": previous, "absent": absent}[module.params["state"]]
    try:
        result = verb(module, record_path)
    except config_set.ConfigSetError as error:
        result = {
            "failed": True,
            "msg": f"The configuration of {module.params['name']} was not changed: {ended(str(error))}",
        }
    module.hide()
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
