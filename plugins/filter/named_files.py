# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: files of a host that options name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import all_of, drivers
from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import sections

DOCUMENTATION = r"""
name: named_files
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Files of a host that options name
description:
  - Gives the files that options of a service name and that a host has to have before it is deployed. Those that
    C(glance_files) makes are left out.
options:
  _input:
    description: Options by section, as in C(glance_config); of an option in several the last one counts.
    type: list
    elements: dict
    required: true
  stores:
    description: Stores, as in C(glance_stores).
    type: dict
    required: true
  files:
    description: Files that are made, as in C(glance_files).
    type: list
    elements: dict
    required: true
positional: stores, files
"""

EXAMPLES = r"""
- name: Show what the API reads
  ansible.builtin.debug:
    msg: "{{ [glance_config, glance_api_config] | glanceops.image_service.named_files(glance_stores, glance_files) }}"
"""

RETURN = r"""
_value:
  description: Names of options and paths.
  type: list
  elements: dict
  sample: [{option: '[DEFAULT] property_protection_file', path: /etc/glance/property-protections.conf}]
"""

# Options that name a file which has to be there. oslo.policy goes by the rules of the release without policy.yaml.
OPTIONS = (
    ("DEFAULT", "log_config_append"),
    ("DEFAULT", "property_protection_file"),
    ("keystone_authtoken", "cafile"),
    ("oslo_policy", "policy_file"),
    ("paste_deploy", "config_file"),
)
_NOT_NEEDED = ("policy.yaml", "policy.json")


def named_files(
    configs: Iterable[Mapping[str, Any]], stores: Mapping[str, Any], files: Iterable[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Return option and path of each file that has to be there; a relative path as it is."""
    named: dict[str, Any] = {}
    for config in configs:
        for section, option, value in sections(config):
            if (section, option) in OPTIONS:
                named[f"[{section}] {option}"] = value
    for store, given in stores.items():
        defaults = drivers().get(given.get("driver", ""), {}).get("defaults", {})
        for option, value in {**defaults, **(given.get("options") or {})}.items():
            if option in all_of("files"):
                named[f"{option} of the store {store}"] = value
    made = {str(entry.get("path")) for entry in files}
    return [
        {"option": option, "path": str(path)}
        for option, path in named.items()
        if path and path not in _NOT_NEEDED and "$" not in str(path) and not made & {path, f"/etc/glance/{path}"}
    ]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, str]]]]:
        """Return the filter by its name."""
        return {"named_files": named_files}
