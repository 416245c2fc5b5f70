# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the files of glance_files as items of the configuration set of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.glanceops.image_service.plugins.plugin_utils import operator_files
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import files

DOCUMENTATION = r"""
name: file_items
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The files of glance_files as items of the configuration set of a service
description:
  - Gives the items that M(glanceops.image_service.config_files) takes for the files that a service reads, the folders
    that they need first. An entry that can't be right is an error.
options:
  _input:
    description: The files, as in C(glance_files).
    type: list
    elements: dict
    required: true
  service:
    description: Name of the service and of its set, such as V(glance-api).
    type: str
    required: true
  group:
    description: Group that the service reads the files by.
    type: str
    required: true
positional: service, group
"""

EXAMPLES = r"""
- name: Show what the API has of them
  ansible.builtin.debug:
    msg: "{{ glance_files | glanceops.image_service.file_items('glance-api', 'glance') }}"
"""

RETURN = r"""
_value:
  description: Items of O(glanceops.image_service.config_files#module:files).
  type: list
  elements: dict
"""


def file_items(entries: Sequence[Mapping[str, Any]], service: str, group: str) -> list[dict[str, Any]]:
    """Return the items of *service*; raises AnsibleFilterError for what faults.files refuses."""
    if wrong := files.faults({"glance_files": entries}):
        raise AnsibleFilterError(wrong["glance_files"])
    return operator_files.items(entries, service, group)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filter by its name."""
        return {"file_items": file_items}
