"""What the tests of the cluster share: the API at its virtual address, and users who never stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import testinfra
from testing.traffic import traffic

__all__ = ["traffic"]

PORT = 9292


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the inventory by name."""
    return {
        name: testinfra.get_host(f"ansible://{name}")
        for name in ("api1", "api2", "api3", "balancer1", "balancer2", "database1", "scrubber1")
    }


@pytest.fixture(scope="session")
def addresses(hosts: dict[str, Any]) -> dict[str, str]:
    """Addresses of the hosts by name."""
    return {name: host.ansible.get_variables()["ansible_host"] for name, host in hosts.items()}


@pytest.fixture(scope="session")
def virtual_address(addresses: dict[str, str]) -> str:
    return addresses["balancer1"].rpartition(".")[0] + ".200"


@pytest.fixture
def api_of(api_at: Any, addresses: dict[str, str]) -> Any:
    """Give the API of one host, past the balancers."""
    return lambda name: api_at(addresses[name], PORT)


@pytest.fixture
def balanced(api_at: Any, virtual_address: str) -> Iterator[Any]:
    """Give the API at the virtual address; the images that a test made through it are removed after it."""
    api = api_at(virtual_address, PORT)
    yield api
    api.remove_made()


@pytest.fixture
def servers(hosts: dict[str, Any], server_statuses: Any) -> Any:
    """Tell what a balancer says of each API host."""
    return lambda balancer: server_statuses(hosts[balancer])["glance_api"]
