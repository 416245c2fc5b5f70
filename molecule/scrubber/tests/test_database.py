"""The databases that were made: who may log in to them, with which password, and to do what."""

from __future__ import annotations

import json
import re

import pytest

# Runs with Glance's libraries; a refusal is an answer, too.
ASK = """
import json, sys
import sqlalchemy

url, changes, statement = json.loads(sys.argv[1])
url = sqlalchemy.make_url(url).set(**changes)
try:
    with sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        print(json.dumps([list(row) for row in connection.execute(sqlalchemy.text(statement))]))
except sqlalchemy.exc.DBAPIError as error:
    print(error.orig)
"""
ADMINISTRATOR = {
    "mariadb1": "echo %s | mariadb --skip-column-names other",
    "postgresql1": "echo %s | runuser -u postgres -- psql --tuples-only --no-align --set=ON_ERROR_STOP=1 other",
}
MAKE_OTHER = {
    "mariadb1": "mariadb-admin create other",
    "postgresql1": "runuser -u postgres -- createdb other",
}
DROP_OTHER = {
    "mariadb1": "mariadb-admin --force drop other",
    "postgresql1": "runuser -u postgres -- dropdb --if-exists other",
}
REFUSED = re.compile("denied|not allowed|no pg_hba.conf entry|authentication failed")
# What an operator's password manager may make, and a network that has this host alone.
PASSWORD = "n3w: p@ss/w%rd $1 '\"\\#?&"
CLIENTS = """
{{ '127.0.0.1/255.255.255.255' if inventory_hostname == 'mariadb1'
   else ansible_facts.default_ipv4.address ~ '/255.255.255.255' }}
"""


class Server:
    """One of the servers, with the login that Glance had at the beginning of a test."""

    def __init__(self, it, other_host):
        self.name, self.host, self.other_host = it.name, it.host, other_host
        self.address = it.host.ansible.get_variables()["ansible_host"]
        self.url = it.config()["database"]["connection"]

    def ask(self, statement="SELECT 1", at=None, **changes):
        """Return what the server answers to Glance's user; *changes* are made to parts of the login."""
        arguments = json.dumps([self.url, changes, statement])
        return (at or self.host).check_output("/opt/glance/current/bin/python -c %s %s", ASK, arguments)

    def ask_on_loopback(self, statement, **changes):
        """Log in where Debian lets every user of PostgreSQL in to every database."""
        return self.ask(statement, host="127.0.0.1", **changes)

    def ask_from_elsewhere(self, **changes):
        """Log in over the network."""
        return self.ask(at=self.other_host, host=self.address, **changes)


@pytest.fixture
def servers(every):
    hosts = {it.name: it for it in every.deployments}
    return {name: Server(it, other.host) for (name, it), other in zip(hosts.items(), reversed(hosts.values()))}


@pytest.fixture
def _other_database(servers):
    """Make a database of somebody else on each server."""
    try:
        for name, server in servers.items():
            server.host.check_output(MAKE_OTHER[name])
            server.host.check_output(ADMINISTRATOR[name], "CREATE TABLE secrets AS SELECT 42 AS secret;")
            assert server.host.check_output(ADMINISTRATOR[name], "SELECT secret FROM secrets;") == "42"
        yield
    finally:
        for name, server in servers.items():
            server.host.check_output(DROP_OTHER[name])


@pytest.mark.usefixtures("_other_database")
def test_user_of_glance_may_use_its_own_database_and_do_nothing_else(servers):
    for server in servers.values():
        assert server.ask("SELECT count(*) FROM images") == "[[0]]"
        tried = [
            server.ask("SELECT secret FROM secrets", database="other"),
            server.ask_on_loopback("SELECT secret FROM secrets", database="other"),
            server.ask("CREATE USER intruder"),
            server.ask("CREATE DATABASE intruder"),
        ]
        assert [answer for answer in tried if not REFUSED.search(answer)] == []


def test_user_of_glance_logs_in_from_its_network_alone(servers):
    assert servers["postgresql1"].ask_from_elsewhere() == "[[1]]"
    assert REFUSED.search(servers["mariadb1"].ask_from_elsewhere())


def test_new_password_and_network_are_in_force_everywhere_after_one_run(every, servers, site_of_all):
    images = every.upload("fast")
    assert {server.ask() for server in servers.values()} == {"[[1]]"}
    run = site_of_all({"glance_database_password": PASSWORD, "glance_database_clients": CLIENTS.strip()})
    assert run.rc == 0, run.output
    assert PASSWORD not in run.output
    assert every.look(images).common == {(200, "active", "fast")}
    for server in servers.values():
        assert server.ask(password=PASSWORD) == "[[1]]"
        assert REFUSED.search(server.ask())
        assert REFUSED.search(server.ask_from_elsewhere(password=PASSWORD))
