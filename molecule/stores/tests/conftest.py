"""What the tests of several stores share: the API as its users ask it, and the storage behind it, with its keys."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testing.api import Api
from testing.traffic import Traffic, at_work

STORES = ("file", "ceph", "s3", "swift")
CEPH_USERS = ("glance", "glance2")
SWIFT_USERS = ("images", "images2")
# To each store: the machine of the lab has few cores, and each request to a store is several.
PER_SECOND = 5
EXPORTED = "/var/lib/ceph/{}.key"


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    names = ("api1", "api2", "balancer1", "ceph1", "swift1")
    return {name: testinfra.get_host(f"ansible://{name}") for name in names}


@pytest.fixture
def as_user(api_at: Any, hosts: dict[str, Any], keystone: Any) -> Iterator[Callable[..., Api]]:
    """Give the API of a host as a user asks it; the images that a test made are removed after it."""
    opened: list[Api] = []

    def log_in(user: str = "u1", host: str = "balancer1") -> Api:
        address = hosts[host].ansible.get_variables()["ansible_host"]
        opened.append(api_at(address, 9292).with_token(keystone.token(user)))
        return opened[-1]

    yield log_in
    for api in opened:
        api.remove_made()


@pytest.fixture
def u1(as_user: Callable[..., Api]) -> Api:
    """API behind its balancer as a member asks it."""
    return as_user()


@pytest.fixture
def users_of(as_user: Callable[..., Api]) -> Any:
    """Have users of each of some stores at work: ``with users_of("ceph", "s3") as seen`` gives the traffic by store."""

    @contextlib.contextmanager
    def run(*stores: str) -> Iterator[dict[str, Traffic]]:
        seen = {store: Traffic(as_user().asked_with({"X-Image-Meta-Store": store}), PER_SECOND) for store in stores}
        with at_work(*seen.values()):
            yield seen

    return run


@dataclass(frozen=True)
class Storage:
    """Ceph, its object gateway and Swift, as who runs them."""

    lab: Path
    ceph: Any
    keystone: Any

    @property
    def site(self) -> dict[str, Any]:
        """What tests change in the inventory: the release, and which of two keys each store has."""
        return json.loads((self.lab / "site.json").read_text())

    def edit(self, **changed: Any) -> None:
        """Edit the inventory."""
        (self.lab / "site.json").write_text(json.dumps({**self.site, **changed}))

    def s3_keys(self) -> list[dict[str, str]]:
        return json.loads((self.lab / "secrets/s3_keys.json").read_text())

    def revoke(self, number: int) -> None:
        """Have one of the two keys of each store open nothing any more."""
        user = f"client.{CEPH_USERS[number]}"
        export = "umask 077; ceph auth export %s -o %s && ceph auth del %s"
        self.ceph.check_output(export, user, EXPORTED.format(user), user)
        key = self.s3_keys()[number]["access_key"]
        self.ceph.check_output("radosgw-admin key rm --uid glance --key-type s3 --access-key %s", key)
        self.enable(SWIFT_USERS[number], False)

    def renew(self, number: int) -> None:
        """Have a revoked key again, a new one in S3."""
        self.ceph.check_output("ceph auth import -i %s", EXPORTED.format(f"client.{CEPH_USERS[number]}"))
        made = json.loads(
            self.ceph.check_output("radosgw-admin key create --uid glance --key-type s3 --gen-access-key --gen-secret")
        )
        keys = self.s3_keys()
        (keys[number],) = [key for key in made["keys"] if key["access_key"] != keys[1 - number]["access_key"]]
        (self.lab / "secrets/s3_keys.json").write_text(json.dumps(keys))
        self.enable(SWIFT_USERS[number], True)

    def enable(self, user: str, enabled: bool) -> None:
        """Let a user of Keystone log in, or no longer."""
        (found,) = self.ask_keystone("GET", f"/v3/users?name={user}")["users"]
        self.ask_keystone("PATCH", f"/v3/users/{found['id']}", {"user": {"enabled": enabled}})

    def swift_token(self) -> str:
        """Log in as the user that the store in Swift has."""
        number = self.site["keys"]
        password = (self.lab / f"secrets/swift_{number}").read_text().strip()
        return self.keystone.token(SWIFT_USERS[number], password, "service")

    def ask_keystone(self, method: str, path: str, body: Any = None) -> Any:
        return self.keystone.ask(self.keystone.token("admin"), method, path, body)


@pytest.fixture(scope="session")
def storage(lab: Path, hosts: dict[str, Any], keystone: Any) -> Storage:
    return Storage(lab, hosts["ceph1"], keystone)


@pytest.fixture(scope="session")
def locations(hosts: dict[str, Any]) -> Callable[[str], list[str]]:
    """Tell the URIs that the database has for an image."""

    def read(image: str) -> list[str]:
        statement = f"SELECT value FROM image_locations WHERE image_id = '{image}' AND status != 'deleted'"
        return hosts["ceph1"].check_output("mariadb -N glance -e %s", statement).split()

    return read
