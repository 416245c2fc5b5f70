# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: how long the credentials of glance_basic_users are in a request."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.users import authorization_bytes

DOCUMENTATION = r"""
name: authorization_bytes
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: How long the credentials of users are in a request
description:
  - Gives the bytes of the longest C(Authorization) header that any of the users sends, 256 at least. What is longer
    need not be hashed.
options:
  _input:
    description: The users, as in C(glance_basic_users).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show it
  ansible.builtin.debug:
    msg: "{{ glance_basic_users | glanceops.image_service.authorization_bytes }}"
"""

RETURN = r"""
_value:
  description: Number of bytes.
  type: int
  sample: 256
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., int]]:
        """Return the filter by its name."""
        return {"authorization_bytes": authorization_bytes}
