"""Who can log in to MariaDB: what is asked, and what the answer is held to be."""

import json

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import mariadb_accounts as m

HASH = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"
PARAMS = {
    "user": "glance",
    "clients": "127.0.0.1",
    "password": "secret';--",
    "database": "images",
    "retired_users": ["old"],
}
ALL = ",".join([*sorted(m._ALL_RIGHTS), "DELETE HISTORY"])
NATIVE = {"plugin": "mysql_native_password", "authentication_string": HASH}


def row(
    user="glance",
    host="127.0.0.1",
    account=None,
    wanted=HASH,
    made="1",
    rights=ALL,
):
    texts = (user, host, json.dumps(account or NATIVE))
    return [*(text.encode().hex().upper() for text in texts), wanted, made, rights]


def test_an_account_as_it_should_be_has_no_fault():
    assert m.faults(PARAMS, [row()]) == []


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], ["there is no user glance for 127.0.0.1"]),
        ([row(host="%")], ["there is no user glance for 127.0.0.1"]),
        ([row(wanted="*OTHER")], ["glance logs in in another way"]),
        (
            [row(account={**NATIVE, "auth_or": [{}, {"plugin": "ed25519", "authentication_string": "x"}]})],
            ["glance logs in in another way"],
        ),
        ([row(account={"plugin": "unix_socket"})], ["glance logs in in another way"]),
        ([row(made="0")], ["there is no database images"]),
        ([row(rights="SELECT,DELETE HISTORY")], ["glance has not all rights on images"]),
        ([row(rights="NULL")], ["glance has not all rights on images"]),
        ([row(), row(host="10.0.0.%")], ["glance@10.0.0.% can log in"]),
        ([row(user="old", host="%"), row()], ["old@% can log in"]),
    ],
)
def test_what_differs_is_told(rows, said):
    assert m.faults(PARAMS, rows) == said


def test_nothing_of_a_variable_can_end_a_text_of_the_statements():
    text = m.statements({**PARAMS, "database": "größe'`\"\\", "retired_users": ["o'ld"]})
    assert "secret" not in text
    assert "o'ld" not in text
    for value in ("secret';--", "größe'`\"\\", json.dumps(["glance", "o'ld"])):
        assert f"UNHEX('{value.encode().hex()}')" in text


def test_a_server_that_does_not_tell_is_a_difference(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert m.look(PARAMS) == ["MariaDB does not tell who can log in: FileNotFoundError"]
    program = tmp_path / "mariadb"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    assert m.look(PARAMS) == ["MariaDB does not tell its administrator who can log in"]
    program.write_text(f"#!/bin/sh\nread line\nprintf '%s\\n' '{chr(9).join(row())}'\n")
    assert m.look(PARAMS) == []
