"""Users of the API, and the Keystone that knows them."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra

from testing.api import Api, connect

# Of molecule/shared/keystone.yml and of the scenario default, with the project of each.
USERS = {"admin": "admin", "u1": "p1", "u2": "p2", "reader1": "p1"}


@dataclass(frozen=True)
class Keystone:
    """Keystone that molecule/shared/keystone.yml has made."""

    address: str
    password: str
    context: ssl.SSLContext | None = None

    def token(self, user: str, password: str = "", project: str = "") -> str:
        """Log in as a user of `USERS`, or with another password and project."""
        domain = {"id": "default"}
        named = {"name": user, "domain": domain, "password": password or self.password}
        scope = {"project": {"name": project or USERS[user], "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": named}}, "scope": scope}}
        return str(self._asked("", "POST", "/v3/auth/tokens", body)[0]["x-subject-token"])

    def ask(self, token: str, method: str, path: str, body: Any = None) -> Any:
        """Ask with a token; gives what the answer says."""
        return self._asked(token, method, path, body)[1]

    def application_credential(self, token: str) -> tuple[str, str]:
        """Make an application credential of who has the token; gives its id and its secret."""
        user = self.ask(token, "GET", "/v3/auth/tokens")["token"]["user"]["id"]
        body = {"application_credential": {"name": f"made-{time.time_ns()}"}}
        made = self.ask(token, "POST", f"/v3/users/{user}/application_credentials", body)["application_credential"]
        return made["id"], made["secret"]

    def _asked(self, token: str, method: str, path: str, body: Any) -> tuple[dict[str, str], Any]:
        headers = {"X-Auth-Token": token, "X-Subject-Token": token} if token else {}
        with contextlib.closing(connect(self.address, 5000, self.context, 60)) as connection:
            headers["Content-Type"] = "application/json"
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status in (200, 201), (answer.status, text)
            return {name.lower(): value for name, value in answer.getheaders()}, json.loads(text)


@pytest.fixture(scope="session")
def users_password(lab: Path) -> str:
    """Password of all users of `USERS`."""
    return (lab / "users_password").read_text().strip()


@pytest.fixture(scope="session")
def keystone(users_password: str, tls: ssl.SSLContext | None) -> Keystone:
    (host,) = testinfra.get_hosts(["ansible://keystone"])
    return Keystone(host.ansible.get_variables()["ansible_host"], users_password, tls)


@pytest.fixture
def as_user(tunnel: Api, host: Any, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Api]]:
    """Give the API of the host as a user of `USERS` asks it; the images that a test made are removed after it."""
    opened = []
    # A scenario whose tests switch to Keystone has no glance_auth in its inventory.
    if host.ansible.get_variables().get("glance_auth") == "basic":
        password = request.getfixturevalue("users_password")

        def log_in(name: str) -> Api:
            return tunnel.with_password(name, password)
    else:
        keystone = request.getfixturevalue("keystone")

        def log_in(name: str) -> Api:
            return tunnel.with_token(keystone.token(name))

    def as_user(name: str) -> Api:
        opened.append(log_in(name))
        return opened[-1]

    yield as_user
    for api in opened:
        api.remove_made()
