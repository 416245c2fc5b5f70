# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in ``glance_basic_users``, and how long their credentials are."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.glanceops.image_service.plugins.plugin_utils.kinds import entries, printable

USERS = "glance_basic_users"
SHORTEST_CHARACTERS = 8
# crypt(3) refuses a passphrase of CRYPT_MAX_PASSPHRASE_SIZE bytes, 512, and more: nobody could log in with it.
LONGEST_BYTES = 511
# crypt(5): the hashes that Debian's crypt(3) knows and that are no weak ones, whole.
_HASH = re.compile(
    r"""\$(?:
    6\$(?:rounds=[0-9]+\$)?[^$:\s]{0,16}\$[./A-Za-z0-9]{86}
    | 5\$(?:rounds=[0-9]+\$)?[^$:\s]{0,16}\$[./A-Za-z0-9]{43}
    | y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{0,86}\$[./A-Za-z0-9]{43}
    | 2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}
    )\Z""",
    re.VERBOSE,
)
# Neither a separator of HAProxy's lists, nor what YAML or a shell takes for something else.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,254}\Z")
# Bytes of an Authorization header that are always let through to the check.
FLOOR_BYTES = 256
# What YAML makes of words without quotes.
_NO_TEXT = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    datetime.date: "a date",
    datetime.datetime: "a date",
    type(None): "nothing",
    list: "a list",
    dict: "a dictionary",
}


def _password_faults(name: str, password: Any) -> Iterator[str]:
    for kind, found in _NO_TEXT.items():
        if isinstance(password, kind):
            yield f"the password of {name} in {USERS} should be text, found {found}: put it in quotes"
            return
    text = str(password)
    size = len(text.encode("utf-8", "surrogateescape"))
    # Empty, it is as good as none, which is told elsewhere.
    if text and len(text) < SHORTEST_CHARACTERS:
        yield (
            f"the password of {name} in {USERS} should have {SHORTEST_CHARACTERS} characters at least, "
            f"found {len(text)}: use a longer one"
        )
    if size > LONGEST_BYTES:
        yield (
            f"the password of {name} in {USERS} should have {LONGEST_BYTES} bytes at most, found {size}: "
            "use a shorter one, longer ones can't be checked"
        )
    if any(not character.isprintable() for character in text):
        yield f"the password of {name} in {USERS} should have printable characters only, found others: use another one"


def _hash_faults(name: str, password_hash: Any) -> Iterator[str]:
    if not _HASH.match(str(password_hash)):
        yield (
            f"the password_hash of {name} in {USERS} should be one that crypt makes, such as 'openssl passwd -6' "
            "prints, found something else, or part of one: keep it whole, in single quotes"
        )


def of_passwords(users: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Give one sentence for each password or hash that can't be right; none of them holds any of it."""
    checks = {"password": _password_faults, "password_hash": _hash_faults}
    for user in users:
        for key, check in checks.items():
            if key in user:
                yield from check(str(user.get("name", "a user")), user[key])


def _of_names(users: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = [str(user.get("name")) for user in users]
    projects = [str(user.get("project")) for user in users]
    roles = [str(role) for user in users for role in entries(user.get("roles", "member"))]
    wrong = [name for name in dict.fromkeys([*names, *projects, *roles]) if not _NAME.match(name)]
    if wrong:
        found = ", ".join(json.dumps(printable(name)) for name in wrong)
        yield (
            f"the names, projects and roles of {USERS} should be of letters, digits and _.@-, and begin with one of "
            f"the first or _, found {found}"
        )
    if len(set(names)) < len(names):
        yield f"each user of {USERS} should be there once, found {', '.join(map(printable, sorted(names)))}"


def _of_shapes(users: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    def told(found: list[Mapping[str, Any]]) -> str:
        return ", ".join(dict.fromkeys(printable(user.get("name")) for user in found))

    # A password that is no text is told for what it is.
    without_one_password = [
        user for user in users if ("password" in user) == ("password_hash" in user) or user.get("password") == ""
    ]
    if without_one_password:
        yield (
            f"every user of {USERS} should have either password or password_hash, found none or both for "
            f"{told(without_one_password)}"
        )
    without_roles = [user for user in users if user.get("roles") == []]
    if without_roles:
        yield (
            f"every user of {USERS} should have a role, found none for {told(without_roles)}: without roles in the "
            "list it is a member"
        )


def faults(given: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the sentences about glance_basic_users in *given*, variables by name; none holds a password.

    They count while glance_auth is basic.
    """
    if given.get("glance_auth") != "basic" or USERS not in given:
        return {}
    users = given[USERS]
    if not users:
        return {USERS: [f"{USERS} should name who may use the API while glance_auth is basic, found nobody"]}
    return {USERS: [*_of_names(users), *of_passwords(users), *_of_shapes(users)]}


def authorization_bytes(users: Sequence[Mapping[str, Any]]) -> int:
    """Return the bytes that the longest ``Authorization: Basic`` header of *users* has, 256 at least (RFC 7617).

    A user who is known by a hash may have any password that can be checked.
    """
    longest = 0
    for user in users:
        password = len(str(user["password"]).encode()) if "password" in user else LONGEST_BYTES
        longest = max(longest, len(str(user.get("name", "")).encode()) + 1 + password)
    return max(FLOOR_BYTES, len("Basic ") + (longest + 2) // 3 * 4)
