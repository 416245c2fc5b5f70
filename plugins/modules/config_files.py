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
      - With V(previous), the previous set is restored if the current one was never confirmed by the service.
      - With V(absent), the files and links of the set are removed, and what was kept of the set before.
        Directories stay, but for those that O(files[].adopt) has made.
    type: str
    choices: [present, previous, absent]
    default: present
  files:
    description: The files, links and directories of the set. Needed with O(state=present).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path on the host; with O(files[].kind=staged), a bare file name.
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
          - It has the variable C(writable), the paths of O(files[].directories) of the set.
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
          - Text of the file. The action plugin fills it in when O(files[].template) or O(files[].src) is given.
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
        description: Permission bits as a string of octal digits. A staged file has those of V(0640) at most.
        type: str
        default: "0644"
  validators:
    description:
      - Commands that must end with exit code 0 before a changed set is swapped in.
        Each may take 120 seconds at most.
      - In an argument, in a value of the environment and in the text of O(files[].kind=staged) files, C(@staged@)
        stands for the folder with the staged files, which lie there side by side under their bare names, if not under
        O(files[].staged_as). The group of the folder can write to C(@staged@/tmp).
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
    files:
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

from ansible_collections.glanceops.image_service.plugins.module_utils import config_files, config_items
from ansible_collections.glanceops.image_service.plugins.module_utils.config_set import ConfigSetError


def main() -> None:
    """Run the module."""
    module = config_items.Module(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "previous", "absent"], "default": "present"},
            "files": {
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
    try:
        result = config_files.run(module.params, module.check_mode, lambda: module.tmpdir)
    except ConfigSetError as error:
        result = {"failed": True, "msg": str(error)}
    module.hide()
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
