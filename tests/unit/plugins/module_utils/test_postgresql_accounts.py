"""Who can log in to PostgreSQL: what is asked, and what the answer is held to be."""

import json

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import postgresql_accounts as p

# RFC 7677, section 3: user "user", password "pencil"; StoredKey and ServerKey as PostgreSQL writes them.
PENCIL = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)
PARAMS = {
    "user": "glance",
    "clients": "10.0.0.0/24",
    "password": "pencil",
    "database": "images",
    "retired_users": ["old"],
    "rule": 'host "images" "glance" 10.0.0.0/24 scram-sha-256',
}
RULES = f"# comment\nlocal all all peer\n{PARAMS['rule']}\n"


def role(name="glance", **given):
    return {
        "name": name,
        "logs_in": True,
        "rules": False,
        "password": PENCIL,
        "owns": False,
        "acts_as": None,
        "member_of": None,
        **given,
    }


OWNER = role(owns=True)
JOINED = role(member_of=["old"], acts_as=["role=old"])
BARRED = role("old", owns=True, logs_in=False, password=None)


@pytest.mark.parametrize("rows", [[OWNER], [JOINED, BARRED], [BARRED, JOINED]])
def test_roles_as_they_should_be_have_no_fault(rows):
    assert p.faults(PARAMS, rows, RULES) == []


@pytest.mark.parametrize(
    ("rows", "rules", "said"),
    [
        ([], RULES, ["there is no user glance"]),
        ([role(owns=True, logs_in=False)], RULES, ["glance logs in in another way"]),
        ([role(owns=True, password=None)], RULES, ["glance logs in in another way"]),
        ([role(owns=True, password="md5abc")], RULES, ["glance logs in in another way"]),
        ([role()], RULES, ["there is no database images"]),
        # Somebody else's database, a superuser's, and one whose user is not yet what the owner is.
        ([role(), role("theirs", owns=True)], RULES, ["glance has not the rights of theirs on images"]),
        (
            [role(member_of=["postgres"], acts_as=["role=postgres"]), role("postgres", owns=True, rules=True)],
            RULES,
            ["glance has not the rights of postgres on images"],
        ),
        ([role(member_of=["old"]), BARRED], RULES, ["glance has not the rights of old on images"]),
        ([role(acts_as=["role=old"]), BARRED], RULES, ["glance has not the rights of old on images"]),
        # A retired user, be it the owner or not.
        ([OWNER, role("old")], RULES, ["old can log in"]),
        ([OWNER, role("old", logs_in=False)], RULES, ["old can log in"]),
        ([JOINED, role("old", owns=True)], RULES, ["old can log in"]),
        # Lines of pg_hba.conf; how much space stands in one does not matter.
        ([OWNER], "", ["glance is not let in from 10.0.0.0/24"]),
        ([OWNER], RULES.replace("10.0.0.0/24", "samenet"), ["glance is not let in from 10.0.0.0/24"]),
        ([OWNER], RULES.replace(" ", "   "), []),
        (
            [OWNER],
            f'{RULES}host "images" "old" samenet scram-sha-256\nhost "other" "old" samenet scram-sha-256\n',
            ['pg_hba.conf lets in a retired user: "old"'],
        ),
    ],
)
def test_what_differs_is_told(rows, rules, said):
    assert p.faults(PARAMS, rows, rules) == said


@pytest.mark.parametrize(
    ("verifier", "password", "expected"),
    [(PENCIL, "pencil", True), (PENCIL, "pencils", False), (None, "", False), ("md5" + "0" * 32, "pencil", False)],
)
def test_a_password_is_held_against_its_verifier(verifier, password, expected):
    assert p.opens(verifier, password) is expected


def test_nothing_of_a_variable_can_end_a_text_of_the_statements():
    text = p.statements({**PARAMS, "database": "größe'`\"\\", "retired_users": ["o'ld"]})
    assert "pencil" not in text
    assert "o'ld" not in text
    for value in ("größe'`\"\\", json.dumps(["glance", "o'ld"])):
        assert f"convert_from('\\x{value.encode().hex()}', 'UTF8')" in text


def test_a_server_that_does_not_tell_is_a_difference(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    rules = tmp_path / "pg_hba.conf"
    params = {**PARAMS, "rules": str(rules)}
    assert p.look(params) == ["PostgreSQL does not tell who can log in: FileNotFoundError"]
    program = tmp_path / "runuser"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    rules.write_text(RULES)
    assert p.look(params) == ["PostgreSQL does not tell its administrator who can log in"]
    program.write_text(f"#!/bin/sh\nread line\nprintf '%s\\n' '{json.dumps(OWNER)}'\n")
    assert p.look(params) == []
