# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: the ways in which accounts of MariaDB log in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ansible_collections.glanceops.image_service.plugins.module_utils.mariadb_accounts import logins

DOCUMENTATION = r"""
name: mariadb_logins
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: The ways in which accounts of MariaDB log in
description:
  - Reads what MariaDB 10.4 and newer keep of accounts, and gives each way to log in that goes by a secret.
options:
  _input:
    description:
      - The column C(Priv) of rows of C(mysql.global_priv), as JSON. An account with several ways to log in has them in
        C(auth_or), where an empty one stands for that of the account itself; see
        U(https://mariadb.com/docs/server/reference/system-tables/the-mysql-database-tables/mysql-global_priv-table).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show how many passwords there are
  ansible.builtin.debug:
    msg: "{{ __rows | map(attribute='Priv') | glanceops.image_service.mariadb_logins | length }}"
"""

RETURN = r"""
_value:
  description: Authentication plugin and hash of each, separated by a space, none of them twice.
  type: list
  elements: str
  sample: ["mysql_native_password *2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"]
"""


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[[Iterable[str]], list[str]]]:
        """Return the filter by its name."""
        return {"mariadb_logins": logins}
