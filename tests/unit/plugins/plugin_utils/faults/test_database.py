import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults import database


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
    ((sentence,),) = database.faults(given).values()
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
