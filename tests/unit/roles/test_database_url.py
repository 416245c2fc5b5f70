"""What the configuration of a service has for the database that variables name."""

import pathlib

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

VARIABLES = pathlib.Path(__file__).parents[3] / "roles/common/vars/main/database.yml"


def trusted(value):
    if isinstance(value, dict):
        return {key: trusted(part) for key, part in value.items()}
    if isinstance(value, list):
        return [trusted(part) for part in value]
    return trust_as_template(value) if isinstance(value, str) else value


def url(**given):
    variables = {
        "glance_database_engine": "mariadb",
        "glance_database_host": "127.0.0.1",
        "glance_database_name": "glance",
        "glance_database_password": "x",
        "glance_database_tls": False,
        "glance_database_url": "",
        "glance_database_user": "glance",
        "__glance_release": "2026.2",
        "__glance_releases": {"2026.2": {}},
        **given,
    }
    found = trusted(yaml.safe_load(VARIABLES.read_text()))
    templar = Templar(loader=DataLoader(), variables={**found, **variables})
    return templar.template(found["__glance_database_url"])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        # oslo.config takes $$ for one sign.
        ({"glance_database_url": "mysql+pymysql://g:a$b$$c@h/g"}, "mysql+pymysql://g:a$$b$$$$c@h/g"),
        (
            {"glance_database_password": "a$b/c@d:e%f"},
            "mysql+pymysql://glance:a%24b%2Fc%40d%3Ae%25f@127.0.0.1/glance?charset=utf8mb3",
        ),
        (
            {"glance_database_engine": "postgresql", "glance_database_host": "::1", "glance_database_user": "g$"},
            "postgresql+psycopg2://g%24:x@[::1]/glance",
        ),
    ],
)
def test_a_secret_stands_there_so_that_glance_reads_it_as_it_is(given, written):
    assert url(**given) == written
