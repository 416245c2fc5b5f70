import json

import pytest
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
