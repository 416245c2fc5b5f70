import pytest
from ansible_collections.glanceops.image_service.plugins.filter.database_url import database_url


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (("mariadb", "192.0.2.31", "glance", "g", "p"), "mysql+pymysql://g:p@192.0.2.31/glance?charset=utf8mb3"),
        (("mariadb", "db", "glance", "g", "p", "", "utf8"), "mysql+pymysql://g:p@db/glance?charset=utf8"),
        (
            ("mariadb", "db", "glance", "g", "p", "/etc/glance/ca.pem"),
            "mysql+pymysql://g:p@db/glance?charset=utf8mb3&ssl_ca=/etc/glance/ca.pem",
        ),
        (("postgresql", "db", "glance", "g", "p"), "postgresql+psycopg2://g:p@db/glance"),
        (
            ("postgresql", "2001:db8::1", "glance", "g", "p", "/ca.pem"),
            "postgresql+psycopg2://g:p@[2001:db8::1]/glance?sslmode=verify-full&sslrootcert=/ca.pem",
        ),
        (
            ("postgresql", "db", "glance", "g@h", "a/b:c?d#e%f \u00e4$"),
            "postgresql+psycopg2://g%40h:a%2Fb%3Ac%3Fd%23e%25f%20%C3%A4%24@db/glance",
        ),
        # What YAML took for a number.
        (("postgresql", "db", "glance", "g", 1234), "postgresql+psycopg2://g:1234@db/glance"),
    ],
)
def test_url(given, url):
    assert database_url(*given) == url
