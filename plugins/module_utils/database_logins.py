# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a database server, and who of them is to be revoked: pure functions over what the server said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.mariadb_accounts import logins

Rows = Sequence[Mapping[str, Any]]


def of_mariadb(rows: Rows, user: str, network: str, own_server: bool) -> dict[str, Any]:
    """Return what the accounts of Glance's users are to become.

    rows: those of mysql.global_priv, each with C(User), C(Host), C(Priv), and for all of them C(Wanted), the hash of
    the password of *user*, and C(Made), whether the database is there. network: where *user* logs in from. own_server:
    whether the server is ours; on a server of others, the same user of other networks is theirs.
    """
    accounts = [row for row in rows if row["User"] == user]
    ours = [row for row in accounts if own_server or row["Host"] == network]
    method = f"mysql_native_password {rows[0]['Wanted'] if rows else ''}"
    old_methods = [each for each in logins(row["Priv"] for row in ours) if each != method]
    methods = [method, *old_methods]
    retired = [row for row in rows if row["User"] != user]
    retired += [row for row in ours if row["Host"] != network]
    # Without their hashes, which a loop would show.
    leaving = [[row["User"], row["Host"]] for row in retired]
    return {
        "made": bool(rows and rows[0]["Made"]),
        "method": method,
        "methods": methods,
        # MariaDB takes the account of the narrowest network that a host is in, which may be a previous one.
        "networks_to_open": [row["Host"] for row in ours if sorted(logins([row["Priv"]])) != sorted(methods)],
        "has_old_methods": bool(old_methods),
        "leaving_accounts": leaving,
        "leaving": [*([f"another password of {user}"] if old_methods else []), *("@".join(each) for each in leaving)],
    }


def of_postgresql(rows: Rows, user: str, retired: Sequence[str], in_place: bool) -> dict[str, Any]:
    """Return what the roles of Glance's users are to become; a user of PostgreSQL has one password.

    rows: those of pg_roles, each with C(name), C(logs_in), C(rules) (a superuser) and C(owns) (the database). retired:
    users that are to log in no more. in_place: whether the password of *user* may change while hosts log in with it.
    """
    owner = next((row for row in rows if row["owns"]), None)
    # The owner stays what it is, since every table is its own: another user joins it.
    joins = owner is not None and owner["name"] != user and not owner["rules"]
    barred = [row["name"] for row in rows if row["owns"] and not row["logs_in"]]
    leaving = [row for row in rows if row["name"] in retired and row["name"] not in barred]
    name = owner["name"] if owner else ""
    return {
        "owner": name,
        "joins": joins,
        "foreign": joins and name not in (*barred, *retired),
        "made": joins or name == user,
        # Changed in place, it would turn away every host but the one that is restarted next.
        "fixed": not in_place and any(row["name"] == user and row["logs_in"] for row in rows),
        "leaving_owners": [row["name"] for row in leaving if row["owns"]],
        "leaving_users": [row["name"] for row in leaving if not row["owns"]],
        "leaving": [row["name"] for row in leaving],
    }
