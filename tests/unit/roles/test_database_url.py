"""How the URL of the database stands in the configuration of a service."""

import pathlib

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

TEMPLATE = pathlib.Path(__file__).parents[3] / "roles/common/templates/database.conf.j2"


@pytest.mark.parametrize(
    ("given", "made", "written"),
    [
        # oslo.config takes $$ for one sign.
        ("mysql+pymysql://g:a$b$$c@h/g", "mysql+pymysql://none", "mysql+pymysql://g:a$$b$$$$c@h/g"),
        ("", "mysql+pymysql://g:x@h/a$b", "mysql+pymysql://g:x@h/a$$b"),
    ],
)
def test_a_secret_stands_there_so_that_glance_reads_it_as_it_is(given, made, written):
    templar = Templar(loader=DataLoader(), variables={"glance_database_url": given, "__glance_database": {"url": made}})
    text = templar.template(trust_as_template(TEMPLATE.read_text()))
    # Nothing else: a word more or less restarts every service of every deployment.
    assert [line for line in text.splitlines() if line] == ["[database]", f"connection = {written}"]
