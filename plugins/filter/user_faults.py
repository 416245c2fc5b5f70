# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: what is wrong with the passwords of glance_basic_users."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.users import faults

DOCUMENTATION = r"""
name: user_faults
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: What is wrong with the passwords of glance_basic_users
description:
  - Gives one sentence for each password that is no text, has fewer than 8 characters, or has more than the 511 bytes
    that can be checked. None of them holds anything of a password.
options:
  _input:
    description: The users, as in C(glance_basic_users).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ glance_basic_users | glanceops.image_service.user_faults }}"
"""

RETURN = r"""
_value:
  description: Sentences; none when all is well.
  type: list
  elements: str
  sample: ["the password of alice in glance_basic_users should be text, found a number: put it in quotes"]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filter by its name."""
        return {"user_faults": faults}
