"""What the tests of the upgrade share: the API behind its balancer, users who never stop, and its hosts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import testinfra
from traffic import traffic

__all__ = ["traffic"]


@pytest.fixture(scope="session")
def hosts() -> dict[str, Any]:
    """Hosts of the API by name."""
    return {name: testinfra.get_host(f"ansible://{name}") for name in ("api1", "api2")}


@pytest.fixture
def balanced(api_at: Any) -> Iterator[Any]:
    """Give the API at its balancer; the images that a test made through it are removed after it."""
    balancer = testinfra.get_host("ansible://balancer1")
    api = api_at(balancer.ansible.get_variables()["ansible_host"], 9292)
    yield api
    api.remove_made()
