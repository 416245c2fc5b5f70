# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of a set of configuration files, as tasks give them and as config_set takes them."""

from __future__ import annotations

import base64
import grp
import pwd
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.glanceops.image_service.plugins.module_utils.config_set import ConfigSetError

OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "kind": {
        "type": "str",
        "choices": ["file", "link", "directory", "staged"],
        "default": "file",
    },
    "template": {"type": "str"},
    "overrides": {"type": "list", "elements": "dict"},
    "directories": {
        "type": "dict",
        "options": {
            "owner": {"type": "str", "required": True},
            "stores": {"type": "list", "elements": "str", "required": True},
        },
    },
    # The whole text of a file; its secrets must not show in the invocation that -vvv prints.
    "content": {"type": "str", "no_log": True},
    "src": {"type": "str"},
    # Says that there is a secret, and is none.
    "secret": {"type": "bool", "default": False, "no_log": False},
    "adopt": {"type": "bool", "default": False},
    "staged_as": {"type": "str"},
    "target": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str", "default": "0644"},
}
"""Options of an item of M(glanceops.image_service.config_files)."""

REQUIRED = [
    ("kind", "file", ["content"]),
    ("kind", "staged", ["content"]),
    ("kind", "link", ["target"]),
]
"""What an item of a kind has to have."""


def id_of(look_up: Any, name: str, check_mode: bool) -> int:
    """Return the number of a user or a group, as *look_up* of pwd or grp knows it; raises ConfigSetError."""
    try:
        return look_up(name)[2]
    except KeyError:
        if check_mode:
            return -1  # on a fresh host the account is made by an earlier task, which check mode did not run
        raise ConfigSetError(f"there is no user or group named {name!r} on this host") from None


def wanted(items: Iterable[Mapping[str, Any]], check_mode: bool) -> list[dict[str, Any]]:
    """Return the *items* of a task in the form of config_set, staged-only ones left out; raises ConfigSetError.

    A file may have its SHA-256 in place of its C(content).
    """
    found = []
    for given in items:
        item: dict[str, Any] = {"path": given["path"], "kind": given["kind"]}
        if given["kind"] == "staged":
            continue
        if given["kind"] == "link":
            found.append({**item, "target": given["target"]})
            continue
        if given["kind"] == "file":
            if "sha256" in given:
                item["sha256"] = given["sha256"]
            else:
                item["content"] = base64.b64encode(given["content"].encode()).decode()
            item["secret"] = given["secret"]
        if given["kind"] == "directory":
            item["adopt"] = given["adopt"]
        item["uid"] = id_of(pwd.getpwnam, given["owner"], check_mode)
        item["gid"] = id_of(grp.getgrnam, given["group"], check_mode)
        found.append({**item, "mode": int(given["mode"], 8)})
    return found


class Module(AnsibleModule):
    """A module that keeps the texts of files, which hold secrets, to itself, but not what it says of them."""

    def log(self, msg: str, log_args: dict[str, Any] | None = None) -> None:
        """Write nothing to the journal: a list of items is written there whole, with all its texts."""

    def hide(self) -> None:
        """Take the texts out of the invocation, and show again in the diff what is equal to one."""
        for given in self.params["files"]:
            if given["content"] is not None:
                given["content"] = "(not shown)"
        self.no_log_values.clear()
