# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter plugin: who can log in to a database server, and who of them is to be revoked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils import database_logins

DOCUMENTATION = r"""
name: database_logins
author: glanceops contributors (@glanceops)
version_added: "0.3.0"
short_description: Who can log in to a database server, and who of them is to be revoked
description:
  - Judges what a database server said of the accounts of Glance's users. Changes and asks nothing.
options:
  _input:
    description:
      - For MariaDB, rows of C(mysql.global_priv), each with C(User), C(Host), C(Priv), C(Wanted) (the hash of the
        password) and C(Made) (whether the database is there).
      - For PostgreSQL, rows of C(pg_roles), each with C(name), C(logs_in), C(rules) (a superuser) and C(owns) (the
        database).
    type: list
    elements: dict
    required: true
  engine:
    description: Database server.
    type: str
    choices: [mariadb, postgresql]
    required: true
  user:
    description: User that Glance logs in as.
    type: str
    required: true
  network:
    description: With MariaDB, network that the user logs in from.
    type: str
    default: ""
  own_server:
    description: With MariaDB, whether the server is Glance's own, so that all accounts of O(user) are.
    type: bool
    default: false
  retired:
    description: With PostgreSQL, users that are to log in no more.
    type: list
    elements: str
    default: []
  in_place:
    description: With PostgreSQL, whether the password of O(user) may be changed while hosts log in with it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show who is to be revoked
  ansible.builtin.debug:
    msg: "{{ (__rows | glanceops.image_service.database_logins('postgresql', 'glance', retired=['old'])).leaving }}"
"""

RETURN = r"""
_value:
  description:
    - C(leaving), what is to be revoked, in words, and C(made), whether the database is there.
    - For MariaDB C(method), C(methods), C(has_old_methods), C(networks_to_open) and C(leaving_accounts).
    - For PostgreSQL C(owner), C(joins), C(foreign), C(fixed), C(leaving_owners) and C(leaving_users).
  type: dict
"""


def judged(
    rows: database_logins.Rows,
    engine: str,
    user: str,
    network: str = "",
    own_server: bool = False,
    retired: tuple[str, ...] = (),
    in_place: bool = False,
) -> dict[str, Any]:
    """Return the judgement of *engine*'s function on *rows*."""
    if engine == "mariadb":
        return database_logins.of_mariadb(rows, user, network, own_server)
    return database_logins.of_postgresql(rows, user, retired, in_place)


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filter by its name."""
        return {"database_logins": judged}
