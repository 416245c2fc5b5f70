import pytest
from ansible_collections.glanceops.image_service.plugins.plugin_utils.faults.database import faults

SQLITE = "sqlite:////var/lib/glance/glance.sqlite"
WRONG = {
    "engine": (
        {"glance_database_engine": "sqlite"},
        "glance_database_engine should be mariadb or postgresql, found sq",
    ),
    "URL": ({"glance_database_url": SQLITE}, "glance_database_url should be the URL of a MariaDB or PostgreSQL server"),
}
RIGHT = [
    {},
    {"glance_database_engine": "mariadb", "glance_database_url": ""},
    {"glance_database_engine": "no-such-choice"},
    {"glance_database_url": "mysql+pymysql://glance:secret@192.0.2.9/sqlite"},
]


@pytest.mark.parametrize(("given", "said"), WRONG.values(), ids=WRONG)
def test_sqlite_is_refused_with_its_reason_and_the_way(given, said):
    ((sentence,),) = faults(given).values()
    assert sentence.startswith(said)
    assert "at the same time" in sentence
    assert "docs/database.md" in sentence


@pytest.mark.parametrize("given", RIGHT)
def test_what_is_no_sqlite_is_left_alone(given):
    assert faults(given) == {}
