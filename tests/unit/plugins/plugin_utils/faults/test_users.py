# Copyright: Contributors to the glanceops.image_service collection
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which passwords of glance_basic_users are refused, and how long credentials may be."""

from __future__ import annotations

import base64

import pytest
import yaml
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.users import (
    authorization_bytes,
    faults,
    of_passwords,
)
from passlib.hash import sha256_crypt, sha512_crypt

# As an inventory has it, with the words that the refusal holds; none is no refusal.
PASSWORDS = {
    "0123": "found a number: put it in quotes",
    "12345678": "found a number",
    "1e100000": None,
    "1.5e+10": "found a number",
    "yes": "found a boolean",
    "2027-01-01": "found a date",
    "~": "found nothing",
    "[a, b]": "found a list",
    "{a: b}": "found a dictionary",
    "'0123'": "8 characters at least, found 4",
    "'12345678'": None,
    "seven77": "8 characters at least, found 7",
    "eight888": None,
    "ä" * 8: None,
    "''": None,
    "x" * 511: None,
    "x" * 512: "511 bytes at most, found 512",
    "ä" * 255: None,
    "ä" * 256: "511 bytes at most, found 512",
    '"a line\\nand another"': "printable characters only",
    '"with \\0 in it"': "printable characters only",
    "with blanks and: \"'$#": None,
}


@pytest.mark.parametrize(("written", "expected"), PASSWORDS.items(), ids=[word[:20] for word in PASSWORDS])
def test_passwords_that_nobody_could_log_in_with_are_refused(written, expected):
    password = written if written.startswith("with blanks") else yaml.safe_load(written)
    found = list(of_passwords([{"name": "alice", "password": password}]))
    assert bool(found) is (expected is not None), found
    if expected:
        (sentence,) = found
        assert expected in sentence
        assert "alice" in sentence
        assert not isinstance(password, str) or len(password) < 2 or password not in sentence


def test_each_user_is_named():
    users = [{"name": "a", "password": 1}, {"name": "b", "password_hash": "$6$x$y"}, {"name": "c", "password": "short"}]
    assert [sentence.split(" in ")[0] for sentence in of_passwords(users)] == [
        "the password of a",
        "the password_hash of b",
        "the password of c",
    ]


HASHES = {
    f"$6$salt${'x' * 86}": True,
    f"$6$rounds=5000$salt${'x' * 86}": True,
    f"$5$salt${'./' * 21}x": True,
    f"$y$j9T$salt${'x' * 43}": True,
    f"$2b$12${'x' * 53}": True,
    "$6$salt": False,
    f"$6$salt${'x' * 85}": False,
    f"$6$salt${'x' * 86}\n": False,
    f"/salt${'x' * 86}": False,
    f"$2b$12${'x' * 52}": False,
    f"$1$salt${'x' * 22}": False,
    "x" * 13: False,
    "": False,
    12345678: False,
}


@pytest.mark.parametrize(("given", "taken"), HASHES.items(), ids=[str(each)[:12] for each in HASHES])
def test_hashes_that_no_password_has_are_refused(given, taken):
    found = list(of_passwords([{"name": "alice", "password_hash": given}]))
    assert bool(found) is not taken
    assert not found or "the password_hash of alice" in found[0]
    assert not given or str(given) not in str(found)


@pytest.mark.parametrize("method", [sha512_crypt, sha256_crypt])
def test_hashes_of_a_library_are_taken(method):
    assert list(of_passwords([{"name": "alice", "password_hash": method.hash("a password")}])) == []


USER = {"name": "a", "project": "p", "password": "hidden-hidden"}
SHAPES = [
    ([], "should name who may use the API while glance_auth is basic, found nobody"),
    ([{**USER, "name": "a b"}], 'found "a b"'),
    ([{**USER, "name": ""}], 'found ""'),
    ([{**USER, "name": "-i"}], "of letters, digits and _.@-, and begin with one of the first or _"),
    ([{**USER, "name": "x" * 256}], "of letters, digits"),
    ([{**USER, "project": "p:q"}], 'found "p:q"'),
    ([{**USER, "roles": ["admin,member", "a"]}], 'found "admin,member"'),
    ([USER, {**USER, "project": "q"}], "should be there once, found a, a"),
    ([{**USER, "roles": []}], "should have a role, found none for a"),
    ([{"name": "a", "project": "p"}], "found none or both for a"),
    ([{**USER, "password": ""}], "found none or both for a"),
    ([{**USER, "password_hash": f"$5$salt${'x' * 43}"}], "found none or both for a"),
]


@pytest.mark.parametrize(("users", "said"), SHAPES, ids=[said for _users, said in SHAPES])
def test_users_that_can_not_be_are_told_in_a_sentence(users, said):
    found = faults({"glance_auth": "basic", "glance_basic_users": users})
    (sentence,) = found["glance_basic_users"]
    assert said in sentence
    assert "glance_basic_users" in sentence
    assert "hidden" not in sentence
    assert faults({"glance_auth": "keystone", "glance_basic_users": users}) == {}


@pytest.mark.parametrize(
    "users",
    [[USER], [USER, {**USER, "name": "b@c.d_-1", "roles": ["reader", "x"]}], [{**USER, "name": "9"}]],
)
def test_users_that_can_be_are_let_through(users):
    assert faults({"glance_auth": "basic", "glance_basic_users": users}) == {"glance_basic_users": []}


def header(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("length", [8, 180, 181, 190, 300, 511])
def test_the_longest_credentials_are_let_through_and_no_longer_ones(length):
    users = [{"name": "short", "password": "x" * 8}, {"name": "ülong", "password": "ä" + "x" * (length - 2)}]
    assert authorization_bytes(users) == max(256, len(header("ülong", users[1]["password"])))


def test_a_user_with_a_hash_may_have_any_password_that_can_be_checked():
    assert authorization_bytes([{"name": "a", "password_hash": "$6$x$y"}]) == len(header("a", "x" * 511))
