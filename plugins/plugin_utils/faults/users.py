# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can't be right in the passwords of ``glance_basic_users``, and how long their credentials are."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

USERS = "glance_basic_users"
SHORTEST_CHARACTERS = 8
# crypt(3) refuses a passphrase of CRYPT_MAX_PASSPHRASE_SIZE bytes, 512, and more: nobody could log in with it.
LONGEST_BYTES = 511
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


def faults(users: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one sentence for each password of *users* that can't be right; none of them holds any of a password."""
    return [
        fault
        for user in users
        if "password" in user
        for fault in _password_faults(str(user.get("name", "a user")), user["password"])
    ]


def authorization_bytes(users: Sequence[Mapping[str, Any]]) -> int:
    """Return the bytes that the longest ``Authorization: Basic`` header of *users* has, 256 at least (RFC 7617).

    A user who is known by a hash may have any password that can be checked.
    """
    longest = 0
    for user in users:
        password = len(str(user["password"]).encode()) if "password" in user else LONGEST_BYTES
        longest = max(longest, len(str(user.get("name", "")).encode()) + 1 + password)
    return max(FLOOR_BYTES, len("Basic ") + (longest + 2) // 3 * 4)
