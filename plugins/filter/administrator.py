# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the user that playbooks log in as."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: administrator
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The user that playbooks log in as
description:
  - Gives the first user of C(glance_basic_users) that has the role C(admin) and whose password is known.
options:
  _input:
    description: The users, as in C(glance_basic_users).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show the name
  ansible.builtin.debug:
    msg: "{{ (glance_basic_users | glanceops.image_service.administrator).name }}"
"""

RETURN = r"""
_value:
  description: The user, empty when there is none.
  type: dict
"""


def administrator(users: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the first of *users* with the role admin and a password, or an empty one."""
    return next((user for user in users if "admin" in user.get("roles", ()) and "password" in user), {})


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Mapping[str, Any]]]:
        """Return the filter by its name."""
        return {"administrator": administrator}
