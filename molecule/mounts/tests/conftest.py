"""What the tests of mounts share: the API hosts, and the host whose share they mount."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import testinfra
from testing.content import disk

SHARE = "/srv/images"
KEYS = "/etc/ssh/images_keys"


@dataclass(frozen=True)
class Share:
    """The host that all mount a folder of."""

    host: Any

    def sums(self) -> dict[str, str]:
        """Return the SHA-256 of every file of the share by name."""
        lines = self.host.check_output(f"cd {SHARE} && find . -type f -exec sha256sum {{}} +").splitlines()
        return {path.removeprefix("./"): digest for digest, path in (line.split() for line in lines)}

    @contextlib.contextmanager
    def closed(self) -> Iterator[None]:
        """Have a server that lets nobody in any more."""
        self.host.check_output(f"mv {KEYS} {KEYS}.away")
        try:
            yield
        finally:
            self.host.check_output(f"mv {KEYS}.away {KEYS}")


@pytest.fixture(scope="session")
def share() -> Share:
    return Share(testinfra.get_host("ansible://database1"))


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2")}


@pytest.fixture(scope="session")
def apis(open_api: Callable[[str], Any]) -> dict[str, Any]:
    return {name: open_api(name) for name in ("api1", "api2")}


@pytest.fixture
def upload(apis: dict[str, Any]) -> Iterator[Callable[[str], tuple[str, str]]]:
    """Upload an image to a host: gives its id and the SHA-256 of its data."""

    def run(name: str) -> tuple[str, str]:
        data = disk(3 << 20)
        image = apis[name].create()
        assert apis[name].upload(image, [data], len(data)).status == 204
        return image, hashlib.sha256(data).hexdigest()

    yield run
    apis["api2"].made += apis["api1"].made
    apis["api1"].made.clear()
    apis["api2"].remove_made()


@pytest.fixture
def inventory_mount(hosts: dict[str, Any]) -> dict[str, str]:
    """Return the mount of the inventory."""
    (mount,) = hosts["api1"].ansible.get_variables()["glance_mounts"]
    return mount
