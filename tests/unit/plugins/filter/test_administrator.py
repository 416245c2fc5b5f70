import pytest
from ansible_collections.glanceops.image_service.plugins.filter.administrator import administrator

READER = {"name": "r", "password": "p", "roles": ["reader"]}
ADMIN = {"name": "a", "password": "p", "roles": ["member", "admin"]}
HASHED = {"name": "h", "password_hash": "$6$", "roles": ["admin"]}


@pytest.mark.parametrize(
    ("users", "found"),
    [
        ([], {}),
        ([{"name": "m", "password": "p"}, READER, HASHED], {}),
        ([HASHED, ADMIN, {**ADMIN, "name": "second"}], ADMIN),
    ],
)
def test_first_administrator_whose_password_is_known(users, found):
    assert administrator(users) == found
