# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a MariaDB of this host, asked as its administrator over its socket."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

_SECONDS = 30
_COMMAND = ("mariadb", "--no-defaults", "--batch", "--raw", "--skip-column-names", "--user=root")


def logins(accounts: Iterable[str]) -> list[str]:
    """Return plugin and hash of every way to log in, in the order in which they are found.

    *accounts* are texts of the column Priv of mysql.global_priv, JSON in which an account with several ways has them in
    auth_or; an empty one there stands for that of the account itself. A way without a hash, such as unix_socket, opens
    nothing to who knows a secret and is left out.
    """
    found = {}
    for account in map(json.loads, accounts):
        for way in (account, *account.get("auth_or", ())):
            if way.get("plugin") and way.get("authentication_string"):
                found[f"{way['plugin']} {way['authentication_string']}"] = None
    return list(found)


# A row for each account of Glance's users: user, network and JSON in hexadecimal digits, the hash that it should have,
# whether the database is there, and its rights on that.
_QUERY = """
SELECT HEX(g.User), HEX(g.Host), HEX(g.Priv), CONCAT('*', UPPER(SHA1(UNHEX(SHA1(@password))))),
  EXISTS (SELECT * FROM information_schema.schemata WHERE schema_name = @database),
  (SELECT GROUP_CONCAT(p.privilege_type) FROM information_schema.schema_privileges AS p
   WHERE p.table_schema IN (@database, REPLACE(@database, '_', '\\\\_'))
     AND p.grantee = CONCAT('\\'', g.User, '\\'@\\'', g.Host, '\\''))
FROM mysql.global_priv AS g WHERE JSON_CONTAINS(@users, JSON_QUOTE(g.User));
"""
# GRANT ALL gives these on a database in every release that is tested, and others in newer ones.
_ALL_RIGHTS = {
    *(
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "REFERENCES",
        "INDEX",
        "ALTER",
        "LOCK TABLES",
        "EXECUTE",
    ),
    *("CREATE TEMPORARY TABLES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER"),
}


def statements(params: Mapping[str, Any]) -> str:
    """Return the SQL that asks about the accounts; what comes from variables is in hexadecimal digits in it."""
    values = {
        "password": params["password"],
        "database": params["database"],
        "users": json.dumps([params["user"], *params["retired_users"]], ensure_ascii=False),
    }
    given = (f"SET @{name} = CONVERT(UNHEX('{text.encode().hex()}') USING utf8mb4);" for name, text in values.items())
    return "\n".join(["SET NAMES utf8mb4;", *given, _QUERY])


def faults(params: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return what differs from what *params* say, by the *rows* that the query gave."""
    decoded = [[bytes.fromhex(cell).decode() for cell in row[:3]] + list(row[3:]) for row in rows]
    mine = [row for row in decoded if row[0] == params["user"] and row[1] == params["clients"]]
    if not mine:
        return [f"there is no user {params['user']} for {params['clients']}"]
    found = []
    _user, _host, account, wanted, made, rights = mine[0]
    if logins([account]) != [f"mysql_native_password {wanted}"]:
        found.append(f"{params['user']} logs in in another way")
    if made != "1":
        found.append(f"there is no database {params['database']}")
    if _ALL_RIGHTS.difference(rights.split(",")):
        found.append(f"{params['user']} has not all rights on {params['database']}")
    others = sorted({f"{row[0]}@{row[1]}" for row in decoded} - {f"{params['user']}@{params['clients']}"})
    return found + [f"{name} can log in" for name in others]


def look(params: Mapping[str, Any]) -> list[str]:
    """Return what differs on this host; a server that does not tell is a difference too."""
    try:
        # Through standard input: nothing secret stands on a command line.
        done = run_program(_COMMAND, input=statements(params), capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"MariaDB does not tell who can log in: {type(error).__name__}"]
    if done.returncode:
        return ["MariaDB does not tell its administrator who can log in"]
    return faults(params, [line.split("\t") for line in done.stdout.splitlines()])
