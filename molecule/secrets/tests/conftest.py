"""What the tests of secrets share: the API behind its balancer, users who never stop, who gets into the database."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testing.traffic import traffic

__all__ = ["traffic"]

# Runs with Glance's libraries, on a host of Glance.
LOG_IN = """
import json, sys
import sqlalchemy

drivername, host, username, password, statement = json.loads(sys.argv[1])
url = sqlalchemy.URL.create(drivername, username, password, host, database="glance")
try:
    with sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        found = connection.execute(sqlalchemy.text(statement))
        print(json.dumps([list(row) for row in found] if found.returns_rows else []))
except sqlalchemy.exc.OperationalError as error:
    print(error.orig)
"""
DRIVERS = {"mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg2"}
REFUSED = (
    "Access denied for user",
    "password authentication failed",
    "is not permitted to log in",
    "no pg_hba.conf entry",
)


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the API by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2")}


@pytest.fixture(scope="session")
def database() -> Any:
    return testinfra.get_host("ansible://database1")


@pytest.fixture
def balanced(api_at: Any) -> Iterator[Any]:
    """Give the API at its balancer; the images that a test made through it are removed after it."""
    balancer = testinfra.get_host("ansible://balancer1")
    api = api_at(balancer.ansible.get_variables()["ansible_host"], 9292)
    yield api
    api.remove_made()


@pytest.fixture(scope="session")
def ask(hosts: dict[str, Any], database: Any) -> Callable[..., Any]:
    """Log in as the API would: ``ask(engine, user, password, statement)`` gives rows, or None if that is refused."""
    address = database.ansible.get_variables()["ansible_host"]

    def ask(engine: str, user: str, password: str, statement: str = "SELECT 1") -> Any:
        arguments = json.dumps([DRIVERS[engine], address, user, password, statement])
        answer = hosts["api1"].run("/opt/glance/current/bin/python -c %s %s", LOG_IN, arguments).stdout.strip()
        if any(each in answer for each in REFUSED):
            return None
        return json.loads(answer)

    return ask


@pytest.fixture(scope="session")
def new_secret(lab: Path) -> Callable[[str], str]:
    """Make a password, once for each name; it is looked for at the end in all that was printed and is readable."""

    def make(name: str) -> str:
        path = lab / "secrets" / name
        if not path.exists():
            path.write_text(f"{secrets.token_urlsafe(12)}: p@ss/w%rd $1 '\"\\#?&")
        return path.read_text()

    return make


@pytest.fixture(scope="session")
def old_secret(lab: Path) -> str:
    """Password of the inventory."""
    return (lab / "secrets/database").read_text().strip()
