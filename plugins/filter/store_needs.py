# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what hosts need for the drivers of stores."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.drivers import needed

DOCUMENTATION = r"""
name: store_needs
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What hosts need for the drivers of stores
description:
  - Gives the entries of one kind that C(roles/common/files/drivers.yml) has for the drivers of stores.
options:
  _input:
    description: Stores, as in C(glance_stores).
    type: dict
    required: true
  fact:
    description: Kind of the entries, V(packages) of Debian or V(modules) of the host's Python.
    type: str
    required: true
positional: fact
"""

EXAMPLES = r"""
- name: Show the packages
  ansible.builtin.debug:
    msg: "{{ glance_stores | glanceops.image_service.store_needs('packages') }}"
"""

RETURN = r"""
_value:
  description: The entries, each once.
  type: list
  elements: str
  sample: [python3-rados, python3-rbd]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"store_needs": needed}
