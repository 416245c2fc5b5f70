"""What the tests of TLS share: the hosts by name, and a user who never stops."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import testinfra
from testing.content import disk

PORT = 9292


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2", "balancer1", "backend1")}


@pytest.fixture(scope="session")
def addresses(hosts: dict[str, Any]) -> dict[str, str]:
    """Addresses of the hosts by name."""
    return {name: host.ansible.get_variables()["ansible_host"] for name, host in hosts.items()}


@pytest.fixture(scope="session")
def api_of(api_at: Any, addresses: dict[str, str], keystone: Any) -> Any:
    """Give the API of a host, or that behind the balancer, as a user asks it with a new token."""
    return lambda name, user="u1": api_at(addresses[name], PORT).with_token(keystone.token(user))


@pytest.fixture
def servers(hosts: dict[str, Any], server_statuses: Any) -> Any:
    """Tell what the balancer says of each API host."""
    return lambda: server_statuses(hosts["balancer1"])["glance_api"]


@pytest.fixture
def user_at_work(api_of: Any) -> Any:
    """Have a user make, upload, see and delete images behind the balancer for as long as the context lasts."""

    @contextlib.contextmanager
    def run() -> Iterator[dict[str, Any]]:
        over = threading.Event()
        seen: dict[str, Any] = {"images": 0, "failures": []}

        def work() -> None:
            while not over.wait(0.1):
                content = disk(64 << 10)
                try:
                    # A new token each time, which no API host has seen before.
                    api = api_of("balancer1")
                    image = api.create()
                    assert api.upload(image, [content], len(content)).status == 204
                    assert api.show(image)["os_hash_value"] == hashlib.sha512(content).hexdigest()
                    api.remove_made()
                    seen["images"] += 1
                except (OSError, http.client.HTTPException, AssertionError) as error:
                    seen["failures"].append(repr(error))

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join()

    return run
