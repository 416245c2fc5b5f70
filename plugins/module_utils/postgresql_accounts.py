# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who can log in to a PostgreSQL of this host, asked as its administrator over its socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import pathlib
import re
import subprocess
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.module_utils.database_logins import of_postgresql
from ansible_collections.glanceops.image_service.plugins.module_utils.process import run_program

_SECONDS = 30
_COMMAND = (
    *("runuser", "--user", "postgres", "--"),
    *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname=postgres"),
)

# An object for each role of Glance's and for the owner of the database.
_QUERY = """
SELECT json_build_object(
  'name', r.rolname, 'logs_in', r.rolcanlogin, 'rules', r.rolsuper, 'password', a.rolpassword,
  'owns', d.datname IS NOT NULL,
  'acts_as', (SELECT array_to_json(setconfig) FROM pg_db_role_setting WHERE setrole = r.oid AND setdatabase = 0),
  'member_of', (SELECT json_agg(g.rolname) FROM pg_auth_members AS m JOIN pg_roles AS g ON g.oid = m.roleid
                WHERE m.member = r.oid))
FROM pg_roles AS r JOIN pg_authid AS a ON a.oid = r.oid
LEFT JOIN pg_database AS d ON d.datdba = r.oid AND d.datname = %(database)s
WHERE d.datname IS NOT NULL OR r.rolname IN (SELECT json_array_elements_text(%(users)s::json));
"""


def statements(params: Mapping[str, Any]) -> str:
    """Return the SQL that asks about the roles; what comes from variables is in hexadecimal digits in it."""
    values = {
        "database": params["database"],
        "users": json.dumps([params["user"], *params["retired_users"]], ensure_ascii=False),
    }
    return _QUERY % {name: f"convert_from('\\x{text.encode().hex()}', 'UTF8')" for name, text in values.items()}


def opens(verifier: str, password: str) -> bool:
    """Whether *password* is that of *verifier*, as PostgreSQL stores one (RFC 5803); any other form of it is not."""
    found = re.fullmatch(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)", verifier or "")
    if not found:
        return False
    rounds, salt, stored, _server = found.groups()
    # Of SASLprep (RFC 4013), what changes passwords that people have.
    text = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", text, base64.b64decode(salt), int(rounds))
    key = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    return hmac.compare_digest(key, base64.b64decode(stored))


def faults(params: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], rules: str) -> list[str]:
    """Return what differs from what *params* say, by the *rows* of the query and the text of pg_hba.conf."""
    user, roles = params["user"], {row["name"]: row for row in rows}
    found = []
    if user not in roles:
        return [f"there is no user {user}"]
    if not roles[user]["logs_in"] or not opens(roles[user]["password"], params["password"]):
        found.append(f"{user} logs in in another way")
    retired = params["retired_users"]
    judged = of_postgresql(rows, user, retired, in_place=False)
    owner = judged["owner"]
    if not owner:
        found.append(f"there is no database {params['database']}")
    elif owner != user and not (
        judged["joins"]
        and owner in (roles[user]["member_of"] or ())
        and f"role={owner}" in (roles[user]["acts_as"] or ())
    ):
        found.append(f"{user} has not the rights of {owner} on {params['database']}")
    found += [f"{name} can log in" for name in judged["leaving"]]
    lines = [" ".join(line.split()) for line in rules.splitlines()]
    if " ".join(params["rule"].split()) not in lines:
        found.append(f"{user} is not let in from {params['clients']}")
    old = tuple(f'host "{params["database"]}" "{name}" ' for name in retired)
    return found + [f"pg_hba.conf lets in a retired user: {line.split()[2]}" for line in lines if line.startswith(old)]


def look(params: Mapping[str, Any]) -> list[str]:
    """Return what differs on this host; a server that does not tell is a difference too."""
    try:
        done = run_program(_COMMAND, input=statements(params), capture_output=True, timeout=_SECONDS)
        rules = pathlib.Path(params["rules"]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as error:
        return [f"PostgreSQL does not tell who can log in: {type(error).__name__}"]
    if done.returncode:
        return ["PostgreSQL does not tell its administrator who can log in"]
    return faults(params, [json.loads(line) for line in done.stdout.splitlines() if line], rules)
