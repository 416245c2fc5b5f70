import json

import pytest
from ansible_collections.glanceops.image_service.plugins.module_utils import database_logins
from ansible_collections.glanceops.image_service.plugins.module_utils.mariadb_accounts import logins

A, B = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "*667F407DE7C6AD07358FA38DAED7828A72014B4E"
NATIVE = {"plugin": "mysql_native_password"}
ED25519 = {"plugin": "ed25519", "authentication_string": "x"}


# The rows are what MariaDB 10.11 writes.
@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ([], []),
        ([{"access": 0, **NATIVE, "authentication_string": A}], [f"mysql_native_password {A}"]),
        (
            [{**NATIVE, "authentication_string": A, "auth_or": [{}, {**NATIVE, "authentication_string": B}]}],
            [f"mysql_native_password {A}", f"mysql_native_password {B}"],
        ),
        # The account's own way is where the empty one stands, which does not matter.
        (
            [{**NATIVE, "authentication_string": A, "auth_or": [ED25519, {}]}],
            [f"mysql_native_password {A}", "ed25519 x"],
        ),
        # Who knows a secret gets in by none of these.
        ([{**NATIVE, "authentication_string": ""}, {"access": 0}], []),
        (
            [{**NATIVE, "authentication_string": A, "auth_or": [{}, {"plugin": "unix_socket"}]}],
            [f"mysql_native_password {A}"],
        ),
        # Of two accounts each way once.
        ([{**NATIVE, "authentication_string": A}] * 2, [f"mysql_native_password {A}"]),
    ],
)
def test_ways_to_log_in(accounts, expected):
    assert logins([json.dumps(account) for account in accounts]) == expected


def account(host, *hashes, user="glance", made=1):
    """Return a row of mysql.global_priv; the first hash is that of the account itself."""
    ways = [{**NATIVE, "authentication_string": each} for each in hashes]
    priv = ways[0] if len(ways) == 1 else {**ways[0], "auth_or": [{}, *ways[1:]]}
    return {"User": user, "Host": host, "Priv": json.dumps(priv), "Wanted": A, "Made": made}


NEW, OLD = f"mysql_native_password {A}", f"mysql_native_password {B}"


@pytest.mark.parametrize(
    ("rows", "own_server", "methods", "networks_to_open", "leaving"),
    [
        # An empty server, and one as it should be.
        ([], True, ["mysql_native_password "], [], []),
        ([account("%", A)], True, [NEW], [], []),
        # Another password stays beside the new one until it is revoked.
        ([account("%", B)], True, [NEW, OLD], ["%"], ["another password of glance"]),
        ([account("%", A, B)], True, [NEW, OLD], [], ["another password of glance"]),
        # The narrower network is the one that MariaDB takes; both get both passwords, then the other one leaves.
        (
            [account("%", A), account("10.0.0.%", B)],
            True,
            [NEW, OLD],
            ["%", "10.0.0.%"],
            ["another password of glance", "glance@10.0.0.%"],
        ),
        # On a server of others, that one is theirs.
        ([account("%", A), account("10.0.0.%", B)], False, [NEW], [], []),
        # A retired user leaves, wherever it logs in from; its password is none of ours.
        ([account("%", A), account("10.0.0.%", B, user="old")], False, [NEW], [], ["old@10.0.0.%"]),
    ],
)
def test_accounts_of_mariadb(rows, own_server, methods, networks_to_open, leaving):
    found = database_logins.of_mariadb(rows, "glance", "%", own_server)
    assert (found["method"], found["methods"]) == (methods[0], methods)
    assert (found["networks_to_open"], found["leaving"]) == (networks_to_open, leaving)
    assert found["has_old_methods"] is (len(methods) > 1)
    assert ["@".join(each) for each in found["leaving_accounts"]] == [each for each in leaving if "@" in each]
    # A loop shows its items.
    assert A not in str(found["leaving_accounts"])
    assert B not in str(found["leaving_accounts"])


@pytest.mark.parametrize(("rows", "made"), [([], False), ([account("%", A, made=0)], False), ([account("%", A)], True)])
def test_a_database_of_mariadb_is_made_once(rows, made):
    assert database_logins.of_mariadb(rows, "glance", "%", True)["made"] is made


def role(name, *, logs_in=True, rules=False, owns=False):
    return {"name": name, "logs_in": logs_in, "rules": rules, "owns": owns}


@pytest.mark.parametrize(
    ("rows", "retired", "expected"),
    [
        ([], (), {"owner": "", "joins": False, "made": False, "fixed": False}),
        ([role("glance", owns=True)], (), {"owner": "glance", "joins": False, "made": True, "fixed": True}),
        # One that may not log in yet has no password that hosts need.
        ([role("glance", logs_in=False, owns=True)], (), {"made": True, "fixed": False}),
        # A new user joins the owner, which is one of ours if it is retired, be it now or before.
        (
            [role("old", owns=True), role("glance")],
            ("old",),
            {"owner": "old", "joins": True, "foreign": False, "made": True, "leaving_owners": ["old"]},
        ),
        (
            [role("old", owns=True, logs_in=False), role("glance")],
            ("old",),
            {"joins": True, "foreign": False, "leaving_owners": [], "leaving": []},
        ),
        ([role("old", owns=True, logs_in=False)], (), {"joins": True, "foreign": False}),
        ([role("theirs", owns=True)], ("old",), {"joins": True, "foreign": True, "leaving": []}),
        # A database that a superuser owns becomes that of Glance's user.
        ([role("postgres", rules=True, owns=True)], (), {"joins": False, "foreign": False, "made": False}),
        (
            [role("old"), role("older", owns=True), role("glance")],
            ("old", "older"),
            {"leaving_users": ["old"], "leaving_owners": ["older"], "leaving": ["old", "older"]},
        ),
    ],
)
def test_roles_of_postgresql(rows, retired, expected):
    found = database_logins.of_postgresql(rows, "glance", retired, in_place=False)
    assert {name: found[name] for name in expected} == expected
    assert not database_logins.of_postgresql(rows, "glance", retired, in_place=True)["fixed"]
