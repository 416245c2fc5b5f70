import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils import hosts
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import database

RELEASES = {"2026.2": {}, "ussuri": {"registry": True}}
MARIADB = {
    "glance_database_engine": "mariadb",
    "glance_database_user": "glance",
    "glance_database_password": "hidden",
    "glance_database_url": "",
    "glance_database_tls": False,
    "glance_database_install": True,
    "glance_database_admin": {},
    "glance_database_clients": "198.18.0.0/255.255.255.0",
    "glance_database_retired_users": [],
    "glance_release": "2026.2",
    "glance_registry_host": "",
}
URL = "mysql+pymysql://glance:hidden@h/glance"
POSTGRESQL = {"glance_database_engine": "postgresql"}
REGISTRY = {"glance_release": "ussuri", "glance_registry_host": "r1"}
RETIRED = "glance_database_retired_users should be "


def faults(given, *services):
    return database.faults({**MARIADB, **given, hosts.SERVICES: set(services), hosts.RELEASES: RELEASES})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"glance_database_engine": "sqlite"},
            "glance_database_engine should be mariadb or postgresql, found sqlite: Glance on",
        ),
        (
            {"glance_database_url": "sqlite:////srv/x"},
            "glance_database_url should be the URL of a MariaDB or PostgreSQL server",
        ),
        ({"glance_database_url": "/srv/hidden"}, "found another text"),
        (
            {"glance_database_url": "glance:hidden@192.0.2.7/glance"},
            "such as mysql+pymysql://glance:PASSWORD@192.0.2.7/glance",
        ),
    ],
)
def test_what_is_no_database_for_glance_is_refused(given, told):
    ((sentence,),) = list(database.faults(given).values())
    assert told in sentence
    assert "hidden" not in sentence


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"glance_database_engine": "mariadb", "glance_database_url": ""},
        {"glance_database_url": "mysql+pymysql://glance:a@192.0.2.7/glance?charset=utf8"},
        {"glance_database_url": "postgresql://glance:a@192.0.2.7/glance"},
    ],
)
def test_a_database_is_let_through(given):
    assert database.faults(given) == {}


LOGGING_IN = [
    ({}, "glance_api", True),
    ({}, "glance_registry", True),
    ({}, "glance_scrubber", True),
    ({}, "glance_purge", True),
    ({}, "glance_database", True),
    (REGISTRY, "glance_api", False),
    ({**REGISTRY, "glance_release": "2026.2"}, "glance_api", True),
    (REGISTRY, "glance_scrubber", True),
    ({"glance_database_url": URL}, "glance_api", False),
    ({}, "glance_identity", False),
    ({}, "glance_loadbalancer", False),
    ({}, "glance_cache", False),
]


@pytest.mark.parametrize(("given", "service", "refused"), LOGGING_IN)
def test_who_logs_in_needs_a_password(given, service, refused):
    told = faults({**given, "glance_database_password": ""}, service)
    sentence = "glance_database_password should be set, found none: keep it in a vault"
    assert told == ({"glance_database_password": [sentence]} if refused else {})


@pytest.mark.parametrize("password", ["hiddén", "hidden\n", "hidden\t", "ä"])
def test_a_password_that_mariadb_takes_for_another_one_is_refused(password):
    given = {"glance_database_password": password}
    for service in ("glance_api", "glance_database"):
        assert faults(given, service) == {
            "glance_database_password": [
                "glance_database_password should hold letters, digits and signs of ASCII only while "
                "glance_database_engine is mariadb, found others: Glance could not log in with them"
            ]
        }
        assert faults({**given, **POSTGRESQL}, service) == {}
    assert faults({"glance_database_password": "hidden !#$%&/()=?~"}, "glance_api") == {}


def test_tls_is_said_in_one_place():
    given = {"glance_database_tls": "yes", "glance_database_url": URL}
    assert faults(given, "glance_scrubber") == {
        "glance_database_tls": [
            "glance_database_tls should be false where glance_database_url says how to reach the database, found true"
        ]
    }
    assert faults({**given, "glance_database_url": ""}, "glance_scrubber") == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"glance_database_url": URL},
            "glance_database_url should be empty where the database is made for you, found one: set "
            "glance_database_engine, glance_database_host, glance_database_name, glance_database_user and "
            "glance_database_password",
        ),
        (
            {"glance_database_clients": "198.18.0.0/24"},
            "glance_database_clients should be an address and a netmask, such as 192.0.2.0/255.255.255.0, found "
            "198.18.0.0/24",
        ),
        (
            {"glance_database_admin": {"host": "198.18.0.9", "user": "me"}},
            "glance_database_admin should be empty where glance_database_install is true, found a login to another "
            "server",
        ),
        (
            {"glance_database_user": "root"},
            "glance_database_user should be a user for Glance alone, found root, the administrator of the database",
        ),
        (
            {**POSTGRESQL, "glance_database_user": "postgres"},
            "glance_database_user should be a user for Glance alone, found postgres, the administrator of the database",
        ),
        ({"glance_database_retired_users": ["old", " "]}, f"{RETIRED}names of users, found an empty one"),
        (
            {"glance_database_retired_users": ["old", "glance"]},
            f"{RETIRED}users that Glance does not log in as any more, found glance: give another glance_database_user "
            "to every host, or take the name off the list",
        ),
        (
            {"glance_database_retired_users": ["old", "g2"], "glance_database_users_in_use": ["glance", "g2"]},
            f"{RETIRED}users that Glance does not log in as any more, found g2: give another glance_database_user to "
            "every host, or take the name off the list",
        ),
        (
            {"glance_database_retired_users": ["root"]},
            f"{RETIRED}users of Glance, found root, the administrator of the database",
        ),
        (
            {**POSTGRESQL, "glance_database_retired_users": ["postgres"]},
            f"{RETIRED}users of Glance, found postgres, the administrator of the database",
        ),
        (
            {
                "glance_database_install": False,
                "glance_database_admin": {"user": "dba"},
                "glance_database_retired_users": ["dba"],
            },
            f"{RETIRED}users of Glance, found dba, the administrator of the database",
        ),
    ],
)
def test_what_a_server_can_not_have_is_refused_on_its_host(given, told):
    ((sentence,),) = list(faults(given, "glance_database").values())
    assert sentence == told
    assert faults(given, "glance_api", "glance_scrubber") == {}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {**POSTGRESQL, "glance_database_clients": "198.18.0.0/24"},
        {"glance_database_retired_users": ["old"], "glance_database_users_in_use": ["glance"]},
        {"glance_database_install": False, "glance_database_admin": {"host": "db", "user": "root"}},
        {"glance_database_install": "no", "glance_database_user": "root"},
        {**POSTGRESQL, "glance_database_user": "root", "glance_database_retired_users": ["mysql"]},
    ],
)
def test_a_server_is_let_through(given):
    assert faults(given, "glance_database") == {}
